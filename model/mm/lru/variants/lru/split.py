"""Split LRU lists per zone with pressure by rotation, as of 2.6.28 to 3.14 (here 3.1).

Anonymous pages start active; a referenced anonymous page at the tail goes back to the active list, a referenced file
page needs a second sighting. Pressure on each kind is what was lately scanned or added over what was found worth
keeping, without bound. Nothing remembers evicted pages. Lumpy reclaim takes a page's neighbours for allocations of
order 1 and more, which the model does not make; with order 0 it does nothing.
"""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import hook, kernel
from mmrun.model.machine.state import geometry
from mmrun.model.mm.lru.inactive_ratio import isqrt
from mmrun.model.mm.lru.references import look_twice
from mmrun.model.mm.lru.scan_balance import ANON_ONLY, FILE_ONLY, FRACT, rotation_pressure, share_out, zone_given_up
from mmrun.model.mm.lru.state import DEF_PRIORITY, lru_settings, lruvecs
from mmrun.model.mm.page.flags import ANON
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.swap.state import swap_settings

SOURCE = "mm/vmscan.c: get_scan_count, shrink_zone, page_check_references, shrink_active_list; mm/swap.c, 3.1"
SCOPE = "zone"


@hook
def new_anon_active(m):
    return 1


@hook
def prepare_scan(m, s):
    return 0


@kernel
def zone_ratio(m, zone):
    """zone->inactive_ratio: how many active anonymous pages there may be to an inactive one."""
    gb = zones(m)[zone].managed >> 18
    return isqrt(10 * gb) if gb else 1


@kernel
def total(m, lv, lru):
    """Size of a list: the lruvec's own; in 3.1 a group's over all zones (mem_cgroup_inactive_anon_is_low)."""
    table = lruvecs(m)
    if table[lv].memcg == 0 or not lru_settings(m).double_lru:
        return table[lv].lists[lru].n
    pages, first = 0, table[lv].memcg * geometry(m).nr_zones
    for other in range(first, first + geometry(m).nr_zones):
        pages += table[other].lists[lru].n
    return pages


@kernel
def inactive_anon_is_low(m, lv):
    """inactive * ratio < active, the ratio from the size of the whole zone, of a group from its own lists.

    The root is a group among others since 3.3.
    """
    inactive, active = total(m, lv, 0), total(m, lv, 1)
    gb = (inactive + active) >> 18
    if lruvecs(m)[lv].memcg or (geometry(m).nr_memcgs > 1 and not lru_settings(m).double_lru):
        return inactive * (isqrt(10 * gb) if gb else 1) < active
    return inactive * zone_ratio(m, lruvecs(m)[lv].zone) < active


@hook
def may_shrink_active(m, s, file):
    lv = scans(m)[s].lruvec
    if file:
        return 1 if total(m, lv, 3) > total(m, lv, 2) else 0
    return 1 if swap_settings(m).total_swap and inactive_anon_is_low(m, lv) else 0


@kernel
def balance(m, s):
    """Which kinds to scan: file pages without swap, anonymous ones when file and free pages are below high."""
    sc = scans(m)[s]
    if not sc.may_swap:
        return FILE_ONLY
    vec = lruvecs(m)[sc.lruvec]
    zone = zones(m)[vec.zone]
    few = vec.lists[2].n + vec.lists[3].n + zone.nr_free <= zone.wmark_high
    return ANON_ONLY if sc.memcg == 0 and few else FRACT


@hook
def scan_count(m, s):
    """kswapd and limit reclaim scan their share of a batch of a list that is too short for the priority.

    Since reclaim walks groups, short lists are many, and kswapd rounds up only in a zone it had given up (3.3).
    """
    sc, how = scans(m)[s], balance(m, s)
    vec = lruvecs(m)[sc.lruvec]
    few = lru_settings(m).double_lru or geometry(m).nr_memcgs == 1
    rounds_up = few or zone_given_up(m, vec.zone, sc.swap_available)
    ap = fp = denominator = 1
    if how == FRACT:
        ap, fp = rotation_pressure(m, sc.lruvec, sc.swappiness + 1, 200 - sc.swappiness + 1)
        denominator = ap + fp + 1
    for lru in range(4):
        size, fraction = vec.lists[lru].n, fp if lru >= 2 else ap
        if sc.priority == 0 and sc.may_swap:
            sc.nr[lru] = size
        else:
            share_out(m, s, lru, how, size >> sc.priority, fraction, denominator)
        if sc.nr[lru] == 0 and (sc.memcg or (sc.kswapd and rounds_up)):
            share_out(m, s, lru, how, SWAP_CLUSTER_MAX, fraction, denominator)
    return 0


@hook
def after_round(m, s):
    sc = scans(m)[s]
    return 1 if sc.round_reclaimed >= sc.nr_to_reclaim and sc.priority < DEF_PRIORITY else 0


@hook
def age_anon(m, s):
    return 1 if swap_settings(m).total_swap and inactive_anon_is_low(m, scans(m)[s].lruvec) else 0


@hook
def check_references(m, pfn, young, executable):
    return look_twice(m, pfn, young, frames(m)[pfn].state & ANON, 0)


@hook
def note_inactive(m, lv, file, scanned, reclaimed, paged_out):
    vec = lruvecs(m)[lv]
    vec.recent_scanned[file] += scanned
    # putback_lru_pages counts what goes back to an active list as rotated.
    vec.recent_rotated[file] += vec.batch_activated
    return 0


@hook
def note_active(m, lv, file, young, rotated):
    vec = lruvecs(m)[lv]
    vec.recent_scanned[file] += vec.batch_scanned
    vec.recent_rotated[file] += young
    return 0


@hook
def age_nonresident(m, lv):
    return 0


@hook
def evict(m, pfn, s):
    return 0


@hook
def refault(m, pfn, shadow):
    return 0


@hook
def end_reclaim(m, s):
    return 0
