"""Two lists per node with refault distance for file pages, as of 4.8 to 5.7.

Pressure by rotation as in 3.1, and both inactive lists by the square-root rule. A file page that comes back sooner than
its group's active file list is long is activated at once, and since 4.12 such refaults leave the active file list open
to deactivation until the next reclaim. Anonymous pages start active and leave no shadow.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.lru.inactive_ratio import inactive_is_low
from mmrun.model.mm.lru.lru import lruvec_of_frame
from mmrun.model.mm.lru.references import look_twice
from mmrun.model.mm.lru.scan_balance import (
    ANON_ONLY,
    EQUAL,
    FILE_ONLY,
    FRACT,
    cannot_swap,
    given_up,
    in_full_at_first,
    node_pages,
    rotation_pressure,
    share_lists,
    stop_or_cut,
)
from mmrun.model.mm.lru.shadow import memcg_of, node_of, pack
from mmrun.model.mm.lru.state import lruvecs
from mmrun.model.mm.lru.variants.lru.split import new_anon_active, note_active, note_inactive, prepare_scan
from mmrun.model.mm.lru.workingset import activate_refault, count_refault, distance
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.flags import ANON
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.swap.state import swap_settings

SOURCE = "mm/vmscan.c: inactive_list_is_low, get_scan_count, shrink_node_memcg; mm/workingset.c, 4.19"
SCOPE = "node"
PARAMS = {
    "opened_by_refaults": (True, "", "activated refaults open the active file list to deactivation (4.12)",
                           "mm/vmscan.c: inactive_list_is_low, 4.12"),
    "anon_in_plenty": (True, "", "where file pages are few, anonymous ones alone are scanned only while their inactive "
                       "list is long (4.13)", "mm/vmscan.c: get_scan_count, 4.13"),
    "forced": (False, "", "limit reclaim, and kswapd on a node given up, scan a batch of lists too short to be scanned "
               "(to 4.11)", "mm/vmscan.c: get_scan_count, 4.9"),
}  # fmt: skip
params = parameters("lru", PARAMS, 360)
__all__ = ["new_anon_active", "note_active", "note_inactive", "prepare_scan"]


@kernel
def low(m, lv, kind):
    """inactive_list_is_low by sizes alone."""
    vec = lruvecs(m)[lv]
    return inactive_is_low(vec.lists[2 * kind].n, vec.lists[2 * kind + 1].n)


@kernel
def activations(m, memcg):
    """Refaults activated in the group so far, on all nodes."""
    count = 0
    for lv in range(memcg * geometry(m).nr_zones, (memcg + 1) * geometry(m).nr_zones):
        count += lruvecs(m)[lv].activated[1]
    return count


@hook
def may_shrink_active(m, s, file):
    """inactive_list_is_low; after activated refaults an active file list is always too long."""
    vec = lruvecs(m)[scans(m)[s].lruvec]
    if file and params(m).opened_by_refaults and vec.snapshot[1] != activations(m, vec.memcg):
        return 1 if vec.lists[3].n > 0 else 0
    return 1 if (file or swap_settings(m).total_swap) and low(m, scans(m)[s].lruvec, file) else 0


@hook
def age_anon(m, s):
    return 1 if swap_settings(m).total_swap and low(m, scans(m)[s].lruvec, 0) else 0


@kernel
def balance(m, s):
    """Which lists to scan, in the order get_scan_count decides it."""
    sc = scans(m)[s]
    vec = lruvecs(m)[sc.lruvec]
    if cannot_swap(m, s):
        return FILE_ONLY
    if sc.priority == 0 and sc.swappiness:
        return EQUAL
    free, high, file = node_pages(m, sc.node)
    enough = not (swap_settings(m).total_swap and low(m, sc.lruvec, 0)) and vec.lists[0].n >> sc.priority
    if sc.memcg == 0 and file + free <= high and (enough or not params(m).anon_in_plenty):
        return ANON_ONLY
    return FILE_ONLY if not low(m, sc.lruvec, 1) and vec.lists[2].n >> sc.priority else FRACT


# In the kernel: get_scan_count.
@hook
def scan_count(m, s):
    sc, how = scans(m)[s], balance(m, s)
    ap = fp = 0
    if how == FRACT:
        ap, fp = rotation_pressure(m, sc.lruvec, sc.swappiness, 200 - sc.swappiness)
    forced = params(m).forced and (sc.memcg or (sc.kswapd and given_up(m, sc.node, sc.swap_available)))
    share_lists(m, s, how, ap, fp, False, forced)
    sc.scan_adjusted = in_full_at_first(m, s)
    return 0


@hook
def after_round(m, s):
    """With enough pages the rest is cut once, in proportion, and scanned whatever it gives."""
    sc = scans(m)[s]
    if sc.round_reclaimed < sc.nr_to_reclaim or sc.scan_adjusted:
        return 0
    sc.scan_adjusted = 1
    return stop_or_cut(m, s)


# In the kernel: page_check_references.
@hook
def check_references(m, pfn, young, executable):
    return look_twice(m, pfn, young, frames(m)[pfn].state & ANON, young > 1 or executable)


# In the kernel: workingset_activation.
@hook
def age_nonresident(m, lv):
    lruvecs(m)[lv].nonresident_age += 1
    return 0


# In the kernel: workingset_eviction.
@hook
def evict(m, pfn, s):
    page = frames(m)[pfn]
    if page.state & ANON:
        return 0
    vec = lruvecs(m)[lruvec_of_frame(m, pfn)]
    vec.nonresident_age += nr_pages(m, pfn)
    return pack(vec.nonresident_age, page.memcg, page.node, 0)


# In the kernel: workingset_refault.
@hook
def refault(m, pfn, shadow):
    count_refault(m, pfn)
    node = node_of(shadow)
    lv = lruvec_of(m, memcg_of(shadow), node, nodes(m)[node].first_zone)
    if distance(m, lv, shadow) > lruvecs(m)[lv].lists[3].n:
        return 0
    activate_refault(m, pfn, lv)
    lruvecs(m)[lruvec_of_frame(m, pfn)].nonresident_age += 1
    return 0


@hook
def end_reclaim(m, s):
    """Remember how many refaults had been activated in every group in scope (snapshot_refaults)."""
    sc = scans(m)[s]
    for memcg in range(sc.memcg, memcgs(m)[sc.memcg].end):
        lruvecs(m)[lruvec_of(m, memcg, sc.node, sc.zone)].snapshot[1] = activations(m, memcg)
    return 0
