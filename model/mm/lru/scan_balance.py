"""How much of each list to scan: what get_scan_count and shrink_lruvec share over the eras (mm/vmscan.c)."""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import nodes
from mmrun.model.mm.lru.state import DEF_PRIORITY, lru_settings, lruvecs
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.tiering.state import tier_settings, tiers

EQUAL, FRACT, ANON_ONLY, FILE_ONLY = 0, 1, 2, 3


@kernel
def node_pages(m, nid):
    """(free pages, high watermarks, file pages) summed over the zones of a node."""
    node = nodes(m)[nid]
    free = high = file = 0
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        zone = zones(m)[z]
        free += zone.nr_free
        high += zone.wmark_high
        file += zone.nr_lru[2] + zone.nr_lru[3]
    return free, high, file


@kernel
def can_demote(m, s):
    """1: reclaim may move pages to a slower node rather than free them, in groups' limits since 5.19 (can_demote)."""
    sc = scans(m)[s]
    return 1 if tiers(m)[sc.node].targets and (sc.memcg == 0 or tier_settings(m).limits_demote) else 0


@kernel
def cannot_swap(m, s):
    """Whether anonymous pages are out of reach: no swap nor slower node, or a group whose swappiness is 0."""
    sc = scans(m)[s]
    return not (sc.may_swap or can_demote(m, s)) or (sc.memcg and sc.swappiness == 0)


@kernel
def rotation_pressure(m, lv, anon_prio, file_prio):
    """(anon, file) pressure from how many of the pages scanned lately were worth keeping, without bound (to 5.7).

    Both counts of a kind halve first when it was scanned by more than a quarter of its lists.
    """
    vec = lruvecs(m)[lv]
    scanned, rotated = vec.recent_scanned, vec.recent_rotated
    for kind in range(2):
        if scanned[kind] > (vec.lists[2 * kind].n + vec.lists[2 * kind + 1].n) // 4:
            scanned[kind] //= 2
            rotated[kind] //= 2
    return (
        anon_prio * (scanned[0] + 1) // (rotated[0] + 1),
        file_prio * (scanned[1] + 1) // (rotated[1] + 1),
    )


@kernel
def cost_pressure(swappiness, anon_cost, file_cost):
    """(anon, file) pressure from what reclaiming each kind has cost; costs count at most threefold (since 5.8)."""
    total = anon_cost + file_cost
    anon, file = total + anon_cost, total + file_cost
    total = anon + file
    ap = swappiness * (total + 1) // (anon + 1)
    fp = (200 - swappiness) * (total + 1) // (file + 1)
    return ap, fp


@kernel
def share_out(m, s, lru, how, size, fraction, denominator):
    """Set the scan target of one list from its `size` at the present priority."""
    sc, file = scans(m)[s], lru >= 2
    if how == FRACT:
        size = size * fraction // denominator
    elif (how == ANON_ONLY and file) or (how == FILE_ONLY and not file):
        size = 0
    sc.nr[lru] = size


@kernel
def share_lists(m, s, how, ap, fp, forced, forced_last):
    """Set the scan targets of all lists from their sizes at the present priority, by pressure if `how` says so.

    `forced`: a list that is too short to be scanned counts as a batch; `forced_last`: if nothing would be scanned.
    """
    lists, denominator = lruvecs(m)[scans(m)[s].lruvec].lists, ap + fp + 1
    for at_last in range(2):
        found = 0
        for lru in range(4):
            size = lists[lru].n >> scans(m)[s].priority
            if size == 0 and (forced or at_last):
                size = min(lists[lru].n, SWAP_CLUSTER_MAX)
            share_out(m, s, lru, how, size, fp if lru >= 2 else ap, denominator)
            found += scans(m)[s].nr[lru]
        if found or not forced_last:
            return


@kernel
def _held(zone, may_swap):
    """Pages of a zone that reclaim could free (zone_reclaimable_pages)."""
    return zone.nr_lru[2] + zone.nr_lru[3] + (zone.nr_lru[0] + zone.nr_lru[1] if may_swap else 0)


@kernel
def zone_given_up(m, z, may_swap):
    """Whether six times what a zone holds was scanned since a page of it came free; to 3.11 if kswapd has noted so.

    In the kernel: zone_reclaimable, to 4.7.
    """
    zone = zones(m)[z]
    return (
        zone.pages_scanned >= 6 * _held(zone, may_swap) if lru_settings(m).given_up_by_count else zone.all_unreclaimable
    )


@kernel
def given_up(m, nid, may_swap):
    """The same of a node (pgdat_reclaimable, 4.8 to 4.11)."""
    node, found = nodes(m)[nid], 0
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        found += _held(zones(m)[z], may_swap)
    return zones(m)[node.first_zone].pages_scanned >= 6 * found


@kernel
def in_full_at_first(m, s):
    """Whether a direct reclaimer scans its whole target: at the first priority, except for a group's limit."""
    sc = scans(m)[s]
    return 1 if sc.memcg == 0 and not sc.kswapd and sc.priority == DEF_PRIORITY else 0


@kernel
def cut_in_proportion(m, s):
    """The target is met: drop the kind with less left to scan, leave of the other what the same share would be."""
    sc = scans(m)[s]
    anon, file = sc.nr[0] + sc.nr[1], sc.nr[2] + sc.nr[3]
    if file > anon:
        small, left = 0, anon * 100 // (sc.targets[0] + sc.targets[1] + 1)
    else:
        small, left = 2, file * 100 // (sc.targets[2] + sc.targets[3] + 1)
    sc.nr[small] = sc.nr[small + 1] = 0
    for lru in range(2 - small, 4 - small):
        done = sc.targets[lru] - sc.nr[lru]
        remaining = sc.targets[lru] * (100 - left) // 100
        sc.nr[lru] = max(0, remaining - done)


@kernel
def stop_or_cut(m, s):
    """After a round that met the target: 1 when a kind has nothing left, else 0 after the cut."""
    nr = scans(m)[s].nr
    if nr[0] + nr[1] == 0 or nr[2] + nr[3] == 0:
        return 1
    cut_in_proportion(m, s)
    return 0
