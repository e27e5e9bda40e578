"""What can be varied and read: units, modes, hooks, counters, costs."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from mmrun.model.core.mechanism import Axis, Matters, Subject, Told, counters, hooks
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Fault, Record, record
from mmrun.model.units import Nanoseconds


def of(*kinds: str) -> Matters:
    """The field has an effect on units of these kinds only."""
    return Matters(f"a unit of kind {' or '.join(kinds)}", lambda _, own: own.kind in kinds)


@record
class Iommu(Record):
    """An IOMMU: translates the addresses of the devices that name it."""

    MATTERS = Matters(
        "a machine that uses a device behind the unit",
        lambda case, own: any(
            case.cell.machine.iommus.get(case.cell.machine.devices[name].iommu or "") is own
            for name in case.cell.machine.use
            if name in case.cell.machine.devices
        ),
    )
    kind: Literal["intel", "amd", "smmu", "virtio"] = "intel"
    """Whose it is: VT-d, AMD's, ARM's SMMU, or a hypervisor's, which keeps the tables itself (virtio-iommu)."""
    iotlb: Annotated[int, Range(ge=1, le=65_536)] = 64
    """Translations of 4 KiB that it holds. Default: what was inferred of Intel's (pcie-bench, SIGCOMM 2018)."""
    iotlb_ways: Annotated[int, Range(ge=1, le=128)] | None = None
    """Ways of its sets, the least recently used of which makes room. Default: one set, at most 64 ways (estimate)."""
    iotlb_large: Annotated[int, Range(ge=0, le=1024)] = 16
    """Translations of 2 MiB and 1 GiB beside those, in one set (estimate)."""
    walk_cache: Annotated[int, Range(ge=0, le=1024)] = 32
    """Entries of upper table levels that it holds, in one set, so that walks begin below them (estimate)."""
    shared: bool | None = None
    """Whether its devices share one IOTLB; else each has one of that size. Default: they do but behind an smmu, whose
    masters have translation buffers of their own (TBU)."""
    largest_page: Literal["4KiB", "2MiB", "1GiB"] = "1GiB"
    """Largest page that an entry of its tables maps."""
    address_bits: Annotated[int, Range(ge=32, le=48)] = 48
    """Bits of the addresses that it translates."""
    max_amask: Annotated[int, Range(ge=0, le=63), of("intel")] = 18
    """Of intel: the largest region that an invalidation names, in powers of two of pages; beyond, and at 0, a domain
    is invalidated as a whole. Default: the capability d2008c20660462 of many of its units."""
    caching_mode: Annotated[bool, of("intel", "amd")] = False
    """Of intel and amd: it may hold that a page is not mapped, as emulated ones do (caching-mode), so that each map is
    followed by an invalidation."""
    range_invalidation: Annotated[bool, of("smmu")] = False
    """Of smmu: one command invalidates a range (SMMUv3.2); else each page has one."""

    def faults(self) -> Iterator[Fault]:
        """Sets that are not whole."""
        if self.iotlb_ways is not None and self.iotlb % self.iotlb_ways:
            what = f"{self.iotlb} translations in sets of {self.iotlb_ways}"
            yield Fault(("iotlb_ways",), what, "a divisor of `iotlb`")


def has_units(cell: Any) -> bool:
    """Whether a device that the cell's machine uses is behind an IOMMU."""
    machine = cell.machine
    return any(machine.devices[name].iommu is not None for name in machine.use if name in machine.devices)


TRANSLATES = Matters("a machine that uses a device behind an IOMMU", lambda case, _: has_units(case.cell))
AXES = (
    Axis(
        "iommu", 24, "devices behind an IOMMU: what is mapped for them, and how long it stays so after the unmap",
        ("DOMAIN",), TRANSLATES,
    ),
)  # fmt: skip

HOOKS = {
    **hooks(
        "iommu",
        134,
        ("map_buffer", "device pfn offset bytes direction", "the buffer's address for the device, -1: none", -1),
        ("unmap_buffer", "device address bytes", "0, after the driver has no more use for the mapping"),
        default=True,
        optional=True,
    ),
}

