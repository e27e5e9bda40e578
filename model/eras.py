"""Kernel eras: which variant each policy axis has, which settings exist, and where the defaults come from."""

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Era:
    """A kernel version as a choice on every axis.

    `sysctl` holds the settings that exist and their defaults (None = computed at boot); `swappiness_max` bounds that
    setting; `params` overrides parameters of an axis' variant; `missing` says why a setting does not exist,
    `cgroup_missing` why one of a group does not;
    `mempolicies` are the placement modes the version knows. `kmem_accounting`: page tables and page-cache nodes are
    charged to the group (4.5); `tlb_batched`: reclaim flushes once for a batch of unmapped pages (4.3);
    `slab_by_bytes`: groups share slab pages and are charged by the byte (5.9);
    `fault_around`: cached pages around a file fault are mapped with it (3.15); `recency_by_advice`: touches through a
    mapping advised random or sequential do not count as references (6.3). `anon_exclusive`: the first write to an
    anonymous page of one owner leaves it in the swap cache (5.19); `swapin_writable`: swap-in by a read maps the page
    writable, so there is no such fault (6.11); `readahead_by_order`: readahead allocates folios of growing order, ends
    its windows on their boundaries and starts a second pass where it meets a cached page (6.17).
    `mapped_counts_twice`: a mapped or swap-cache page counts as two scanned (to 5.3); `activates_in_batch`: a second
    read() activates a page still in its CPU's batch (3.11); `writes_activate`: write() counts as a use of a page as
    read() does (to 4.6: grab_cache_page_write_begin has no FGP_ACCESSED since). `lruvec_lock`: every lruvec has a
    lru_lock of its own, not one a zone or node (5.11); `charge_retries`: fruitless reclaims before a group is out of
    memory (5 until 5.8).
    `wbt`: blk-wbt limits the writes of a queue (4.10, by default with blk-mq);
    `blk_mq`: requests are tags, no queue is ever marked congested (the other way was removed in 5.0);
    `plug_requests`: requests that wait in a plug before it is sent (BLK_MAX_REQUEST_COUNT; 32 since 5.16);
    `max_sectors_kib`: largest request (BLK_DEF_MAX_SECTORS); `start_all`: reclaim asks flushers for all that is dirty,
    not for a number of pages (4.15); `fixed_chunk`: flushers write 1024 pages of a file at a time (to 3.0);
    `writeback_bump`: ext4 writes a file on to the end of its dirty run (to 3.10);
    `counts_unstable`: pages that a file server has not committed are not counted as under writeback (to 5.8);
    `commits_visits`: to a file server, a COMMIT follows when the calls of a flusher's visit are answered (4.13);
    `one_commit`: a file has one COMMIT in flight at most (nfs_commit_set_lock of 3.1 and 3.15; gone by 4.19).
    """

    name: str
    doc: str
    policy: dict[str, str]
    sysctl: dict[str, Any]
    mempolicies: tuple[str, ...]
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    kmem_accounting: bool = True
    slab_by_bytes: bool = True
    tlb_batched: bool = True
    fault_around: bool = True
    recency_by_advice: bool = False
    anon_exclusive: bool = False
    swapin_writable: bool = False
    readahead_by_order: bool = False
    mapped_counts_twice: bool = False
    activates_in_batch: bool = True
    writes_activate: bool = False
    lruvec_lock: bool = True
    charge_retries: int = 16
    blk_mq: bool = True
    wbt: bool = True
    max_sectors_kib: int = 1280
    start_all: bool = True
    fixed_chunk: bool = False
    writeback_bump: bool = False
    plug_requests: int = 32
    counts_unstable: bool = False
    commits_visits: bool = True
    one_commit: bool = False
    missing: dict[str, str] = field(default_factory=dict)
    cgroup_missing: dict[str, str] = field(default_factory=dict)


