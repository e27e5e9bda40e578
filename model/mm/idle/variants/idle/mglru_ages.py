"""Working set from generations: age every lruvec once an interval and read when each generation was born (lru_gen).

Aging walks page tables instead of looking up every frame's mappings, passes over tables without a young entry, and
moves what was used to the youngest generation. There are four, so ages reach no further than two intervals after
aging: an interval below half of `cold_after` cannot tell. Aging is reclaim's own, so evictions change with it. Needs
lru: mglru.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import costs, geometry, nodes
from mmrun.model.mm.generations.aging import age
from mmrun.model.mm.generations.state import MAX_GENS, lrugens
from mmrun.model.mm.idle.idle import node_frames
from mmrun.model.mm.idle.state import idle_age, idle_settings, scanners
from mmrun.model.mm.idle.truth import judge, judgement_due
from mmrun.model.mm.lru.gens import gen_of
from mmrun.model.mm.lru.lru import lruvec_of_frame
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.flags import LRU
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.vmscan import begin, own_scan
from mmrun.model.mm.task.state import tasks

SOURCE = "mm/vmscan.c: run_aging, lru_gen_seq_write; Documentation/admin-guide/mm/multigen_lru.rst, 6.18"
SCANNERS = "node"
NEEDS = "generations"
PARAMS = {
    "interval_ms": (
        120_000,
        "ms",
        "time between two agings",
        "as the scan period of kstaled",
        (1, 4_294_967_295, "0 would start again and again in no time; an unsigned int"),
    ),
}
params = parameters("idle", PARAMS, 304)
SWAPPINESS = 200  # both kinds age, as a write to lru_gen without a last argument does


@kernel
def unused_for(m, lv, frame_state):
    """Time since the page in this generation was surely not used: the next generation has existed for so long."""
    g, gen = lrugens(m)[lv], gen_of(frame_state)
    if gen < 0 or gen == g.max_seq % MAX_GENS:
        return 0
    return m.now - g.born[(gen + 1) % MAX_GENS]


@kernel
def tell(m, node):
    """What the generations say of every page of the node, for the comparison with the truth."""
    if not judgement_due(m, node):
        return
    first, end = node_frames(m, node)
    f, verdict = frames(m), idle_age(m)
    for pfn in range(first, end):
        if f[pfn].state & LRU:
            verdict[pfn] = (
                1 if unused_for(m, lruvec_of_frame(m, pfn), f[pfn].state) >= idle_settings(m).cold_after else 0
            )
    judge(m, node, first, end, 1)


@kernel
def forget_walks(m, memcg, node):
    """Walk the group's page tables whole, not only the tables its bloom filter names (force_scan, on by default)."""
    t = memcgs(m)[memcg].first_task
    while t != NONE:
        tasks(m)[t].walked[node] = 0
        t = tasks(m)[t].next_of_group


@hook
def idle_step(m, node):
    seen = scanners(m)[node]
    if seen.pos == 0:
        seen.started = m.now
        m.now += costs(m).kswapd_wake
    begin(m, own_scan(m), seen.pos, 0, 0, 3)
    scans(m)[own_scan(m)].node, scans(m)[own_scan(m)].zone = node, nodes(m)[node].first_zone
    forget_walks(m, seen.pos, node)
    age(m, own_scan(m), lruvec_of(m, seen.pos, node, nodes(m)[node].first_zone), SWAPPINESS, 1, 1)
    seen.pos += 1
    if seen.pos < geometry(m).nr_memcgs:
        return m.now
    seen.pos = 0
    seen.rounds += 1
    tell(m, node)
    return seen.started + params(m).interval_ms * 1_000_000
