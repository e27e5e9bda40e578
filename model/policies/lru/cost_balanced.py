"""Two lists with cost-balanced pressure, and refault distance for both kinds of pages (5.9 and later, MGLRU off).

Pages start inactive, mapped ones get a second chance, pages seen referenced twice are activated, pages that come back
sooner than the workingset is large are activated at once. Pressure between anonymous and file pages follows what
reclaiming each has cost lately (pages paged out, rotated, refaulted), bounded to a factor of two either way.
"""

from model.jit import frames, hook, kernel, lruvecs, memcgs
from model.mm.inactive_ratio import inactive_is_low
from model.mm.lists import lruvec_of
from model.mm.lru import lruvec_of_frame
from model.mm.memcontrol import lru_size, read_stat, stat_updated
from model.mm.protection import unprotected
from model.mm.shadow import age_of, memcg_of, node_of, pack, was_workingset
from model.mm.state import (
    ACTIVATE,
    ACTIVE,
    ANON,
    DEF_PRIORITY,
    KEEP,
    RECLAIM_CLEAN,
    RECLAIM_PAGE,
    REFERENCED,
    SWAP_CLUSTER_MAX,
    WORKINGSET,
)
from model.mm.swap import nr_swap_pages

SOURCE = "mm/vmscan.c, mm/workingset.c, mm/swap.c, 6.18 (5.9 and later behave alike here)"
SCOPE = "node"
PARAMS = {
    "fold_in_reclaim": (
        False,
        "",
        "reclaim folds a group's pending statistics before it looks at them, instead of waiting for the worker",
        "mem_cgroup_flush_stats in shrink_node, 5.15; rate-limited to when the worker is late since 6.8",
    ),
    "rotation_cost": (
        True,
        "",
        "rotated pages cost too, a 32nd of a page of I/O each; before, only pages written and refaulted did, one each",
        "lru_note_cost, 6.2",
    ),
}
EQUAL, FRACT, ANON_ONLY, FILE_ONLY = 0, 1, 2, 3
SWAPPINESS_ANON_ONLY = 201  # "swappiness=max" of memory.reclaim
LRU_AXIS = 0  # row of this axis in m.params


@kernel
def target_size(m, s, lru):
    """Size of a list in the subtree being reclaimed, as statistics have it."""
    sc = m.sc[s]
    return lru_size(m, lruvec_of(m, sc.memcg, sc.node, sc.zone), lru)


@kernel
def target_activated(m, s, kind):
    """Refaults activated so far in the subtree being reclaimed, as statistics have them (kind 0 anon, 1 file)."""
    sc = m.sc[s]
    vec = lruvecs(m)[lruvec_of(m, sc.memcg, sc.node, sc.zone)]
    return vec.seen_activated[kind] if sc.memcg else vec.activated[kind]


@hook
def new_anon_active(m):
    return 0


@hook
def prepare_scan(m, s):
    sc = m.sc[s]
    if m.params[LRU_AXIS, 0]:
        read_stat(m, sc.memcg)
    target = lruvecs(m)[lruvec_of(m, sc.memcg, sc.node, sc.zone)]
    sc.anon_cost, sc.file_cost = target.anon_cost, target.file_cost
    sc.may_deactivate = 3 if sc.force_deactivate else 0
    if not sc.force_deactivate:
        for kind in range(2):
            changed = target_activated(m, s, kind) != target.snapshot[kind]
            if changed or inactive_is_low(target_size(m, s, 2 * kind), target_size(m, s, 2 * kind + 1)):
                sc.may_deactivate |= 1 << kind
    inactive_file = target_size(m, s, 2)
    trim = (inactive_file >> sc.priority) > 0 and not sc.may_deactivate & 2 and not sc.no_cache_trim
    sc.cache_trim = 1 if trim else 0
    sc.file_is_tiny = 0
    if sc.memcg == 0:
        free = high = 0
        node = m.nodes[sc.node]
        for z in range(node.first_zone, node.first_zone + node.nr_zones):
            free += m.zones[z].nr_free
            high += m.zones[z].wmark_high
        file = inactive_file + target_size(m, s, 3)
        anon = target_size(m, s, 0)
        if file + free <= high and not sc.may_deactivate & 1 and (anon >> sc.priority) > 0:
            sc.file_is_tiny = 1
    return 0


