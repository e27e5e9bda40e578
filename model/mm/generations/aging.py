"""Generations begin and end: `max_seq` rises when a walk has found who was used, `min_seq` when the oldest is empty.

Source: inc_max_seq, inc_min_seq, try_to_inc_min_seq of mm/vmscan.c, 6.1 and 6.18.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import ZONES_PER_NODE, costs, nodes
from mmrun.model.mm.generations.control import carry_over
from mmrun.model.mm.generations.state import MAX_GENS, generation_count, lrugens
from mmrun.model.mm.generations.walk import walk_group
from mmrun.model.mm.lru.gens import (
    MAX_LRU_BATCH,
    MIN_GENS,
    SWAPPINESS_ANON_ONLY,
    file_refs,
    inc_gen,
    kinds,
    move,
    saturated,
    tier_from,
)
from mmrun.model.mm.lru.lru import hold_lru_lock
from mmrun.model.mm.lru.state import ONE_TOUCH, TWO_TOUCH, lru_settings, lruvecs
from mmrun.model.mm.memcg.memcontrol import stat_updated
from mmrun.model.mm.page.flags import WORKINGSET
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.reclaim.state import scans


@kernel
def nr_gens(m, lv, kind):
    """Generations that pages of the kind may be in: 2 to 4."""
    g = lrugens(m)[lv]
    return g.max_seq - g.min_seq[kind] + 1


@kernel
def evictable_min_seq(m, lv, swappiness):
    """Sequence number of the oldest generation of what may be evicted: file pages alone when swappiness is 0.

    Until 6.14 the anonymous side never runs ahead of the file side, so it alone was looked at.
    """
    oldest = lrugens(m)[lv].min_seq
    if lru_settings(m).lru_gen == ONE_TOUCH:
        return oldest[0] if swappiness else oldest[1]
    if swappiness == SWAPPINESS_ANON_ONLY:
        return oldest[0]
    return min(oldest[0], oldest[1]) if swappiness else oldest[1]


@kernel
def inc_min_seq(m, lv, kind, swappiness):
    """End the oldest generation of a kind by moving its pages, oldest first, to the tail of the next one.

    The lock is dropped after every 4096 pages. Pages of a kind that is not evicted stay where they are and so become
    young, because there are only four lists.
    """
    g, f, moved = lrugens(m)[lv], frames(m), 0
    first, last = kinds(swappiness)
    if not first <= kind < last:
        carry_over(m, lv, kind)
        g.min_seq[kind] += 1
        return
    gen = g.min_seq[kind] % MAX_GENS
    for zone in range(ZONES_PER_NODE):
        while g.lists[gen, kind, zone].n:
            pfn = g.lists[gen, kind, zone].tail
            state = f[pfn].state
            move(m, lv, pfn, inc_gen(m, lv, pfn, False), True)
            if lru_settings(m).lru_gen == TWO_TOUCH and not saturated(m, state):
                g.protected[kind, tier_from(m, file_refs(m, state), state & WORKINGSET)] += 1
            moved += 1
            if moved % MAX_LRU_BATCH == 0:
                hold_lru_lock(m, lv, costs(m).lru_lock * MAX_LRU_BATCH)
    hold_lru_lock(m, lv, costs(m).lru_lock * (moved % MAX_LRU_BATCH))
    carry_over(m, lv, kind)
    g.min_seq[kind] += 1


@kernel
def inc_max_seq(m, lv, swappiness):
    """Begin a new youngest generation; what was the second youngest is inactive from now on."""
    g, vec = lrugens(m)[lv], lruvecs(m)[lv]
    for kind in range(1, -1, -1):
        if nr_gens(m, lv, kind) == MAX_GENS:
            inc_min_seq(m, lv, kind, swappiness)
    before, after = (g.max_seq - 1) % MAX_GENS, (g.max_seq + 1) % MAX_GENS
    node = nodes(m)[vec.node]
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        zone = zones(m)[z]
        for kind in range(2):
            delta = g.pages[before, kind, zone.kind] - g.pages[after, kind, zone.kind]
            zone.nr_lru[2 * kind] += delta
            zone.nr_lru[2 * kind + 1] -= delta
            stat_updated(m, vec.memcg, 2 * abs(delta))  # __update_lru_size of both lists
    g.born[after] = m.now
    g.max_seq += 1
    generation_count(m).lru_gen_aged += 1


@kernel
def age(m, s, lv, swappiness, walk, nonleaf_young):
    """Look for what was used, then begin a new generation (try_to_inc_max_seq)."""
    started = m.now
    if walk:
        scans(m)[s].mm_walk = 1
        walk_group(m, lv, swappiness, nonleaf_young)
    generation_count(m).lru_gen_walk_ns += m.now - started
    inc_max_seq(m, lv, swappiness)


@kernel
def _first_populated(m, lv, kind):
    """Sequence number of the oldest generation of the kind with pages in it, or the last that may be the oldest."""
    g = lrugens(m)[lv]
    seq = g.min_seq[kind]
    while seq + MIN_GENS <= g.max_seq:
        for zone in range(ZONES_PER_NODE):
            if g.lists[seq % MAX_GENS, kind, zone].n:
                return seq
        seq += 1
    return seq


@kernel
def _raise(m, lv, kind, seq):
    """Make `seq` the oldest generation of the kind; 1 when that is news."""
    g = lrugens(m)[lv]
    if seq <= g.min_seq[kind]:
        return 0
    carry_over(m, lv, kind)
    g.min_seq[kind] = seq
    return 1


@kernel
def try_to_inc_min_seq(m, lv, swappiness):
    """Let empty generations end; 1 when one did. The two kinds are kept from drifting apart."""
    g = lrugens(m)[lv]
    first, last_kind = kinds(swappiness)
    anon = _first_populated(m, lv, 0) if first == 0 else g.min_seq[0]
    file = _first_populated(m, lv, 1) if last_kind == 2 else g.min_seq[1]
    if first == 0 and lru_settings(m).lru_gen == ONE_TOUCH:
        anon = min(anon, file)
        file = max(anon, g.min_seq[1])
    elif first == 0 and last_kind == 2:
        last = g.max_seq - MIN_GENS
        if anon > last and file < last:
            anon = last
        elif file > last and anon < last:
            file = last
    raised = _raise(m, lv, 0, anon)
    return 1 if _raise(m, lv, 1, file) or raised else 0
