"""Compaction: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, number, since, sysctl, within

FAST = "Gorman, Increase success rates and reduce latency of compaction: mm/compaction.c, 5.1"

DATED: Dated = (
    axis(
        "compaction",
        always("none", "there is no mm/compaction.c"),
        since("2.6.35", "whole-zone", "mm: compaction: memory compaction core, 2.6.35"),
        since("3.7", "cached-positions", "mm: compaction: cache if a pageblock was scanned and no pages were isolated; "
              "mm: compaction: Restart compaction from near where it left off, 3.7"),
        since("5.1", "fast-search", FAST),
    ),
    sysctl("extfrag_threshold", always(500, "mm/compaction.c: sysctl_extfrag_threshold")),
    within("extfrag_threshold", always((0, 1000), "kernel/sysctl.c")),
    sysctl(
        "compaction_proactiveness",
        since("5.9", None, "facdaa917c4d mm: proactive compaction, 5.9"),
    ),
    flag("compact_unasked", "kcompactd looks after its node unasked", "facdaa917c4d mm: proactive compaction, 5.9",
         since="5.9"),
    within("compaction_proactiveness", since("5.9", (0, 100), "kernel/sysctl.c, 5.9")),
    flag("compact_failed_order", "deferral holds for the order that failed and larger ones",
         "vmscan: only defer compaction for failed order and higher, 3.4", since="3.4"),
    flag("compact_resets_at_once", "where scanners met the next pass begins anew",
         "mm: compaction: reset scanner positions immediately when they meet, 3.15", since="3.15",
         unsure="3.14 or 3.15"),
    flag("compact_async_position", "asynchronous passes go on from a place of their own",
         "35979ef33931 mm, compaction: add per-zone migration pfn cache for async compaction, 3.15", since="3.15"),
    flag("kswapd_compacts", "a kswapd that was asked for a block compacts its node before it sleeps",
         "7be62de99adc vmscan: kswapd carefully call compaction, 3.4; accf62422b3a mm, kswapd: replace kswapd "
         "compaction with waking up kcompactd, 4.6", since="3.4", until="4.6"),
    flag("kcompactd_runs", "a daemon of each node compacts for kswapd",
         "698b1b30642f mm, compaction: introduce kcompactd, 4.6", since="4.6"),
    flag("compact_zones_defer", "each zone is deferred by itself, before only the one an allocation prefers",
         "53853e2d2bfb mm, compaction: defer each zone individually instead of preferred zone, 3.18", since="3.18"),
    flag("compact_free_position", "the free scanner stops within a pageblock once it has enough",
         "e14c720efdd7 mm, compaction: remember position within pageblock in free pages scanner, 3.18", since="3.18"),
    flag("compact_drains", "freed pages leave the per-CPU list once the scanner leaves the block it wanted free",
         "fdaf7f5c40f3 mm, compaction: more focused lru and pcplists draining, 4.0", since="4.0"),
    flag("compact_may_claim", "a pass is over when a block of another type can be claimed",
         "2149cdaef6c0 mm/compaction: enhance compaction finish condition, 4.1", since="4.1"),
    flag("compact_priorities", "large blocks are compacted for before anything is reclaimed, and ever harder; before, "
         "each round compacts, then reclaims",
         "33c2d21438da mm, oom: protect !costly allocations some more; a8161d1ed609 mm, page_alloc: restructure direct "
         "compaction handling in slowpath, 4.7 and 4.8", since="4.7"),
    flag("compact_gives_up", "a large block to be tried for once is given up if compaction lacked memory, or for one "
         "node's sake", "b39d0ee2632d mm, page_alloc: avoid expensive reclaim when compaction may not succeed; "
         "cc638f329ef6 mm, thp: tweak reclaim/compaction effort of local-only and all-node allocations, 5.4 and 5.5",
         since="5.4"),
    flag("compact_skips_failures", "an asynchronous pass leaves a block at the first page that cannot move",
         "fdd048e12c9a mm, compaction: skip blocks where isolation fails in async direct compaction, 4.7", since="4.7"),
    flag("compact_huge_free", "pageblocks that are free as a whole are no place to move pages to",
         "9f7e3387939b mm, compaction: don't isolate PageWriteback; mm/compaction.c: suitable_migration_target, 4.8",
         since="4.8", unsure="between 4.4 and 4.19"),
    flag("compact_min_mark", "up to order 3 the min watermark is enough to begin, whatever the fragmentation index",
         "8348faf91f56 mm, compaction: require only min watermarks for non-costly orders, 4.9", since="4.9"),
    flag("compact_checks_mark", "a pass is not over before the low watermark is met at the wanted order",
         "mm/compaction.c: __compact_finished, 4.8", until="4.9", unsure="between 4.4 and 4.19"),
    flag("compact_nofs", "allocations that may not enter file systems compact, too",
         "73e64c51afc5 mm, compaction: allow compaction for GFP_NOFS requests, 4.10", since="4.10"),
    flag("compact_same_type", "an asynchronous pass takes pages from pageblocks of the request's type only",
         "282722b0d258 mm, compaction: restrict async compaction to pageblocks of same migratetype, 4.12",
         since="4.12"),
    number(
        "compact_whole_blocks", "a pass goes on to the end of a pageblock: 1 for blocks of other types, 2 always",
        always(0, "mm/compaction.c: compact_finished, 4.11"),
        since("4.12", 1, "baf6a9a1db5a mm, compaction: finish whole pageblock to reduce fragmentation, 4.12"),
        since("5.1", 2, "efe771c7603b mm, compaction: always finish scanning of a full pageblock, 5.1"),
    ),
    number(
        "compact_stall_deferred", "what counts as a stall: 0 compaction that was done, 1 or put off, 2 or found futile",
        always(0, "mm/page_alloc.c: __alloc_pages_direct_compact, 4.19"),
        since("5.1", 2, "5e1f0f098b46 mm, compaction: capture a page under direct compaction, 5.1"),
        since("5.13", 1, "06dac2f467fe mm: compaction: update the COMPACT[STALL|FAIL] events properly, 5.13"),
    ),
    flag("compact_trigger", "writing compaction_proactiveness has every node looked at",
         "65d759c8f9f5 mm: compaction: support triggering of proactive compaction by user, 5.15", since="5.15"),
    number(
        "compact_isolated_ns", "how long who compacts waits while too many pages are isolated (ns)",
        always(100_000_000, "mm/compaction.c: isolate_migratepages_block, 5.15: congestion_wait(HZ/10)"),
        since("5.16", 20_000_000, "d818fca1cac3 mm/vmscan: throttle reclaim and compaction when too many pages are "
              "isolated, 5.16"),
    ),
    flag("compact_sixteenth", "for who may enter file systems a sixteenth of the lists is too many isolated, else half",
         "mm/compaction.c: too_many_isolated, 6.12", since="6.2", unsure="between 6.1 and 6.12"),
    number(
        "compact_counts_passed", "free blocks and compound pages that a scanner jumps over count with all their pages",
        always(1, "mm/compaction.c: isolate_migratepages_range, 3.10: nothing is jumped over"),
        since("3.18", 0, "99c0fd5e51c4 mm, compaction: skip buddy pages by their order in the migrate scanner, 3.18"),
        since("6.4", 1, "mm/compaction.c: isolate_migratepages_block, 6.12", "between 6.1 and 6.12"),
    ),
    flag("compact_finishes_blocks", "after a failure the rest of the pageblock is taken as well; before, left alone",
         "mm, compaction: finish pageblocks on complete migration failure, 6.3", since="6.3"),
    flag("compact_skips_huge", "only folios as large as the wanted order are left where they are; before, all large "
         "ones", "733aea0b3a7b mm/compaction: add support for >0 order folio memory compaction, 6.9", since="6.9"),
    flag("compact_large_targets", "free blocks are split when a page is moved; before, when they are taken",
         "733aea0b3a7b mm/compaction: add support for >0 order folio memory compaction, 6.9", since="6.9"),
    flag("compact_moves_free", "a pageblock of which half is taken turns movable with its free pages, before without",
         "mm: page_alloc: freelist hygiene, 6.10: __isolate_free_page", since="6.10"),
    flag("compact_leeway", "unasked, compaction begins at most half as far above its goal as that is from none",
         "mm/compaction.c: fragmentation_score_wmark, 6.18", since="6.15", unsure="between 6.12 and 6.18"),
    gap("2.6.35", "6.18", "compaction waits for no zone or lru lock, nor gives up because one is contended; the NFS "
        "pages that cannot migrate asynchronously are taken like others"),
    gap("4.0", "6.2", "asynchronous compaction does not give up because somebody else wants the CPU"),
)  # fmt: skip
