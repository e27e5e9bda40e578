"""Whom limit reclaim takes next: a group of the hierarchy, and a node of the group (mm/memcontrol.c, 3.1 to 4.20).

Groups go in the order of their css ids, which is the order they were made in, not the order of the tree. Which nodes
hold pages of a group is looked up again only after 1024 pages went in or out of it on one CPU (NUMAINFO_EVENTS_TARGET).
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, geometry, nodes
from mmrun.model.mm.lru.state import lru_settings, lruvecs
from mmrun.model.mm.memcg.memcg_iter import gone
from mmrun.model.mm.memcg.memcg_lru import soft_reclaim
from mmrun.model.mm.memcg.soft_tree import excess_of, update_tree
from mmrun.model.mm.memcg.state import memcg_settings, memcgs, page_events
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.swap.state import swap_settings

THRESHOLDS_TARGET, EVENTS_TARGET = 128, 1024  # THRESHOLDS_, SOFTLIMIT_ and NUMAINFO_EVENTS_TARGET


@kernel
def next_by_css(m, root):
    """The group of `root`'s subtree, itself included, with the next css id, round and round (select_victim)."""
    rows = memcgs(m)
    while True:
        for css in range(rows[root].last_scanned_child + 1, geometry(m).nr_memcgs + 1):
            if root <= rows[css - 1].by_css < rows[root].end and not gone(m, rows[css - 1].by_css):
                rows[root].last_scanned_child = css
                return rows[css - 1].by_css
        rows[root].last_scanned_child = 0


@kernel
def node_reclaimable(m, memcg, nid):
    """Whether the group itself has pages on the node that reclaim could take (test_mem_cgroup_node_reclaimable)."""
    if lru_settings(m).lru_gen:  # later kernels do not ask
        return True
    first = nodes(m)[nid].first_zone
    for z in range(first, first + nodes(m)[nid].nr_zones):
        lists = lruvecs(m)[lruvec_of(m, memcg, nid, z)].lists
        if lists[2].n + lists[3].n or (swap_settings(m).total_swap and lists[0].n + lists[1].n):
            return True
    return False


@kernel
def reclaimable(m, memcg):
    """Whether the group itself has pages anywhere that reclaim could take (mem_cgroup_reclaimable)."""
    nid = 0
    while nid < geometry(m).nr_nodes and not node_reclaimable(m, memcg, nid):
        nid += 1
    return nid < geometry(m).nr_nodes


@kernel
def next_node(m, memcg):
    """The node whose zonelist limit reclaim of the group walks this time: those with pages take turns."""
    group, nr = memcgs(m)[memcg], geometry(m).nr_nodes
    if group.numainfo_events:
        group.numainfo_events = group.scan_nodes = 0
        for nid in range(nr):
            if node_reclaimable(m, memcg, nid):
                group.scan_nodes |= 1 << nid
    for step in range(1, nr + 1):
        nid = (group.last_scanned_node + step) % nr
        if group.scan_nodes >> nid & 1:
            group.last_scanned_node = nid
            return nid
    return cpus(m)[turn(m).cpu].node


@kernel
def page_event(m, memcg, z, pages):
    """Note that `pages` pages of zone `z` came into or left the group; now and then its standing is looked up again.

    Source: memcg_check_events. The two slow counts are looked at only when the fast one is due.
    """
    if memcg == 0 or not len(page_events(m)):
        return
    events = page_events(m)[turn(m).cpu * geometry(m).nr_memcgs + memcg]
    events.seen += pages
    if events.seen <= events.thresh:
        return
    events.thresh = events.seen + THRESHOLDS_TARGET
    if events.seen > events.soft:
        events.soft = events.seen + EVENTS_TARGET
        if memcg_settings(m).soft_limits:
            update_tree(m, memcg, z)
        elif memcg_settings(m).memcg_lru and excess_of(m, memcg):
            soft_reclaim(m, memcg, zones(m)[z].node)
    if events.seen > events.numainfo:
        events.numainfo = events.seen + EVENTS_TARGET
        memcgs(m)[memcg].numainfo_events += 1
