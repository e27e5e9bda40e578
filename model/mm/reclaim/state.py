"""Reclaim: scan controls, its sleeps, what it writes itself."""

from mmrun.model.core.record import LIST, WAIT_QUEUE, counts, one, row, table
from mmrun.model.mm.reclaim.settings import PAGEOUT_COUNTERS, RECLAIM_COUNTERS

PLUG_PAGES = 1120  # 31 requests of 32 pages and one of 128: what a plug can hold
SCAN_BATCH = 64  # MGLRU isolates up to 64 pages at once, the two-list LRU 32

# SC.passed: pages of too high a zone that isolation has just passed over, as many as count as scanned.
# What a batch, or all batches of a node at one priority, consisted of (struct reclaim_stat). `late_dirty` and
# `late_congested` count pages when they were to be written, as before 3.11, not when they were met.
RECLAIM_STAT = row(
    taken="i8", file="i8", dirty="i8", unqueued_dirty="i8", congested="i8", writeback="i8", immediate="i8",
    late_dirty="i8", late_congested="i8", ref_keep="i8",
)  # fmt: skip
SC = row(
    target="i8", memcg="i8", group="i8", priority="i8", nr_to_reclaim="i8", nr_reclaimed="i8", nr_scanned="i8",
    may_swap="i8", may_unmap="i8",
    may_writepage="i8", may_deactivate="i8", force_deactivate="i8", skipped_deactivate="i8",
    cache_trim="i8", file_is_tiny="i8", swappiness="i8",
    highest_zoneidx="i8", kswapd="i8",
    round_reclaimed="i8", lruvec="i8", nr=("i8", (4,)), targets=("i8", (4,)), anon_cost="i8", file_cost="i8",
    node="i8", zone="i8", nodemask="i8", batch_stat=RECLAIM_STAT, node_stat=RECLAIM_STAT,
    generation="i8",
    partial="i8", full_walk="i8", low_reclaim="i8", low_skipped="i8", protection="i8", usage="i8",
    proactive="i8", given_swappiness="i8", swap_available="i8",
    nr_unmapped="i8", nr_pageout="i8", nr_activate=("i8", (2,)), activate_before=("i8", (2,)), nr_taken="i8",
    pages_taken="i8", passed="i8",  # folios, pages; see above
    tails=LIST, kept=LIST, scan_adjusted="i8",  # of folios split: to come, passed
    scanned="i8", first_seq="i8",
    mm_walk="i8", need_aging="i8", aging="i8", old_enough="i8", swapping="i8", file_taken="i8",
    unqueued_dirty="i8", lruvec_scanned="i8", may_enter_fs="i8", may_io="i8",
    memcg_gen="i8", memcg_bin="i8", memcg_first_bin="i8", memcg_event="i8", aged="i8",
    ignore_references="i8", demoting="i8", candidates="i8", rows=("i4", (SCAN_BATCH,)),  # bits of `batch` to demote
    batch=("i4", (SCAN_BATCH,)),
)  # fmt: skip
# An actor's pages on their way to disks (struct blk_plug): requests in it, pages of the newest. `waits`: frame + 1 for
# whose request there is no room yet.
PLUG = row(n="i8", requests="i8", run="i8", waits="i8", pages=("i4", (PLUG_PAGES,)))
# How far model/mm/lru/ahead.py has looked along a list beyond its tail: `next` of `lruvec` - 1, `by` pages on.
AHEAD = row(next="i8", lruvec="i8", by="i8")

scans = table(70, "scans", SC)
plugs = table(71, "plugs", PLUG)
congestion = one(72, "congestion", WAIT_QUEUE)  # who waits until a queue has room
ahead = table(76, "ahead", AHEAD)  # by kind of list
# Costs in ns; `min_unmapped_ratio` in percent; `plug_requests`: requests that a plug holds.
reclaim_settings = one(
    73, "reclaim_settings", row(
        swappiness="i8", min_unmapped_ratio="i8", scan_page="i8", reclaim_page="i8", mapped_counts_twice="i8",
        tlb_shootdown="i8", tlb_batched="i8", plug_requests="i8", reclaim_counts_pages="i8", scan_counts_skipped="i8",
        most_skipped="i8",
    ),
)  # fmt: skip
reclaim_count = counts(74, "reclaim_count", *RECLAIM_COUNTERS)
pageout_count = counts(75, "pageout_count", *PAGEOUT_COUNTERS)
# Ways of throttle_direct_reclaim by version (model/mm/reclaim/throttle_direct.py); by node: who sleeps in it.
throttle_settings = one(
    324, "throttle_settings", row(
        throttles_direct_reclaim="i8", throttle_by_usable_node="i8", throttle_skips="i8", throttle_ends_in_vain="i8",
        awake_while_throttled="i8",
    ),
)  # fmt: skip
pfmemalloc_wait = table(325, "pfmemalloc_wait", WAIT_QUEUE)
