"""How much a lruvec with generations holds, and when reclaim may leave it (get_swappiness, should_abort_scan)."""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import ZONES_PER_NODE, nodes
from mmrun.model.mm.generations.state import MAX_GENS, lrugens
from mmrun.model.mm.lru.gens import MIN_LRU_BATCH, kinds
from mmrun.model.mm.lru.scan_balance import can_demote
from mmrun.model.mm.lru.state import DEF_PRIORITY, ONE_TOUCH, TWO_TOUCH, lru_settings, lruvecs
from mmrun.model.mm.memcg.memcontrol import room_for_swap
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import watermark_ok
from mmrun.model.mm.reclaim.state import reclaim_settings, scans
from mmrun.model.mm.swap.swap import nr_swap_pages


@kernel
def swappiness_of(m, s, lv):
    """Swappiness for the lruvec's group, 0 when fewer than 64 swap slots are left and no slower node
    may have pages (get_swappiness)."""
    memcg, given = lruvecs(m)[lv].memcg, scans(m)[s].given_swappiness
    if (nr_swap_pages(m) < MIN_LRU_BATCH or not room_for_swap(m, memcg)) and not can_demote(m, s):
        return 0
    own = memcgs(m)[memcg].swappiness if given < 0 else given
    return reclaim_settings(m).swappiness if own < 0 else own


@kernel
def size(m, lv, swappiness, first_seq, last_seq):
    """Pages of the kinds that may be evicted in a range of generations."""
    pages, total = lrugens(m)[lv].pages, 0
    first, last = kinds(swappiness)
    for kind in range(first, last):
        for seq in range(max(first_seq, lrugens(m)[lv].min_seq[kind]), last_seq + 1):
            for zone in range(ZONES_PER_NODE):
                total += max(0, pages[seq % MAX_GENS, kind, zone])
    return total


@kernel
def evictable(m, lv, swappiness):
    """Pages that eviction could come to."""
    return size(m, lv, swappiness, 0, lrugens(m)[lv].max_seq)


@kernel
def all_zones_safe(m, s, margin):
    """Whether every zone in reach of the caller has what its watermark asks for, and `margin` pages more."""
    sc = scans(m)[s]
    node = nodes(m)[sc.node]
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        zone = zones(m)[z]
        if zone.kind > sc.highest_zoneidx or zone.managed == 0:
            continue
        if lru_settings(m).lru_gen == ONE_TOUCH:
            if (zone.wmark_high if sc.kswapd else zone.wmark_low) > zone.nr_free:
                return False
        elif not watermark_ok(m, z, 0, zone.wmark_high + margin, sc.highest_zoneidx, 0):
            return False
    return True


@kernel
def enough(m, s):
    """Whether the lruvec may be left before its share is scanned (should_abort_scan)."""
    sc = scans(m)[s]
    reclaimed = sc.nr_reclaimed + sc.round_reclaimed
    if lru_settings(m).lru_gen == TWO_TOUCH:
        if sc.memcg:
            return False
        return reclaimed >= sc.nr_to_reclaim or (sc.kswapd and all_zones_safe(m, s, MIN_LRU_BATCH))
    if sc.kswapd and reclaimed < sc.nr_to_reclaim:
        return False
    if not sc.kswapd:
        if lrugens(m)[sc.lruvec].max_seq - sc.first_seq > 1:  # age a group at most once
            return True
        if reclaimed >= sc.nr_to_reclaim and sc.swapping:
            return True
        if sc.memcg:
            return False
    if sc.priority > DEF_PRIORITY - 2 or not all_zones_safe(m, s, 0):
        return False
    sc.round_reclaimed += MIN_LRU_BATCH  # to stop the groups after it as well
    return True
