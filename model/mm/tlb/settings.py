"""The vocabulary of TLBs, what a miss costs, what can be read."""

from collections.abc import Iterator
from typing import Annotated, Literal

from mmrun.model.core.mechanism import Cause, Matters, Subject, counters
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Fault, Record, record
from mmrun.model.units import Bytes, Nanoseconds

MAX_ENTRIES = 1 << 16
HAS_TLB = Matters("a machine whose `tlb` is described", lambda case, _: case.cell.machine.tlb is not None)

TLB_COUNTERS = counters("""
dtlb_load_misses | lower | loads whose translation neither TLB level had: page walks; 0 without machine.tlb | accesses
dtlb_store_misses | lower | stores whose translation neither TLB level had: page walks | accesses
dtlb_l2_hits | none | accesses whose translation the second TLB level had, the first not | accesses
tlb_flushes | none | times that all translations of a task, or of a range of it, were dropped | events
""")

COUNTERS = TLB_COUNTERS  # of the machine

TASK_COUNTERS = counters("""
walk_ns | lower | time of accesses that waited for the second TLB level or a page walk, beyond the load | ns
""")


@record
class TlbArray(Record):
    """One array of a TLB level: so many translations of these page sizes."""

    entries: Annotated[int, Range(ge=1, le=MAX_ENTRIES)]
    """Translations it holds, those of all its page sizes together; what is no multiple of `ways` is not used."""
    ways: Annotated[int, Range(ge=0, le=256)] = 0
    """Entries of a set, which low bits of the page number choose; 0: all are one set."""
    holds: tuple[Literal["4KiB", "2MiB", "1GiB", "1GiB-as-2MiB"], ...] = ("4KiB", "2MiB", "1GiB")
    """Page sizes it holds; `1GiB-as-2MiB`: a gigantic page takes an entry for each 2 MiB used (Zen)."""

    def faults(self) -> Iterator[Fault]:
        """Sets larger than the array, sizes named twice or not at all."""
        if self.ways > self.entries:
            yield Fault(("ways",), f"{self.ways} ways of {self.entries} entries", "at most as many as entries")
        sizes = [size.partition("-")[0] for size in self.holds]
        if not sizes or len(set(sizes)) < len(sizes):
            yield Fault(("holds",), "each page size once, and at least one", "write holds: [4KiB, 2MiB]")


@record
class Tlb(Record):
    """The TLB of every CPU: that of a known core, or arrays of its own."""

    core: Literal["haswell", "skylake", "ice-lake", "zen2", "zen3", "zen4", "a72", "n1", "v1", "n2"] | None = None
    """A core whose numbers are known (docs/tlb.md has them); `l1`, `l2` and `cache` override it."""
    l1: tuple[TlbArray, ...] | None = None
    """Arrays of the first level; a hit costs nothing beyond the load."""
    l2: tuple[TlbArray, ...] | None = None
    """Arrays of the second level; a page size that none holds is walked for."""
    cache: Bytes | None = None
    """Data cache that page tables lie in: walks cost `costs.page_walk` as long as the last-level tables of the task
    fit, `costs.page_walk_memory` beyond. Default: the core's, else 1MiB."""
    guest: bool = False
    """In a virtual machine: walks of both page tables, up to 24 loads instead of 4, 15 instead of 3 on huge pages."""

    def faults(self) -> Iterator[Fault]:
        """Neither a core nor a first level, a page size in two arrays of a level."""
        if self.core is None and self.l1 is None:
            yield Fault((), "a TLB is that of a core, or has a first level", "write core: skylake")
        for level in ("l1", "l2"):
            held = [size.partition("-")[0] for array in getattr(self, level) or () for size in array.holds]
            if len(set(held)) < len(held):
                yield Fault((level,), "two arrays hold one page size", "name each size in one array")


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = HAS_TLB
    dtlb_l2_hit: Nanoseconds = 4
    """A translation comes from the second TLB level: 12 cycles at 3 GHz, as measured on Haswell (2-4)."""
    page_walk: Nanoseconds = 10
    """A page walk whose last load hits the cache, upper levels come from walk caches: 30 cycles at 3 GHz (5-15)."""
    page_walk_memory: Nanoseconds = 67
    """A page walk whose last load goes to memory: 200 cycles at 3 GHz (50-100)."""


CAUSES = (
    Cause(("walk_ns",), ("dtlb_load_misses", "dtlb_store_misses", "dtlb_l2_hits", "tlb_flushes", "thp_fault_alloc")),
)  # fmt: skip

SUBJECTS = (
    Subject(
        "tlb",
        "`machine.tlb` describes its reach: entries by page size in two levels, walks of the page table; off by "
        "default, when translations cost nothing. Staleness of accessed bits with a TLB that holds everything is "
        "modelled where `machine.tlb_flush` is given. Flushes by reclaim cost `machine.costs.tlb_shootdown`. TLBs of "
        "instructions are not modelled.",
        ("machine.tlb", "machine.tlb_flush", "tlb_shootdown", "dtlb_load_misses", "walk_ns"),
        ("tlb shootdown", "tlb reach", "page walk", "dtlb", "stlb", "pcid"),
    ),
)
