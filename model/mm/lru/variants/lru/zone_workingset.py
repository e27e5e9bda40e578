"""Split LRU lists per zone with refault distance for file pages, as of 3.15 to 4.7.

The lists and their pressure are those of 3.1, with two exceptions: anonymous pages are left alone while the inactive
file list is the longer one, and a reclaimer with enough pages goes on in proportion to what it was to scan. Where only
one kind is left, that is all of it, and a group without file pages has its anonymous ones scanned at the last priority
only, so limited groups lost far too many pages until 3.16 and 4.1.

New is the memory of evicted file pages: one that comes back sooner than the zone's active file list is long would have
stayed with that list's frames, so it is activated at once. Time is counted for the zone, and since 4.6 for each group
in it. 4.7 keeps both inactive lists by the square-root rule that groups' anonymous pages had before.
"""

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
    cannot_swap,
    cut_in_proportion,
    rotation_pressure,
    share_lists,
    stop_or_cut,
    zone_given_up,
)
from mmrun.model.mm.lru.shadow import memcg_of, node_of, pack
from mmrun.model.mm.lru.state import lruvecs
from mmrun.model.mm.lru.variants.lru.split import (
    end_reclaim,
    new_anon_active,
    note_active,
    note_inactive,
    prepare_scan,
    zone_ratio,
)
from mmrun.model.mm.lru.workingset import activate_refault, count_refault, distance
from mmrun.model.mm.page.flags import ANON
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.swap.state import swap_settings

SOURCE = "mm/vmscan.c: get_scan_count, shrink_lruvec, page_check_references; mm/workingset.c, 3.15"
SCOPE = "zone"
PARAMS = {
    "stop_at_zero": (
        False,
        "",
        "with enough pages reclaim stops when one kind has nothing left to scan, instead of scanning all of the other",
        "shrink_lruvec, 3.16",
    ),
    "forced_last": (True, "", "a batch of lists too short to be scanned is scanned only if none is long enough (3.16)",
                    "mm/vmscan.c: get_scan_count, 3.16"),
    "by_group": (False, "", "evicted pages are remembered by group, and time passes for each (4.6)",
                 "mm/workingset.c, 4.6"),
    "sqrt_rule": (False, "", "inactive lists, also of file pages, are as long as the square-root rule says (4.7)",
                  "mm/vmscan.c: inactive_list_is_low, 4.7"),
}  # fmt: skip
params = parameters("lru", PARAMS, 311)
ZONE_SHIFT = 59  # in a shadow, behind 40 bits of age and 19 below
__all__ = ["end_reclaim", "new_anon_active", "note_active", "note_inactive", "prepare_scan"]


@kernel
def inactive_anon_is_low(m, lv):
    """inactive * ratio < active, the ratio from the size of the whole zone, of a group from the lruvec."""
    vec = lruvecs(m)[lv]
    inactive, active = vec.lists[0].n, vec.lists[1].n
    if vec.memcg or params(m).sqrt_rule:
        return inactive_is_low(inactive, active)
    return inactive * zone_ratio(m, vec.zone) < active


@kernel
def inactive_file_is_low(m, lv):
    """Whether the active file list is the longer one, or long by the square-root rule."""
    inactive, active = lruvecs(m)[lv].lists[2].n, lruvecs(m)[lv].lists[3].n
    return inactive_is_low(inactive, active) if params(m).sqrt_rule else active > inactive


@hook
def may_shrink_active(m, s, file):
    lv = scans(m)[s].lruvec
    if file:
        return 1 if inactive_file_is_low(m, lv) else 0
    return 1 if swap_settings(m).total_swap and inactive_anon_is_low(m, lv) else 0


@hook
def age_anon(m, s):
    return 1 if swap_settings(m).total_swap and inactive_anon_is_low(m, scans(m)[s].lruvec) else 0


@kernel
def balance(m, s):
    """Which lists to scan, in the order get_scan_count decides it."""
    sc = scans(m)[s]
    zone = zones(m)[lruvecs(m)[sc.lruvec].zone]
    if cannot_swap(m, s):
        return FILE_ONLY
    if sc.priority == 0 and sc.swappiness:
        return EQUAL
    if sc.memcg == 0 and zone.nr_lru[2] + zone.nr_lru[3] + zone.nr_free <= zone.wmark_high:
        return ANON_ONLY
    return FRACT if inactive_file_is_low(m, sc.lruvec) else FILE_ONLY


@hook
def scan_count(m, s):
    """Limit reclaim, and kswapd in a zone given up, scan at least a batch if nothing else is scanned."""
    sc, how = scans(m)[s], balance(m, s)
    vec = lruvecs(m)[sc.lruvec]
    sc.scan_adjusted = 0
    ap = fp = 0
    if how == FRACT:
        ap, fp = rotation_pressure(m, sc.lruvec, sc.swappiness, 200 - sc.swappiness)
    forced = sc.memcg or (sc.kswapd and zone_given_up(m, vec.zone, sc.swap_available))
    share_lists(m, s, how, ap, fp, forced and not params(m).forced_last, forced)
    return 0


@hook
def after_round(m, s):
    """With enough pages a direct reclaimer stops; others cut the rest once, in proportion, and scan it."""
    sc = scans(m)[s]
    if sc.round_reclaimed < sc.nr_to_reclaim or sc.scan_adjusted:
        return 0
    if sc.memcg == 0 and not sc.kswapd:
        return 1
    sc.scan_adjusted = 1
    if params(m).stop_at_zero:
        return stop_or_cut(m, s)
    cut_in_proportion(m, s)
    return 0


@hook
def check_references(m, pfn, young, executable):
    return look_twice(m, pfn, young, frames(m)[pfn].state & ANON, young > 1 or executable)


@kernel
def clock_of(m, lv):
    """The lruvec that keeps time (inactive_age) for a lruvec: since 4.6 itself, before the root group's in its zone."""
    vec = lruvecs(m)[lv]
    return lv if params(m).by_group else lruvec_of(m, 0, vec.node, vec.zone)


# In the kernel: workingset_activation.
@hook
def age_nonresident(m, lv):
    lruvecs(m)[clock_of(m, lv)].nonresident_age += 1
    return 0


# In the kernel: workingset_eviction.
@hook
def evict(m, pfn, s):
    """A shadow names the group and the node, and behind the age the zone."""
    page = frames(m)[pfn]
    if page.state & ANON:
        return 0
    clock = lruvecs(m)[clock_of(m, lruvec_of_frame(m, pfn))]
    clock.nonresident_age += nr_pages(m, pfn)
    shadow = pack(clock.nonresident_age, clock.memcg, page.node, 0)
    return shadow - ((clock.zone - nodes(m)[page.node].first_zone) << ZONE_SHIFT)


@kernel
def clock_then(m, shadow):
    """The lruvec that kept time for a page when it was evicted."""
    node = node_of(shadow)
    return lruvec_of(m, memcg_of(shadow), node, nodes(m)[node].first_zone + ((-shadow - 1) >> ZONE_SHIFT))


# In the kernel: workingset_refault.
@hook
def refault(m, pfn, shadow):
    count_refault(m, pfn)
    then = clock_then(m, shadow)
    vec = lruvecs(m)[then]
    if distance(m, then, shadow) > (vec.lists[3].n if params(m).by_group else zones(m)[vec.zone].nr_lru[3]):
        return 0
    own = clock_of(m, lruvec_of_frame(m, pfn))
    activate_refault(m, pfn, own)
    lruvecs(m)[own].nonresident_age += 1
    return 0
