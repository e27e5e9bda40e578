"""Zones, watermarks, the page allocator, placement: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, gone, mode, number, param, since, sysctl, within

OLD = "mm/mempolicy.c, 3.1"

DATED: Dated = (
    axis(
        "watermarks",
        always("quarters", "mm/page_alloc.c: setup_per_zone_wmarks, 3.1"),
        since("4.6", "scale-factor", "mm: scale kswapd watermarks in proportion to memory"),
    ),
    axis(
        "zonelist",
        always("by-load", "mm/page_alloc.c: find_next_best_node, build_zonelists, 3.1"),
        since("5.16", "round-robin",
              "54d032ced983 mm/page_alloc: use accumulated load when building node fallback list"),
    ),
    axis(
        "pcp",
        always("batch-31", "mm/page_alloc.c: zone_batchsize; PAGEVEC_SIZE 14, include/linux/pagevec.h, 3.1"),
        since("4.16", "batch-31-vectors-15", "PAGEVEC_SIZE 15, include/linux/pagevec.h, 4.16 to 6.8"),
        since("4.19", "batch-63-high-6", "d8a759b57035 mm, page_alloc: double zone's batchsize, 4.19"),
        since("5.14", "batch-15", "mm/page_alloc.c: zone_highsize, 5.14"),
        since("6.7", "batch-15-tuned", "mm: tune PCP high automatically, 6.7"),
        since("6.9", "batch-63", "PAGEVEC_SIZE 31, include/linux/pagevec.h, 6.9"),
    ),
    param(
        "pcp/batch-15", "list_by_list",
        always(False, "mm/page_alloc.c: free_pcppages_bulk, 5.14"),
        since("5.18", True, "mm/page_alloc: drain the requested list first during bulk free; limit number of "
              "high-order pages on PCP during bulk free, 5.18"),
    ),
    param(
        "pcp/batch-63", "half_of_high",
        always(False, "mm, pcp: reduce detecting time of consecutive high order page freeing, 6.7"),
        since("6.16", True, "mm: pcp: increase pcp->free_count threshold to trigger free_high",
              unsure="6.16, after its posting of April 2025"),
    ),
    flag("reclaimable_first", "reclaimable pages come before movable ones in the order of migratetypes",
         "mm, page_alloc: use masks and shifts when converting GFP flags to migrate types, 4.4", until="4.4"),
    flag("pcp_keeps_types", "a block goes back from a per-CPU list as the type it came as, not as its pageblock's",
         "mm: page_alloc: fix freelist movement during block conversion, 6.10", until="6.10"),
    number(
        "huge_lists", "per-CPU lists of order 9, by migratetype, whatever the type, or movable ones apart",
        always(3, "mm/page_alloc: allow high-order pages to be stored on the per-cpu lists, 5.14"),
        since("6.0", 1, "5d0a661d808f mm/page_alloc: use only one PCP list for THP-sized allocations, 6.0"),
        since("6.10", 2, "bf14ed81f571 mm/page_alloc: Separate THP PCP into movable and non-movable categories, 6.10"),
    ),
    sysctl("percpu_pagelist_fraction", always(None, "percpu_pagelist_fraction_sysctl_handler, mm/page_alloc.c, 3.1"),
           gone("5.14", "mm/page_alloc: delete vm.percpu_pagelist_fraction, 5.14")),
    within("percpu_pagelist_fraction", always((8, 1 << 30), "MIN_PERCPU_PAGELIST_FRACTION; an arbitrary most")),
    sysctl("percpu_pagelist_high_fraction",
           since("5.14", None, "mm/page_alloc: introduce vm.percpu_pagelist_high_fraction, 5.14")),
    within("percpu_pagelist_high_fraction",
           since("5.14", (8, 1 << 30), "MIN_PERCPU_PAGELIST_HIGH_FRACTION; an arbitrary most")),
    axis(
        "fallback",
        always("moves-half-free", "mm/page_alloc.c: __rmqueue_fallback, 3.1"),
        since("3.5", "cma-in-table", "47118af076f6 mm: mmzone: MIGRATE_CMA migration type added, 3.5"),
        since("4.1", "steals-for-unmovable", "9c0415ebf8cb mm: more aggressive page stealing for UNMOVABLE; "
              "dc67647b78b9 mm/cma: change fallback behaviour for CMA freepage, 4.1"),
        since("4.12", "compatible-pages", "02aa0cdd72483 mm, page_alloc: count movable pages when stealing from "
              "pageblock; 3bc48f96cf11 mm, page_alloc: split smallest stolen page in fallback, 4.12"),
        since("5.0", "boosting", "1c30844d2dfe mm: reclaim small amounts of memory when an external fragmentation "
              "event occurs, 5.0"),
        since("6.10", "list-hygiene", "e0932b6c1f94 mm: page_alloc: consolidate free page accounting, 6.10"),
        since("6.15", "claim-then-steal", "c2f6ea38fc1b mm: page_alloc: don't steal single pages from biggest buddy, "
              "6.15"),
    ),
    param(
        "fallback/cma-in-table", "rest_if_claimed",
        always(False, "47118af076f6, 3.5"),
        since("3.13", True, "fef903efcf0c mm/page_alloc.c: restructure free-page stealing code, 3.13", "after 3.5"),
        since("4.0", False, "3a1086fba92b mm: always steal split buddies in fallback allocations, 4.0"),
    ),
    param(
        "fallback/compatible-pages", "smallest_for_movable",
        always(False, "mm/page_alloc.c: __rmqueue_fallback, 4.12 (3bc48f96)"),
        since("4.13", True, "mm/page_alloc.c: __rmqueue_fallback, find_smallest, 5.0", "after 4.12, before 5.0"),
    ),
    number(
        "cma_rule", "when movable requests are given contiguous memory areas: 1 with other types, 2 before them, 3 "
        "also before their own while more than half of what is free is areas",
        always(0, "no contiguous memory areas before 3.5"),
        since("3.5", 1, "47118af076f6 mm: mmzone: MIGRATE_CMA migration type added, 3.5"),
        since("4.1", 2, "dc67647b78b9 mm/cma: change fallback behaviour for CMA freepage, 4.1"),
        since("5.8", 3, "16867664936e mm,page_alloc,cma: conditionally prefer cma pageblocks for movable allocations, "
              "5.8"),
    ),
    flag("refill_remembers", "a refill of a per-CPU list goes on where it found its last block",
         "90abee6d7895 mm: page_alloc: speed up fallbacks in rmqueue_bulk(), 6.15", since="6.15"),
    number(
        "reserve_cap", "how much the high-atomic reserve may hold: 1 a hundredth of the zone and a pageblock, 2 a "
        "hundredth, rounded up to pageblocks, if that is one",
        always(0, "a fixed reserve of two pageblocks instead, mm/page_alloc.c: setup_zone_migrate_reserve, 3.1"),
        since("4.4", 1, "0aaa29a56e4f mm, page_alloc: reserve pageblocks for high-order atomic allocations on demand, "
              "4.4"),
        since("6.8", 2, "mm/page_alloc.c: reserve_highatomic_pageblock, 6.10", "after 6.1, before 6.10"),
    ),
    flag("nofragment", "requests that could use a lower zone do not mix types within the pageblocks of Normal zones",
         "6bb154504f8b mm, page_alloc: spread allocations across zones before introducing fragmentation, 5.0",
         since="5.0"),
    flag("reserve_force", "before somebody is killed the last pageblock of the high-atomic reserve is given back, too",
         "mm: try to exhaust highatomic reserve before the OOM, 4.10", since="4.10"),
    sysctl("watermark_boost_factor", since("5.0", 15000, "1c30844d2dfe, 5.0")),
    within("watermark_boost_factor", since("5.0", (0, 1 << 30), "kernel/sysctl.c: no upper bound; an arbitrary most")),
    sysctl("defrag_mode", since("6.15", 0, "e3aa7df331bc mm: page_alloc: defrag_mode, 6.15")),
    within("defrag_mode", since("6.15", (0, 1), "mm/page_alloc.c: page_alloc_sysctl_table, 6.15")),
    flag("boot_to_tail", "memory of the boot goes to the tails of the free lists, so the lowest addresses are used "
         "first", "7fef431be9c9 mm/page_alloc: place pages to tail in __free_pages_core(), 5.10", since="5.10"),
    param(
        "watermarks/scale-factor", "ceiling_kb",
        always(65536, "mm/page_alloc.c: init_per_zone_wmark_min, 4.6"),
        since("5.8", 262144, "mm/page_alloc: increase default min_free_kbytes bound, posted 20 February 2020"),
    ),
    flag("fair_zones", "pages are dealt out to the zones of a node in turn, each giving what lies between its low and "
         "high watermarks", "81c0a2bb515f mm: page_alloc: fair zone allocator policy, 3.12; mm, page_alloc: remove "
         "fair zone allocation policy, 4.8", since="3.12", until="4.8"),
    flag("high_order_blocks", "an allocation of 2^order pages needs one free block of that size above the watermark, "
         "and no more in the larger ones", "97a16fc82a7c mm, page_alloc: only enforce watermarks for "
         "order-0 allocations, 4.4", since="4.4"),
    number(
        "watermark_slack", "pages more than it is for that a watermark test takes an allocation to be",
        always(2, "mm/page_alloc.c: __zone_watermark_ok, free_pages -= (1 << order) + 1, 3.1"),
        since("3.4", 0, "mm/page_alloc.c: __zone_watermark_ok, 4.0", "after 3.1, before 4.0"),
    ),
    number(
        "urgent_rights", "who may go below min: to 4.3 all that cannot sleep, to 6.3 atomic requests, which have the "
        "high-atomic reserve, since 6.4 __GFP_HIGH and the more if they cannot sleep",
        always(0, "mm/page_alloc.c: gfp_to_alloc_flags, 4.0"),
        since("4.4", 1, "d0164adc89f6, 0aaa29a56e4f mm, page_alloc: reserve pageblocks for high-order atomic "
              "allocations on demand, 4.4"),
        since("6.4", 2, "mm/page_alloc: explicitly define what alloc flags deplete min reserves, 6.4"),
    ),
    flag("free_reserve_counts", "of the high-atomic reserve only what is free of it is out of others' reach",
         "mm/page_alloc.c: __zone_watermark_unusable_free, 6.12 stable; 6.13", since="6.13"),
    number(
        "mergeable", "which whole free pageblocks of different types merge: 0 all, 1 unless one is isolated, 2 "
        "unmovable, movable and reclaimable ones",
        always(0, "mm/page_alloc.c: __free_one_page, 3.17"),
        since("3.18", 1, "mm/page_alloc: prevent MIGRATE_RESERVE pages from being misplaced, isolated pageblocks are "
              "not merged, 3.18"),
        since("5.18", 2, "mm: page_alloc: avoid merging non-fallbackable pageblocks with others, 5.18"),
    ),
    flag("merge_retypes", "a whole free pageblock takes the type of the one it merges with",
         "mm: page_alloc: freelist migratetype hygiene, 6.10", since="6.10"),
    flag("moved_to_tail", "free blocks that change their type go to the tail of their new list",
         "293ffa5ebb9c mm/page_alloc: move pages to tail in move_to_free_list(), 5.10", since="5.10"),
    flag("repeat_by_pages", "an allocation of more than 8 pages that is to be repeated stops once as many pages were "
         "reclaimed as it wants", "mm/page_alloc.c: should_alloc_retry, __GFP_REPEAT, 4.4", until="4.7"),
    flag("zram_movable", "pages of compressed memory can be moved",
         "zsmalloc: page migration support; zram: use __GFP_MOVABLE for memory allocation, 4.8", since="4.8"),
    flag("gfp_memalloc", "an allocation may ask to go below all watermarks (__GFP_MEMALLOC), also in a softirq",
         "mm: introduce __GFP_MEMALLOC to allow access to emergency reserves, 3.6", since="3.6"),
    gap("2.6.32", "2.6.39", "zone_reclaim_mode is on beyond a distance of 20, here of 30 as since 3.0"),
    sysctl("min_free_kbytes", always(None, "isqrt(16 * lowmem kB), init_per_zone_wmark_min")),
    sysctl(
        "transparent_hugepage",
        since("2.6.38", "never", "TRANSPARENT_HUGEPAGE of mm/Kconfig is not in x86_64_defconfig; where it is built in, "
              "its default is always"),
    ),
    within("min_free_kbytes", always((1, 1 << 30), "zone watermarks need at least one page; an arbitrary most")),
    sysctl("watermark_scale_factor", since("4.6", 10, "mm: scale kswapd watermarks in proportion to memory")),
    within(
        "watermark_scale_factor",
        since("4.6", (1, 1000), "kernel/sysctl.c, 4.6"),
        since("5.17", (1, 3000), "mm/pagealloc: sysctl: change watermark_scale_factor max limit to 30%, 5.17"),
    ),
    sysctl(
        "zone_reclaim_mode",
        always(None, "1 where a node is farther than RECLAIM_DISTANCE: build_zonelists, 3.1"),
        since("3.16", 0, "mm: disable zone_reclaim_mode by default"),
    ),
    within("zone_reclaim_mode", always((0, 7), "three bits: reclaim, write, unmap")),
    sysctl(
        "numa_zonelist_order",
        always("default", "default_zonelist_order, mm/page_alloc.c, 3.1"),
        gone("4.14", "zone order was removed in 4.14"),
    ),
    mode("local", always(True, OLD)),
    mode("bind", always(True, OLD)),
    mode("preferred", always(True, OLD)),
    mode("interleave", always(True, OLD)),
    mode("preferred-many", since("5.15", True, "MPOL_PREFERRED_MANY, mm/mempolicy.c, 5.15")),
    mode("weighted-interleave", since("6.9", True, "MPOL_WEIGHTED_INTERLEAVE, mm/mempolicy.c, 6.9")),
)  # fmt: skip
