"""Allocating a page: zonelist walk, watermarks, daemons, direct reclaim, giving up (mm/page_alloc.c)."""

from mmrun.model.core.accounting import ALLOC, IN_MEMSTALL, begins, ends
from mmrun.model.core.codes import BAD_ORDER
from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import cond_resched, current
from mmrun.model.core.state import turn
from mmrun.model.machine.state import geometry, node_count, nodes
from mmrun.model.mm.alloc.node_reclaim import RECLAIM_DISTANCE, node_reclaim
from mmrun.model.mm.idle.idle import forget
from mmrun.model.mm.idle.state import watch
from mmrun.model.mm.limits.limits import charge, throttle_over_high
from mmrun.model.mm.limits.oom import out_of_memory
from mmrun.model.mm.memcg.memcontrol import NO_GROUP, charge_kmem, kmem_group, mod_state
from mmrun.model.mm.memcg.stats import PGPGIN
from mmrun.model.mm.memcg.victims import page_event
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE, NEW, SLAB, SLAB_PAGE
from mmrun.model.mm.page.gfp import (
    ATOMIC,
    DIRECT_RECLAIM,
    GFP_KERNEL,
    HIGH,
    KSWAPD_RECLAIM,
    MEMALLOC,
    NORETRY,
    THISNODE,
    WRITE,
    gfp_zone,
)
from mmrun.model.mm.page.mempolicy import (
    MODE_PREFERRED_MANY,
    NO_INTERLEAVE_INDEX,
    interleaves,
    policy_node,
    policy_nodemask,
)
from mmrun.model.mm.page.pcp import drain_all_pcps, free_frame, rmqueue
from mmrun.model.mm.page.state import alloc_count, alloc_settings, frames, zones
from mmrun.model.mm.page.zones import wake_kswapd, watermark_ok
from mmrun.model.mm.reclaim.state import reclaim_count
from mmrun.model.mm.task.state import tasks
from mmrun.model.psi.state import psi_settings

direct_reclaim = caller("direct_reclaim")
retry_zone = caller("retry_zone")
throttle_retry = caller("throttle_retry")
dirty_ok = caller("dirty_ok")
LOW, MIN, NO_WATERMARKS, FAIR = 0, 1, 2, 3


@kernel
def _mark_of(zone, gfp, level):
    """The watermark an allocation must leave: urgent ones may go below min by half, then by a quarter of the rest."""
    if level in (LOW, FAIR):
        return zone.wmark_low
    mark = zone.wmark_min
    if gfp & HIGH:
        mark -= mark // 2
    if gfp & ATOMIC:
        mark -= mark // 4
    return mark


@kernel
def _reclaim_node(m, z):
    """Reclaim on a zone's node, close to home, before memory is taken from farther away; 1 when it freed a page."""
    what = ALLOC | psi_settings(m).psi_node_reclaim * IN_MEMSTALL
    begins(m, what)
    freed = node_reclaim(m, z)
    ends(m, what)
    return freed


@kernel
def get_page_from_freelist(m, gfp, nid, nodemask, level):
    """A frame from the first allowed zone of node `nid`'s zonelist that stays above its mark, or NONE.

    At the low watermark a page for write() (__GFP_WRITE) to a disk comes from a zone within its dirty limit only.
    `FAIR`: at the low watermark, from a zone of the preferred node that has not yet given its share (ALLOC_FAIR).
    """
    home, cpu, highest, preferred = nodes(m)[nid], turn(m).cpu, gfp_zone(gfp), NONE
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        zone = zones(m)[z]
        if zone.kind > highest or not nodemask >> zone.node & 1:
            continue
        if level == FAIR:
            preferred = zone.node if preferred == NONE else preferred
            if zone.node != preferred:
                break
            if zone.alloc_batch <= 0:
                continue
        if level in (LOW, FAIR) and gfp & WRITE and current(m).backing_dev and not dirty_ok(m, z):
            continue
        ok = level == NO_WATERMARKS or watermark_ok(m, z, _mark_of(zone, gfp, level), highest)
        if (
            not ok
            and alloc_settings(m).zone_reclaim_mode
            and home.distance[zone.node] <= RECLAIM_DISTANCE
            and gfp & DIRECT_RECLAIM
        ):
            ok = _reclaim_node(m, z) and watermark_ok(m, z, _mark_of(zone, gfp, level), highest)
        if ok:
            pfn = rmqueue(m, cpu, z)
            if pfn != NONE:
                frames(m)[pfn].zone, frames(m)[pfn].node = z, zone.node
                zone.alloc_batch -= 1
                return pfn
    return NONE


