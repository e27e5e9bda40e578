"""Huge pages: what is mapped as such, what waits to be split."""

from mmrun.model.core.record import LIST, counts, one, row, table
from mmrun.model.mm.huge.settings import STATS, THP_COUNTERS

NEVER, MADVISED, ALWAYS = 0, 1, 2  # `enabled` of a size
DEFRAG = ("always", "defer", "defer+madvise", "madvise", "never")
HUGE_ORDER, HUGE_PAGES = 9, 512
NO_ADVICE, ADVISED, ADVISED_AGAINST = 0, 1, 2  # REGION.huge: madvise(MADV_HUGEPAGE, MADV_NOHUGEPAGE)

# A size: in which mappings faults take it, and its counters.
SIZE = row(enabled="i8", **dict.fromkeys(STATS, "i8"))

huge_marks = table(145, "huge_marks", "u1")  # by leaf table: its 512 words are one entry of a huge page
deferred_queues = table(138, "deferred_queues", LIST)  # of folios, through the links of their third frames
# Costs in ns; `enabled`: some size is; the era's ways 0 or 1.
thp_settings = one(
    147, "thp_settings", row(
        enabled="i8", defrag="i8", max_ptes_none="i8", clear_huge_page="i8", split_huge_page="i8", split_pmd="i8",
        thp_pmd_alone="i8", thp_queue_by_group="i8", thp_swap="i8", thp_swap_whole="i8", mthp_swap_whole="i8",
        thp_underused="i8", thp_local_node="i8", thp_local_first="i8", thp_tries_hard="i8",
    ),
)  # fmt: skip
thp_count = counts(148, "thp_count", *THP_COUNTERS)
folio_sizes = table(149, "folio_sizes", SIZE)  # by order
nr_anon_thps = table(150, "nr_anon_thps", "i8")  # by node
deferred_work = table(151, "deferred_work", "i8")  # by group and node: what the shrinker has put off (nr_deferred)
