"""The shape of the machine: one numpy record `m` of small tables, with big tables hanging from it by address.

Small tables (zones, nodes, CPUs, disks, counters) have fixed capacities inside the record. Tables that grow with the
machine or the workload (frames, page-table words, cache and swap slots, groups, lruvecs, tasks) are allocated to
measure and reached through accessors: `frames(m)[pfn].next`. numpy refuses record types above 2 GiB, and a 1 TiB
machine needs more.
"""

import mmap

import numpy as np

from model.counters import NODE_COUNTERS, TASK_COUNTERS, VM_COUNTERS
from model.hooks import AXES, HOOKS, MAX_PARAMS

MAX_NODES, ZONES_PER_NODE, MAX_CPUS = 16, 4, 256
MAX_ZONES = MAX_NODES * ZONES_PER_NODE
MAX_ORDER, MIGRATETYPES = 11, 6
MAX_MEMCGS, MAX_TASKS = 1 << 14, 1 << 14  # what a shadow entry can name; an arbitrary bound
MAX_SWAPS = 8
MAX_BDIS = 64
LATENCY_BUCKETS = 160  # four to an octave, from 1 ns to 36 minutes
MAX_MEMBERS, OPEN_BLOCKS = 32, 8  # disks of a stripe; erase blocks a USB stick keeps open
PLUG_PAGES = 1120  # 31 requests of 32 pages and one of 128: what a plug can hold
# MGLRU isolates up to 64 pages at once, the two-list LRU 32.
LRU_BATCH, SCAN_BATCH, PRIORITIES = 31, 64, 13
MAX_STOCKS = 7  # groups whose pre-charged pages a CPU holds (NR_MEMCG_STOCK)
MAX_GENS, MAX_TIERS, BLOOM_BYTES = 4, 4, 1 << 13  # two bloom filters a lruvec, of 2^15 bits each
MEMCG_GENS, MEMCG_BINS = 3, 8  # lists of groups on a node: MEMCG_NR_GENS, MEMCG_NR_BINS
CHUNK, SMALL_CHUNK, MANY_TASKS = 1 << 16, 1 << 10, 256  # events of a stream held; less each when tasks are many
MAX_IO = 1 << 20  # requests on their way to disks, at most

NONE = (1 << 31) - 1  # "no frame": large and positive, because a negative index would wrap in silence


def row(**fields) -> np.dtype:
    """An aligned record type; refuses names that attributes of numpy's record scalar would hide."""
    clash = [name for name in fields if hasattr(np.void, name)]
    assert not clash, f"field names hidden by numpy in pure-Python mode: {clash}"
    return np.dtype(
        [(name, *spec) if isinstance(spec, tuple) else (name, spec) for name, spec in fields.items()], align=True
    )


# One physical page. `owner`: page-table index (anonymous) or page-cache index (file). `slot`: swap slot + 1, or file.
# `kind`: what it is used for; `order`: of the free block that begins here. `mapcount`: page-table words that point
# here; `pins`: references held by code in the kernel.
FRAME = row(next="i4", prev="i4", state="i4", owner="i4", slot="i4", mapcount="i2", memcg="i2", zone="i2", node="i2",
            pins="i2", order="i1", kind="i1")  # fmt: skip

