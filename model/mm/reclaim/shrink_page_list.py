"""What becomes of each page of an isolated batch (shrink_page_list, since 5.18 shrink_folio_list, mm/vmscan.c).

`s` numbers a scan control in the table `scans`, as in shrink_list.py.
"""

from mmrun.model.block.disk import write_congested
from mmrun.model.core.codes import BAD_CHECK_REFERENCES
from mmrun.model.core.jit import caller, hook, kernel, rare
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.mm.idle.far_memory import note_swap_out
from mmrun.model.mm.idle.state import watch
from mmrun.model.mm.lru.ahead import look_ahead
from mmrun.model.mm.lru.lists import list_of
from mmrun.model.mm.lru.rmap import unmap
from mmrun.model.mm.lru.scan_balance import can_demote
from mmrun.model.mm.lru.shadow import of_order
from mmrun.model.mm.lru.state import ACTIVATE, KEEP, RECLAIM_PAGE, lru_count, lru_settings
from mmrun.model.mm.memcg.memcontrol import mod_state, uncharge, uncharge_folio
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.memcg.stats import (
    NR_FILE_PAGES,
    PGACTIVATE,
)
from mmrun.model.mm.memcg.victims import page_event
from mmrun.model.mm.page.flags import (
    ACTIVE,
    ANON,
    DIRTY,
    LOCKED,
    QUEUED,
    RECLAIM,
    SWAPCACHE,
    WRITEBACK,
)
from mmrun.model.mm.page.folio import free_folio, nr_pages
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.reclaim.pageout import HELD_BACK, write_out
from mmrun.model.mm.reclaim.reclaim_stat import clear_stat
from mmrun.model.mm.reclaim.state import reclaim_settings, scans
from mmrun.model.mm.swap.state import swapcache
from mmrun.model.mm.swap.swap import alloc_slot, free_slot, free_swapcache, join_swapcache, leave_swapcache, swap_full
from mmrun.model.mm.task.state import NOBODY, PTE_SHIFT, cache, files, pte
from mmrun.model.mm.tlb.state import tlb_settings
from mmrun.model.mm.tlb.translate import flush_stale

page_referenced = caller("page_referenced")
check_references = caller("check_references")
evict = caller("evict")
pageout_file = caller("pageout_file")
add_folio_to_swap = caller("add_folio_to_swap")
meet_writeback = caller("meet_writeback")
demote = caller("demote")
EVERY, DEMOTE = -1, -1  # bits of a batch; a verdict
SPLIT = 2  # add_folio_to_swap: the folio is many pages now


@kernel
def counted(m, pfn):
    """Pages that a folio counts for in reclaim: all of them since 5.4, one before (vmstat counters for THP swapout)."""
    return nr_pages(m, pfn) if reclaim_settings(m).reclaim_counts_pages else 1


@kernel
def take_first(m, chained):
    """Take the first page off a list of isolated pages."""
    pfn = chained.head
    unlink_row(frames(m), chained, pfn)
    return pfn


@kernel
def is_left(m, pfn):
    """Whether the task of a page ended while it was isolated, and nothing else needs it: it is to be freed."""
    page = frames(m)[pfn]
    return page.owner == NOBODY and page.state & (ANON | SWAPCACHE) == ANON and page.pins == 0


@rare
@kernel
def free_left(m, pfn):
    """Free such a page."""
    uncharge(m, frames(m)[pfn].memcg, nr_pages(m, pfn))
    free_folio(m, pfn)


@rare
@kernel
def _leave_shadows(m, pfn, shadow):
    """A large folio has left the swap cache; slots that no page-table word names any more are free."""
    page = frames(m)[pfn]
    for i in range(nr_pages(m, pfn)):
        swapcache(m)[page.slot - 1 + i] = shadow
        if page.owner == NOBODY or pte(m)[page.owner + i] != page.slot + i << PTE_SHIFT:
            free_slot(m, page.slot - 1 + i)


@kernel
def _remove_mapping(m, s, pfn):
    """Take an unmapped clean page out of the swap or page cache, leaving its shadow; the frame becomes free.

    In the kernel: __remove_mapping, __delete_from_swap_cache.
    """
    page = frames(m)[pfn]
    shadow = evict(m, pfn, s)
    if page.state & ANON:
        if watch(m).idle_tracking:
            note_swap_out(m, pfn)
        leave_swapcache(m, pfn)
        if page.order:
            _leave_shadows(m, pfn, shadow)
        else:
            swapcache(m)[page.slot - 1] = shadow
            if page.owner == NOBODY:
                free_slot(m, page.slot - 1)
    else:
        pages = nr_pages(m, pfn)
        shadow = of_order(shadow, int(page.order)) if page.order else shadow
        for slot in range(page.owner, page.owner + pages):
            cache(m)[slot] = shadow
        files(m)[page.slot].nr_cached -= pages
        zones(m)[page.zone].nr_file -= pages
        mod_state(m, page.memcg, NR_FILE_PAGES, -pages)
    if page.order and not page.state & ANON:
        uncharge_folio(m, page.memcg, nr_pages(m, pfn))
    else:
        uncharge(m, page.memcg, nr_pages(m, pfn))
    page_event(m, page.memcg, page.zone, nr_pages(m, pfn))
    free_folio(m, pfn)


