"""The vocabulary of DMA devices (part of `description`)."""

from collections.abc import Iterator
from typing import Annotated, Literal

from mmrun.model.core.mechanism import Matters, Subject
from mmrun.model.machine.settings import MAX_CPUS, MAX_NODES
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Family, Fault, abstract, record
from mmrun.model.units import Bytes, GiB, KiB, Nanoseconds


@abstract
class Device(Family):
    """A DMA device: what it can reach, where it sits, what translates for it. Those that take part stand in `use`."""

    MATTERS = Matters(
        "a machine that uses the device",
        lambda case, own: own in map(case.cell.machine.devices.get, case.cell.machine.use),
    )
    kind: str
    """What the device is."""
    dma_mask_bits: Annotated[int, Range(ge=16, le=64)] = 64
    """Address bits the device can drive."""
    coherent_mask_bits: Annotated[int, Range(ge=16, le=64)] | None = None
    """Address bits of memory that it shares with its driver for long (coherent_dma_mask). Default: the same."""
    node: Annotated[int, Range(ge=0, le=MAX_NODES - 1)] = 0
    """NUMA node that it sits on."""
    iommu: str | None = None
    """Name of the unit under `machine.iommus` that translates for it. Default: none does."""
    iommu_mode: Literal["strict", "lazy", "passthrough"] | None = None
    """Type of its group's domain (/sys/kernel/iommu_groups/<n>/type). Default: the machine's, axis `iommu`."""
    group: str | None = None
    """Devices that name the same group cannot be told apart by the unit and share a domain. Default: its own."""
    max_segment: Annotated[Bytes, Range(ge=4 * KiB, le=4 * GiB)] = 64 * KiB
    """Longest segment of a scatter list (dma_set_max_seg_size)."""
    segment_boundary: Annotated[Bytes, Range(ge=4 * KiB), Why("a power of two")] = 4 * GiB
    """A segment crosses no multiple of it (dma_set_seg_boundary)."""
    untrusted: bool = False
    """It can be plugged in from outside: always translated, always strict, bounced where a page is not all its own."""
    coherent: bool = True
    """Its accesses are seen by CPU caches; if not, mapping cleans and invalidates them (ARM boards)."""

    def faults(self) -> Iterator[Fault]:
        """A boundary that is none."""
        if self.segment_boundary & (self.segment_boundary - 1):
            yield Fault(("segment_boundary",), "it is no power of two", "64KiB, 4GiB, ...")


@record
class Nic(Device):
    """A network card with one queue: a ring of receive buffers that its polls fill again, a ring of what is sent."""

    kind: Literal["nic"] = "nic"
    link: str | None = None
    """Name of the link it is plugged into; a card in `use` needs one."""
    driver: Literal["e1000e", "ixgbe", "virtio-net", "page-pool"] | None = None
    """How receive buffers are made: heads for whole frames (e1000e; above an MTU of 1500 whole pages), halves of pages
    that are turned over and used anew (ixgbe), pieces of 32 KiB (virtio-net), whole pages that come back from a pool
    (page-pool, 4.18; from buffers since 5.14). Default: e1000e up to 1 Gbit/s, ixgbe up to 10, page-pool above."""
    ring: Annotated[int, Range(ge=8, le=32_768)] | None = None
    """Descriptors of the receive ring. Default: 256 of e1000e and virtio-net, 512 of ixgbe, 1024."""
    tx_ring: Annotated[int, Range(ge=64, le=32_768)] | None = None
    """Descriptors of the transmit ring. Default: as many."""
    copybreak: Annotated[Bytes, Range(ge=0, le=256)] | None = None
    """Frames up to this size are copied, and their buffer is posted again. Default: 256 of e1000e and ixgbe, 128 of
    virtio-net (GOOD_COPY_LEN), 256."""
    moderation: Nanoseconds | None = None
    """Least time between two interrupts. Default: 50 us, 20,000 interrupts a second as e1000e; none of virtio-net."""
    cpu: Annotated[int, Range(ge=0, le=MAX_CPUS - 1)] = 0
    """The CPU that its interrupts go to, from whose node buffers come."""


@record
class DiskController(Device):
    """What moves the pages of disks: a scatter list for each request."""

    kind: Literal["disk-controller"] = "disk-controller"
    disks: tuple[str, ...] = ()
    """Names of the disks behind it."""
    protocol: Literal["ahci", "nvme", "virtio-blk"] = "ahci"
    """What it maps for a request: the data in one list (ahci; nvme: up to two pages one by one), or its header, data
    and status each (virtio-blk)."""


@record
class Camera(Device):
    """A camera or display: a ring of pictures that it fills or shows, one at a time, each by its deadline."""

    kind: Literal["camera"] = "camera"


@record
class Codec(Device):
    """A video codec: reads and writes pictures that it keeps as references."""

    kind: Literal["codec"] = "codec"


@record
class Gpu(Device):
    """A graphics processor: objects stay mapped for long, their pages pinned."""

    kind: Literal["gpu"] = "gpu"


@record
class Legacy(Device):
    """An old card, on ISA or with 24 address lines, unless it says otherwise."""

    kind: Literal["legacy"] = "legacy"
    dma_mask_bits: Annotated[int, Range(ge=16, le=64)] = 24
    """Address bits the device can drive."""


SUBJECTS = (
    Subject(
        "dma",
        "Devices under `machine.devices` take part if `machine.use` names them.",
        ("machine.devices", "machine.use"),
        ("dma mapping", "dma_map_page", "dma mask"),
    ),
)
