"""What can be varied and read: whose operations there are, hooks, requests, counters, costs."""

from typing import Annotated

from mmrun.model.core.mechanism import CORE, Axis, Case, Matters, Subject, Told, counters, hooks
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

HAS_DEVICES = Matters("a machine that uses DMA devices", lambda case, _: bool(case.cell.machine.use))


def _translated(case: Case) -> bool:
    machine = case.cell.machine
    return any(machine.devices[name].iommu for name in machine.use if name in machine.devices)


AXES = (
    Axis(
        "dma_ops",
        19,
        "whose operations map memory for a device: of its bus, or its own",
        ("ONE_FOR_ALL",),
        Matters("a machine that uses a device behind an IOMMU", lambda case, _: _translated(case)),
    ),
)
HOOKS = {
    **hooks(
        CORE,
        147,
        (
            "dma_map_request",
            "disk request",
            "ns that the device spends on translations; negative: it could not be mapped",
        ),
        ("dma_unmap_request", "request", "0, after the device has no address of the request's pages any more"),
        ("probe", "device", "0, after the device's driver has the memory that it shares with it"),
        optional=True,
    ),
    **hooks(
        CORE,
        200,
        ("dma_map_buffer", "task argument", "OK; a buffer that cannot be mapped is counted"),
        ("dma_unmap_buffer", "task argument", "OK"),
        ("dma_sync_buffer", "task argument", "OK"),
        optional=True,
    ),
}

MAPPING_COUNTERS = counters("""
dma_map_page | none | pieces of memory that drivers had mapped for devices, one by one | events
dma_map_sg | none | lists of pages that drivers had mapped for devices | events
dma_map_sg_entries | none | entries of these lists | entries
dma_map_sg_segments | lower | segments that they became for the devices | segments
dma_unmap | none | pieces and lists that were taken from devices again | events
dma_sync | none | times that drivers had devices or themselves see what the other had written | events
dma_mapping_error | lower | pieces and lists that could not be mapped | events
dma_mapped_bytes | none | bytes mapped for devices | bytes
dma_map_ns | lower | CPU time of mapping, unmapping and syncing | ns
dma_device_ns | lower | time that devices waited for translations and far memory | ns
dma_requeued | lower | requests of disks that waited for a mapping | events
nvme_prp_lists | none | lists of pages beside NVMe commands | events
""")
FAULT_COUNTERS = counters("""
dma_faults | lower | accesses of devices to what was not mapped for them, or beyond their reach | events
""")
COUNTERS = {**MAPPING_COUNTERS, **FAULT_COUNTERS}  # of the machine
GAUGES = counters("""
dma_live | none | mappings for devices when the run ends | mappings
dma_live_bytes | none | bytes that are mapped for devices when the run ends | bytes
""")
TOLD = (Told("machine", GAUGES, sampled=True),)


@record
class Costs(Record):
    """CPU time of its steps."""

    dma_cache_line: Annotated[
        Nanoseconds,
        Matters(
            "a machine that uses a device whose accesses CPU caches do not see",
            lambda case, _: any(
                not case.cell.machine.devices[name].coherent
                for name in case.cell.machine.use
                if name in case.cell.machine.devices
            ),
        ),
    ] = 5
    """Cleaning or invalidating 64 bytes in CPU caches for a device that does not see them (estimate: 2-10)."""


SUBJECTS = (
    Subject(
        "dma mapping",
        "Drivers have memory mapped for devices under `machine.use`: network cards their rings, disk controllers the "
        "pages of requests, streams of kind `dma` buffers. By whose operations is the axis `dma_ops`.",
        ("machine.use", "dma_ops", "dma_map_page", "dma_mapping_error"),
        ("dma_map_page", "dma_map_sg", "dma_map_single", "dma_alloc_coherent", "dma_map_ops", "scatterlist",
         "dma_sync_single_for_cpu", "streaming dma"),
    ),
)  # fmt: skip
