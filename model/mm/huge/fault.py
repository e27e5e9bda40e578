"""The first touch of anonymous memory, in a folio as large as the settings, the mapping and free memory allow.

In the kernel: do_huge_pmd_anonymous_page, alloc_anon_folio.
"""

from mmrun.model.core.codes import OK, OUT_OF_MEMORY
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import task_count
from mmrun.model.mm.alloc.page_alloc import alloc_pages, numa_statistics
from mmrun.model.mm.huge.map import ensure_table, map_folio, map_huge
from mmrun.model.mm.huge.mmap_lock import khugepaged_enter
from mmrun.model.mm.huge.queue import defer_split
from mmrun.model.mm.huge.state import (
    ADVISED,
    ADVISED_AGAINST,
    ALWAYS,
    HUGE_ORDER,
    HUGE_PAGES,
    MADVISED,
    folio_sizes,
    thp_count,
    thp_settings,
)
from mmrun.model.mm.limits.limits import charge_folio, throttle_over_high
from mmrun.model.mm.lru.lru import lru_add
from mmrun.model.mm.memcg.memcontrol import mod_state, uncharge
from mmrun.model.mm.memcg.stats import PGPGIN
from mmrun.model.mm.memcg.victims import page_event
from mmrun.model.mm.page.flags import ACTIVE, ANON, ANON_PAGE, NEW
from mmrun.model.mm.page.folio import free_folio, nr_pages
from mmrun.model.mm.page.gfp import (
    COMP,
    DIRECT_RECLAIM,
    GFP_HIGHUSER_MOVABLE,
    KSWAPD_RECLAIM,
    NOMEMALLOC,
    NORETRY,
    NOWARN,
    RECLAIM,
    THISNODE,
)
from mmrun.model.mm.page.mempolicy import interleaves, policy_node, policy_nodemask
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import fault_settings, pte, ptpage, regions, tasks

new_anon_active = caller("new_anon_active")
FALLBACK = 2  # the fault goes on as that of a single page
NO_ROOM = -1  # alloc_folio: the group has none
GFP_TRANSHUGE_LIGHT = (GFP_HIGHUSER_MOVABLE | COMP | NOMEMALLOC | NOWARN) & ~RECLAIM
DEFRAG_ALWAYS, DEFRAG_DEFER, DEFRAG_DEFER_MADVISE, DEFRAG_MADVISE, DEFRAG_NEVER = range(5)


@kernel
def thp_gfp(m, region):
    """What a fault may do for a folio in the region, by transparent_hugepage_defrag (vma_thp_gfp_mask)."""
    how, advised = thp_settings(m).defrag, regions(m)[region].huge == ADVISED
    gfp = GFP_TRANSHUGE_LIGHT
    if how == DEFRAG_ALWAYS:
        gfp |= DIRECT_RECLAIM if advised else DIRECT_RECLAIM | NORETRY
    elif how == DEFRAG_DEFER:
        gfp |= KSWAPD_RECLAIM
    elif how == DEFRAG_DEFER_MADVISE:
        gfp |= DIRECT_RECLAIM if advised else KSWAPD_RECLAIM
    elif how == DEFRAG_MADVISE and advised:
        gfp |= DIRECT_RECLAIM
    return gfp if thp_settings(m).thp_tries_hard else gfp | NORETRY


@kernel
def size_enabled(m, region, order):
    """Whether faults in the region may take folios of this order (thp_vma_allowable_order)."""
    advice, enabled = regions(m)[region].huge, folio_sizes(m)[order].enabled
    return advice != ADVISED_AGAINST and (enabled == ALWAYS or (enabled == MADVISED and advice == ADVISED))


@kernel
def suits(m, region, at, order):
    """Whether the region covers the aligned block of 2^order pages around word `at` (thp_vma_suitable_order)."""
    r, first = regions(m)[region], at - at % (1 << order)
    return first >= r.start and first + (1 << order) <= r.start + r.npages


@kernel
def _alloc(m, t, gfp, order, at):
    """2^order frames by the task's policy, nobody being killed for them; the first one or NONE.

    A huge page, unless interleaved, comes from the preferred node: alone (4.0), first (5.4, without reclaim).
    In the kernel: alloc_hugepage_vma, today alloc_pages_mpol.
    """
    nid, nodemask, pfn = policy_node(m, t, at >> order), policy_nodemask(m, t), NONE
    local = order == HUGE_ORDER and not interleaves(m, t) and nodemask >> nid & 1
    if local and thp_settings(m).thp_local_node:
        pfn = alloc_pages(m, gfp | THISNODE, order, nid, nodemask)
    elif local and thp_settings(m).thp_local_first:
        pfn = alloc_pages(m, gfp | THISNODE | NORETRY, order, nid, nodemask)
        if pfn == NONE and gfp & DIRECT_RECLAIM:
            pfn = alloc_pages(m, gfp, order, nid, nodemask)
    else:
        pfn = alloc_pages(m, gfp, order, nid, nodemask)
    if pfn != NONE:
        numa_statistics(m, t, nid, nodemask, pfn)
    return pfn


