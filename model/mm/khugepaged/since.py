"""khugepaged: what changed when."""

from mmrun.model.core.timeline import Dated, flag, gap, since, sysctl

FIRST = "mm/huge_memory.c, 2.6.38"

DATED: Dated = (
    sysctl("khugepaged_pages_to_scan", since("2.6.38", 4096, FIRST)),
    sysctl("khugepaged_scan_sleep_millisecs", since("2.6.38", 10_000, FIRST)),
    sysctl("khugepaged_alloc_sleep_millisecs", since("2.6.38", 60_000, FIRST)),
    sysctl("khugepaged_defrag", since("2.6.38", True, FIRST)),
    sysctl("max_ptes_swap", since("4.8", 64, "70652f6ec0fc mm, thp: make swapin readahead to improve thp collapse "
                                  "rate, 4.8")),
    flag("collapse_reads_only", "a range of pages that are not all writable is collapsed, one must be",
         "10359213d05a mm: incorporate read-only pages into transparent huge pages, 4.0", since="4.0"),
    flag("collapse_zero_pages", "zero pages count as missing; before, they are none of the task's pages",
         "ca0984caa823 mm: incorporate zero pages into transparent huge pages, 4.1", since="4.1"),
    flag("collapse_by_load", "the huge page comes from the node with most of the pages; before, from the first page's",
         "9f1b868a13ac mm: thp: khugepaged: add policy for finding target node, 3.14", since="3.14"),
    flag("collapse_half_young", "a range with swapped pages is collapsed only if 256 others were referenced",
         "0db501f7a34c mm, thp: convert from optimistic swapin collapsing to conservative, 4.8", since="4.8"),
    flag("madv_pageout", "madvise(MADV_PAGEOUT)", "1a4e58cce84e mm: introduce MADV_PAGEOUT, 5.4", since="5.4"),
    flag("madv_collapse", "madvise(MADV_COLLAPSE)",
         "7d8faaf15545 mm/madvise: introduce MADV_COLLAPSE sync hugepage collapse, 6.1", since="6.1"),
    gap("2.6.38", "4.20", "khugepaged allocates a huge page before it looks, here when a range is worth it"),
)  # fmt: skip
