"""Idle page tracking: the flags (page_idle), the check through rmap that scanners share, ages and histograms.

A frame's age is the number of a scanner's rounds since it last found the page used. Histograms are kept per group and
node, and a reader sees those of the last whole round.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.idle.state import idle_age, idle_costs, idle_settings, idle_stats, last_touch, tried
from mmrun.model.mm.lru.rmap import clear_young
from mmrun.model.mm.page.flags import ANON, DIRTY, IDLE, LRU, SWAPCACHE, WRITEBACK, YOUNG
from mmrun.model.mm.page.state import frames, zones

MAX_AGE = 255
IDLE_CLEAN, IDLE_DIRTY_FILE, IDLE_DIRTY_SWAP = 0, 1, 2


@kernel
def forget(m, pfn):
    """A frame is allocated anew: nothing is known about the page in it."""
    idle_age(m)[pfn] = 0
    last_touch(m)[pfn] = 0
    tried(m)[pfn] = 0


@kernel
def clear_references(m, pfn):
    """Clear the frame's young bits and leave reclaim a note (page_idle_clear_pte_refs); what `clear_young` found."""
    page = frames(m)[pfn]
    m.now += idle_costs(m).rmap_check
    found = clear_young(m, pfn)
    if found & 1:
        page.state = (page.state & ~IDLE) | (0 if idle_settings(m).lose_young else YOUNG)
    return found


@kernel
def bucket(age):
    """Histogram bucket of an age in scans: lower bounds 1, 2, 5, 15, 30, 60, 120, 240; -1 for a page in use."""
    if age < 1:
        return -1
    if age < 5:
        return 0 if age < 2 else 1
    if age < 30:
        return 2 if age < 15 else 3
    if age < 120:
        return 4 if age < 60 else 5
    return 6 if age < 240 else 7


@kernel
def class_of(m, pfn, dirty):
    """What reclaiming an idle page would take: nothing, a write to its file, or a write to swap."""
    state = frames(m)[pfn].state
    if state & ANON:
        return IDLE_CLEAN if state & SWAPCACHE and not (dirty or state & (DIRTY | WRITEBACK)) else IDLE_DIRTY_SWAP
    return IDLE_DIRTY_FILE if dirty or state & (DIRTY | WRITEBACK) else IDLE_CLEAN


@kernel
def stats_row(m, memcg, node):
    """Row of a group's histograms on a node."""
    return memcg * geometry(m).nr_nodes + node


@kernel
def count_age(m, pfn, used, dirty):
    """Give the frame its age after this round and enter it into its group's histograms."""
    page, age = frames(m)[pfn], idle_age(m)
    row = idle_stats(m)[stats_row(m, page.memcg, page.node)]
    before = age[pfn]
    if used:
        if before:
            row.promoted[before] += 1
        now = 0
    else:
        now = min(before + 1, MAX_AGE)
        row.counting_class[class_of(m, pfn, dirty), bucket(now)] += 1
    age[pfn] = now
    row.counting[now] += 1


@kernel
def check_and_age(m, pfn):
    """kstaled's and kidled's visit of a frame: was it used since the last one? Its age follows from that."""
    page = frames(m)[pfn]
    if not page.state & LRU:
        return
    found = clear_references(m, pfn)
    used = found & 1 or not page.state & IDLE
    page.state |= IDLE
    count_age(m, pfn, used, found >> 1)


@kernel
def publish(m, node):
    """A round over the node has ended: its histograms are what readers see until the next one ends."""
    for memcg in range(geometry(m).nr_memcgs):
        row = idle_stats(m)[stats_row(m, memcg, node)]
        for age in range(256):
            row.ages[age], row.counting[age] = row.counting[age], 0
        for kind in range(3):
            for b in range(8):
                row.by_class[kind, b], row.counting_class[kind, b] = row.counting_class[kind, b], 0


@kernel
def node_frames(m, node):
    """(first frame, last frame + 1) of a node; on the machines described its zones lie one after the other."""
    home = nodes(m)[node]
    last = zones(m)[home.first_zone + home.nr_zones - 1]
    return zones(m)[home.first_zone].start, last.start + last.span


@kernel
def cold_age_of(m, round_ns):
    """The age at which a page is known to have been untouched for `cold_after`, a round taking `round_ns`."""
    return min(MAX_AGE, max(1, -(-idle_settings(m).cold_after // round_ns)))