@kernel
def _add_to_swap(m, s, pfn):
    """Give an anonymous page a swap slot and put it into the swap cache (add_to_swap).

    0: swap is full, or the folio is in use; -1: the page, of a folio that had to be split, is nobody's.
    """
    page = frames(m)[pfn]
    if page.order:
        done = add_folio_to_swap(m, s, pfn)
        if done != SPLIT:
            return done
    slot = alloc_slot(m, page.memcg)
    if slot == NONE:
        return 0
    page.state |= DIRTY
    join_swapcache(m, pfn, slot)
    return 1


@kernel
def _activate(m, s, pfn):
    """Send a page to the active list instead of reclaiming it (activate_locked in shrink_folio_list)."""
    page = frames(m)[pfn]
    if page.state & SWAPCACHE and not page.state & WRITEBACK and page.mapcount and not page.order and swap_full(m):
        free_swapcache(m, pfn)
    page.state |= ACTIVE
    pages = counted(m, pfn)
    scans(m)[s].nr_activate[0 if page.state & ANON else 1] += pages
    lru_count(m).pgactivate += pages
    mod_state(m, page.memcg, PGACTIVATE, pages)


@kernel
def _meet(m, s, pfn):
    """Count whether a file page is dirty, waits to be written, is written (folio_check_dirty_writeback)."""
    page, stat = frames(m)[pfn], scans(m)[s].batch_stat
    if page.state & ANON:
        return
    if not page.state & (DIRTY | WRITEBACK):
        return
    stat.dirty += nr_pages(m, pfn)
    if not page.state & WRITEBACK:
        stat.unqueued_dirty += nr_pages(m, pfn)
    disk = files(m)[page.slot].disk
    if (page.state & WRITEBACK and page.state & RECLAIM) or (disk != NONE and write_congested(m, disk)):
        stat.congested += nr_pages(m, pfn)


@kernel
def _past_writeback(m, s, pfn):
    """A page is being written: 1 when reclaim has waited for that, else it is out of the way."""
    verdict = meet_writeback(m, pfn, s)
    if verdict == ACTIVATE:
        _activate(m, s, pfn)
    return verdict == RECLAIM_PAGE


@kernel
def _verdict(m, s, pfn):
    """Reference check of one page: RECLAIM_PAGE, RECLAIM_CLEAN, KEEP or ACTIVATE.

    In the kernel: page_check_references, folio_check_references.
    """
    if scans(m)[s].ignore_references:
        return RECLAIM_PAGE
    young = page_referenced(m, pfn, s)
    verdict = check_references(m, pfn, young & 0xFFFF, young >> 16)
    if verdict < RECLAIM_PAGE or verdict > ACTIVATE:
        panic(m, BAD_CHECK_REFERENCES, pfn)
        return KEEP
    return verdict


@kernel
def _pageout_anon(m, s, pfn):
    """Swap a dirty anonymous page out: 1 when it can be freed now (pageout)."""
    result = write_out(m, pfn)
    if result == HELD_BACK:  # AOP_WRITEPAGE_ACTIVATE
        _activate(m, s, pfn)
        return 0
    scans(m)[s].nr_pageout += counted(m, pfn)
    return result


