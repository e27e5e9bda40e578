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
        since("5.18", True, "mm/page_alloc: drain the requested list first during bulk free; limit number of high-order "
              "pages on PCP during bulk free, 5.18"),
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
    within("percpu_pagelist_fraction", always((8, 1 << 30), "MIN_PERCPU_PAGELIST_FRACTION; an arbitrary most"),
           gone("5.14", "mm/page_alloc: delete vm.percpu_pagelist_fraction, 5.14")),
    sysctl("percpu_pagelist_high_fraction",
           since("5.14", None, "mm/page_alloc: introduce vm.percpu_pagelist_high_fraction, 5.14")),
    within("percpu_pagelist_high_fraction",
           since("5.14", (8, 1 << 30), "MIN_PERCPU_PAGELIST_HIGH_FRACTION; an arbitrary most")),
    gap("5.0", "6.18", "watermarks are boosted after fallbacks to pageblocks of another type, here never"),
    param(
        "watermarks/scale-factor", "ceiling_kb",
        always(65536, "mm/page_alloc.c: init_per_zone_wmark_min, 4.6"),
        since("5.8", 262144, "mm/page_alloc: increase default min_free_kbytes bound, posted 20 February 2020"),
    ),
    flag("fair_zones", "pages are dealt out to the zones of a node in turn, each giving what lies between its low and "
         "high watermarks", "81c0a2bb515f mm: page_alloc: fair zone allocator policy, 3.12; mm, page_alloc: remove "
         "fair zone allocation policy, 4.8", since="3.12", until="4.8"),
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
