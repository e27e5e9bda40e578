"""Page lists and what of them is scanned and kept: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, param, since

DATED: Dated = (
    flag("activation_counts_pages", "activating or rotating a large folio counts its pages, not one",
         "21e330fc632d mm: swap: fix vmstats for huge pages, 5.8", since="5.8"),
    axis(
        "lru",
        always("split", "mm/vmscan.c: get_scan_count, shrink_zone, 3.1; split lists came with 2.6.28"),
        since("3.15", "zone-workingset", "mm/workingset.c: thrash detection-based file cache sizing, 3.15"),
        since("4.8", "workingset", "mm, vmscan: move LRU lists to node, 4.8"),
        since("5.8", "cost-balanced", "mm: balance LRU lists based on relative thrashing, 5.8"),
    ),
    gap("3.4", "3.14", "several mappings, or executable ones, activate a file page at its first sighting; here not"),
    gap("3.5", "3.14", "the balance goes by the plain swappiness, and file pages alone are scanned while their "
        "inactive list is long; here as 3.1"),
    gap("3.15", "6.18", "page-cache nodes that hold nothing but shadows of evicted pages are freed beyond a share of "
        "memory, and the shadows with them; here they stay"),
    gap("4.20", "5.7", "a refault knows whether its page was of the workingset and restores it; here as 4.19"),
    param(
        "lru/zone-workingset", "stop_at_zero",
        always(False, "mm/vmscan.c: shrink_lruvec, 3.15"),
        since("3.16", True, "mm/vmscan.c: shrink_lruvec, 3.16"),
    ),
    param(
        "lru/zone-workingset", "forced_last",
        always(False, "mm/vmscan.c: get_scan_count, 3.15"),
        since("3.16", True, "6f04f48dc9c0 mm: only force scan in reclaim when none of the LRUs are big enough, 3.16"),
    ),
    param(
        "lru/zone-workingset", "by_group",
        always(False, "mm/workingset.c, 3.15"),
        since("4.6", True, "23047a96d7cf mm: workingset: per-cgroup cache thrash detection, 4.6"),
    ),
    param(
        "lru/zone-workingset", "sqrt_rule",
        always(False, "mm/vmscan.c: inactive_file_is_low, 3.15"),
        since("4.7", True, "59dc76b0d4df mm: vmscan: reduce size of inactive file list, 4.7"),
    ),
    param(
        "lru/workingset", "forced",
        always(True, "mm/vmscan.c: get_scan_count, 4.9"),
        since("4.12", False, "mm: don't avoid high-priority reclaim on memcg limit reclaim, 4.12"),
    ),
    param(
        "lru/workingset", "opened_by_refaults",
        always(False, "mm/vmscan.c: inactive_list_is_low, 4.9"),
        since("4.12", True, "mm: vmscan: fix IO/refault regression in cache workingset transition, 4.12"),
    ),
    param(
        "lru/workingset", "anon_in_plenty",
        always(False, "mm/vmscan.c: get_scan_count, 4.9"),
        since("4.13", True, "mm, vmscan: avoid thrashing anon lru when free + file is low, 4.13"),
    ),
    param(
        "lru/cost-balanced", "file_workingset",
        always(True, "mm/workingset.c, mm/swap.c, 5.8"),
        since("5.9", False, "mm/swap: implement workingset detection for anonymous LRU, 5.9"),
    ),
    param(
        "lru/cost-balanced", "scan_on",
        always(True, "mm/vmscan.c: shrink_lruvec, 3.16 to 6.0"),
        since("6.1", False, "mm/vmscan.c: shrink_lruvec, 6.1"),
    ),
    param(
        "lru/cost-balanced", "io_cost_only",
        always(True, "mm/swap.c: lru_note_cost, 5.8 to 6.1"),
        since("6.2", False, "mm: vmscan: make rotations a secondary factor in balancing anon vs file, 6.2"),
    ),
    param(
        "lru/cost-balanced", "fold_in_reclaim",
        always(True, "mm/vmscan.c: shrink_node, 5.15"),
        since("6.12", False, "memcg: use ratelimited stats flush in the reclaim, posted 13 August 2024"),
    ),
    flag("activates_in_batch", "a second read() activates a page that is still in its CPU's batch",
         "mm: activate !PageLRU pages on mark_page_accessed if page is on local pagevec, 3.11", since="3.11"),
    flag("writes_activate", "write() counts as a use of a page as read() does",
         "bbddabe2e436 mm: filemap: only do access activations on reads, 4.7", until="4.7"),
    flag("writes_refault", "a page that write() brings back is tested for refault as one that is read",
         "f0281a00fe80 mm: workingset: only do workingset activations on reads, 4.7", until="4.7"),
    flag("given_up_by_count", "a zone is given up for as long as six times what it holds was scanned since a page of "
         "it came free, whether or not kswapd has noted so",
         "6e543d5780e3 mm: vmscan: fix do_try_to_free_pages() livelock, 3.12", since="3.12"),
    flag("lruvec_lock", "every lruvec has a lru_lock of its own, not one a zone or node",
         "mm/lru: replace pgdat lru_lock with lruvec lock, 5.11", since="5.11"),
)  # fmt: skip
