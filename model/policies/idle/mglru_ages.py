"""Working set from generations: age every lruvec once an interval and read when each generation was born (lru_gen).

Aging walks page tables instead of looking up every frame's mappings, passes over tables without a young entry, and
moves what was used to the youngest generation. There are four, so ages reach no further than two intervals after
aging: an interval below half of `cold_after` cannot tell. Aging is reclaim's own, so evictions change with it. Needs
lru: mglru.
"""

from model.core.record import NONE
from model.hooks import AXES
from model.jit import hook, kernel
from model.mm.gen_age import age
from model.mm.gens import gen_of
from model.mm.idle import node_frames
from model.mm.lists import lruvec_of
from model.mm.lru import lruvec_of_frame
from model.mm.state import LRU
from model.mm.truth import judge, judgement_due
from model.mm.vmscan import begin, own_scan
from model.state.fault import tasks
from model.state.generations import MAX_GENS, lrugens
from model.state.idle import idle_age, idle_settings, scanners
from model.state.machine import costs, geometry, nodes
from model.state.memcg import memcgs
from model.state.page import frames
from model.state.reclaim import scans

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
AXIS = list(AXES).index("idle")
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
    return seen.started + m.params[AXIS, 0] * 1_000_000
