"""Huge pages: what can be set and read."""

from typing import Annotated, Literal

from mmrun.model.core.mechanism import CORE, Counter, Matters, Subject, Told, counters, hooks
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

HOOKS = hooks(
    CORE,
    57,
    ("add_folio_to_swap", "sc frame", "1: it is in the swap cache, 0: it is not to be, 2: it was split, -1: gone"),
    ("zap_folio", "frame word end", "words unmapped from `word` on; 0: it was split, look again"),
    ("put_folio", "frame", "0, after a folio that no word is left for was freed, if it could be"),
    ("shrink_deferred", "sc group", "folios split, after the group's lruvec was shrunk"),
    optional=True,
)

THP_COUNTERS = counters("""
thp_fault_alloc | higher | huge pages allocated by faults | huge pages
thp_fault_fallback | lower | faults that got no huge page, there being none or no room in the group | faults
thp_fault_fallback_charge | lower | those that got none for want of room in the group | faults
thp_split_page | lower | huge pages split into small ones (to 4.4 thp_split) | huge pages
thp_split_page_failed | lower | huge pages that could not be split, being in use | huge pages
thp_deferred_split_page | none | huge pages that were unmapped in part and put on the queue to be split | huge pages
thp_underused_split_page | none | huge pages split because most of them was never written | huge pages
thp_split_pmd | none | entries of huge pages split into 512 words | events
thp_swpout | none | huge pages written to swap in one piece | huge pages
thp_swpout_fallback | lower | huge pages split because swap had no 512 slots in a row | huge pages
""")
COUNTERS = THP_COUNTERS  # of the machine

ORDERS = range(2, 10)  # sizes that anonymous folios may have (THP_ORDERS_ALL_ANON); 9 is a huge page
STATS = {
    "anon_fault_alloc": "allocated by faults",
    "anon_fault_fallback": "that faults did not get",
    "anon_fault_fallback_charge": "that faults did not get for want of room in the group",
    "swpout": "written to swap in one piece",
    "swpout_fallback": "split because swap had no slots in a row",
    "split": "split",
    "split_failed": "that could not be split",
    "split_deferred": "put on the queue to be split",
}


def size_of(order: int) -> str:
    """A size as in the names of its settings: `64kb`."""
    return f"{4 << order}kb"


SIZE_COUNTERS = {
    f"hugepages_{size_of(order)}_{stat}": Counter(
        f"hugepages_{size_of(order)}_{stat}", "folios", f"folios of {4 << order} KiB {doc}", "none"
    )
    for order in ORDERS
    for stat, doc in STATS.items()
}
GAUGES = counters("""
nr_anon_transparent_hugepages | none | huge pages mapped as such when the run ends | huge pages
nr_deferred_split | none | folios on the queues to be split when the run ends | folios
""")
TOLD = (
    Told("machine", GAUGES, sampled=True),
    Told("machine", SIZE_COUNTERS, counted=True),
    Told("node", {"nr_anon_transparent_hugepages": GAUGES["nr_anon_transparent_hugepages"]}, sampled=True),
)


def sizes_enabled(vm) -> dict[int, str]:
    """`enabled` of every size, by order: what `inherit` stands for filled in, left out where nothing is set."""
    whole = vm.transparent_hugepage or "never"
    found = {}
    for order in ORDERS:
        own = getattr(vm, f"hugepages_{size_of(order)}") or ("inherit" if order == 9 else "never")
        found[order] = whole if own == "inherit" else own
    return found


def wanted_by(vm) -> bool:
    """Whether any memory may be in folios of several pages."""
    return any(value != "never" for value in sizes_enabled(vm).values())


HUGE = Matters(
    "a cell with huge pages: vm.transparent_hugepage always or madvise", lambda case, _: wanted_by(case.cell.vm)
)
Enabled = Annotated[Literal["always", "inherit", "madvise", "never"], HUGE]
Modes = Literal["always", "defer", "defer+madvise", "madvise", "never"]

FIXED = dict.fromkeys(
    (f"hugepages_{size_of(order)}" for order in ORDERS), "tables and daemons of the machine follow from it"
)


@record
class Sysctl(Record):
    """Settings under /sys/kernel/mm/transparent_hugepage."""

    transparent_hugepage_defrag: Annotated[Modes, HUGE] | None = None
    """What a fault may do for a huge page: `always` reclaims and compacts, `defer` wakes kswapd and kcompactd,
    `madvise` reclaims and compacts in regions advised hugepage alone, `never` takes what there is. Default always;
    since 4.6 madvise, and there is `defer`; since 4.11 `defer+madvise`."""
    hugepages_16kb: Enabled | None = None
    """Folios of 16 KiB (hugepages-16kB/enabled): as transparent_hugepage, or `inherit` it. Default never. Since 6.8."""
    hugepages_32kb: Enabled | None = None
    """The same for folios of 32 KiB."""
    hugepages_64kb: Enabled | None = None
    """The same for folios of 64 KiB."""
    hugepages_128kb: Enabled | None = None
    """The same for folios of 128 KiB."""
    hugepages_256kb: Enabled | None = None
    """The same for folios of 256 KiB."""
    hugepages_512kb: Enabled | None = None
    """The same for folios of 512 KiB."""
    hugepages_1024kb: Enabled | None = None
    """The same for folios of 1 MiB."""
    hugepages_2048kb: Enabled | None = None
    """The same for huge pages. Default inherit."""
    max_ptes_none: Annotated[int, Range(ge=0, le=511), HUGE] | None = None
    """Pages of a huge page that may be missing when it is put together, and never written before one is taken for
    underused (khugepaged/max_ptes_none). Default 511."""


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = HUGE
    clear_huge_page: Nanoseconds = 177_000
    """Clearing 2 MiB page by page: 11.8 GB/s in demand faults on Milan (posted by Arora, 2025; 90,000-180,000)."""
    split_huge_page: Nanoseconds = 60_000
    """Splitting a folio of 512 pages (estimate)."""
    split_pmd: Nanoseconds = 3_000
    """Splitting the entry of a huge page into 512 words (estimate)."""


SUBJECTS = (
    Subject(
        "thp",
        "Anonymous memory in huge pages: vm.transparent_hugepage says where, transparent_hugepage_defrag at what "
        "price; since 6.8 smaller sizes have settings of their own (hugepages_64kb). Partial unmapping, splitting and "
        "swapping are modelled; huge pages of files and shmem, and the huge zero page, are not.",
        ("transparent_hugepage", "transparent_hugepage_defrag", "hugepages_64kb", "thp_fault_alloc", "min_free_kbytes"),
        ("transparent huge pages", "huge pages", "hugepages", "mthp", "large folios", "folios", "deferred split"),
    ),
)