IOMMU_COUNTERS = counters("""
iommu_map | none | ranges written to tables of IOMMUs (trace point iommu:map) | events
iommu_unmap | none | ranges cleared in tables of IOMMUs (iommu:unmap) | events
iommu_map_failed | lower | ranges that no table was to be had for | events
iommu_large_pages | none | entries of 2 MiB or 1 GiB written to tables of IOMMUs | entries
iotlb_hits | higher | accesses of devices whose translation the unit held, page by page | accesses
iotlb_misses | lower | accesses of devices for which the unit walked its tables | accesses
iotlb_walk_reads | lower | entries of tables read on these walks | reads
qi_submit | lower | invalidations that CPUs waited for (intel_iommu:qi_submit) | events
iotlb_invalidated_domains | lower | those of a whole domain or unit | events
iotlb_commands | lower | commands or descriptors of invalidations, without those that wait | commands
iotlb_dropped | none | translations that units held and invalidations took away | entries
iotlb_collateral | lower | those of them whose pages were not unmapped | entries
iommu_wait_ns | lower | time that CPUs waited for invalidations of others | ns
iommu_invalidate_ns | lower | time that CPUs waited for their own invalidations | ns
io_page_faults | lower | accesses of devices that no entry allows (trace point iommu:io_page_fault) | accesses
dma_stale | lower | accesses of devices through translations that were unmapped, and not yet invalidated | accesses
dma_unmapped_bytes | none | bytes of pages whose mapping ended | bytes
shadow_copied_bytes | lower | bytes copied to and from permanently mapped buffers | bytes
""")
COUNTERS = IOMMU_COUNTERS  # of the machine
GAUGES = counters("""
nr_iommu_pages | none | pages of IOMMUs' tables when the run ends (vmstat nr_iommu_pages)
iommu_mapped_pages | none | pages that devices can reach through tables of IOMMUs when the run ends
dma_exposed_bytes | lower | bytes of pages unmapped, and still within devices' reach when the run ends | bytes
shadow_pages | lower | pages of permanently mapped buffers for copies when the run ends
""")
EXPOSURE = counters("""
dma_exposure_byte_ns | lower | bytes of unmapped pages times the ns that devices could still reach them | byte ns
dma_exposure_ns | lower | how long on average an unmapped page stayed within reach | ns
dma_subpage_byte_ns | lower | bytes beside buffers on mapped pages, times the ns that devices could reach them | byte ns
""", unit="ns")  # fmt: skip
TOLD = (
    Told("machine", GAUGES, sampled=True, when=lambda case: has_units(case.cell)),
    Told("machine", EXPOSURE, when=lambda case: has_units(case.cell)),
)


@record
class Costs(Record):
    """CPU time of its steps; cycles at 3.1 GHz are of Malka et al., rIOMMU, ASPLOS 2015, table 1."""

    MATTERS = TRANSLATES
    iommu_map_range: Nanoseconds = 190
    """Writing a mapping's first table entry: 588 cycles."""
    iommu_map_entry: Nanoseconds = 3
    """Each further one (estimate)."""
    iommu_unmap_range: Nanoseconds = 141
    """Clearing a mapping's first table entry: 438 cycles."""
    iommu_unmap_entry: Nanoseconds = 3
    """Each further one (estimate)."""
    iommu_map_other: Nanoseconds = 14
    """The rest of a map: 44 cycles."""
    iommu_unmap_other: Nanoseconds = 8
    """The rest of an unmap: 26 cycles."""
    iotlb_invalidate: Nanoseconds = 686
    """An invalidation from its submission until the unit says that it is done: 2127 cycles, one at a time a unit.
    The 9 of a lazy unmap are these, shared by the 250 that wait for one."""
    smmu_command: Nanoseconds = 20
    """A command of an smmu's invalidation beside the one that waits (estimate)."""
    viommu_request: Nanoseconds = 300
    """A request to a hypervisor's IOMMU, on both sides (estimate)."""
    viommu_kick: Nanoseconds = 5_000
    """Waking it and waiting for its answer (estimate)."""
    iommu_table_page: Nanoseconds = 100
    """Clearing a new page of a table (estimate)."""
    iotlb_miss: Nanoseconds = 330
    """Time of a device, not of a CPU: a translation that the unit does not hold (pcie-bench, SIGCOMM 2018)."""
    iotlb_walk_level: Nanoseconds = 90
    """The same for each level more than the last that the unit has to read: a load from memory."""
    identity_count: Nanoseconds = 10
    """Counting a page's users in its table entry (estimate)."""
    shadow_buffer: Nanoseconds = 30
    """Taking a permanently mapped buffer from its CPU's list, and giving it back (estimate)."""
    shadow_copy_page: Nanoseconds = 400
    """Copying 4 KiB to or from it: 0.1 ns a byte."""


SUBJECTS = (
    Subject(
        "iommu",
        "Units under `machine.iommus` translate for the devices that name them: tables in the machine's memory, an "
        "IOTLB, an invalidation queue. The axis `iommu`, or a device's `iommu_mode`, says what an unmap does. What a "
        "device could still reach afterwards is told as `dma_exposure_byte_ns`.",
        ("machine.iommus", "machine.devices.iommu_mode", "dma_exposure_byte_ns", "iotlb_misses", "qi_submit"),
        ("iotlb", "vt-d", "smmu", "intel_iommu", "iommu.strict", "iommu.passthrough", "dma remapping", "iommu_groups"),
    ),
)