FREE_AREA = row(head="i4", nr_free="i4")
PCP = row(head="i4", tail="i4", n="i4", batch="i4", high="i4")
ZONE = row(
    node="i8", kind="i8", start="i8", span="i8", managed="i8", nr_free="i8", wmark_min="i8", wmark_low="i8",
    wmark_high="i8", all_unreclaimable="i8", pages_scanned="i8", nr_file="i8", nr_mapped="i8", nr_lru=("i8", (4,)),
    nr_file_dirty="i8", nr_writeback="i8", totalreserve="i8",
    reserve=("i8", (ZONES_PER_NODE,)), reclaim_flags="i8", areas=(FREE_AREA, (MAX_ORDER, MIGRATETYPES)),
)  # fmt: skip
LIST = row(head="i4", tail="i4", n="i8")
WAIT_QUEUE = row(first="i4", last="i4")  # actors + 1 that wait for something, 0: nobody (model/core/sleep.py)
NODE = row(  # `memcg_*`: groups by generation (sequence number modulo 3) and bin, links in LRUGEN
    first_zone="i8", nr_zones="i8", cpus="i8", latency="i8", channel="i8", line_ps="i8", daemon_cpu="i8",
    present="i8", reclaiming="i8", nr_throttled="i8", throttled_written="i8", reclaim_start="i8",
    reclaim_wait=(WAIT_QUEUE, (3,)), kswapd_wait=WAIT_QUEUE,
    kswapd_failures="i8", kswapd_last="i8", highest_zoneidx="i8", nr_zonelist="i8", zonelist=("i4", (MAX_ZONES,)),
    distance=("i8", (MAX_NODES,)), cost=("i8", (MAX_NODES,)),
    memcg_seq="i8", memcg_nr=("i8", (MEMCG_GENS,)), memcg_lists=(LIST, (MEMCG_GENS, MEMCG_BINS)),
    vm=row(**dict.fromkeys(NODE_COUNTERS, "i8")),
)  # fmt: skip
# A slab object is found by its number alone. `page`: frame + 1, 0 while the object does not exist; `pins`: objects that
# hold it in use.
OBJECT = row(next="i4", prev="i4", page="i4", space="i2", memcg="i2", marks="i2", pins="i2")
# Objects of one cache in one file system. `pinned`: number of an object's pinned object minus its own, 0: it pins none.
SPACE = row(first="i8", nr="i8", cache="i8", disk="i8", pinned="i8", pinned_space="i8")
SLAB_CACHE = row(  # `lists`: first of its rows in the tables of unused objects and partial slabs
    bytes="i8", per_page="i8", reclaimable="i8", accounted="i8", pins="i8", shrinker="i8", lists="i8",
    by_node="i8", by_group="i8", nr_objects="i8", nr_pages="i8", nr_unused="i8", scanned="i8", freed="i8",
    freed_pages="i8", hits="i8", misses="i8", created="i8", dropped="i8", share="i8",
)  # fmt: skip
SHRINKER = row(  # `deferred`: first of its rows in the table of deferred work; `read_at` etc.: its last two callers
    first_cache="i8", nr_caches="i8", seeks="i8", batch="i8", filesystem="i8", by_node="i8", by_group="i8",
    deferred="i8", refused="i8", read_at="i8", read_nr="i8", read_by="i8", wrote_at="i8", wrote_over="i8",
    wrote_by="i8",
)  # fmt: skip
LRUVEC = row(
    lists=(LIST, (5,)), memcg="i8", node="i8", zone="i8", lock="i8", anon_cost="i8", file_cost="i8",
    nonresident_age="i8", activated=("i8", (2,)), seen_activated=("i8", (2,)), seen_size=("i8", (4,)),
    snapshot=("i8", (2,)), recent_scanned=("i8", (2,)), recent_rotated=("i8", (2,)),
    batch_scanned="i8", batch_activated="i8",
)  # fmt: skip
# Multi-generational lists of a lruvec, by generation (sequence number modulo 4), kind (0 anon, 1 file) and zone kind.
# `pages` counts by the generation that pages say they are in, `lists` are where they stand until eviction sorts them.
# `next`, `prev`, `memcg_*`: where the group itself stands among the groups of the node.
LRUGEN = row(
    max_seq="i8", min_seq=("i8", (2,)), born=("i8", (MAX_GENS,)), lists=(LIST, (MAX_GENS, 2, ZONES_PER_NODE)),
    pages=("i8", (MAX_GENS, 2, ZONES_PER_NODE)), avg_refaulted=("i8", (2, MAX_TIERS)),
    avg_total=("i8", (2, MAX_TIERS)), refaulted=("i8", (2, MAX_TIERS)), evicted=("i8", (2, MAX_TIERS)),
    protected=("i8", (2, MAX_TIERS)), filters="i8",
    next="i4", prev="i4", memcg_gen="i4", memcg_bin="i4", memcg_seg="i4",
)  # fmt: skip
MEMCG = row(  # numbered in pre-order: a group's descendants are the numbers up to `end`
    parent="i8", end="i8", limit="i8", usage="i8", swappiness="i8", swap_pages="i8", swap_limit="i8",
    memory_min="i8", memory_low="i8", memory_high="i8", soft_limit="i8",
    protects="i8", min_usage="i8", low_usage="i8", children_min="i8", children_low="i8", emin="i8", elow="i8",
    stat_every="i8", stat_updates="i8", accesses="i8", failcnt="i8", kmem="i8", kmem_stock="i8",
    events_low="i8", events_high="i8", events_max="i8", events_oom="i8", oom_kill="i8", pgscan="i8", pgsteal="i8",
    first_task="i8", soft_next="i8", by_css="i8", last_scanned_child="i8", last_scanned_node="i8", scan_nodes="i8",
    numainfo_events="i8", slab_bytes="i8", slab_pages="i8",
)  # fmt: skip
PAGE_CGROUP = row(next="i4", prev="i4")  # a charged page's links on its group's own list (double LRU)
SOFT_NODE = row(excess="i8", order="i8")  # a lruvec on its zone's soft-limit tree; order 0: not on it
PAGE_EVENTS = row(seen="i8", thresh="i8", soft="i8", numainfo="i8")  # pages in and out of a group on one CPU
ITER = row(position="i4", generation="i4")  # where walks over a subtree are: `position` is the next group, 0 its root
# What a batch, or all batches of a node at one priority, consisted of (struct reclaim_stat). `late_dirty` and
# `late_congested` count pages when they were to be written, as before 3.11, not when they were met.
RECLAIM_STAT = row(
    taken="i8", file="i8", dirty="i8", unqueued_dirty="i8", congested="i8", writeback="i8", immediate="i8",
    late_dirty="i8", late_congested="i8",
)  # fmt: skip
SC = row(
    target="i8", memcg="i8", group="i8", priority="i8", nr_to_reclaim="i8", nr_reclaimed="i8", nr_scanned="i8",
    may_swap="i8", may_unmap="i8",
    may_writepage="i8", may_deactivate="i8", force_deactivate="i8", skipped_deactivate="i8",
    cache_trim="i8", cache_trim_failed="i8", no_cache_trim="i8", file_is_tiny="i8", swappiness="i8",
    highest_zoneidx="i8", kswapd="i8",
    round_reclaimed="i8", lruvec="i8", nr=("i8", (4,)), targets=("i8", (4,)), anon_cost="i8", file_cost="i8",
    node="i8", zone="i8", nodemask="i8", stall_lock="i8", batch_stat=RECLAIM_STAT, node_stat=RECLAIM_STAT,
    generation="i8",
    partial="i8", full_walk="i8", low_reclaim="i8", low_skipped="i8", protection="i8", usage="i8",
    proactive="i8", given_swappiness="i8", swap_available="i8",
    nr_unmapped="i8", nr_pageout="i8", nr_activate=("i8", (2,)), nr_taken="i8", scan_adjusted="i8",
    more="i8", scanned="i8", first_seq="i8", fetched="i8",
    mm_walk="i8", need_aging="i8", aging="i8", old_enough="i8", swapping="i8", file_taken="i8",
    unqueued_dirty="i8", lruvec_scanned="i8", may_enter_fs="i8",
    memcg_gen="i8", memcg_bin="i8", memcg_first_bin="i8", memcg_event="i8", aged="i8",
    ignore_references="i8",
    batch=("i4", (SCAN_BATCH,)), verdict=("i1", (SCAN_BATCH,)),
)  # fmt: skip
CPU = row(node="i8", n="i8", pfn=("i4", (LRU_BATCH,)), n_activate="i8", activate=("i4", (LRU_BATCH,)),
          stock_memcg=("i8", (MAX_STOCKS,)), stock=("i8", (MAX_STOCKS,)), stock_turn="i8",
          bdp_ratelimits="i8", dirty_leaks="i8")  # fmt: skip
