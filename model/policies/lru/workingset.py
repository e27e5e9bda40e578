"""Two lists per node with refault distance for file pages (3.15 to 5.7; node-wide since 4.8).

Pressure by rotation as in 3.1. A file page that comes back sooner than the active file list is long is activated at
once, and as long as such refaults happen the active file list is always open to deactivation. Anonymous pages start
active and leave no shadow.
"""

from model.jit import frames, hook, kernel, lruvecs, memcgs
from model.mm.inactive_ratio import inactive_is_low
from model.mm.lists import lruvec_of
from model.mm.lru import lruvec_of_frame
from model.mm.memcontrol import stat_updated
from model.mm.shadow import age_of, memcg_of, node_of, pack, was_workingset
from model.mm.state import ACTIVATE, ACTIVE, ANON, KEEP, RECLAIM_CLEAN, RECLAIM_PAGE, REFERENCED, WORKINGSET
from model.policies.lru.cost_balanced import ANON_ONLY, EQUAL, FILE_ONLY, FRACT, after_round, age, age_nonresident
from model.policies.lru.split import note_active, note_inactive, pressure

SOURCE = "mm/vmscan.c, mm/workingset.c, 4.19"
SCOPE = "node"
__all__ = ["after_round", "age_nonresident", "note_active", "note_inactive"]


@hook
def new_anon_active(m):
    return 1


@kernel
def low(m, lv, file):
    """inactive_list_is_low: by the square-root rule on exact sizes; always for file pages while refaults activate."""
    vec = lruvecs(m)[lv]
    if file and vec.activated[1] != vec.snapshot[1]:
        return vec.lists[3].n > 0
    return inactive_is_low(vec.lists[2 * file].n, vec.lists[2 * file + 1].n)


@hook
def prepare_scan(m, s):
    return 0


@hook
def may_shrink_active(m, s, file):
    if not file and m.cfg.total_swap == 0:
        return 0
    return 1 if low(m, m.sc[s].lruvec, file) else 0


@kernel
def balance(m, s):
    """Which lists to scan, in the order get_scan_count of 4.19 decides it."""
    sc = m.sc[s]
    vec, node = lruvecs(m)[sc.lruvec], m.nodes[sc.node]
    if not sc.may_swap or (sc.memcg and sc.swappiness == 0):
        return FILE_ONLY
    if sc.priority == 0 and sc.swappiness:
        return EQUAL
    if sc.memcg == 0:
        free = high = file = 0
        for z in range(node.first_zone, node.first_zone + node.nr_zones):
            free += m.zones[z].nr_free
            high += m.zones[z].wmark_high
            file += m.zones[z].nr_file
        if file + free <= high and not low(m, sc.lruvec, 0) and vec.lists[0].n >> sc.priority:
            return ANON_ONLY
    if not low(m, sc.lruvec, 1) and vec.lists[2].n >> sc.priority:
        return FILE_ONLY
    return FRACT


@hook
def scan_count(m, s):
    sc = m.sc[s]
    vec, how = lruvecs(m)[sc.lruvec], balance(m, s)
    for kind in range(2):
        if vec.recent_scanned[kind] > (vec.lists[2 * kind].n + vec.lists[2 * kind + 1].n) // 4:
            vec.recent_scanned[kind] //= 2
            vec.recent_rotated[kind] //= 2
    ap, fp = pressure(
        sc.swappiness, vec.recent_scanned[0], vec.recent_rotated[0], vec.recent_scanned[1], vec.recent_rotated[1]
    )
    for lru in range(4):
        file = lru >= 2
        scan = vec.lists[lru].n >> sc.priority
        if how == FRACT:
            scan = scan * (fp if file else ap) // (ap + fp)
        elif (how == ANON_ONLY and file) or (how == FILE_ONLY and not file):
            scan = 0
        sc.nr[lru] = scan
    return 0


@hook
def age_anon(m, s):
    return 1 if m.cfg.total_swap and low(m, m.sc[s].lruvec, 0) else 0


@hook
def end_reclaim(m, s):
    """Remember how many refaults had been activated in every group in scope (snapshot_refaults)."""
    sc = m.sc[s]
    for memcg in range(sc.memcg, memcgs(m)[sc.memcg].end):
        vec = lruvecs(m)[lruvec_of(m, memcg, sc.node, sc.zone)]
        vec.snapshot[1] = vec.activated[1]
    return 0


@hook
def check_references(m, pfn, young, executable):
    page = frames(m)[pfn]
    referenced = page.state & REFERENCED
    page.state &= ~REFERENCED
    if young:
        if page.state & ANON:
            return ACTIVATE
        page.state |= REFERENCED
        return ACTIVATE if referenced or young > 1 or executable else KEEP
    return RECLAIM_CLEAN if referenced and not page.state & ANON else RECLAIM_PAGE


@hook
def evict(m, pfn, s):
    page = frames(m)[pfn]
    if page.state & ANON:
        return 0
    lv = lruvec_of(m, page.memcg, page.node, page.zone)
    shadow = pack(lruvecs(m)[lv].nonresident_age, page.memcg, page.node, 1 if page.state & WORKINGSET else 0)
    age(m, lv)
    return shadow


@hook
def refault(m, pfn, shadow):
    page = frames(m)[pfn]
    m.vm.workingset_refault_file += 1
    stat_updated(m, page.memcg, 1)
    node = node_of(shadow)
    lv = lruvec_of(m, memcg_of(shadow), node, m.nodes[node].first_zone)
    distance = (lruvecs(m)[lv].nonresident_age - age_of(shadow)) & ((1 << 40) - 1)
    if distance > lruvecs(m)[lv].lists[3].n:
        return 0
    own = lruvec_of_frame(m, pfn)
    page.state |= ACTIVE
    age(m, own)
    lruvecs(m)[own].activated[1] += 1
    m.vm.workingset_activate_file += 1
    stat_updated(m, page.memcg, 1)
    if was_workingset(shadow):
        page.state |= WORKINGSET
        m.vm.workingset_restore_file += 1
        lruvecs(m)[own].recent_rotated[1] += 1
    return 0
