"""Allocating pages: the fast path, placement by policy, charging (mm/page_alloc.c)."""

from mmrun.model.core.codes import BAD_ORDER
from mmrun.model.core.jit import hook, kernel, rare
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import node_count, nodes
from mmrun.model.mm.alloc.freelist import fast_flags, get_page_from_freelist
from mmrun.model.mm.alloc.slowpath import alloc_pages_slowpath
from mmrun.model.mm.idle.idle import forget
from mmrun.model.mm.idle.state import watch
from mmrun.model.mm.limits.limits import charge, throttle_over_high
from mmrun.model.mm.limits.oom import out_of_memory
from mmrun.model.mm.memcg.memcontrol import NO_GROUP, charge_kmem, kmem_group, mod_state
from mmrun.model.mm.memcg.stats import PGPGIN
from mmrun.model.mm.memcg.victims import page_event
from mmrun.model.mm.numa_balancing.state import UNSET, last_cpupid, numa_settings
from mmrun.model.mm.page.alloc_flags import FAIR
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE, NEW, SLAB, SLAB_PAGE, TAIL_PAGE
from mmrun.model.mm.page.gfp import DIRECT_RECLAIM, KSWAPD_RECLAIM, THISNODE, gfp_migratetype, gfp_zone
from mmrun.model.mm.page.mempolicy import (
    MODE_PREFERRED_MANY,
    NO_INTERLEAVE_INDEX,
    interleaves,
    policy_node,
    policy_nodemask,
)
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import MAX_ORDER, alloc_count, alloc_settings, alloc_state, frames, zones
from mmrun.model.mm.page.tracepoints import mm_page_alloc
from mmrun.model.mm.page.zones import wake_kswapd
from mmrun.model.mm.task.state import tasks
from mmrun.model.mm.tiering.state import tier_settings


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


@rare
@kernel
def fair_page(m, gfp, order, nid, nodemask):
    """A block from the zones of the preferred node in turn, as they have shares (3.12 to 4.7); NONE: as it comes."""
    pfn = get_page_from_freelist(m, gfp, order, nid, nodemask, fast_flags(m, gfp, nid, nodemask) | FAIR)
    if pfn == NONE:
        reset_alloc_batches(m, gfp, nid, nodemask)
    return pfn


@rare
@kernel
def _prep_tails(m, pfn, order):
    """The frames of a block but for the first are its tails."""
    f = frames(m)
    for tail in range(pfn + 1, pfn + (1 << order)):
        f[tail].state = f[tail].mapcount = f[tail].slot = f[tail].order = 0
        f[tail].kind, f[tail].owner, f[tail].zone, f[tail].node = TAIL_PAGE, pfn, f[pfn].zone, f[pfn].node


@rare
@kernel
def _unset_cpupids(m, pfn, order):
    """Nobody has touched the block's pages yet, as far as NUMA balancing knows."""
    for i in range(pfn, pfn + (1 << order)):
        last_cpupid(m)[i] = UNSET


@kernel
def prep_new_page(m, pfn, order):
    """The block is in use, on no list yet: its first frame is NEW, the others are its tails (prep_compound_page)."""
    f = frames(m)
    f[pfn].slot = f[pfn].mapcount = 0
    f[pfn].state, f[pfn].memcg, f[pfn].order = NEW, NO_GROUP, order
    if order:
        _prep_tails(m, pfn, order)


@kernel
def alloc_pages(m, gfp, order, nid, nodemask):
    """2^order adjacent frames that no list holds (NEW), node `nid` preferred; the first one, or NONE (__alloc_pages).

    `gfp` says what may be done for it: sleep, reclaim, go below watermarks; `alloc_state.reserve`: it did go below.
    """
    if not 0 <= order < MAX_ORDER:
        panic(m, BAD_ORDER, order)
        return NONE
    allowed = nodemask & 1 << nid if gfp & THISNODE else nodemask
    alloc_state(m).reserve = 0
    pfn = fair_page(m, gfp, order, nid, allowed) if alloc_settings(m).fair_zones else NONE
    if pfn == NONE:
        pfn = get_page_from_freelist(m, gfp, order, nid, allowed, fast_flags(m, gfp, nid, allowed))
    if pfn == NONE:
        pfn = alloc_pages_slowpath(m, gfp, order, nid, allowed)
    if pfn == NONE:
        return NONE
    alloc_count(m).pgalloc += 1 << order
    mm_page_alloc(m, pfn, order, gfp_migratetype(gfp), gfp)
    prep_new_page(m, pfn, order)
    if watch(m).idle_tracking:
        forget(m, pfn)
    if numa_settings(m).numa_balancing:
        _unset_cpupids(m, pfn, order)
    if tier_settings(m).demotes_ahead and gfp & KSWAPD_RECLAIM:
        wake_kswapd(m, frames(m)[pfn].zone, gfp, 0, gfp_zone(gfp))
    return pfn


@kernel
def zone_statistics(m, here, nid, nodemask, pfn):
    """numa_hit/miss/foreign against the first allowed node of the zonelist, local/other against the CPU's node.

    `here`: the node of the CPU that allocates. In the kernel: zone_statistics.
    """
    got, wanted = frames(m)[pfn].node, nid
    home = nodes(m)[nid]
    for i in range(home.nr_zonelist):
        if nodemask >> zones(m)[home.zonelist[i]].node & 1:
            wanted = zones(m)[home.zonelist[i]].node
            break
    if got == wanted:
        node_count(m)[got].numa_hit += 1
    else:
        node_count(m)[got].numa_miss += 1
        node_count(m)[wanted].numa_foreign += 1
    if got == here:
        node_count(m)[got].local_node += 1
    else:
        node_count(m)[got].other_node += 1
    return got == wanted


@kernel
def numa_statistics(m, t, nid, nodemask, pfn):
    """The same for task `t`, and interleave_hit, if its policy counts that."""
    if zone_statistics(m, tasks(m)[t].node, nid, nodemask, pfn) and interleaves(m, t):
        node_count(m)[frames(m)[pfn].node].interleave_hit += 1


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
    numa_statistics(m, t, nid, nodemask, pfn)
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
def slab_frame(m, t, gfp, memcg):
    """A frame for slab objects, placed by the task's policy, charged to `memcg` (NO_GROUP: to nobody), or NONE."""
    pfn = alloc_by_policy(m, t, gfp, NO_INTERLEAVE_INDEX)
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