REGION = row(  # `start`: first page-table word; `first`: first page of the task
    start="i8", npages="i8", first="i8", kind="i8", file="i8", file_offset="i8", mm="i8", readahead="i8",
    fault_around="i8", advice="i8", ra_start="i8", ra_count="i8", ra_async="i8", ra_order="i8",
    prev_page="i8", mmap_miss="i8",
    swap_prev="i8", swap_hits="i8", swap_win="i8", exec="i8", next_of_file="i8", file_pages="i8",
)  # fmt: skip
FILE = row(
    start="i8", npages="i8", disk="i8", nr_cached="i8", nr_dirty="i8", nr_writeback="i8", first_region="i8",
    nr_regions="i8", wb="i8", first_block="i8", extent="i8", next="i4", prev="i4", on="i8", dirtied_when="i8",
    writeback_index="i8", error="i8", written=WAIT_QUEUE, commit_head="i8", nr_commit="i8", newest_call="i8",
    sparse="i8", foreign_winner="i8", foreign_time="i8", foreign_history="i8",
)  # fmt: skip
# A task or daemon. `sp`: its stack pointer while it sleeps; `stack`: row of its stack + 1, 0 between two turns;
# `entry`, `index`: what it does, for which of them; `since`, `slept`: when it last fell asleep, how long it has slept
# (ns); `next`, `prev`, `waits`: its place in a wait queue. The rest is what the kernel keeps on task_struct.
ACTOR = row(
    sp="i8", stack="i8", done="i8", entry="i8", index="i8", task="i8", cpu="i8", since="i8", slept="i8", waits="i8",
    next="i4", prev="i4", nofs="i8", in_lru_fault="i8", backing_dev="i8", reclaimed_slab="i8", in_shrinker="i8",
)  # fmt: skip
# An actor's pages on their way to disks (struct blk_plug): requests in it, pages of the newest. `waits`: frame + 1 for
# whose request there is no room yet.
PLUG = row(n="i8", requests="i8", run="i8", waits="i8", pages=("i4", (PLUG_PAGES,)))
STACKS = row(  # see model/core/stacks.py; `spare`: how many of the rows of `spare_stacks` are stacks free to take
    switch="i8", prepare="i8", entry="i8", main="i8", low="i8", stride="i8", bytes="i8", spare="i8", running="i8",
)  # fmt: skip
# The file at hand of whoever writes dirty pages, and where in it: between slots `index` and `stop`.
# `own` to `candidate_pages`: pages written so far by the group they belong to (model/mm/foreign.py).
JOB = row(
    inode="i8", chunk="i8", nr_to_write="i8", index="i8", stop="i8", wrapped="i8",
    own="i8", last_winner="i8", last_pages="i8", candidate="i8", candidate_pages="i8",
)  # fmt: skip
TASK = row(
    time="i8", state="i8", cpu="i8", node="i8", memcg="i8", pte_start="i8", first_region="i8", nr_regions="i8",
    npages="i8", mode="i8", mask="i8", home="i8", weights=("i4", (MAX_NODES,)), il_node="i8",
    il_weight="i8", think="i8", pos="i8", filled="i8", exhausted="i8", touched=("i8", (MAX_NODES,)),
    booked=("i8", (MAX_NODES,)), over_high="i8", next_of_group="i8", walked=("i8", (MAX_NODES,)),
    nofs="i8", tlb_until="i8", killed="i8",
    nr_dirtied="i8", nr_dirtied_pause="i8", dirty_paused_when="i8",  # pages, pages, jiffies
    # `balance_wb`: wb + 1 whose page it has dirtied in this event; `redirtied`: pages of it that were dirty already.
    balance_wb="i8", redirtied="i8", dirties_events="i8", dirties_period="i8",
    stat=row(**dict.fromkeys(TASK_COUNTERS, "i8")),
)  # fmt: skip
# A backing device. `min_ratio`, `max_ratio` in 1/10000 percent (BDI_RATIO_SCALE). Its wbs are adjacent rows.
BDI = row(first_disk="i8", nr_disks="i8", min_ratio="i8", max_ratio="i8", strictlimit="i8", first_wb="i8", nr_wbs="i8")
# Dirty pages of a backing device (with cgroup writeback: those of one group). Stamps in jiffies, bandwidths and rates
# in pages a second; `events`, `period`: its part of the pages written lately, globally and in its group's domain.
WB = row(
    bdi="i8", memcg="i8", nr_reclaimable="i8", nr_writeback="i8", nr_dirtied="i8", nr_written="i8",
    bw_time_stamp="i8", dirtied_stamp="i8", written_stamp="i8", write_bandwidth="i8", avg_write_bandwidth="i8",
    dirty_ratelimit="i8", balanced_dirty_ratelimit="i8", dirty_exceeded="i8", events="i8", period="i8",
    memcg_events="i8", memcg_period="i8", writeback_inodes="i8", bw_due="i8",
    # its flusher: dirty files by list (see model/mm/inodes.py), where it rests, what it is asked for and does
    inodes=(LIST, (4,)), dwork=WAIT_QUEUE, asked="i8", last_periodic="i8", work="i8", dirty_sleep="i8",
)  # fmt: skip
# What limits apply to (struct wb_domain): row 0 the machine, row g group g. `events`, `period`, `period_at`: completed
# writes in all, the number of the current period, the jiffy it ends (0: the timer rests).
WB_DOMAIN = row(
    dirty_limit="i8", dirty_limit_tstamp="i8", events="i8", period="i8", period_at="i8", nr_dirty="i8",
    nr_writeback="i8", foreign_wb=("i8", (4,)), foreign_at=("i8", (4,)),
)  # fmt: skip
# What one call of balance_dirty_pages sees of a domain (struct dirty_throttle_control).
DTC = row(
    domain="i8", avail="i8", dirty="i8", thresh="i8", bg_thresh="i8", wb_dirty="i8", wb_thresh="i8", wb_bg_thresh="i8",
    pos_ratio="i8",
)  # fmt: skip
PROP = row(shift="i8", events="i8")  # a floating proportion's global side (lib/proportions.c, to 3.5)
LATENCY = row(calls=("i4", (4, LATENCY_BUCKETS)))  # how long a task's calls took, by kind (model/mm/calls.py)
SWAP = row(
    first="i8", nslots="i8", used="i8", disk="i8", link="i8", kind="i8", priority="i8", out_ns="i8", in_ns="i8",
    cluster="i8", cluster_next="i8", cluster_end="i8", scan="i8", free_clusters_gone="i8", turn="i8",
    stored_bytes="i8", stored="i8", pool="i8", pool_frames="i8", pool_node="i8", first_block="i8",
)  # fmt: skip
SERVER = row(free_at="i8", busy_from="i8", busy_ns="i8", wait_ns="i8", requests="i8")
# A block device. `sorted` to `reads_first`: its queue; `head` to `open_used`: where a rotating disk or a USB stick is;
# `seeks` and after: what it did. Places are 4 KiB blocks, times ns, times a page ps.
DISK = row(
    kind="i8", writepage="i8", first_server="i8", parallel="i8",
    read_ns="i8", write_ns="i8", read_page_ps="i8", write_page_ps="i8",
    channel="i8", nr_blocks="i8", fail_from="i8", fail_until="i8", stall_from="i8", stall_until="i8",
    link="i8", server="i8", nr_members="i8", members=("i8", (MAX_MEMBERS,)), chunk="i8",
    sorted="i8", depth="i8", max_pages="i8", nr_requests="i8", nr_plugged="i8", most_writes=("i8", (3,)),
    congestion_on="i8", congestion_off="i8",
    queue=LIST, drive_head="i8", nr_drive="i8", nr_allocated="i8",
    congested="i8", announced="i8", busy_until="i8", next_block="i8", batch="i8", reads_first="i8",
    head="i8", command="i8", revolution="i8", seek_track="i8", seek_average="i8", seek_full="i8", inner_ppm="i8",
    erase_pages="i8", nr_open="i8", open_block=("i8", (OPEN_BLOCKS,)), open_fill=("i8", (OPEN_BLOCKS,)),
    open_used=("i8", (OPEN_BLOCKS,)),
    seeks="i8", seek_ns="i8", reads="i8", writes="i8", merged="i8", pages_read="i8", pages_written="i8",
    busy_ns="i8", wait_ns="i8", write_errors="i8",
    room=WAIT_QUEUE, batching="i8", full="i8",
)  # fmt: skip
BATCH = row(left="i8", since="i8")  # an actor's right to requests of a full queue
LINK = row(server_out="i8", server_in="i8", rtt="i8", page_ps="i8")
REQUEST = row(  # see model/block/request.py
    disk="i4", file="i4", first="i8", count="i4", pages="i4", block="i8", submitted="i8", next="i4", prev="i4",
    chain="i4", last="i4", passed="i4", failed="i4", read="i4",
)  # fmt: skip
IO = row(at="i8", seq="i8", what="i8")
SCANNER = row(pos="i8", part="i8", started="i8", phase="i8", rounds="i8", judged="i8")  # who looks at accessed bits
IDLE_STATS = row(  # of a group on a node, in scans: pages by age, pages used again by the age they had reached
    counting=("i8", (256,)), ages=("i8", (256,)), promoted=("i8", (256,)),
    counting_class=("i8", (3, 8)), by_class=("i8", (3, 8)),
)  # fmt: skip
FAR = row(  # far memory's view of a group; minutes by their best threshold, promotions by age
    threshold="i8", minutes="i8", best=("i8", (257,)), before=("i8", (256,)), fresh=("i8", (256,)),
)  # fmt: skip
DAMON_REGION = row(start="i8", end="i8", target="i8", nr_accesses="i8", last="i8", age="i8", sample="i8")
DAMON = row(  # one monitoring context with at most one scheme; `left`: sampling intervals to the next aggregation
    ready="i8", nr="i8", nr_targets="i8", pages="i8", min_regions="i8", max_regions="i8", last_nr="i8", by_task="i8",
    sample_ns="i8", samples="i8", left="i8", prepared="i8", rng="i8", aggregations="i8",
    active="i8", scheme_age="i8", esz="i8", min_score="i8", charged_from="i8", charged_bytes="i8", total_bytes="i8",
    total_ns="i8", from_target="i8", from_page="i8", histogram=("i8", (100,)),
)  # fmt: skip

