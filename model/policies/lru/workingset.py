"""Two lists per node with refault distance for file pages (3.15 to 5.7; node-wide since 4.8).

Pressure by rotation as in 3.1. A file page that comes back sooner than the active file list is long is activated at
once, and as long as such refaults happen the active file list is always open to deactivation. Anonymous pages start
active and leave no shadow.
"""

from model.jit import frames, hook
from model.mm.inactive_ratio import inactive_is_low
from model.mm.lists import lruvec_of
from model.mm.lru import lruvec_of_frame
from model.mm.memcontrol import lru_size, stat_updated
from model.mm.shadow import age_of, memcg_of, node_of, pack, was_workingset
from model.mm.state import ACTIVATE, ACTIVE, ANON, KEEP, RECLAIM_CLEAN, RECLAIM_PAGE, REFERENCED, WORKINGSET
from model.policies.lru.cost_balanced import after_round, age, age_nonresident, end_reclaim, target_activated, target_size
from model.policies.lru.split import note_active, note_inactive, pressure

SOURCE = "mm/vmscan.c, mm/workingset.c, 4.19"
SCOPE = "node"
__all__ = ["after_round", "age_nonresident", "end_reclaim", "note_active", "note_inactive"]


@hook
def new_anon_active(m):
    return 1


@hook
def prepare_scan(m, s):
    sc = m.sc[s]
    target = m.lruvecs[lruvec_of(m, sc.memcg, sc.node, sc.zone)]
    refaulting = target_activated(m, s, 1) != target.snapshot[1]
    file_low = refaulting or inactive_is_low(target_size(m, s, 2), target_size(m, s, 3))
    anon_low = m.cfg.total_swap > 0 and inactive_is_low(target_size(m, s, 0), target_size(m, s, 1))
    sc.may_deactivate = (1 if anon_low else 0) | (2 if file_low else 0)
    sc.file_is_tiny = 0
    if sc.memcg == 0:
        free = high = 0
        node = m.nodes[sc.node]
        for z in range(node.first_zone, node.first_zone + node.nr_zones):
            free += m.zones[z].nr_free
            high += m.zones[z].wmark_high
        tiny = target_size(m, s, 2) + target_size(m, s, 3) + free <= high
        sc.file_is_tiny = 1 if tiny and not anon_low and (target_size(m, s, 0) >> sc.priority) > 0 else 0
    sc.cache_trim = 1 if not file_low and (target_size(m, s, 2) >> sc.priority) > 0 else 0
    return 0


@hook
def may_shrink_active(m, s, file):
    return (m.sc[s].may_deactivate >> file) & 1


@hook
def scan_count(m, s):
    sc = m.sc[s]
    vec = m.lruvecs[sc.lruvec]
    for kind in range(2):
        if vec.recent_scanned[kind] > (vec.lists[2 * kind].n + vec.lists[2 * kind + 1].n) // 4:
            vec.recent_scanned[kind] //= 2
            vec.recent_rotated[kind] //= 2
    ap, fp = pressure(sc.swappiness, vec.recent_scanned[0], vec.recent_rotated[0], vec.recent_scanned[1], vec.recent_rotated[1])
    no_anon = not sc.may_swap or (sc.memcg and sc.swappiness == 0)
    equal = sc.priority == 0 and sc.swappiness > 0
    for lru in range(4):
        scan = vec.lists[lru].n >> sc.priority
        if no_anon or (not equal and not sc.file_is_tiny and sc.cache_trim):
            scan = scan if lru >= 2 else 0
        elif not equal and sc.file_is_tiny:
            scan = 0 if lru >= 2 else scan
        elif not equal:
            scan = scan * (fp if lru >= 2 else ap) // (ap + fp)
        sc.nr[lru] = scan
    return 0


@hook
def age_anon(m, s):
    lv = m.sc[s].lruvec
    return 1 if m.cfg.total_swap and inactive_is_low(lru_size(m, lv, 0), lru_size(m, lv, 1)) else 0


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
    shadow = pack(m.lruvecs[lv].nonresident_age, page.memcg, page.node, 1 if page.state & WORKINGSET else 0)
    age(m, lv)
    return shadow


@hook
def refault(m, pfn, shadow):
    page = frames(m)[pfn]
    m.vm.workingset_refault_file += 1
    stat_updated(m, page.memcg, 1)
    node = node_of(shadow)
    lv = lruvec_of(m, memcg_of(shadow), node, m.nodes[node].first_zone)
    distance = (m.lruvecs[lv].nonresident_age - age_of(shadow)) & ((1 << 40) - 1)
    if distance > lru_size(m, lv, 3):
        return 0
    own = lruvec_of_frame(m, pfn)
    page.state |= ACTIVE
    age(m, own)
    m.lruvecs[own].activated[1] += 1
    m.vm.workingset_activate_file += 1
    stat_updated(m, page.memcg, 1)
    if was_workingset(shadow):
        page.state |= WORKINGSET
        m.vm.workingset_restore_file += 1
        m.lruvecs[own].recent_rotated[1] += 1
    return 0