@kernel
def alloc_folio(m, t, gfp, order, at):
    """A charged folio of 2^order pages for word `at` of task `t`, on no list; NONE: no memory, NO_ROOM: in its group.

    khugepaged takes its huge pages here, too (alloc_charge_folio).
    """
    pfn, memcg = _alloc(m, t, gfp, order, at), tasks(m)[t].memcg
    if pfn == NONE:
        return NONE
    if not charge_folio(m, t, memcg, 1 << order, gfp):
        free_folio(m, pfn)
        return NO_ROOM
    page = frames(m)[pfn]
    page.memcg, page.state, page.owner, page.kind = memcg, ANON | NEW, at, ANON_PAGE
    mod_state(m, memcg, PGPGIN, 1 << order)
    page_event(m, memcg, page.zone, 1 << order)
    throttle_over_high(m, t)
    return pfn


@kernel
def _clear(m, t, pfn):
    """Fill the folio with zeros, and count the fault (folio_zero_user)."""
    pages = nr_pages(m, pfn)
    m.now += fault_settings(m).minor_fault_anon + thp_settings(m).clear_huge_page * pages // HUGE_PAGES
    task_count(m)[t].minor_faults += 1
    task_count(m)[t].first_touches += pages
    frames(m)[pfn].state |= ACTIVE if new_anon_active(m) else 0


@kernel
def fallback(m, order, why):
    """Count a folio that a fault did not get: NONE for want of memory, NO_ROOM of room in the group."""
    size = folio_sizes(m)[order]
    size.anon_fault_fallback += 1
    size.anon_fault_fallback_charge += 1 if why == NO_ROOM else 0
    if order == HUGE_ORDER:
        thp_count(m).thp_fault_fallback += 1
        thp_count(m).thp_fault_fallback_charge += 1 if why == NO_ROOM else 0


@kernel
def huge_fault(m, t, region, at, write):
    """A huge page, where there is no leaf table yet, the size is enabled and fits: OK, OUT_OF_MEMORY, or FALLBACK.

    In the kernel: create_huge_pmd, do_huge_pmd_anonymous_page.
    """
    if ptpage(m)[at // HUGE_PAGES] or not size_enabled(m, region, HUGE_ORDER) or not suits(m, region, at, HUGE_ORDER):
        return FALLBACK
    first = at - at % HUGE_PAGES
    khugepaged_enter(m, t)
    pfn = alloc_folio(m, t, thp_gfp(m, region), HUGE_ORDER, first)
    if pfn in (NONE, NO_ROOM):
        fallback(m, HUGE_ORDER, pfn)
        return FALLBACK
    if not ensure_table(m, t, first):  # deposited, for when the entry is split
        uncharge(m, frames(m)[pfn].memcg, HUGE_PAGES)
        free_folio(m, pfn)
        return OUT_OF_MEMORY
    _clear(m, t, pfn)
    lru_add(m, pfn)
    map_huge(m, t, at, pfn, write)
    thp_count(m).thp_fault_alloc += 1
    folio_sizes(m)[HUGE_ORDER].anon_fault_alloc += 1
    if thp_settings(m).thp_underused:
        defer_split(m, pfn, False)
    return OK


@kernel
def _empty(m, first, pages):
    """Whether no word from `first` on maps or names anything (pte_range_none)."""
    at = first
    while at < first + pages and pte(m)[at] == 0:
        at += 1
    return at == first + pages


@kernel
def folio_fault(m, t, region, at, write):
    """A folio of the largest size that is enabled and fits between what is there, else of a smaller one (6.8).

    In the kernel: alloc_anon_folio. The leaf table is there.
    """
    order = HUGE_ORDER - 1
    while order > 1 and not (
        size_enabled(m, region, order) and suits(m, region, at, order) and _empty(m, at - at % (1 << order), 1 << order)
    ):
        order -= 1
    while order > 1:
        if size_enabled(m, region, order):
            first = at - at % (1 << order)
            pfn = alloc_folio(m, t, thp_gfp(m, region), order, first)
            if pfn not in (NONE, NO_ROOM):
                _clear(m, t, pfn)
                lru_add(m, pfn)
                map_folio(m, pfn, first, at, write)
                folio_sizes(m)[order].anon_fault_alloc += 1
                return OK
            fallback(m, order, pfn)
        order -= 1
    return FALLBACK