CONFIG = row(
    nr_frames="i8", nr_nodes="i8", nr_zones="i8", nr_cpus="i8", nr_memcgs="i8", nr_tasks="i8", nr_regions="i8",
    nr_files="i8", chunk="i8", actor_leaves="i8",
    nr_swaps="i8", nr_disks="i8", nr_servers="i8", zone_lruvecs="i8",
    swappiness="i8",
    zone_reclaim_mode="i8", page_cluster="i8", min_unmapped_ratio="i8", hz="i8", lru_batch="i8", charge_batch="i8",
    stocks="i8", protection="i8", lruvec_visit="i8",
    quantum="i8", total_swap="i8", online_cpus="i8", duration="i8", sample_accesses="i8", sample_ns="i8",
    section_shift="i8", check="i8", record_misses="i8", swap_by_vma="i8", recency_by_advice="i8", kmem_accounting="i8",
    anon_exclusive="i8", swapin_writable="i8", readahead_by_order="i8", mapped_counts_twice="i8",
    activates_in_batch="i8", double_lru="i8", soft_limits="i8", charge_retries="i8", memcg_lru="i8",
    tlb_flush="i8",
    minor_anon="i8", minor_file="i8", syscall="i8", copy_page="i8", scan_page="i8", reclaim_page="i8", swap_path="i8",
    io_path="i8", walk_pte="i8", lru_gen="i8", tlb="i8", tlb_batched="i8", buddy="i8", kswapd_wake="i8", lru_lock="i8",
    rmap_check="i8", pfn_walk="i8", damon_sample="i8", idle_tracking="i8", cold_after="i8", scan_ns="i8",
    lose_young="i8",
    nr_shrinkers="i8", nr_slab_caches="i8", vfs_cache_pressure="i8", slab_by_bytes="i8", slab_marks_new="i8",
    slab_lookup="i8", slab_object_alloc="i8", slab_object_scan="i8", slab_object_free="i8",
    nr_bdis="i8", nr_wbs="i8", bdi_min_ratio="i8", totalreserve="i8", ratelimit_pages="i8", cgroup_writeback="i8",
    dirty_ratio="i8", dirty_background_ratio="i8", dirty_bytes="i8", dirty_background_bytes="i8",
    dirty_writeback_centisecs="i8", dirty_expire_centisecs="i8", balance_dirty="i8", dirty_page="i8",
    start_all="i8", fixed_chunk="i8", counts_unstable="i8", commits_visits="i8", plug_requests="i8",
    dirty_anon="i8", dirty_reserve_of_free="i8", dirty_units="i8", flexible_proportions="i8", pos_clamp="i8",
    floor_in_share="i8", bw_on_completion="i8", timer_wheel="i8", background_by_device="i8",
)  # fmt: skip
CLOCK = row(now="i8", turn_ends="i8", accesses="i8", io_seq="i8", nr_io="i8", free_request="i8", request_rows="i8",
            nr_requests="i8", actor="i8", next_sample="i8",
            next_flush="i8", cpu="i8", task="i8", wake="i8", pass_over="i8", broken="i8",
            broken_arg="i8", raised="i8", oom="i8", tasks_left="i8", soft_order="i8",
            shrinkers_busy_until="i8",
            memcg_rng="i8")  # fmt: skip

