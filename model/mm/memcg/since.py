"""The memory controller: walks, settings of groups, protection, what is charged: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, group, number, param, since

V1 = "mm/memcontrol.c, cgroup v1, 2.6.32"
DEFAULT_HIERARCHY = "mm: memcontrol: default hierarchy interface for memory, 4.0"
PAGE_CGROUP = "include/linux/page_cgroup.h, 3.18"

DATED: Dated = (
    axis(
        "memcg",
        always("double-lru", "mm/memcontrol.c: mem_cgroup_hierarchical_reclaim, 3.1"),
        since("3.3", "unified", "mm: make per-memcg LRU lists exclusive, 3.3"),
        since("3.9", "until-enough", "mm/vmscan.c: shrink_zone; mem_cgroup_iter, 3.9"),
        since("5.5", "full-walk", "mm: vmscan: split shrink_node() into node part and memcgs part, 5.5"),
        since("6.11", "shared-cookie", "mm/vmscan.c: shrink_node_memcgs, 6.11"),
    ),
    param(
        "memcg/double-lru", "page_cgroup_bytes",
        always(40, "struct page_cgroup, 2.6.38"),
        since("2.6.39", 32, "memcg: remove direct page_cgroup-to-page pointer, 2.6.39"),
    ),
    param("memcg/unified", "page_cgroup_bytes", always(16, "struct page_cgroup, 3.3")),
    param(
        "memcg/until-enough", "page_cgroup_bytes",
        always(16, PAGE_CGROUP),
        since("3.19", 0, "mm: embed the memcg pointer directly into struct page, 3.19"),
    ),
    gap("5.4", "5.4", "protection is in proportion to what is protected; here whole or not at all as 4.19"),
    group("max", "memory.limit_in_bytes", always(True, V1)),
    group("soft_limit", "memory.soft_limit_in_bytes", always(True, V1), version="v1"),
    group("swappiness", "memory.swappiness", always(True, V1), version="v1"),
    group("low", "memory.low", since("4.0", True, DEFAULT_HIERARCHY), version="v2"),
    group("high", "memory.high", since("4.0", True, DEFAULT_HIERARCHY), version="v2"),
    group("swap_max", "memory.swap.max", since("4.5", True, "mm: memcontrol: charge swap to cgroup2, 4.5"),
          version="v2"),
    group("min", "memory.min", since("4.18", True, "memcg: introduce memory.min, 4.18"), version="v2"),
    group("oom_group", "memory.oom.group", since("4.19", True, "mm, oom: introduce memory.oom.group, 4.19"),
          version="v2"),
    flag("cgroup2", "groups can be those of cgroup v2", DEFAULT_HIERARCHY, since="4.0"),
    flag("cgroup2_by_default", "groups are those of cgroup v2 unless they use what only v1 has",
         "cgroup: replace __DEVEL__sane_behavior with cgroup2 fs type, 4.5", since="4.5"),
    flag("shares_overcommitted", "a group above its min or low still claims it from what its parent can afford, and a "
         "share is counted from what is used, not from the setting",
         "mm: memcontrol: fix memory.low proportional distribution, 5.7", since="5.7"),
    flag("low_in_shares", "what a group's memory.low protects is its share of what its parents' do; before, it "
         "protects a group if all above it are below theirs, too",
         "mm: memory.low hierarchical behavior, 4.18", since="4.18"),
    flag("low_of_root", "the group that is reclaimed from has to be below its own memory.low, too",
         "mm/memcontrol: exclude @root from checks in mem_cgroup_low, posted 2 June 2017", until="4.13",
         unsure="4.13 or 4.14"),
    flag("kmem_accounting", "page tables and page-cache nodes are charged to the group",
         "mm: memcontrol: enable kmem accounting for all cgroups in the legacy hierarchy; cgroup v2, 4.5", since="4.5"),
    number(
        "charge_batch", "pages that a CPU charges at once and keeps for a group (CHARGE_BATCH, MEMCG_CHARGE_BATCH)",
        always(32, "mm/memcontrol.c, 3.1"),
        since("6.1", 64, "1813e51eece0 memcg: increase MEMCG_CHARGE_BATCH to 64, posted 22 August 2022"),
    ),
    flag("folds", "statistics of groups are summed over CPUs and groups now and then, not counter by counter once a "
         "CPU has more than a batch of one", "7e1c0d6f5820 memcg: switch lruvec stats to rstat, 5.15", since="5.15"),
    gap("4.16", "5.7", "a group's activated refaults are seen by reclaim up to a batch of 32 a CPU late; here at once"),
    flag("folds_by_group", "a reader folds the statistics of its group when that has many pending updates, not those "
         "of all groups when all together have",
         "8d59d2214c23 mm: memcg: make stats flushing threshold per-memcg, posted 29 November 2023", since="6.8"),
    flag("updates_in_pages", "pending updates of slab bytes count by the page",
         "db5b80db2947 mm: memcg: normalize the value passed into memcg_rstat_updated(), 6.7", since="6.7"),
    flag("counts_swapcache", "groups count their pages in the swap cache",
         "memcg: add per-memcg swapcache stat, 5.12", since="5.12"),
    flag("counts_swap_io", "groups count pages read from and written to swap",
         "15ff4d409e1a mm/memcontrol: add per-memcg pgpgin/pswpin counter, posted October 2024", since="6.13"),
    flag("counts_retries", "a fault that starts again once its page was read counts twice in pgfault",
         "6b4c9f446981 filemap: drop the mmap_sem for all blocking operations, 5.1; mm: do not increment pgfault stats "
         "when page fault handler retries, 6.4", since="5.1", until="6.4"),
    number(
        "stocks", "groups for which a CPU keeps such pages (NR_MEMCG_STOCK)",
        always(1, "struct memcg_stock_pcp, mm/memcontrol.c, 3.1"),
        since("6.16", 7, "memcg: multi-memcg percpu charge cache, 6.16"),
    ),
    number(
        "charge_retries", "fruitless reclaims before a group is out of memory",
        always(5, "MEM_CGROUP_RECLAIM_RETRIES, mm/memcontrol.c, to 5.8"),
        since("5.9", 16, "mm, memcg: unify reclaim retry limits with page allocator, 5.9"),
    ),
)  # fmt: skip