@kernel
def _reclaim_one(m, s, pfn):
    """Decide on one isolated page and act on it: 1 when its frame was freed, DEMOTE when a slower node may have it.

    In the kernel: the loop of shrink_page_list, shrink_folio_list.
    """
    sc, page = scans(m)[s], frames(m)[pfn]
    if page.state & LOCKED or page.pins or (page.mapcount and not sc.may_unmap):
        return 0
    _meet(m, s, pfn)
    if page.state & WRITEBACK and not _past_writeback(m, s, pfn):
        return 0
    verdict = _verdict(m, s, pfn)
    if verdict == ACTIVATE:
        _activate(m, s, pfn)
    if verdict >= KEEP:
        sc.batch_stat.ref_keep += nr_pages(m, pfn) if verdict == KEEP else 0
        return 0
    if sc.demoting:
        return DEMOTE
    if page.state & ANON:
        if not page.state & SWAPCACHE:
            if not sc.may_io:
                return 0
            added = _add_to_swap(m, s, pfn) if sc.may_swap else 0
            if added == 0:
                _activate(m, s, pfn)
            if added <= 0:
                return 0
        sc.nr_unmapped += 1 if page.mapcount else 0
        unmap(m, pfn, page.slot << PTE_SHIFT)
        if page.state & QUEUED:  # the batch has a reference, which only pageout and __remove_mapping ask about
            return 0
        if page.state & DIRTY and not (
            verdict == RECLAIM_PAGE and sc.may_writepage and sc.may_io and _pageout_anon(m, s, pfn)
        ):
            return 0
    else:
        sc.nr_unmapped += 1 if page.mapcount else 0
        unmap(m, pfn, 0)
        if page.state & DIRTY:
            sc.batch_stat.late_dirty += 1
            if pageout_file(m, pfn, s, verdict) == ACTIVATE:
                _activate(m, s, pfn)
            return 0
        if page.state & QUEUED:
            return 0
    freed = counted(m, pfn) if page.order else 1
    _remove_mapping(m, s, pfn)
    m.now += reclaim_settings(m).reclaim_page - reclaim_settings(m).scan_page
    return freed


@kernel
def _come_to(m, s, pfn):
    """Count one isolated folio and act on it; pages freed."""
    sc, page = scans(m)[s], frames(m)[pfn]
    own_lists = lru_settings(m).double_lru  # a list of everybody's pages says nothing about whose they were
    sc.nr_scanned += counted(m, pfn) if page.order else 1
    look_ahead(m, list_of(page.state & ~ACTIVE))
    if reclaim_settings(m).mapped_counts_twice and (page.mapcount or page.state & SWAPCACHE):
        sc.nr_scanned += 1
    group = memcgs(m)[page.memcg]
    freed = _reclaim_one(m, s, pfn)
    group.pgsteal += own_lists * max(freed, 0)
    group.pgscan += own_lists
    return freed


@rare
@kernel
def _come_to_tails(m, s):
    """The same for the pages of a folio that was split on the way, which stand behind it; pages freed."""
    sc, reclaimed = scans(m)[s], 0
    while sc.tails.n:
        pfn = take_first(m, sc.tails)
        freed = _come_to(m, s, pfn)
        if freed > 0:
            reclaimed += freed
        else:  # kept, also if a slower node might have it: the folio's other pages are not among the candidates
            link_tail(frames(m), sc.kept, pfn)
    return reclaimed


@kernel
def _pass_over(m, s, which):
    """Decide on the isolated pages of `sc.batch` whose bits are set in `which`; pages freed."""
    sc, reclaimed = scans(m)[s], 0
    for i in range(sc.nr_taken):
        if sc.batch[i] == NONE or not which >> i & 1:
            continue
        freed = _come_to(m, s, sc.batch[i])
        if freed == DEMOTE:
            sc.candidates |= 1 << i
            continue
        reclaimed += freed
        if freed:
            sc.batch[i] = NONE
        elif sc.kept.n or sc.tails.n:
            link_tail(frames(m), sc.kept, sc.batch[i])
            sc.batch[i] = NONE
        if sc.tails.n:
            reclaimed += _come_to_tails(m, s)
    if sc.tails.n:
        reclaimed += _come_to_tails(m, s)
    return reclaimed


@kernel
def shrink_page_list(m, s):
    """Decide on every isolated page of `sc.batch`; pages freed, their places in the batch empty.

    Where a slower node may have pages (5.15), they go there first; those that cannot are reclaimed after all, unless
    user space asked. What stays of a folio that was split, and all that comes after it, is in `sc.kept`.
    """
    sc = scans(m)[s]
    sc.nr_pageout = sc.nr_unmapped = sc.candidates = 0
    clear_stat(sc.batch_stat)
    sc.batch_stat.taken = sc.pages_taken
    sc.demoting = can_demote(m, s)
    reclaimed = _pass_over(m, s, EVERY)
    if sc.candidates:
        reclaimed += demote(m, s)
        if sc.candidates and not sc.proactive:
            sc.demoting = 0
            reclaimed += _pass_over(m, s, sc.candidates)
    # One flush for all that a batch unmapped (try_to_unmap_flush, 4.3); one a page before.
    m.now += reclaim_settings(m).tlb_shootdown * (
        min(sc.nr_unmapped, 1) if reclaim_settings(m).tlb_batched else sc.nr_unmapped
    )
    if sc.nr_unmapped and tlb_settings(m).translates:
        flush_stale(m)
    return reclaimed


@hook
def shrink_batch(m, s):
    """The same, for callers to whom compiling it once more would be dear (shrink_folio_list)."""
    return shrink_page_list(m, s)
