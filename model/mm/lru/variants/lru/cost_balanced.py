"""Two lists with cost-balanced pressure, and refault distance for both kinds of pages (5.8 and later, MGLRU off).

Pages start inactive, mapped ones get a second chance, pages seen referenced twice are activated, pages that come back
sooner than the workingset is large are activated at once. Pressure between anonymous and file pages follows what
reclaiming each has cost lately (pages paged out, rotated, refaulted), bounded to a factor of two either way. In 5.8
(`file_workingset`) anonymous pages still start active, are activated at one sighting, and leave no shadow.
"""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.machine.state import nodes
from mmrun.model.mm.lru.inactive_ratio import inactive_is_low
from mmrun.model.mm.lru.lru import lruvec_of_frame
from mmrun.model.mm.lru.references import look_twice
from mmrun.model.mm.lru.scan_balance import (
    ANON_ONLY,
    EQUAL,
    FILE_ONLY,
    FRACT,
    can_demote,
    cannot_swap,
    cost_pressure,
    in_full_at_first,
    node_pages,
    share_out,
    stop_or_cut,
)
from mmrun.model.mm.lru.shadow import memcg_of, node_of, pack, was_workingset
from mmrun.model.mm.lru.state import lruvecs
from mmrun.model.mm.lru.workingset import (
    activate_refault,
    age_with_ancestors,
    count_refault,
    distance,
    restore_workingset,
)
from mmrun.model.mm.memcg.memcontrol import lru_size, read_stat
from mmrun.model.mm.memcg.protection import unprotected
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.flags import ANON, WORKINGSET
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.swap.state import swap_settings
from mmrun.model.mm.swap.swap import nr_swap_pages

SOURCE = "mm/vmscan.c, mm/workingset.c, mm/swap.c, 6.18"
SCOPE = "node"
PARAMS = {
    "fold_in_reclaim": (
        False,
        "",
        "reclaim folds a group's pending statistics before it looks at them, instead of waiting for the worker",
        "mem_cgroup_flush_stats in shrink_node, 5.15; rate-limited to when the worker is late since 6.12",
    ),
    "io_cost_only": (
        False,
        "",
        "only pages written and refaulted cost, one each; rotated ones, a 32nd of a page of I/O each, do not",
        "lru_note_cost, 5.8 to 6.1",
    ),
    "file_workingset": (
        False,
        "",
        "only file pages leave a shadow; anonymous ones start active, and one sighting activates them",
        "mm/workingset.c, mm/vmscan.c, mm/swap.c, 5.8",
    ),
    "scan_on": (
        False,
        "",
        "a reclaimer with enough pages scans the rest of its target, cut in proportion, whatever that gives",
        "shrink_lruvec, 3.16 to 6.0",
    ),
}
params = parameters("lru", PARAMS, 310)
SWAPPINESS_ANON_ONLY = 201  # "swappiness=max" of memory.reclaim
# Places in PARAMS. Every parameter is off in the present kernel, so a variant that reuses these hooks gets that.


@kernel
def target_size(m, s, lru):
    """Size of a list in the subtree being reclaimed, as statistics have it."""
    sc = scans(m)[s]
    return lru_size(m, lruvec_of(m, sc.memcg, sc.node, sc.zone), lru)


@kernel
def target_activated(m, s, kind):
    """Refaults activated so far in the subtree being reclaimed, as statistics have them (kind 0 anon, 1 file)."""
    sc = scans(m)[s]
    vec = lruvecs(m)[lruvec_of(m, sc.memcg, sc.node, sc.zone)]
    return max(vec.seen_activated[kind], 0) if sc.memcg else vec.activated[kind]


@hook
def new_anon_active(m):
    return 1 if params(m).file_workingset else 0


@hook
def prepare_scan(m, s):
    sc = scans(m)[s]
    if params(m).fold_in_reclaim:
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
    trim = (inactive_file >> sc.priority) > 0 and not sc.may_deactivate & 2
    sc.cache_trim = 1 if trim else 0
    sc.file_is_tiny = 0
    if sc.memcg == 0:
        free, high, file = node_pages(m, sc.node)
        if file + free <= high and not sc.may_deactivate & 1 and target_size(m, s, 0) >> sc.priority > 0:
            sc.file_is_tiny = 1
    return 0


@kernel
def balance(m, s):
    """Which lists to scan, in the order get_scan_count decides it."""
    sc = scans(m)[s]
    if cannot_swap(m, s):
        return FILE_ONLY
    if sc.swappiness == SWAPPINESS_ANON_ONLY:
        return ANON_ONLY
    if sc.priority == 0 and sc.swappiness:
        return EQUAL
    if sc.file_is_tiny:
        return ANON_ONLY
    return FILE_ONLY if sc.cache_trim else FRACT


