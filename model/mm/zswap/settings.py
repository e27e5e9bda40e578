"""What can be set and read of zswap: its switches, what pages compress to, a group's share, counters."""

from typing import Annotated, Literal

from mmrun.model.core.mechanism import CORE, Case, Matters, Subject, Told, counters, hooks
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Fault, Record, abstract, record
from mmrun.model.units import US, Nanoseconds, Pages


def has_zswap(case: Case) -> bool:
    """Whether the cell's swapped pages pass zswap."""
    return bool(case.cell.vm.zswap and case.cell.machine.swap)


HAS_ZSWAP = Matters("a cell with vm.zswap and a swap area", lambda case, _: has_zswap(case))
HOOKS = hooks(
    CORE,
    113,
    (
        "zswap_store",
        "frame",
        "1: the folio of the swap cache is kept in memory; 0: it is not; 2: nor may it be written",
    ),
    ("zswap_invalidate", "slot", "0, after what is kept for a slot that is free now has gone"),
    ("zswap_shrink_worker", "number", "writes entries to their devices when the pool is full, for ever"),
    optional=True,
)

ZSWAP_COUNTERS = counters("""
zswpin | none | pages that were read from zswap instead of a device
zswpout | none | pages stored in zswap
zswpwb | lower | pages that zswap has written to their device
swpin_zero | none | pages of zeros that were read without a device or zswap
swpout_zero | none | pages of zeros that were noted as such instead of written
zswap_pool_limit_hit | lower | stores that found the pool as large as it may be | events
zswap_written_back_pages | lower | pages that zswap has written to their device, as debugfs counts them
zswap_reject_reclaim_fail | lower | entries that could not be written: in use again, or no memory for it | events
zswap_reject_alloc_fail | lower | pages refused for want of memory for what they compress to
zswap_reject_kmemcache_fail | lower | pages refused for want of memory for an entry
zswap_reject_compress_fail | lower | pages refused because they do not compress
zswap_reject_compress_poor | lower | pages refused because they hardly compress
""")
GAUGES = counters("""
zswap_pool_pages | none | pages that zswap's pool has when the run ends
zswap_stored_pages | none | pages that are in zswap when the run ends
zswap_same_filled_pages | none | pages among them that are the same word over and over, and take no memory
zswap_entry_pages | none | pages of zswap's entries
""")
GROUP_STATS = counters("""
zswap | none | bytes of the group's pages in zswap, compressed (memory.stat zswap) | bytes
zswapped | none | pages of the group that are in zswap
zswpin | none | pages of the group read from zswap
zswpout | none | pages of the group stored in zswap
zswpwb | lower | pages of the group that zswap has written to their device
""")
TOLD = (
    Told("machine", ZSWAP_COUNTERS, sampled=True, total=True, when=has_zswap),
    Told("machine", GAUGES, sampled=True, when=has_zswap),
    Told("cgroup", GROUP_STATS, when=has_zswap, counted=True),
)

FIXED = dict.fromkeys(
    ("zswap", "zswap_zpool", "zswap_shrinker_enabled"), "its pool and its daemons are made with the machine"
)


@record
class Sysctl(Record):
    """Settings under /sys/module/zswap/parameters."""

    zswap: bool | None = None
    """Whether pages on their way to swap are compressed and kept in memory (enabled, 3.11); default off."""
    zswap_max_pool_percent: Annotated[int, Range(ge=0, le=100), HAS_ZSWAP] | None = None
    """Percent of memory that the pool may have (max_pool_percent); default 20. Refused beyond it, pages go to the
    device."""
    zswap_accept_threshold_percent: Annotated[int, Range(ge=0, le=100), HAS_ZSWAP] | None = None
    """Percent of that to which a full pool must have shrunk before it takes pages again (5.7); default 90."""
    zswap_shrinker_enabled: Annotated[bool, HAS_ZSWAP] | None = None
    """Whether memory pressure, too, has entries written to their device (shrinker_enabled, 6.8); default off."""
    zswap_zpool: Annotated[Literal["zbud", "zsmalloc"], HAS_ZSWAP] | None = None
    """What the pool's memory is cut up by (zpool): two pages to a page, or size classes (3.17; what a full pool writes
    comes from zbud alone to 6.1). Default zbud, since 6.7 zsmalloc; zbud is gone since 6.15. z3fold is not modelled."""


@record
class Zswap(Record):
    """What the contents of pages are to zswap, and how long its compressor takes."""

    MATTERS = HAS_ZSWAP
    compression_ratio: Annotated[float, Range(ge=1.0, le=1000.0), Why("page size over stored size")] = 3.0
    """Page size over what a page compresses to (fleet figure of Lagar-Cavilla et al., ASPLOS 2019)."""
    zero_filled: Annotated[float, Range(ge=0.0, le=1.0)] = 0.0
    """Share of pages that are all zeros; 0.1 to 0.2 on a phone (Samsung's posting of 2017 on same-filled pages)."""
    same_filled: Annotated[float, Range(ge=0.0, le=1.0)] = 0.0
    """Share of pages that are another word over and over: stored without memory from 4.16 to 6.11."""
    incompressible: Annotated[float, Range(ge=0.0, le=1.0)] = 0.0
    """Share of pages that compress to no less than a page; 0.31 of cold memory (Lagar-Cavilla et al.)."""
    compress: Nanoseconds = 3 * US
    """Time to compress a page (lz4; lzo 4 us; estimates)."""
    decompress: Nanoseconds = 1_200
    """Time to decompress a page (lz4; estimate)."""

    def faults(self):
        """Shares of more than all pages."""
        if self.zero_filled + self.same_filled + self.incompressible > 1:
            yield Fault((), "the shares of pages add up to more than 1", "zero_filled + same_filled + incompressible")


@abstract
class GroupSettings(Record):
    """What a group says of zswap."""

    zswap_max: Annotated[Pages, HAS_ZSWAP] | None = None
    """memory.zswap.max (5.19): memory that the compressed pages of the group's subtree may take. None: no limit."""
    zswap_writeback: Annotated[bool, HAS_ZSWAP] = True
    """memory.zswap.writeback (6.8): false: neither zswap nor reclaim writes the group's pages to a device."""


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = HAS_ZSWAP
    zswap_fill: Nanoseconds = 150
    """Filling a page with one word, or finding that it is (100-900; estimate)."""
    zswap_lru_walk: Nanoseconds = 50
    """Looking at one entry of a list (30-100; estimate)."""


SUBJECTS = (
    Subject(
        "zswap",
        "`vm.zswap: true` keeps swapped pages compressed in memory, in front of every swap area; `machine.zswap` says "
        "what pages compress to and how long that takes, `cgroups.<name>.zswap_max` and `zswap_writeback` what a group "
        "may. docs/zswap.md has an example. z3fold and the compressors' own memory are not modelled.",
        ("zswap_max_pool_percent", "zswap_shrinker_enabled", "machine.zswap", "cgroups.zswap_max", "zswpout", "zswpwb"),
        ("frontswap", "memory.zswap.max", "memory.zswap.writeback", "zsmalloc", "zbud", "zpool", "z3fold"),
    ),
)