_PLAIN = {
    "memcg": "unified", "idle": "none", "proactive": "none", "reclaim_throttle": "node-flags",
    "dirty_throttling": "position-control", "dirty_limits": "per-node",
}  # fmt: skip
_V1 = {
    "min": "memory.min came with 4.18", "low": "memory.low came with 4.0", "high": "memory.high came with 4.0",
    "swap_max": "memory.swap.max came with 4.5",
}  # fmt: skip
_OLD_MODES = ("local", "bind", "preferred", "interleave")
_BASE = {"swappiness": 60, "swappiness_max": 100, "min_free_kbytes": None, "page_cluster": 3, "min_unmapped_ratio": 1,
         "vfs_cache_pressure": 100, "dirty_ratio": 20, "dirty_background_ratio": 10, "dirty_bytes": 0,
         "dirty_background_bytes": 0, "dirty_writeback_centisecs": 500, "dirty_expire_centisecs": 3000}  # fmt: skip
# What dirty throttling does not do yet, by the last kernel that does not.
_BEFORE_6_11 = {"floor_in_share": False}
_BEFORE_6_0 = _BEFORE_6_11 | {"exceeded_in_loop": False}
_BEFORE_5_15 = _BEFORE_6_0 | {"on_completion": False}
_BEFORE_5_4 = _BEFORE_5_15 | {"flush_foreign": False}
_BEFORE_4_8 = _BEFORE_5_4 | {"fine_ratio": False, "timer_wheel": False}
_BEFORE_3_6 = _BEFORE_4_8 | {"clamp": False, "flexible": False, "anon": True, "reserve_of_free": False}
_NO_SCALE = {"watermark_scale_factor": "it came with 4.6"}
_NO_ORDER = {"numa_zonelist_order": "zone order was removed in 4.14"}