@kernel
def reset_alloc_batches(m, gfp, nid, nodemask):
    """All zones of the preferred node, from the lowest to the preferred, may give a share again if one has given its.

    A share is what lies between the low and the high watermark.
    """
    home, preferred = nodes(m)[nid], NONE
    given = False
    for i in range(home.nr_zonelist):
        zone = zones(m)[home.zonelist[i]]
        if zone.kind > gfp_zone(gfp) or not nodemask >> zone.node & 1:
            continue
        preferred = home.zonelist[i] if preferred == NONE else preferred
        given |= zone.node == zones(m)[preferred].node and zone.alloc_batch <= 0
    if given:
        for z in range(nodes(m)[zones(m)[preferred].node].first_zone, preferred + 1):
            zones(m)[z].alloc_batch = zones(m)[z].wmark_high - zones(m)[z].wmark_low


@kernel
def fair_page(m, gfp, nid, nodemask):
    """A page from the zones of the preferred node in turn, as they have shares (3.12 to 4.7); NONE: as it comes."""
    pfn = get_page_from_freelist(m, gfp, nid, nodemask, FAIR)
    if pfn == NONE:
        reset_alloc_batches(m, gfp, nid, nodemask)
    return pfn


@kernel
def wake_all_kswapds(m, gfp, nid, nodemask):
    """Wake the daemons of the allowed nodes."""
    home, seen = nodes(m)[nid], 0
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        node = zones(m)[z].node
        if nodemask >> node & 1 and not seen >> node & 1 and zones(m)[z].kind <= gfp_zone(gfp):
            seen |= 1 << node
            wake_kswapd(m, z, gfp_zone(gfp))


@kernel
def _reclaim_directly(m, gfp, nid, nodemask):
    """Reclaim in the allocating task and look again; (frame or NONE, pages reclaimed).

    In the kernel: __alloc_pages_direct_reclaim.
    """
    reclaim_count(m).allocstall += 1
    begins(m, ALLOC | IN_MEMSTALL)
    got = direct_reclaim(m, nid, gfp, nodemask)
    ends(m, ALLOC | IN_MEMSTALL)
    pfn = get_page_from_freelist(m, gfp, nid, nodemask, MIN)
    if pfn == NONE and got:
        for z in range(geometry(m).nr_zones):
            drain_all_pcps(m, z)
        pfn = get_page_from_freelist(m, gfp, nid, nodemask, MIN)
    return pfn, got


@kernel
def alloc_pages_slowpath(m, gfp, nid, nodemask):
    """Wake the daemons, go down to min, reclaim directly until it is of no use; NONE then (__alloc_pages_slowpath)."""
    if gfp & KSWAPD_RECLAIM:
        wake_all_kswapds(m, gfp, nid, nodemask)
    pfn, fruitless = get_page_from_freelist(m, gfp, nid, nodemask, NO_WATERMARKS if gfp & MEMALLOC else MIN), 0
    while pfn == NONE and gfp & DIRECT_RECLAIM:
        pfn, got = _reclaim_directly(m, gfp, nid, nodemask)
        if tasks(m)[turn(m).task].killed or (gfp & NORETRY and pfn == NONE):
            return pfn
        fruitless = 0 if got else fruitless + 1
        wake_all_kswapds(m, gfp, nid, nodemask)
        again = retry_zone(m, nid, fruitless, nodemask)
        if pfn != NONE or not again:
            return pfn
        begins(m, ALLOC)
        throttle_retry(m, again - 1, fruitless)
        ends(m, ALLOC)
        cond_resched(m)
    return pfn


@kernel
def alloc_pages(m, gfp, order, nid, nodemask):
    """2^order adjacent frames that no list holds (NEW), node `nid` preferred; the first one, or NONE (__alloc_pages).

    `gfp` says what may be done for it: sleep, reclaim, go below watermarks. Only order 0 is served so far.
    """
    if order:
        panic(m, BAD_ORDER, order)
        return NONE
    allowed = nodemask & 1 << nid if gfp & THISNODE else nodemask
    pfn = fair_page(m, gfp, nid, allowed) if alloc_settings(m).fair_zones else NONE
    if pfn == NONE:
        pfn = get_page_from_freelist(m, gfp, nid, allowed, LOW)
    if pfn == NONE:
        pfn = alloc_pages_slowpath(m, gfp, nid, allowed)
    if pfn == NONE:
        return NONE
    alloc_count(m).pgalloc += 1
    page = frames(m)[pfn]
    page.slot = page.mapcount = 0
    page.state, page.memcg = NEW, NO_GROUP
    if watch(m).idle_tracking:
        forget(m, pfn)
    return pfn


