"""LRU lists with an active and an inactive half, and what they remember about evicted pages."""

from mmrun.model.core.record import LIST, counts, one, row, table
from mmrun.model.mm.lru.settings import LRU_COUNTERS, WORKINGSET_COUNTERS

# Verdicts on a page at the tail of an inactive list (enum folio_references).
RECLAIM_PAGE, RECLAIM_CLEAN, KEEP, ACTIVATE = 0, 1, 2, 3
DEF_PRIORITY = 12
ONE_TOUCH, TWO_TOUCH = 1, 2  # lru_gen: generations as in 6.1, or as reworked in 6.14; 0: two lists

LRUVEC = row(
    lists=(LIST, (5,)), memcg="i8", node="i8", zone="i8", lock="i8", anon_cost="i8", file_cost="i8",
    nonresident_age="i8", activated=("i8", (2,)), seen_activated=("i8", (2,)), seen_size=("i8", (4,)),
    snapshot=("i8", (2,)), recent_scanned=("i8", (2,)), recent_rotated=("i8", (2,)),
    batch_scanned="i8", batch_activated="i8", congested="i8",
)  # fmt: skip

lruvecs = table(30, "lruvecs", LRUVEC)
# `lru_gen`: 0, ONE_TOUCH or TWO_TOUCH; the others 0 or 1, `lru_batch` in pages.
lru_settings = one(
    31, "lru_settings", row(
        lru_batch="i8", activates_in_batch="i8", writes_activate="i8", writes_refault="i8", zone_lruvecs="i8",
        double_lru="i8", lru_gen="i8", given_up_by_count="i8", activation_counts_pages="i8",
    ),
)  # fmt: skip
lru_count = counts(32, "lru_count", *LRU_COUNTERS)
workingset_count = counts(33, "workingset_count", *WORKINGSET_COUNTERS)