@kernel
def balance(m, s):
    """Which lists to scan, in the order get_scan_count decides it."""
    sc = m.sc[s]
    if not sc.may_swap:
        return FILE_ONLY
    if sc.memcg and sc.swappiness == 0:
        return FILE_ONLY
    if sc.swappiness == SWAPPINESS_ANON_ONLY:
        return ANON_ONLY
    if sc.priority == 0 and sc.swappiness:
        return EQUAL
    if sc.file_is_tiny:
        return ANON_ONLY
    return FILE_ONLY if sc.cache_trim else FRACT


@kernel
def pressure(swappiness, anon_cost, file_cost):
    """(anon, file) shares of the scan from the costs of reclaiming each (integer arithmetic of get_scan_count)."""
    total = anon_cost + file_cost
    anon, file = total + anon_cost, total + file_cost
    total = anon + file
    ap = swappiness * (total + 1) // (anon + 1)
    fp = (200 - swappiness) * (total + 1) // (file + 1)
    return ap, fp


@hook
def scan_count(m, s):
    sc = m.sc[s]
    vec, how = lruvecs(m)[sc.lruvec], balance(m, s)
    ap, fp = pressure(sc.swappiness, sc.anon_cost, sc.file_cost)
    for lru in range(4):
        file = lru >= 2
        scan = unprotected(m, s, vec.lists[lru].n) >> sc.priority
        if how == FRACT:
            scan = scan * (fp if file else ap) // (ap + fp)
        elif (how == ANON_ONLY and file) or (how == FILE_ONLY and not file):
            scan = 0
        sc.nr[lru] = scan
    return 0


@hook
def may_shrink_active(m, s, file):
    sc = m.sc[s]
    if not (sc.may_deactivate >> file) & 1:
        sc.skipped_deactivate = 1
        return 0
    return 1


@hook
def after_round(m, s):
    """Once the target is met: finish the smaller kind, and scan the other only in proportion."""
    sc = m.sc[s]
    proportional = sc.memcg == 0 and not sc.kswapd and sc.priority == DEF_PRIORITY
    if sc.round_reclaimed < sc.nr_to_reclaim or proportional:
        return 0
    anon, file = sc.nr[0] + sc.nr[1], sc.nr[2] + sc.nr[3]
    if anon == 0 or file == 0:
        return 1
    if file > anon:
        small, left = 0, anon * 100 // (sc.targets[0] + sc.targets[1] + 1)
    else:
        small, left = 2, file * 100 // (sc.targets[2] + sc.targets[3] + 1)
    sc.nr[small] = sc.nr[small + 1] = 0
    for lru in range(2 - small, 4 - small):
        done = sc.targets[lru] - sc.nr[lru]
        remaining = sc.targets[lru] * (100 - left) // 100
        sc.nr[lru] = max(0, remaining - done)
    return 0


@hook
def age_anon(m, s):
    sc = m.sc[s]
    if m.cfg.total_swap == 0:
        return 0
    inactive, active = lru_size(m, sc.lruvec, 0), lru_size(m, sc.lruvec, 1)
    return 1 if inactive_is_low(inactive, active) else 0


@hook
def check_references(m, pfn, young, executable):
    page = frames(m)[pfn]
    referenced = page.state & REFERENCED
    page.state &= ~REFERENCED
    if young:
        page.state |= REFERENCED
        if referenced or young > 1 or (executable and not page.state & ANON):
            return ACTIVATE
        return KEEP
    return RECLAIM_CLEAN if referenced and not page.state & ANON else RECLAIM_PAGE


