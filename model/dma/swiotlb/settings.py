"""What can be set and read: the pool, counters, costs."""

from collections.abc import Iterator
from typing import Annotated, Literal

from mmrun.model.core.mechanism import CORE, Case, Matters, Subject, Told, counters, hooks
from mmrun.model.machine.settings import MAX_CPUS
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Fault, Record, record
from mmrun.model.units import GiB, KiB, MiB, Nanoseconds, Pages

Picoseconds = Annotated[int, Range(ge=0, le=100_000)]
HOOKS = {
    **hooks(
        CORE,
        144,
        ("swiotlb_dyn_alloc", "number", "makes the pool larger whenever it was full, for ever"),
        optional=True,
    ),
}


def has_devices(case: Case, _: object) -> bool:
    """Whether any device takes part."""
    return bool(case.cell.machine.use)


@record
class Swiotlb(Record):
    """Bounce buffers (swiotlb=, CONFIG_SWIOTLB_DYNAMIC).

    By default they are there where memory reaches above 4 GiB and a device in `use` is given addresses of memory, as on
    x86; one whose mask reaches all of it never needs them.
    """

    MATTERS = Matters("a machine that uses a DMA device", has_devices)
    size: Annotated[Pages, Range(ge=MiB, le=GiB, multiple_of=256 * KiB), Why("examples: 64MiB")] | None = None
    """Size of the pool, in whole segments; half of it, and half again, where memory below 4 GiB has no room. Default:
    64 MiB; of a confidential guest since 5.11 6 % of its memory, at least that and at most 1 GiB. A power of two since
    6.0."""
    force: Literal["auto", "force", "noforce"] = "auto"
    """`force`: every mapping goes through the pool; `noforce`: there is none, and what a device cannot reach fails."""
    confidential: bool = False
    """A confidential guest (SEV, TDX): devices see nothing but the pool, which everything goes through."""
    areas: (
        Annotated[
            int,
            Range(ge=1, le=MAX_CPUS),
            Why("a power of two"),
            Matters("Linux 6.0 or later", lambda case, _: areas(case)),
        ]
        | None
    ) = None
    """Parts of the pool with a lock each. Default: as many as CPUs, a power of two; before 6.0 one."""
    dynamic: Annotated[bool, Matters("Linux 6.6 or later", lambda case, _: bool(case.flags["swiotlb_dynamic"]))] = False
    """The pool grows when it is full (CONFIG_SWIOTLB_DYNAMIC), and a mapping that finds no room has one of its own."""

    def faults(self) -> Iterator[Fault]:
        """Areas are numbered by some bits of a CPU's number."""
        if self.areas is not None and self.areas & self.areas - 1:
            yield Fault(("areas",), f"{self.areas} areas", "a power of two")


def areas(case: Case) -> bool:
    """Whether the version's pool has areas."""
    return bool(case.flags["swiotlb_areas"])


SWIOTLB_COUNTERS = counters("""
swiotlb_bounced | lower | mappings that were to go through the bounce pool, those that found no room included | events
swiotlb_full | lower | mappings that found no room in the bounce pool | events
swiotlb_overflow | lower | of these, those that were given the overflow buffer, whose data is lost (to 4.19) | events
swiotlb_unreachable | lower | mappings whose place in the bounce pool the device cannot reach | events
swiotlb_bytes | lower | bytes copied to and from bounce buffers | bytes
swiotlb_copy_ns | lower | time of these copies | ns
swiotlb_searched | lower | slots looked at for room | slots
swiotlb_lock_ns | lower | time waited for locks of the bounce pool's areas | ns
swiotlb_grown | none | pools made because there was no room | events
swiotlb_grow_fail | lower | pools that could not be made for want of memory | events
swiotlb_transient | lower | pools made for one mapping each | events
""")
COUNTERS = SWIOTLB_COUNTERS  # of the machine
GAUGES = counters("""
io_tlb_nslabs | none | slots of the bounce pools when the run ends | slots
io_tlb_used | none | slots in use when the run ends | slots
io_tlb_used_hiwater | lower | most slots that were in use at a time | slots
io_tlb_transient_nslabs | lower | slots of the pools made for one mapping each, when the run ends | slots
""")
TOLD = (Told("machine", GAUGES, sampled=True),)


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = Swiotlb.MATTERS
    swiotlb_lock: Nanoseconds = 40
    """Taking and letting go the lock of an area that nobody else has (estimate)."""
    swiotlb_slot: Nanoseconds = 2
    """Looking at a slot, or writing it (estimate: they lie 24 bytes apart, and are read in order)."""
    bounce_cached: Picoseconds = 100
    """ps a byte: copying what the CPU has just written (4 KiB in 0.4 us, as copy_page)."""
    bounce_uncached: Picoseconds = 250
    """ps a byte: copying what is in no cache, as what a device has written (4 KiB in 1 us, an estimate)."""


SUBJECTS = (
    Subject(
        "swiotlb",
        "Bounce buffers, under `machine.swiotlb`: a pool below 4 GiB through which data is copied for devices that "
        "cannot reach all of memory, or for all of them if it is forced. A mapping that finds no room fails.",
        ("machine.swiotlb", "swiotlb_bounced", "swiotlb_full", "io_tlb_used_hiwater"),
        ("bounce buffers", "io_tlb_nslabs", "swiotlb=force", "bounce buffer", "io tlb", "sev", "tdx"),
    ),
)