@kernel
def _numa_statistics(m, t, nid, nodemask, pfn):
    """numa_hit/miss/foreign against the first allowed node of the zonelist, local/other against the CPU's node.

    In the kernel: zone_statistics.
    """
    got, wanted = frames(m)[pfn].node, nid
    home = nodes(m)[nid]
    for i in range(home.nr_zonelist):
        if nodemask >> zones(m)[home.zonelist[i]].node & 1:
            wanted = zones(m)[home.zonelist[i]].node
            break
    if got == wanted:
        node_count(m)[got].numa_hit += 1
        if interleaves(m, t):
            node_count(m)[got].interleave_hit += 1
    else:
        node_count(m)[got].numa_miss += 1
        node_count(m)[wanted].numa_foreign += 1
    if got == tasks(m)[t].node:
        node_count(m)[got].local_node += 1
    else:
        node_count(m)[got].other_node += 1


@kernel
def alloc_by_policy(m, t, gfp, index):
    """A frame for task `t`, placed by its policy, whoever must be killed for it; NONE: `t` itself.

    `index`: of which page of a mapping; page tables, slabs and page cache, which are of none, go by the policy, too.
    In the kernel: alloc_pages_vma, alloc_pages_current, today alloc_pages_mpol.
    """
    nid, nodemask, pfn = policy_node(m, t, index), policy_nodemask(m, t), NONE
    if tasks(m)[t].mode == MODE_PREFERRED_MANY:  # on these nodes if that takes no reclaim (alloc_pages_preferred_many)
        nodemask = tasks(m)[t].mask
        pfn = alloc_pages(m, gfp & ~DIRECT_RECLAIM, 0, nid, nodemask)
    while pfn == NONE:
        nodemask = policy_nodemask(m, t)
        pfn = alloc_pages(m, gfp, 0, nid, nodemask)
        if pfn == NONE and (tasks(m)[t].killed or not out_of_memory(m, t, 0)):
            return NONE
    _numa_statistics(m, t, nid, nodemask, pfn)
    return pfn


@hook
def charged_frame(m, t, gfp, index):
    """A frame for a user page of task `t`, charged to its group; NONE when the machine or the group is out of it."""
    pfn, memcg = alloc_by_policy(m, t, gfp, index), tasks(m)[t].memcg
    if pfn == NONE:
        return NONE
    if not charge(m, t, memcg):
        free_frame(m, turn(m).cpu, pfn)
        return NONE
    frames(m)[pfn].memcg = memcg
    mod_state(m, memcg, PGPGIN, 1)
    page_event(m, memcg, frames(m)[pfn].zone, 1)
    throttle_over_high(m, t)
    return pfn


@hook
def slab_frame(m, t, memcg):
    """A frame for slab objects, placed by the task's policy, charged to `memcg` (NO_GROUP: to nobody), or NONE."""
    pfn = alloc_by_policy(m, t, GFP_KERNEL, NO_INTERLEAVE_INDEX)
    if pfn == NONE:
        return NONE
    page = frames(m)[pfn]
    if memcg != NO_GROUP:
        if not charge(m, t, memcg):
            free_frame(m, turn(m).cpu, pfn)
            return NONE
        charge_kmem(m, memcg, 1)
    page.state, page.memcg, page.kind = KERNEL | SLAB, max(memcg, 0), SLAB_PAGE
    throttle_over_high(m, t)
    return pfn


@hook
def kernel_frame(m, t, gfp):
    """A frame for the kernel's own use on behalf of task `t`, placed by its policy, charged; NONE when there is none.

    In the kernel: pte_alloc_one, and allocate_slab for nodes of the page cache's tree; __memcg_kmem_charge_page.
    """
    pfn, memcg = alloc_by_policy(m, t, gfp, NO_INTERLEAVE_INDEX), kmem_group(m, t)
    if pfn == NONE:
        return NONE
    if not charge(m, t, memcg):
        free_frame(m, turn(m).cpu, pfn)
        return NONE
    page = frames(m)[pfn]
    page.state, page.memcg, page.kind = KERNEL, memcg, KERNEL_PAGE
    charge_kmem(m, memcg, 1)
    throttle_over_high(m, t)
    return pfn
