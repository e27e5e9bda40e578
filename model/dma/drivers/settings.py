"""What can be varied and read: requests, counters, costs."""

from typing import Annotated

from mmrun.model.core.mechanism import CORE, Case, Matters, Subject, Told, counters, hooks
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

PACKET_STREAMS, PICTURE_STREAMS, OBJECT_STREAMS = ("packets", "legacy"), ("camera", "codec"), ("gpu",)
DRIVEN = {"packets": "nic", "legacy": "legacy", "camera": "camera", "codec": "codec", "gpu": "gpu"}  # kind of device
STREAMS = (*PACKET_STREAMS, *PICTURE_STREAMS, *OBJECT_STREAMS)
HOOKS = hooks(
    CORE,
    240,
    ("dma_packets", "task argument", "OK; argument: packets that the task's queue handles"),
    ("dma_close", "task argument", "OK, after the task's queue is closed"),
    ("dma_attach", "task argument", "OK; argument: a buffer, which is mapped for the task's device"),
    ("dma_detach", "task argument", "OK; argument: a buffer, whose mapping goes"),
    ("dma_picture", "task argument", "OK, after the device has moved a buffer; argument: the buffer, and whether in"),
    ("dma_deadline", "task argument", "OK; argument: when what came before was to be done"),
    ("gpu_draw", "task argument", "OK, after the device has read an object; argument: the object, and the aperture"),
    ("gpu_release", "task argument", "OK; argument: an object, which is unbound"),
    optional=True,
)

DRIVER_COUNTERS = counters("""
dma_packets | none | packets that drivers' queues handled | packets
dma_packet_bytes | none | payload of those | bytes
dma_wire_bytes | none | the same with what the link adds to each frame | bytes
dma_queue_busy_ns | none | CPU time of drivers' queues: their work, mapping, unmapping, waiting for locks | ns
dma_queue_map_ns | lower | part of that in mapping buffers | ns
dma_queue_unmap_ns | lower | part of that in unmapping buffers | ns
dma_queue_sync_ns | lower | part of that in syncing buffers that stay mapped | ns
dma_queue_idle_ns | none | time for which drivers' queues waited for their device | ns
dma_map_failed | lower | buffers that drivers got no address for, each tried again later or given up | events
dma_dropped | lower | packets given up as there was no address for them | packets
dma_open_failed | lower | queues that found no memory for their rings | events
dma_pictures | none | pictures that devices filled or read | events
dma_picture_bytes | none | bytes of those | bytes
dma_pictures_lost | lower | pictures for which there was no buffer, or no address of one | events
dma_deadlines | none | deadlines of devices | events
dma_deadline_missed | lower | those missed | events
dma_attach_ns | lower | time for mapping buffers for long | ns
dma_walk_ns | lower | time for which transfers of devices waited for translations | ns
gpu_draws | none | objects that graphics processors read | events
gpu_binds | none | objects bound: pinned and mapped | events
gpu_unbinds | none | objects unbound | events
gpu_shrunk | lower | of those, by a shortage of memory or of addresses | events
gpu_bind_ns | lower | time for binding | ns
gpu_bind_failed | lower | objects that could not be bound | events
""")
COUNTERS = DRIVER_COUNTERS  # of the machine
RATES = counters("""
dma_mbit_s | higher | payload that devices and their drivers moved in packets, by second of the run | Mbit/s
dma_line_share | higher | frames of those on the wire, as a share of what the links of the devices could carry | 1
dma_packet_ns | lower | CPU time of a packet: the driver's and stack's work, mapping, unmapping, waiting for locks | ns
dma_packet_work_ns | none | part of that which is the driver's and stack's own | ns
dma_packet_address_ns | lower | part of that in locks under which addresses are found and given back | ns
dma_packet_invalidate_ns | lower | part of that in the CPU's own invalidations | ns
dma_packet_wait_ns | lower | part of that in waiting for locks and invalidations of others | ns
dma_packet_copy_ns | lower | part of that in copying to and from bounce or shadow buffers | ns
dma_packet_table_ns | lower | part of that in tables, caches of addresses, queues: what else mapping takes | ns
dma_packet_iotlb_misses | lower | translations that the unit had to walk its tables for, by packet | misses
dma_deadline_miss_ratio | lower | share of the deadlines missed | 1
""")


def uses(case: Case, kinds: tuple[str, ...]) -> bool:
    """Whether a task's stream is of such a kind and names a device."""
    return any(task.stream.kind in kinds and task.stream.params.get("device") for task in case.cell.tasks.values())


TOLD = (Told("machine", RATES, counted=True),)
HAS_STREAMS = Matters("a cell with streams that name a device", lambda case, _: uses(case, STREAMS))


@record
class Costs(Record):
    """Times of devices and their drivers."""

    MATTERS = HAS_STREAMS
    dma_walkers: Annotated[int, Range(ge=1, le=64)] = 6
    """Translations that a device's transfers wait for at a time. Default: what the losses that pcie-bench (SIGCOMM
    2018) found at 64 and 256 bytes a transfer, and 330 ns a miss, come to (estimate)."""
    dma_retry: Nanoseconds = 1_000_000
    """After which a driver that got no address tries again, if nothing of its own is on its way (estimate)."""


SUBJECTS = (
    Subject(
        "dma streams",
        "Streams that name a `device` make it work: `packets` and `legacy` map buffers for each transfer, `camera` and "
        "`codec` keep theirs mapped and have deadlines, `gpu` pins and maps objects as long as its aperture has room.",
        ("dma_packets", "dma_deadline_missed", "gpu_binds", "machine.devices"),
        ("packets", "line rate", "codec", "gpu", "v4l2", "i915", "netperf"),
    ),
)
