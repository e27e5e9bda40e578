"""khugepaged: what can be set and read, what it is asked for."""

from typing import Annotated

from mmrun.model.core.mechanism import CORE, Cause, Subject, Told, counters, hooks
from mmrun.model.mm.huge.settings import HUGE
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

HOOKS = {
    **hooks(
        CORE,
        63,
        ("khugepaged", "number", "goes round address spaces, for ever"),
        optional=True,
    ),
    **hooks(
        CORE,
        206,
        ("madvise_huge", "task argument", "OK or OUT_OF_MEMORY; argument: a page, bit 39: MADV_NOHUGEPAGE"),
        ("madvise_pageout", "task argument", "OK or OUT_OF_MEMORY; argument: first page, pages - 1 from bit 30 on"),
        ("madvise_collapse", "task argument", "OK or OUT_OF_MEMORY; argument: a page of the range"),
        optional=True,
    ),
}

# Why a range was collapsed or not (enum scan_result), as far as there is reason for it here.
RESULTS = (
    "fail", "succeed", "pmd_null", "pmd_mapped", "exceed_none_pte", "exceed_swap_pte", "pte_non_present", "page_ro",
    "lack_referenced_page", "scan_abort", "page_count", "page_lru", "page_lock", "alloc_huge_page_fail",
    "cgroup_charge_fail",
)  # fmt: skip

KHUGEPAGED_COUNTERS = counters("""
thp_collapse_alloc | higher | huge pages allocated to collapse a range, by khugepaged or MADV_COLLAPSE | huge pages
thp_collapse_alloc_failed | lower | huge pages that were not to be had for that | events
thp_scan_exceed_none_pte | none | scans of a range with more missing or zero pages than max_ptes_none | scans
thp_scan_exceed_swap_pte | none | scans of a range with more swapped pages than max_ptes_swap | scans
khugepaged_pages_collapsed | higher | ranges that khugepaged collapsed | huge pages
khugepaged_full_scans | none | times it came round all address spaces | events
khugepaged_ns | lower | CPU time of its scans and collapses | ns
""")
COUNTERS = KHUGEPAGED_COUNTERS  # of the machine
TASK_COUNTERS = counters("""
stall_mmap_ns | lower | time of faults waiting for the mmap lock, which khugepaged holds while it collapses | ns
""")
SCAN_RESULTS = counters(
    "\n".join(f"khugepaged_{name} | none | ranges scanned by khugepaged with this result | scans" for name in RESULTS)
)
TOLD = (Told("machine", SCAN_RESULTS, counted=True),)


@record
class Sysctl(Record):
    """Settings under /sys/kernel/mm/transparent_hugepage/khugepaged."""

    khugepaged_pages_to_scan: Annotated[int, Range(ge=1, le=1 << 30), HUGE] | None = None
    """Pages that khugepaged goes over each time it wakes; default 4096: eight ranges."""
    khugepaged_scan_sleep_millisecs: Annotated[int, Range(ge=1, le=10**9), HUGE] | None = None
    """How long it sleeps then; default 10,000."""
    khugepaged_alloc_sleep_millisecs: Annotated[int, Range(ge=1, le=10**9), HUGE] | None = None
    """How long it sleeps when there was no huge page for it; default 60,000."""
    khugepaged_defrag: Annotated[bool, HUGE] | None = None
    """Whether it reclaims and compacts for huge pages; default true."""
    max_ptes_swap: Annotated[int, Range(ge=0, le=511), HUGE] | None = None
    """Swapped pages of a range that it reads back to collapse it; default 64, since 4.8. Before, none."""


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = HUGE
    khugepaged_pte: Nanoseconds = 10
    """khugepaged looks at a page-table word (estimate)."""
    khugepaged_collapse: Nanoseconds = 250_000
    """A flush, 512 copies and 512 frees under the mmap lock (estimate)."""


CAUSES = (
    Cause(("stall_mmap_ns",), ("thp_collapse_alloc", "khugepaged_pages_collapsed", "khugepaged_ns"), ("migrate:*",)),
)  # fmt: skip

SUBJECTS = (
    Subject(
        "khugepaged",
        "Goes round address spaces whose memory may be huge and collapses ranges of 2 MiB of small anonymous pages; "
        "files and shmem are left alone. MADV_COLLAPSE, MADV_HUGEPAGE and MADV_PAGEOUT are events.",
        ("khugepaged_pages_to_scan", "max_ptes_none", "max_ptes_swap", "thp_collapse_alloc"),
        ("collapse", "madv_collapse", "madv_pageout", "scan_sleep_millisecs", "pages_to_scan"),
    ),
)