ERAS = {
    era.name: era
    for era in (
        Era(
            "3.1",
            "2011 baseline: split LRU lists per zone, every zone must be balanced, zone_reclaim switches itself on "
            "between distant nodes. Source: mm/vmscan.c and mm/page_alloc.c of 3.1.",
            {"lru": "split", "kswapd": "all-zones", "direct_reclaim": "per-zone",
             "reclaim_writeback": "any-reclaimer", "watermarks": "quarters", "zonelist": "by-load",
             "pcp": "batch-31", "swap_readahead": "aligned"}
             | _PLAIN
             | {"reclaim_throttle": "wait-iff-congested", "shrinker": "batched-clamped", "memcg": "double-lru",
                "dirty_throttling": "dirtier-writes", "dirty_limits": "none"},
            _BASE | {"zone_reclaim_mode": None, "numa_zonelist_order": "default"},
            _OLD_MODES,
            params={"reclaim_throttle": {"batch": False}},
            kmem_accounting=False,
            slab_by_bytes=False,
            tlb_batched=False,
            fault_around=False,
            mapped_counts_twice=True,
            activates_in_batch=False,
            writes_activate=True,
            blk_mq=False,
            wbt=False,
            max_sectors_kib=512,
            writeback_bump=True,
            start_all=False,
            counts_unstable=True,
            commits_visits=False,
            one_commit=True,
            plug_requests=16,
            lruvec_lock=False,
            charge_retries=5,
            missing=_NO_SCALE,
            cgroup_missing=_V1,
        ),
        Era(
            "3.15",
            "Refault distance for file pages, lists still per zone; kswapd works on a zone in shares of its high "
            "watermark. Source: mm/vmscan.c, mm/workingset.c of 3.15.",
            {"lru": "zone-workingset", "kswapd": "all-zones", "direct_reclaim": "per-zone",
             "reclaim_writeback": "second-visit", "watermarks": "quarters", "zonelist": "by-load",
             "pcp": "batch-31", "swap_readahead": "adaptive-cluster"}
             | _PLAIN | {"shrinker": "count-scan", "memcg": "until-enough", "dirty_limits": "per-zone"},
            _BASE | {"zone_reclaim_mode": None, "numa_zonelist_order": "default"},
            _OLD_MODES,
            params={
                "kswapd": {"in_shares": True},
                "reclaim_writeback": {"seen_twice": False},
                "reclaim_throttle": {"by_batch": True, "writeout": True},
                "memcg": {"page_cgroup_bytes": 16},
                "dirty_throttling": _BEFORE_4_8,
            },
            kmem_accounting=False,
            tlb_batched=False,
            mapped_counts_twice=True,
            writes_activate=True,
            blk_mq=False,
            wbt=False,
            max_sectors_kib=512,
            start_all=False,
            counts_unstable=True,
            commits_visits=False,
            one_commit=True,
            plug_requests=16,
            lruvec_lock=False,
            charge_retries=5,
            slab_by_bytes=False,
            missing=_NO_SCALE,
            cgroup_missing=_V1,
        ),
        Era(
            "4.19",
            "Node-wide LRU lists, refault distance for file pages, watermark_scale_factor; zone_reclaim off. "
            "Source: mm/vmscan.c, mm/workingset.c of 4.19.",
            {"lru": "workingset", "kswapd": "any-zone", "direct_reclaim": "per-node",
             "reclaim_writeback": "second-visit", "watermarks": "scale-factor", "zonelist": "round-robin",
             "pcp": "batch-15", "swap_readahead": "adaptive"}
            | _PLAIN | {"shrinker": "priority-min", "memcg": "until-enough"},
            _BASE | {"zone_reclaim_mode": 0, "watermark_scale_factor": 10},
            _OLD_MODES,
            params={
                "kswapd": {"age_by_root": False},
                "reclaim_throttle": {"own_mark": False},
                "dirty_throttling": _BEFORE_5_4,
            },
            mapped_counts_twice=True,
            blk_mq=False,
            wbt=False,
            counts_unstable=True,
            plug_requests=16,
            lruvec_lock=False,
            charge_retries=5,
            slab_by_bytes=False,
            missing=_NO_ORDER,
        ),
        Era(
            "5.8",
            "Cost-balanced lists, refault distance for file pages only. Source: mm/vmscan.c, mm/workingset.c, "
            "mm/swap.c of 5.8.",
            {"lru": "cost-balanced", "kswapd": "any-zone", "direct_reclaim": "per-node",
             "reclaim_writeback": "second-visit", "watermarks": "scale-factor", "zonelist": "round-robin",
             "pcp": "batch-15", "swap_readahead": "adaptive"}
             | _PLAIN | {"shrinker": "priority-min", "memcg": "full-walk"},
            _BASE | {"swappiness_max": 200, "zone_reclaim_mode": 0, "watermark_scale_factor": 10},
            _OLD_MODES,
            params={
                "lru": {"fold_in_reclaim": True, "io_cost_only": True, "file_workingset": True, "scan_on": True},
                "shrinker": {"floor": False},
                "dirty_throttling": _BEFORE_5_15,
            },
            counts_unstable=True,
            plug_requests=16,
            lruvec_lock=False,
            charge_retries=5,
            slab_by_bytes=False,
            missing=_NO_ORDER,
        ),
        Era(
            "5.15",
            "Refault distance for anonymous pages too (5.9). Source: mm/vmscan.c, "
            "mm/workingset.c of 5.15.",
            {"lru": "cost-balanced", "kswapd": "any-zone", "direct_reclaim": "per-node",
             "reclaim_writeback": "second-visit", "watermarks": "scale-factor", "zonelist": "round-robin",
             "pcp": "batch-15", "swap_readahead": "adaptive"} | _PLAIN | {"shrinker": "priority", "memcg": "full-walk"},
            _BASE | {"swappiness_max": 200, "zone_reclaim_mode": 0, "watermark_scale_factor": 10},
            (*_OLD_MODES, "preferred-many"),
            params={
                "lru": {"fold_in_reclaim": True, "io_cost_only": True, "scan_on": True},
                "shrinker": {"lockless": False},
                "dirty_throttling": _BEFORE_6_0,
            },
            plug_requests=16,
            missing=_NO_ORDER,
        ),
        Era(
            "6.1",
            "As 5.15, with exclusive anonymous pages kept in the swap cache. Source: mm/vmscan.c, mm/workingset.c, "
            "mm/memory.c of 6.1, lru_gen off.",
            {"lru": "cost-balanced", "kswapd": "any-zone", "direct_reclaim": "per-node",
             "reclaim_writeback": "second-visit", "watermarks": "scale-factor", "zonelist": "round-robin",
             "pcp": "batch-15", "swap_readahead": "adaptive"}
             | _PLAIN | {"reclaim_throttle": "reasons", "shrinker": "priority", "memcg": "full-walk"},
            _BASE | {"swappiness_max": 200, "zone_reclaim_mode": 0, "watermark_scale_factor": 10},
            (*_OLD_MODES, "preferred-many"),
            params={
                "lru": {"fold_in_reclaim": True, "io_cost_only": True},
                "shrinker": {"lockless": False},
                "dirty_throttling": _BEFORE_6_11,
            },
            anon_exclusive=True,
            missing=_NO_ORDER,
        ),
        Era(
            "6.18",
            "Cost-balanced lists with folio batches of 31; weighted interleave (6.9). Source: mm/vmscan.c, "
            "mm/workingset.c, mm/swap.c of 6.18 without CONFIG_LRU_GEN_ENABLED.",
            {"lru": "cost-balanced", "kswapd": "any-zone", "direct_reclaim": "per-node",
             "reclaim_writeback": "flusher-only", "watermarks": "scale-factor", "zonelist": "round-robin",
             "pcp": "batch-63", "swap_readahead": "adaptive"}
            | _PLAIN | {"reclaim_throttle": "reasons", "shrinker": "priority", "memcg": "shared-cookie"},
            _BASE | {"swappiness_max": 200, "zone_reclaim_mode": 0, "watermark_scale_factor": 10},
            (*_OLD_MODES, "preferred-many", "weighted-interleave"),
            recency_by_advice=True,
            anon_exclusive=True,
            swapin_writable=True,
            readahead_by_order=True,
            missing=_NO_ORDER,
        ),
    )
}  # fmt: skip


