"""kswapd, direct reclaim, what they write and over what they sleep: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, number, param, since, sysctl, within

BY_NODE = "mm, vmscan: make kswapd reclaim in terms of nodes, 4.8"
DISRUPTION = "Gorman, Reduce system disruption due to kswapd: mm/vmscan.c, 3.11"

DATED: Dated = (
    flag("reclaim_counts_pages", "reclaim scans, takes and frees a large folio as its pages, not as one",
         "98879b3b9edc mm: vmscan: correct some vmstat counters for THP swapout, 5.4", since="5.4"),
    number(
        "scan_counts_skipped", "pages of too high a zone that isolation passes over count as scanned: a quarter of "
        "them, or all where the list is at its end (1), always all (2)",
        always(0, "mm/vmscan.c: isolate_lru_pages, 4.4: each zone has its own lists"),
        since("4.8", 1, "d7f05528eedb mm, vmscan: account for skipped pages as a partial scan, 4.8"),
        since("4.12", 2, "791b48b64232 mm: vmscan: scan until it finds eligible pages, 4.12"),
    ),
    number(
        "most_skipped", "folios of too high a zone that isolation passes over at most, then it takes them",
        always(1 << 62, "mm/vmscan.c: isolate_lru_pages, 4.9; isolate_lru_folios, 6.12"),
        since("6.15", 32 << 10, "mm/vmscan: fix hard LOCKUP in function isolate_lru_folios", "between 6.13 and 6.18"),
    ),
    axis("kswapd", always("all-zones", "mm/vmscan.c: balance_pgdat, 3.1"), since("4.8", "any-zone", BY_NODE)),
    param(
        "kswapd/all-zones", "in_shares",
        always(False, "mm/vmscan.c: balance_pgdat, 3.1"),
        since("3.11", True, "mm: vmscan: limit the number of pages kswapd reclaims at each priority, 3.11"),
    ),
    param(
        "kswapd/any-zone", "age_by_root",
        always(False, "mm/vmscan.c: age_active_anon, 5.4"),
        since("5.5", True, "mm: vmscan: detect file thrashing at the reclaim root, 5.5"),
    ),
    param(
        "kswapd/any-zone", "gives_up",
        always(False, "1d82de618ddd mm, vmscan: make kswapd reclaim in terms of nodes, 4.8: the give-up went with it"),
        since("4.12", True, "c73322d098e4 mm: fix 100% CPU kswapd busyloop on unreclaimable nodes, 4.12"),
    ),
    param(
        "kswapd/any-zone", "one_will_do",
        always(False, "mm/vmscan.c: prepare_kswapd_sleep, kswapd, 4.9"),
        since("4.12", True, "mm, vmscan: fix zone balance check in prepare_kswapd_sleep; e716f2eb24de mm, vmscan: "
              "prevent kswapd sleeping prematurely due to mismatched classzone_idx, 4.12"),
    ),
    axis(
        "direct_reclaim",
        always("per-zone", "mm/vmscan.c: do_try_to_free_pages, shrink_zones, 3.1"),
        since("4.8", "per-node", "mm, vmscan: make shrink_node decisions more node-centric, 4.8"),
    ),
    param(
        "direct_reclaim/per-node", "wakes_flushers",
        always(True, "mm/vmscan.c: do_try_to_free_pages, 4.9"),
        since("4.11", False, "mm: vmscan: kick flushers when we encounter dirty pages on the LRU, 4.11"),
    ),
    axis(
        "reclaim_writeback",
        always("any-reclaimer", "mm/vmscan.c: pageout, shrink_page_list, 3.1"),
        since("3.2", "kswapd-only", "mm: vmscan: do not writeback filesystem pages in direct reclaim, 3.2"),
        since("3.11", "second-visit", DISRUPTION),
        since("6.16", "flusher-only", "mm/vmscan.c: shrink_folio_list, 6.16"),
    ),
    param(
        "reclaim_writeback/kswapd-only", "waits",
        always(False, "mm/vmscan.c: shrink_page_list, 3.5"),
        since("3.6", True, "e62e384e9da8 memcg: prevent OOM with too many dirty pages, 3.6"),
    ),
    param(
        "reclaim_writeback/second-visit", "waits_nofs",
        always(True, "c3b94f44fcb0 memcg: further prevent OOM with too many dirty pages, 3.6"),
        since("4.2", False, "ecf5fc6e9654 mm, vmscan: Do not wait for page writeback for GFP_NOFS allocations, 4.2"),
    ),
    param(
        "reclaim_writeback/second-visit", "seen_twice",
        always(False, "mm/vmscan.c: shrink_page_list, 3.15"),
        since("4.11", True, "mm: vmscan: only write dirty pages that the scanner has seen twice, 4.11"),
    ),
    axis(
        "reclaim_throttle",
        always("congestion-wait", "mm/vmscan.c: do_try_to_free_pages, balance_pgdat, 2.6.35"),
        since("2.6.37", "wait-iff-congested", "mm/backing-dev.c: wait_iff_congested is not in 2.6.36, it is in 2.6.37"),
        since("3.11", "node-flags", DISRUPTION),
        since("5.16", "reasons", "mm/vmscan: throttle reclaim until some writeback completes if congested, 5.16"),
    ),
    param(
        "reclaim_throttle/wait-iff-congested", "batch",
        always(False, "mm/vmscan.c: shrink_inactive_list, 3.1"),
        since("3.2", True, "mm: vmscan: throttle reclaim if encountering too many dirty pages under writeback, 3.2"),
    ),
    param(
        "reclaim_throttle/node-flags", "by_batch",
        always(True, "mm/vmscan.c: shrink_inactive_list, 3.15"),
        since("4.17", False, "mm/vmscan: don't change pgdat state on base of a single LRU list state, 4.17"),
    ),
    param(
        "reclaim_throttle/node-flags", "own_mark",
        always(False, "mm/vmscan.c: shrink_node, 5.3"),
        since("5.5", True, "mm: vmscan: harmonize writeback congestion tracking for nodes & memcgs, 5.5"),
    ),
    param(
        "reclaim_throttle/node-flags", "writeout",
        always(True, "mm/page-writeback.c: throttle_vm_writeout, 3.15"),
        since("4.9", False, "mm, vmscan: get rid of throttle_vm_writeout, 4.9"),
    ),
    param(
        "reclaim_throttle/node-flags", "waits_to_retry",
        always(False, "mm/page_alloc.c: __alloc_pages_slowpath, 3.15"),
        since("4.7", True, "mm, oom: rework oom detection; mm: throttle on IO only when there are too many dirty and "
              "writeback pages, 4.7"),
    ),
    param(
        "direct_reclaim/per-zone", "sixteen_rounds",
        always(False, "mm/vmscan.c: all_unreclaimable, 3.1"),
        since("4.7", True, "mm, oom: rework oom detection, 4.7"),
    ),
    param(
        "direct_reclaim/per-zone", "again_below_low",
        always(False, "mm/vmscan.c: do_try_to_free_pages, 3.19"),
        since("4.0", True, "mm: memcontrol: default hierarchy interface for memory, 4.0"),
    ),
    param(
        "direct_reclaim/per-node", "to_4_11",
        always(True, "mm/vmscan.c: shrink_zones, do_try_to_free_pages; mm/page_alloc.c: should_reclaim_retry, 4.9"),
        since("4.12", False, "mm: fix 100% CPU kswapd busyloop on unreclaimable nodes; mm: vmscan: only retry reclaim "
              "when memcg low skipped; mm: remove unnecessary back-off function when retrying page reclaim, 4.12"),
    ),
    flag("throttles_direct_reclaim", "tasks wait before direct reclaim while less than half of the reserves is free",
         "5515061d22f0 mm: throttle direct reclaimers if PF_MEMALLOC reserves are low and swap is backed by network "
         "storage, 3.6", since="3.6"),
    flag("throttle_by_usable_node", "by the reserves, if any, of the first node with a zone up to Normal for them",
         "675becce15f3 mm: vmscan: do not throttle based on pfmemalloc reserves if node has no ZONE_NORMAL, 3.16",
         since="3.16"),
    number(
        "throttle_skips", "zones that do not count there: none (0); without reclaimable pages (1), of a node without "
        "(2), with neither those nor free ones (3), with free ones only (4)",
        always(0, "mm/vmscan.c: pfmemalloc_watermark_ok, 3.6"),
        since("4.2", 1, "f012a84aff9f mm: vmscan: do not throttle based on pfmemalloc reserves if node has no "
              "reclaimable pages, 4.2", "the release is from memory"),
        since("4.8", 2, "599d0c954f91 mm, vmscan: move LRU lists to node, 4.8"),
        since("4.12", 1, "c73322d098e4 mm: fix 100% CPU kswapd busyloop on unreclaimable nodes, 4.12"),
        since("6.13", 3, "6aaced5abd32 mm: vmscan: account for free pages to prevent infinite Loop in "
              "throttle_direct_reclaim(), 6.13"),
        since("6.18", 4, "mm/vmscan.c: allow_direct_reclaim, 6.18", "read in 6.18, after 6.13"),
    ),
    flag("throttle_ends_in_vain", "nobody waits so once kswapd has given up",
         "mm: fix condition for throttle_direct_reclaim, 4.12", since="4.12"),
    flag("awake_while_throttled", "kswapd does not rest when it had to wake who waited so",
         "9e5e3661727e mm: prevent kswapd livelock due to pfmemalloc-throttled process being killed, 3.19",
         since="3.6", until="3.19"),
    gap("6.12", "6.18", "kswapd that reclaims nothing starts over without sparing anonymous pages before it counts "
        "that as a failure, here it counts at once"),
    gap("2.6.32", "2.6.39", "kswapd and direct reclaim are those of 3.0 and 3.1, the oldest versions that were read"),
    sysctl("swappiness", always(60, "mm/vmscan.c: vm_swappiness")),
    within(
        "swappiness",
        always((0, 100), "kernel/sysctl.c, 3.1"),
        since("5.8", (0, 200), "mm: allow swappiness that prefers reclaiming anon over the file workingset, 5.8"),
    ),
    sysctl("min_unmapped_ratio", always(1, "mm/page_alloc.c: sysctl_min_unmapped_ratio")),
    within("min_unmapped_ratio", always((0, 100), "kernel/sysctl.c: a share of a node")),
    flag("tlb_batched", "reclaim flushes once for a batch of unmapped pages",
         "mm: send one IPI per CPU to TLB flush all entries after unmapping pages, 4.3", since="4.3"),
    flag("mapped_counts_twice", "a mapped or swap-cache page counts as two scanned",
         "mm/vmscan.c: shrink_page_list, to 5.3", until="5.4"),
    number(
        "plug_requests", "requests that wait in a plug before it is sent (BLK_MAX_REQUEST_COUNT)",
        always(16, "block/blk-core.c, 3.1 and 5.15"),
        since("5.16", 32, "block: bump max plugged deferred size from 16 to 32, 5.16"),
    ),
)  # fmt: skip