@kernel
def note_cost(m, lv, file, cost):
    """Book `cost` against one kind; both halve when they exceed a quarter of the lists (lru_note_cost)."""
    if cost == 0:
        return
    at = lv
    while True:
        vec = lruvecs(m)[at]
        size = lru_size(m, at, 0) + lru_size(m, at, 1) + lru_size(m, at, 2) + lru_size(m, at, 3)
        if file:
            vec.file_cost += cost
        else:
            vec.anon_cost += cost
        if vec.file_cost + vec.anon_cost > size // 4:
            vec.file_cost //= 2
            vec.anon_cost //= 2
        if vec.memcg == 0:
            return
        at = lruvec_of(m, memcgs(m)[vec.memcg].parent, vec.node, vec.zone)


@hook
def note_inactive(m, lv, file, scanned, reclaimed, paged_out):
    note_cost(m, lv, file, paged_out * SWAP_CLUSTER_MAX + scanned - reclaimed if m.params[LRU_AXIS, 1] else paged_out)
    return 0


@hook
def note_active(m, lv, file, young, rotated):
    if m.params[LRU_AXIS, 1]:
        note_cost(m, lv, file, rotated)
    return 0


@kernel
def age(m, lv):
    """One page became active or nonresident: time passes for the lruvec and its ancestors."""
    table, at = lruvecs(m), lv
    while True:
        table[at].nonresident_age += 1
        if table[at].memcg == 0:
            return
        at = lruvec_of(m, memcgs(m)[table[at].memcg].parent, table[at].node, table[at].zone)


@hook
def age_nonresident(m, lv):
    age(m, lv)
    return 0


@hook
def evict(m, pfn, s):
    page, sc = frames(m)[pfn], m.sc[s]
    lv = lruvec_of(m, sc.memcg, page.node, page.zone)
    shadow = pack(lruvecs(m)[lv].nonresident_age, sc.memcg, page.node, 1 if page.state & WORKINGSET else 0)
    age(m, lv)
    return shadow


@kernel
def note_activated(m, lv, file):
    """A refault was activated: the lruvec and its ancestors count it."""
    table, at = lruvecs(m), lv
    while True:
        table[at].activated[file] += 1
        if table[at].memcg == 0:
            return
        at = lruvec_of(m, memcgs(m)[table[at].memcg].parent, table[at].node, table[at].zone)


@kernel
def workingset_size(m, lv, file):
    """Pages that compete with a refaulting page of this kind, as statistics have them."""
    size = lru_size(m, lv, 3)
    if not file:
        size += lru_size(m, lv, 2)
    if nr_swap_pages(m) > 0:
        size += lru_size(m, lv, 1)
        if file:
            size += lru_size(m, lv, 0)
    return size


@hook
def refault(m, pfn, shadow):
    page = frames(m)[pfn]
    file = 0 if page.state & ANON else 1
    if file:
        m.vm.workingset_refault_file += 1
    else:
        m.vm.workingset_refault_anon += 1
    stat_updated(m, page.memcg, 1)
    node, evictor = node_of(shadow), memcg_of(shadow)
    lv = lruvec_of(m, evictor, node, m.nodes[node].first_zone)
    distance = (lruvecs(m)[lv].nonresident_age - age_of(shadow)) & ((1 << 40) - 1)
    if distance > workingset_size(m, lv, file):
        return 0
    page.state |= ACTIVE
    own = lruvec_of_frame(m, pfn)
    age(m, own)
    note_activated(m, own, file)
    if file:
        m.vm.workingset_activate_file += 1
    else:
        m.vm.workingset_activate_anon += 1
    stat_updated(m, page.memcg, 1)
    if was_workingset(shadow):
        page.state |= WORKINGSET
        note_cost(m, own, file, SWAP_CLUSTER_MAX if m.params[LRU_AXIS, 1] else 1)
        if file:
            m.vm.workingset_restore_file += 1
        else:
            m.vm.workingset_restore_anon += 1
        stat_updated(m, page.memcg, 1)
    return 0


@hook
def end_reclaim(m, s):
    """Remember how many refaults had been activated, to see next time whether the workingset is changing."""
    sc = m.sc[s]
    target = lruvecs(m)[lruvec_of(m, sc.memcg, sc.node, sc.zone)]
    for kind in range(2):
        target.snapshot[kind] = target_activated(m, s, kind)
    return 0