# In the kernel: get_scan_count.
@hook
def scan_count(m, s):
    sc, how = scans(m)[s], balance(m, s)
    ap, fp = cost_pressure(sc.swappiness, sc.anon_cost, sc.file_cost)
    for lru in range(4):
        size = unprotected(m, s, lruvecs(m)[sc.lruvec].lists[lru].n) >> sc.priority
        share_out(m, s, lru, how, size, fp if lru >= 2 else ap, ap + fp)
    sc.scan_adjusted = in_full_at_first(m, s)
    return 0


@hook
def may_shrink_active(m, s, file):
    sc = scans(m)[s]
    if not (sc.may_deactivate >> file) & 1:
        sc.skipped_deactivate = 1
        return 0
    return 1


@hook
def after_round(m, s):
    """Once the target is met: finish the kind with less left, and scan the other only in proportion."""
    sc = scans(m)[s]
    if sc.round_reclaimed < sc.nr_to_reclaim or sc.scan_adjusted:
        return 0
    sc.scan_adjusted = params(m).scan_on
    return stop_or_cut(m, s)


@hook
def age_anon(m, s):
    sc = scans(m)[s]
    if swap_settings(m).total_swap == 0 and not can_demote(m, s):
        return 0
    inactive, active = lru_size(m, sc.lruvec, 0), lru_size(m, sc.lruvec, 1)
    return 1 if inactive_is_low(inactive, active) else 0


# In the kernel: folio_check_references.
@hook
def check_references(m, pfn, young, executable):
    anon = frames(m)[pfn].state & ANON
    at_once = anon and params(m).file_workingset
    return look_twice(m, pfn, young, at_once, young > 1 or (executable and not anon))


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
    cost = paged_out if params(m).io_cost_only else paged_out * SWAP_CLUSTER_MAX + scanned - reclaimed
    note_cost(m, lv, file, cost)
    age_with_ancestors(m, lv, lruvecs(m)[lv].batch_activated)
    return 0


@hook
def note_active(m, lv, file, young, rotated):
    if not params(m).io_cost_only:
        note_cost(m, lv, file, rotated)
    age_with_ancestors(m, lv, rotated)
    return 0


# In the kernel: workingset_age_nonresident.
@hook
def age_nonresident(m, lv):
    age_with_ancestors(m, lv, 1)
    return 0


# In the kernel: workingset_eviction.
@hook
def evict(m, pfn, s):
    page, sc = frames(m)[pfn], scans(m)[s]
    if page.state & ANON and params(m).file_workingset:
        return 0
    lv = lruvec_of(m, sc.memcg, page.node, page.zone)
    shadow = pack(lruvecs(m)[lv].nonresident_age, sc.memcg, page.node, 1 if page.state & WORKINGSET else 0)
    age_with_ancestors(m, lv, nr_pages(m, pfn))
    return shadow


@kernel
def count_in_ancestors(m, lv, file, pages):
    """A refault was activated: the ancestors of the lruvec count it too, so a subtree's count is read at its root."""
    table, at = lruvecs(m), lv
    while table[at].memcg:
        at = lruvec_of(m, memcgs(m)[table[at].memcg].parent, table[at].node, table[at].zone)
        table[at].activated[file] += pages


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


# In the kernel: workingset_refault.
@hook
def refault(m, pfn, shadow):
    count_refault(m, pfn)
    file, node = 0 if frames(m)[pfn].state & ANON else 1, node_of(shadow)
    lv, own = lruvec_of(m, memcg_of(shadow), node, nodes(m)[node].first_zone), lruvec_of_frame(m, pfn)
    if distance(m, lv, shadow) > workingset_size(m, lv, file):
        return 0
    activate_refault(m, pfn, own)
    count_in_ancestors(m, own, file, nr_pages(m, pfn))
    age_with_ancestors(m, own, nr_pages(m, pfn))
    if was_workingset(shadow):
        restore_workingset(m, pfn)
        note_cost(m, own, file, nr_pages(m, pfn) * (1 if params(m).io_cost_only else SWAP_CLUSTER_MAX))
    return 0


@hook
def end_reclaim(m, s):
    """Remember how many refaults had been activated, to see next time whether the workingset is changing."""
    sc = scans(m)[s]
    target = lruvecs(m)[lruvec_of(m, sc.memcg, sc.node, sc.zone)]
    for kind in range(2):
        target.snapshot[kind] = target_activated(m, s, kind)
    return 0