BIG = {  # name -> element type
    "frames": FRAME, "pte": np.dtype("i4"), "cache": np.dtype("i8"), "swapcache": np.dtype("i8"),
    "swapmap": np.dtype("i2"), "stream": np.dtype("i8"), "missed": np.dtype("i1"), "section": np.dtype("i1"),
    "ptpage": np.dtype("i4"), "xanode": np.dtype("i1"), "io": IO, "requests": REQUEST,
    "lruvecs": LRUVEC, "memcgs": MEMCG, "tasks": TASK,
    "regions": REGION, "files": FILE, "servers": SERVER, "stat_pending": np.dtype("i4"), "runqueue": np.dtype("i8"),
    "actors": ACTOR, "spare_stacks": np.dtype("i4"), "scans": SC, "plugs": PLUG, "dtcs": DTC, "jobs": JOB,
    "idle_age": np.dtype("u1"), "last_touch": np.dtype("i4"), "idle_stats": IDLE_STATS,
    "iters": ITER,
    "lrugens": LRUGEN, "bloom": np.dtype("u1"),
    "page_cgroup": PAGE_CGROUP, "soft_nodes": SOFT_NODE, "page_events": PAGE_EVENTS,
    "objects": OBJECT, "spaces": SPACE, "slab_caches": SLAB_CACHE, "slab_unused": LIST, "slab_partial": LIST,
    "shrinkers": SHRINKER, "deferred": np.dtype("i8"),
    "damon_regions": DAMON_REGION, "slot_used": np.dtype("i4"), "tried": np.dtype("u1"), "far": FAR,
    "stalled_before": np.dtype("i8"),
    "page_waits": WAIT_QUEUE, "pageblocks": np.dtype("i1"),
    "dirty_tags": np.dtype("i1"), "on_disk": np.dtype("i8"), "batches": BATCH,
    "wbs": WB, "wb_domains": WB_DOMAIN, "latencies": LATENCY,
    "tlb": np.dtype("u1"),
}  # fmt: skip

