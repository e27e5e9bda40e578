"""The LRU of groups: which of them global reclaim visits next (memcg LRU, since 6.3).

Every group stands once on every node, in one of 8 bins of a generation. Of three generations two are live: reclaim
takes groups from the old one, and those that it aged or finds too small go to the young one. When the old one is empty
the node's sequence number rises and the young one is old. A walk begins at a random bin, and a group that moves goes to
one, so that concurrent walks rarely meet.
Source: lru_gen_rotate_memcg, lru_gen_online_memcg, lru_gen_soft_reclaim, shrink_many of mm/vmscan.c, 6.18.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.lehmer import following
from mmrun.model.core.links import link_head, link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import MEMCG_BINS, MEMCG_GENS, geometry, nodes
from mmrun.model.mm.generations.state import lrugens
from mmrun.model.mm.lru.state import lruvecs
from mmrun.model.mm.memcg.state import memcg_state, memcgs
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.state import scans

NOP, HEAD, TAIL, OLD, YOUNG = 0, 1, 2, 3, 4  # what happens to a group (MEMCG_LRU_HEAD and so on)


@kernel
def random_bin(m):
    """A random bin, from a stream of random numbers that nothing else draws from."""
    memcg_state(m).memcg_rng = following(memcg_state(m).memcg_rng)
    return memcg_state(m).memcg_rng % MEMCG_BINS


@kernel
def online(m, lv, memcg_bin):
    """A group comes to be: its lruvec joins the old generation of its node, last in the bin."""
    node, g = nodes(m)[lruvecs(m)[lv].node], lrugens(m)[lv]
    g.memcg_gen, g.memcg_bin, g.memcg_seg = node.memcg_seq % MEMCG_GENS, memcg_bin, NOP
    node.memcg_nr[g.memcg_gen] += 1
    link_tail(lrugens(m), node.memcg_lists[g.memcg_gen, memcg_bin], lv)


@kernel
def online_all(m):
    """The groups come to be in the order they are made, each in the same random bin of every node."""
    for nid in range(geometry(m).nr_nodes):
        for gen in range(MEMCG_GENS):
            for i in range(MEMCG_BINS):
                lst = nodes(m)[nid].memcg_lists[gen, i]
                lst.head = lst.tail = NONE
    for css in range(geometry(m).nr_memcgs):
        to = random_bin(m)
        for nid in range(geometry(m).nr_nodes):
            online(m, lruvec_of(m, memcgs(m)[css].by_css, nid, nodes(m)[nid].first_zone), to)


@kernel
def rotate(m, lv, event):
    """Move a group to a random bin: to the head or tail of its generation, or to the old or the young generation.

    HEAD and OLD come first in the bin, TAIL and YOUNG last. The segment remembers HEAD and TAIL until the next move.
    """
    node, g, to = nodes(m)[lruvecs(m)[lv].node], lrugens(m)[lv], random_bin(m)
    before = after = int(g.memcg_gen)
    if event == OLD:
        after = node.memcg_seq % MEMCG_GENS
    elif event == YOUNG:
        after = (node.memcg_seq + 1) % MEMCG_GENS
    unlink_row(lrugens(m), node.memcg_lists[before, g.memcg_bin], lv)
    g.memcg_gen, g.memcg_bin = after, to
    g.memcg_seg = event if event <= TAIL else NOP
    if event in (HEAD, OLD):
        link_head(lrugens(m), node.memcg_lists[after, to], lv)
    else:
        link_tail(lrugens(m), node.memcg_lists[after, to], lv)
    node.memcg_nr[before] -= 1
    node.memcg_nr[after] += 1
    if node.memcg_nr[before] == 0 and before == node.memcg_seq % MEMCG_GENS:
        node.memcg_seq += 1


@kernel
def soft_reclaim(m, memcg, nid):
    """A group is over its soft limit: it is next in line, unless it stands where that put it already."""
    lv = lruvec_of(m, memcg, nid, nodes(m)[nid].first_zone)
    if lrugens(m)[lv].memcg_seg != HEAD:
        rotate(m, lv, HEAD)


@kernel
def _settle(m, s, lv):
    """The group of lruvec `lv`, or of the first one after it that the walk comes to; -1 when it has been all round."""
    sc = scans(m)[s]
    node = nodes(m)[sc.node]
    while lv == NONE:
        sc.memcg_bin = (sc.memcg_bin + 1) % MEMCG_BINS
        if sc.memcg_bin == sc.memcg_first_bin:
            return -1
        lv = node.memcg_lists[sc.memcg_gen, sc.memcg_bin].head
    return lruvecs(m)[lv].memcg


@kernel
def begin_walk(m, s):
    """Start on the old generation of the node, at a random bin; the first group, -1 for none."""
    sc, node = scans(m)[s], nodes(m)[scans(m)[s].node]
    sc.memcg_gen = node.memcg_seq % MEMCG_GENS
    sc.memcg_bin = sc.memcg_first_bin = random_bin(m)
    return _settle(m, s, node.memcg_lists[sc.memcg_gen, sc.memcg_bin].head)


@kernel
def go_on(m, s, lv, event):
    """Apply `event` to the group just visited and go on to the next one of the walk; -1 when it is over.

    The walk steps on before the group moves, so one sent to the tail of its own bin is met again. Somebody else may
    have moved it meanwhile: to another generation, and the bin is begun again; to another bin, and the walk follows.
    """
    sc, table = scans(m)[s], lrugens(m)
    raced, after = table[lv].memcg_gen != sc.memcg_gen, table[lv].next
    if event != NOP:
        rotate(m, lv, event)
    if raced:
        after = nodes(m)[sc.node].memcg_lists[sc.memcg_gen, sc.memcg_bin].head
    return _settle(m, s, after)