ERAS["3.2"] = replace(
    ERAS["3.1"],
    name="3.2",
    doc="As 3.1, with dirtiers that only sleep, as first merged, and file pages written by kswapd alone among "
    "reclaimers. Source: mm/page-writeback.c, mm/vmscan.c of 3.2.",
    policy={**ERAS["3.1"].policy, "dirty_throttling": "io-less", "reclaim_writeback": "kswapd-only"},
    params={},
)
ERAS["3.3"] = replace(
    ERAS["3.2"],
    name="3.3",
    doc="The patch set of 2011: one LRU list a page, its group's, which reclaim of every kind walks; pauses make up "
    "for the time between them; dirty pages are limited zone by zone. Source: mm/vmscan.c, mm/memcontrol.c, "
    "mm/page-writeback.c of 3.3.",
    policy=ERAS["3.2"].policy
    | {"memcg": "unified", "dirty_throttling": "position-control", "dirty_limits": "per-zone"},
    params={"dirty_throttling": _BEFORE_3_6},
)
ERAS["3.0"] = replace(
    ERAS["3.1"],
    name="3.0",
    doc="As 3.1, with the shrinkers from before their rework: one unlocked count of deferred work, batches of 128, a "
    "shrinker each for dentries and inodes. Source: mm/vmscan.c, fs/dcache.c, fs/inode.c of 3.0.",
    policy={**ERAS["3.1"].policy, "shrinker": "single-callback"},
    params={**ERAS["3.1"].params, "dirty_throttling": {"estimates": False}},
    fixed_chunk=True,
)


def _with_generations(kernel: str, doc: str, two_touch: bool, **policy: str) -> Era:
    """The era `kernel` with CONFIG_LRU_GEN_ENABLED, and what else that changes."""
    base = ERAS[kernel]
    params = {**base.params, "lru": {"two_touch": two_touch}}
    return replace(
        base, name=f"{kernel}+mglru", doc=doc, policy={**base.policy, "lru": "mglru", **policy}, params=params
    )


for _era in (
    _with_generations(
        "6.1",
        "Multi-generational LRU as it was merged, with its stable fixes: one sighting promotes a page, groups are "
        "visited in tree order. Source: mm/vmscan.c, mm/workingset.c of 6.1 with CONFIG_LRU_GEN_ENABLED.",
        two_touch=False,
    ),
    _with_generations(
        "6.18",
        "Multi-generational LRU after its rework of 6.14: two sightings promote a page; global reclaim goes "
        "by an LRU of groups (6.3). Source: mm/vmscan.c, mm/workingset.c of 6.18 with CONFIG_LRU_GEN_ENABLED.",
        two_touch=True,
        memcg="memcg-lru",
    ),
):
    ERAS[_era.name] = _era
