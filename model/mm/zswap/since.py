"""zswap: what changed when."""

from mmrun.model.core.timeline import Dated, always, flag, gap, group, number, since, sysctl

MERGED = "2b2811178e85 zswap: add to mm/, 3.11"
BY_GROUP = "a65b0e7607cc zswap: make shrinking memcg-aware, 6.8"

DATED: Dated = (
    sysctl("zswap", since("3.11", False, MERGED)),
    sysctl("zswap_max_pool_percent", since("3.11", 20, MERGED)),
    sysctl("zswap_accept_threshold_percent",
           since("5.7", 90, "45190f01dd40 mm/zswap.c: add allocation hysteresis if pool limit is hit, 5.7")),
    sysctl("zswap_shrinker_enabled",
           since("6.8", False, "b5ba474f3f51 zswap: shrink zswap pool based on memory pressure, 6.8")),
    sysctl("zswap_zpool", since("3.11", "zbud", "mm/zswap.c: ZSWAP_ZPOOL_DEFAULT"),
           since("6.7", "zsmalloc", "zswap: change zswap's default allocator to zsmalloc", "6.6 or 6.7")),
    group("zswap_max", "memory.zswap.max", since("5.19", True, "f4840ccfca25 zswap: memcg accounting, 5.19"),
          version="v2"),
    group("zswap_writeback", "memory.zswap.writeback",
          since("6.8", True, "501a06fe8e4c zswap: memcontrol: implement zswap writeback disabling, 6.8"), version="v2"),
    flag("frontswap", "swap-outs come to zswap through frontswap, as a write that ends at once",
         "42c06a0e8ebe mm: kill frontswap, 6.6", until="6.6"),
    flag("zswap_by_worker", "a full pool is shrunk by a worker; before, by whoever stores a page, an entry a page",
         "45190f01dd40 mm/zswap.c: add allocation hysteresis if pool limit is hit, 5.7", since="5.7"),
    flag("zswap_to_threshold", "the worker goes on until the pool takes pages again; before, one entry a run",
         "e0228d590beb mm: zswap: shrink until can accept", since="6.5", unsure="6.4 or 6.5"),
    flag("zswap_by_group", "entries stand on a list of their group and node, groups are shrunk in turn, and one at its "
         "zswap.max is shrunk by an entry first", BY_GROUP, since="6.8"),
    flag("zswap_skips_empty", "groups without entries are no failures of the worker",
         "81920438c4d6 mm: zswap: fix global shrinker error handling logic, 6.12", since="6.12"),
    flag("zswap_second_chance", "an entry is written when it is met a second time; what devices read back holds the "
         "shrinker up once", "e31c38e03762 zswap: implement a second chance algorithm for dynamic zswap shrinker, 6.12",
         since="6.12"),
    flag("zswap_exclusive", "what is read into the swap cache leaves zswap, and is dirty",
         "c2e2ba770200 mm/zswap: only support zswap_exclusive_loads_enabled, 6.9", since="6.9"),
    flag("zswap_same_filled", "a page of one word over and over takes no memory of the pool",
         "a85f878b443f zswap: same-filled pages handling, 4.16; 20a5532ffa53 mm: remove code to handle same filled "
         "pages, 6.12", since="4.16", until="6.12"),
    flag("swap_zeromap", "pages of zeros are noted in a bitmap of their area and neither stored nor written",
         "0ca0c24e3211 mm: store zero pages to be swapped out in a bitmap, 6.12", since="6.12"),
    flag("zswap_large_folios", "large folios are stored, page by page",
         "b7c0ccdfbafd mm: zswap: support large folios in zswap_store(), 6.13", since="6.13"),
    flag("zswap_compares_pages", "the pool is full at its limit; before, beyond it",
         "mm/zswap.c: zswap_check_limits, 6.10", since="6.10", unsure="6.9 or 6.10"),
    flag("zswap_charged", "groups pay for what their pages compress to",
         "f4840ccfca25 zswap: memcg accounting, 5.19", since="5.19"),
    flag("zswap_buffer_of_a_page", "a page that does not compress is the compressor's failure; before, the pool's",
         "8ba2f844f050 mm/zswap: change per-cpu mutex and buffer to per-acomp_ctx, 6.8", since="6.8"),
    flag("zswap_stores_raw", "a page that does not compress is stored as it is, where it may be written later",
         "mm/zswap: store <PAGE_SIZE compression failed page as-is, posted August 2025", since="6.18",
         unsure="6.18 or 6.19"),
    flag("zsmalloc_in_zswap", "the pool can be zsmalloc's", "mm/zpool: zbud/zsmalloc implement zpool, 3.17",
         since="3.17"),
    flag("zsmalloc_evicts", "a full pool of zsmalloc's is shrunk; before, only zbud's could be",
         "9997bc017549 zsmalloc: implement writeback mechanism for zsmalloc", since="6.2", unsure="6.2 or 6.3"),
    flag("zbud", "the pool can be zbud's", "mm: zbud: remove zbud, 6.15", until="6.15"),
    number("zs_chain", "frames that a zspage may have (ZS_MAX_PAGES_PER_ZSPAGE, CONFIG_ZSMALLOC_CHAIN_SIZE)",
           always(4, "mm/zsmalloc.c"),
           since("6.3", 8, "4ff93b29232d zsmalloc: make zspage chain size configurable, 6.3")),
    flag("zs_tenths", "zspages are kept by tenths of how full they are; before, up to three quarters or more",
         "4c7ac97285d8 zsmalloc: fine-grained inuse ratio based fullness grouping, 6.4", since="6.4",
         unsure="6.3 or 6.4"),
    gap("3.11", "6.4", "zbud keeps the order of its pages and writes both halves of the oldest; here zswap keeps the "
        "order of entries, and writes one"),
    gap("4.2", "6.18", "zsmalloc moves objects together when the whole machine is short of memory (zs_compact); here "
        "zspages stay as full as frees leave them"),
    gap("6.5", "6.8", "zswap has a parameter for exclusive loads; here it is off, its default"),
    gap("6.8", "6.11", "the shrinker spares as many entries as were stored or read back lately, which ages; here as "
        "many as devices read back since it was last asked, as in 6.12"),
)  # fmt: skip
