"""Groups: the memory controller, its walks, limits and soft limits."""

from mmrun.model.core.record import counts, one, row, table
from mmrun.model.mm.memcg.settings import MEMCG_COUNTERS, OOM_COUNTERS, STATS

MAX_MEMCGS = 1 << 14  # what a shadow entry can name; an arbitrary bound
PRIORITIES = 13
SIZES = 6  # of a lruvec: its four lists, activated refaults of both kinds

# Numbered in pre-order: a group's descendants are the numbers up to `end`. `excused`, `swap_excused`: usage when a
# limit was lowered, which it may keep; `peak`: the most it has been (page_counter.watermark); `offline`: removed, it
# goes with the last of what it holds.
MEMCG = row(
    parent="i8", end="i8", limit="i8", usage="i8", swappiness="i8", swap_pages="i8", swap_limit="i8",
    memory_min="i8", memory_low="i8", memory_high="i8", soft_limit="i8",
    protects="i8", min_usage="i8", low_usage="i8", children_min="i8", children_low="i8", emin="i8", elow="i8",
    stat_every="i8", stat_updates="i8", accesses="i8", failcnt="i8", kmem="i8", kmem_stock="i8",
    events_low="i8", events_high="i8", events_max="i8", events_oom="i8", oom_kill="i8", pgscan="i8", pgsteal="i8",
    first_task="i8", soft_next="i8", by_css="i8", last_scanned_child="i8", last_scanned_node="i8", scan_nodes="i8",
    numainfo_events="i8", slab_bytes="i8", slab_pages="i8", slab_stat_bytes="i8", events_swap_max="i8",
    events_swap_fail="i8", excused="i8", swap_excused="i8", peak="i8",
    oom_group="i8", events_oom_group_kill="i8", offline="i8", stat=("i8", (len(STATS),)),
)  # fmt: skip
PAGE_CGROUP = row(next="i4", prev="i4")  # a charged page's links on its group's own list (double LRU)
SOFT_NODE = row(excess="i8", order="i8")  # a lruvec on its zone's soft-limit tree; order 0: not on it
PAGE_EVENTS = row(seen="i8", thresh="i8", soft="i8", numainfo="i8")  # pages in and out of a group on one CPU
ITER = row(position="i4", generation="i4")  # where walks over a subtree are: `position` is the next group, 0 its root

memcgs = table(50, "memcgs", MEMCG)
page_cgroup = table(51, "page_cgroup", PAGE_CGROUP)
soft_nodes = table(52, "soft_nodes", SOFT_NODE)
page_events = table(53, "page_events", PAGE_EVENTS)
iters = table(54, "iters", ITER)
stat_pending = table(55, "stat_pending", "i4")
size_pending = table(219, "size_pending", "i4")  # by CPU, lruvec and which of its `SIZES` statistics
memcg_settings = one(  # `charge_batch`: pages; `stocks`: groups a CPU holds pages of; `fold_beyond`: updates
    56, "memcg_settings", row(
        charge_batch="i8", stocks="i8", protection="i8", kmem_accounting="i8", soft_limits="i8",
        charge_retries="i8", shares_overcommitted="i8", low_in_shares="i8", low_of_root="i8",
        memcg_lru="i8", lruvec_visit="i8",
        folds_by_group="i8", updates_in_pages="i8", counts_swapcache="i8", counts_swap_io="i8", counts_retries="i8",
        fold_beyond="i8", folds="i8",
    ),
)  # fmt: skip
memcg_state = one(57, "memcg_state", row(memcg_rng="i8", soft_order="i8"))
memcg_count = counts(58, "memcg_count", *MEMCG_COUNTERS)
oom_count = counts(59, "oom_count", *OOM_COUNTERS)
