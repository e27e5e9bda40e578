"""Split LRU lists per zone with pressure by rotation, as of 2.6.28 to 3.14 (here 3.1).

Anonymous pages start active; a referenced anonymous page at the tail goes back to the active list, a referenced file
page needs a second sighting. Pressure on each kind is what it was last scanned over what was last found referenced,
without bound. Nothing remembers evicted pages. In 3.1 a limited group's pages were also on the global lists; here they
are on the group's only, and global reclaim walks all groups.
"""

from model.jit import frames, hook, kernel, lruvecs
from model.mm.inactive_ratio import isqrt
from model.mm.state import ACTIVATE, ANON, DEF_PRIORITY, KEEP, RECLAIM_CLEAN, RECLAIM_PAGE, REFERENCED, SWAP_CLUSTER_MAX

SOURCE = "mm/vmscan.c: get_scan_count, shrink_zone, page_check_references, shrink_active_list, 3.1"
SCOPE = "zone"


@hook
def new_anon_active(m):
    return 1


@hook
def prepare_scan(m, s):
    sc = m.sc[s]
    sc.may_deactivate, sc.cache_trim, sc.file_is_tiny = 0, 0, 0
    return 0


@kernel
def inactive_anon_is_low(m, lv):
    """inactive * ratio < active, the ratio from the size of the whole zone (a group: of its own list)."""
    vec = lruvecs(m)[lv]
    inactive, active = vec.lists[0].n, vec.lists[1].n
    pages = inactive + active if vec.memcg else m.zones[vec.zone].managed
    gb = pages >> 18
    return inactive * (isqrt(10 * gb) if gb else 1) < active


@hook
def may_shrink_active(m, s, file):
    sc = m.sc[s]
    vec = lruvecs(m)[sc.lruvec]
    if file:
        return 1 if vec.lists[3].n > vec.lists[2].n else 0
    return 1 if m.cfg.total_swap and inactive_anon_is_low(m, sc.lruvec) else 0


@kernel
def pressure(swappiness, scanned_anon, rotated_anon, scanned_file, rotated_file):
    """(anon, file) shares of the scan from how many of the scanned pages were worth keeping (get_scan_count, 3.1)."""
    ap = (swappiness + 1) * (scanned_anon + 1) // (rotated_anon + 1)
    fp = (200 - swappiness + 1) * (scanned_file + 1) // (rotated_file + 1)
    return ap, fp


@hook
def scan_count(m, s):
    sc = m.sc[s]
    vec = lruvecs(m)[sc.lruvec]
    anon, file = vec.lists[0].n + vec.lists[1].n, vec.lists[2].n + vec.lists[3].n
    zone = m.zones[vec.zone]
    only_anon = sc.memcg == 0 and sc.may_swap and file + zone.nr_free <= zone.wmark_high
    for kind in range(2):
        if vec.recent_scanned[kind] > (file if kind else anon) // 4:
            vec.recent_scanned[kind] //= 2
            vec.recent_rotated[kind] //= 2
    ap, fp = pressure(
        sc.swappiness, vec.recent_scanned[0], vec.recent_rotated[0], vec.recent_scanned[1], vec.recent_rotated[1]
    )
    force = sc.kswapd or sc.memcg
    for lru in range(4):
        size = vec.lists[lru].n
        scan = size
        if sc.priority or not sc.may_swap:
            scan >>= sc.priority
            if scan == 0 and force:
                scan = SWAP_CLUSTER_MAX
            if not sc.may_swap:
                scan = scan if lru >= 2 else 0
            elif only_anon:
                scan = 0 if lru >= 2 else scan
            else:
                scan = scan * (fp if lru >= 2 else ap) // (ap + fp + 1)
        sc.nr[lru] = scan
    return 0


@hook
def after_round(m, s):
    sc = m.sc[s]
    return 1 if sc.round_reclaimed >= sc.nr_to_reclaim and sc.priority < DEF_PRIORITY else 0


@hook
def age_anon(m, s):
    return 1 if m.cfg.total_swap and inactive_anon_is_low(m, m.sc[s].lruvec) else 0


@hook
def check_references(m, pfn, young, executable):
    page = frames(m)[pfn]
    referenced = page.state & REFERENCED
    page.state &= ~REFERENCED
    if young:
        if page.state & ANON:
            return ACTIVATE
        page.state |= REFERENCED
        return ACTIVATE if referenced else KEEP
    return RECLAIM_CLEAN if referenced and not page.state & ANON else RECLAIM_PAGE


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
