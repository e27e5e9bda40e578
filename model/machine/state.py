"""Nodes, CPUs, the things that can be contended; what a run is asked for and how far it has come."""

from mmrun.model.core.record import LIST, WAIT_QUEUE, one, row, table
from mmrun.model.counters import NODE_COUNTERS, TASK_COUNTERS
from mmrun.model.machine.settings import MAX_NODES

ZONES_PER_NODE = 4
MAX_ZONES = MAX_NODES * ZONES_PER_NODE
MAX_STOCKS = 7  # groups whose pre-charged pages a CPU holds (NR_MEMCG_STOCK)
LRU_BATCH = 31
MEMCG_GENS, MEMCG_BINS = 3, 8  # lists of groups on a node: MEMCG_NR_GENS, MEMCG_NR_BINS
CHUNK, SMALL_CHUNK, MANY_TASKS = 1 << 16, 1 << 10, 256  # events of a stream held; less each when tasks are many

# Sizes and places, set when the machine is built. `section_shift`: frames of a section, as a power of two.
geometry = one(
    0, "geometry", row(
        nr_frames="i8", nr_nodes="i8", nr_zones="i8", nr_cpus="i8", online_cpus="i8", nr_memcgs="i8", nr_tasks="i8",
        section_shift="i8", hz="i8",
    ),
)  # fmt: skip
# Costs (ns) that several mechanisms share; the others stand with the mechanism that causes them.
costs = one(1, "costs", row(syscall="i8", copy_page="i8", io_path="i8", kswapd_wake="i8", lru_lock="i8"))
# What the run is asked for: ns of simulated time, events, 0 or 1; `actor_leaves`: of the tournament tree.
run_settings = one(
    2, "run_settings", row(
        chunk="i8", actor_leaves="i8", quantum="i8", duration="i8", sample_accesses="i8", sample_ns="i8", check="i8",
        record_misses="i8", tlb_flush="i8", background_switch="i8",
    ),
)  # fmt: skip
# How far the run has come; written by the engine, `tasks_left` and `oom` by whatever ends tasks.
progress = one(
    3, "progress", row(accesses="i8", next_sample="i8", next_flush="i8", oom="i8", tasks_left="i8"),
)  # fmt: skip
NODE = row(  # `memcg_*`: groups by generation (sequence number modulo 3) and bin, links in LRUGEN
    first_zone="i8", nr_zones="i8", cpus="i8", latency="i8", channel="i8", line_ps="i8", daemon_cpu="i8",
    present="i8", nr_throttled="i8", throttled_written="i8", reclaim_start="i8",
    reclaim_wait=(WAIT_QUEUE, (3,)), kswapd_wait=WAIT_QUEUE,
    kswapd_failures="i8", kswapd_last="i8", highest_zoneidx="i8", kswapd_order="i8",
    kswapd_alloc_order="i8", kswapd_reclaim_order="i8",
    nr_zonelist="i8", zonelist=("i4", (MAX_ZONES,)),
    distance=("i8", (MAX_NODES,)), cost=("i8", (MAX_NODES,)),
    memcg_seq="i8", memcg_nr=("i8", (MEMCG_GENS,)), memcg_lists=(LIST, (MEMCG_GENS, MEMCG_BINS)),
)  # fmt: skip
# `pfn`, `activate`: frames on their way to LRU lists; `stock*`: pages charged ahead, by group; `bdp_ratelimits`,
# `dirty_leaks`: pages dirtied since somebody asked (balance_dirty_pages_ratelimited).
CPU = row(node="i8", n="i8", pfn=("i4", (LRU_BATCH,)), n_activate="i8", activate=("i4", (LRU_BATCH,)),
          stock_memcg=("i8", (MAX_STOCKS,)), stock=("i8", (MAX_STOCKS,)), stock_turn="i8",
          bdp_ratelimits="i8", dirty_leaks="i8")  # fmt: skip
SERVER = row(free_at="i8", busy_from="i8", busy_ns="i8", wait_ns="i8", requests="i8")
LINK = row(server_out="i8", server_in="i8", rtt="i8", page_ps="i8")  # rows of servers; ns; ps a page

nodes = table(5, "nodes", NODE)
cpus = table(6, "cpus", CPU)
servers = table(7, "servers", SERVER)
links = table(8, "links", LINK)
section = table(9, "section", "i1")  # the node of each section of frames
node_count = table(15, "node_count", row(**dict.fromkeys(NODE_COUNTERS, "i8")))
task_count = table(16, "task_count", row(**dict.fromkeys(TASK_COUNTERS, "i8")))
