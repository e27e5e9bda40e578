"""Page lists and what of them is scanned and kept: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, param, since

DATED: Dated = (
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
    gap("4.6", "4.7", "refault distances are counted for groups, too; here for zones as 3.15"),
    gap("4.8", "4.11", "inactive file lists are as long as active ones; here by the square-root rule as since 4.12"),
    gap("4.20", "5.7", "a refault knows whether its page was of the workingset and restores it; here as 4.19"),
    param(
        "lru/zone-workingset", "stop_at_zero",
        always(False, "mm/vmscan.c: shrink_lruvec, 3.15"),
        since("3.16", True, "mm/vmscan.c: shrink_lruvec, 3.16"),
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
    flag("lruvec_lock", "every lruvec has a lru_lock of its own, not one a zone or node",
         "mm/lru: replace pgdat lru_lock with lruvec lock, 5.11", since="5.11"),
)  # fmt: skip