MACHINE = row(
    cfg=CONFIG, clock=CLOCK, vm=row(**dict.fromkeys(VM_COUNTERS, "i8")), hooks=("i8", (len(HOOKS),)),
    params=("i8", (len(AXES), MAX_PARAMS)), table=row(**dict.fromkeys(BIG, "i8")), rows=row(**dict.fromkeys(BIG, "i8")),
    zones=(ZONE, (MAX_ZONES,)), nodes=(NODE, (MAX_NODES,)), pcps=(PCP, (MAX_CPUS, MAX_ZONES)), cpus=(CPU, (MAX_CPUS,)),
    stacks=STACKS, congestion=WAIT_QUEUE,
    scanners=(SCANNER, (MAX_NODES,)), damon=DAMON, kreclaimd=SCANNER,
    swaps=(SWAP, (MAX_SWAPS,)), disks=(DISK, (64,)),
    links=(LINK, (64,)), bdis=(BDI, (MAX_BDIS,)), vm_completions=PROP, vm_dirties=PROP,
)  # fmt: skip


def allocate(nbytes: int) -> np.ndarray:
    """`nbytes` of zeroed memory that costs address space until it is touched (shape (nbytes,), uint8)."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
    return np.frombuffer(mmap.mmap(-1, max(nbytes, mmap.PAGESIZE), flags=flags), dtype=np.uint8)


class Memory:
    """A machine record and the big tables behind its addresses; keeps both alive.

    `m` is what kernels take. `table(name)` is a big table as a numpy array of its own element type.
    """

    def __init__(self, **rows: int) -> None:
        """`rows`: number of elements of each big table (see BIG); tables left out have none."""
        self.record = allocate(MACHINE.itemsize)[: MACHINE.itemsize].view(MACHINE).view(np.recarray)
        self.m = self.record[0]
        self.tables: dict[str, np.ndarray] = {}
        for name, kind in BIG.items():
            count = rows.get(name, 0)
            array = allocate(count * kind.itemsize)[: count * kind.itemsize].view(kind)
            self.tables[name] = array.view(np.recarray) if kind.names else array
            self.record.table[name][0] = array.ctypes.data
            self.record.rows[name][0] = count

    def table(self, name: str) -> np.ndarray:
        """The big table `name`, writable."""
        return self.tables[name]
