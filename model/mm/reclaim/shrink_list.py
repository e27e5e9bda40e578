"""Shrinking one list by one batch: isolate from the tail, decide page by page, put the rest back (mm/vmscan.c).

`s` numbers a scan control (struct scan_control) in the table `scans`: two an actor (model/mm/reclaim/vmscan.py).
"""

from mmrun.model.block.disk import write_congested
from mmrun.model.core.codes import BAD_CHECK_REFERENCES, SWAP_CLUSTER_MAX
from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import costs, node_count
from mmrun.model.mm.idle.far_memory import note_swap_out
from mmrun.model.mm.idle.state import watch
from mmrun.model.mm.lru.ahead import ask_for_uses, look_ahead, note_tail
from mmrun.model.mm.lru.lists import detach, link, list_of, push_head
from mmrun.model.mm.lru.lru import hold_lru_lock, lru_add_drain
from mmrun.model.mm.lru.rmap import unmap
from mmrun.model.mm.lru.state import ACTIVATE, KEEP, RECLAIM_PAGE, lru_count, lru_settings, lruvecs
from mmrun.model.mm.memcg.memcontrol import mod_state, note_size, stat_updated, uncharge
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.memcg.stats import (
    NR_FILE_PAGES,
    PGACTIVATE,
    PGDEACTIVATE,
    PGREFILL,
    PGSCAN_DIRECT,
    PGSCAN_KSWAPD,
    PGSCAN_PROACTIVE,
    PGSTEAL_DIRECT,
    PGSTEAL_KSWAPD,
    PGSTEAL_PROACTIVE,
)
from mmrun.model.mm.memcg.victims import page_event
from mmrun.model.mm.page.buddy import free_frame
from mmrun.model.mm.page.flags import (
    ACTIVE,
    ANON,
    DIRTY,
    ISOLATED,
    LOCKED,
    QUEUED,
    RECLAIM,
    SWAPCACHE,
    WORKINGSET,
    WRITEBACK,
)
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.reclaim.pageout import write_out
from mmrun.model.mm.reclaim.reclaim_stat import add_stat, clear_stat
from mmrun.model.mm.reclaim.state import reclaim_count, reclaim_settings, scans
from mmrun.model.mm.swap.state import swapcache
from mmrun.model.mm.swap.swap import alloc_slot, free_slot, free_swapcache, join_swapcache, leave_swapcache, swap_full
from mmrun.model.mm.task.state import NOBODY, PTE_SHIFT, cache, files

page_referenced = caller("page_referenced")
check_references = caller("check_references")
evict = caller("evict")
pageout_file = caller("pageout_file")
meet_writeback = caller("meet_writeback")
all_dirty = caller("all_dirty")
throttle_batch = caller("throttle_batch")
note_inactive = caller("note_inactive")
note_active = caller("note_active")


@kernel
def isolate(m, s, lv, lru, nr_to_scan):
    """Move up to `nr_to_scan` eligible pages from the tail of a list into `sc.batch`, oldest first; pages looked at.

    Pages of zones above `sc.highest_zoneidx` are skipped and go to the head.
    In the kernel: isolate_lru_pages, today isolate_lru_folios.
    """
    f, sc, vec = frames(m), scans(m)[s], lruvecs(m)[lv]
    sc.nr_taken = 0
    scanned = skipped = 0
    while scanned < nr_to_scan and skipped < SWAP_CLUSTER_MAX and vec.lists[lru].n:
        pfn = vec.lists[lru].tail
        detach(m, lv, lru, pfn)
        if zones(m)[f[pfn].zone].kind > sc.highest_zoneidx:
            link(m, lv, lru, pfn)
            skipped += 1
            continue
        f[pfn].state |= ISOLATED
        sc.batch[sc.nr_taken] = pfn
        sc.nr_taken += 1
        scanned += 1
        ask_for_uses(m, pfn)
    note_tail(m, lv, lru, vec.lists[lru].tail, scanned)
    stat_updated(m, vec.memcg, sc.nr_taken)
    note_size(m, lv, lru, -sc.nr_taken)
    return scanned


@kernel
def note_scanned(m, s, lv, scanned):
    """Count what was scanned for the machine since pages last came free: a zone is given up by that (to 4.7)."""
    if scans(m)[s].memcg == 0:
        zones(m)[lruvecs(m)[lv].zone].pages_scanned += scanned


@kernel
def freed_meanwhile(m, pfn):
    """Free a page whose task ended while it was isolated; whether it was one."""
    page = frames(m)[pfn]
    if not page.state & ANON or page.owner != NOBODY or page.state & SWAPCACHE:
        return False
    uncharge(m, page.memcg)
    page.state = 0
    free_frame(m, turn(m).cpu, pfn)
    return True


@kernel
def put_back(m, s, lv):
    """Return the pages of the batch that are still isolated to the lists their state names, oldest first.

    In the kernel: putback_inactive_pages, today move_folios_to_lru.
    """
    f, sc, moved = frames(m), scans(m)[s], 0
    for i in range(sc.nr_taken):
        pfn = sc.batch[i]
        if pfn == NONE:
            continue
        f[pfn].state &= ~ISOLATED
        if not freed_meanwhile(m, pfn):
            push_head(m, lv, list_of(f[pfn].state), pfn)
            moved += 1
    stat_updated(m, lruvecs(m)[lv].memcg, moved)


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
        swapcache(m)[page.slot - 1] = shadow
        if page.owner == NOBODY:
            free_slot(m, page.slot - 1)
    else:
        cache(m)[page.owner] = shadow
        files(m)[page.slot].nr_cached -= 1
        zones(m)[page.zone].nr_file -= 1
        mod_state(m, page.memcg, NR_FILE_PAGES, -1)
    uncharge(m, page.memcg)
    page_event(m, page.memcg, page.zone)
    page.state = 0
    free_frame(m, turn(m).cpu, pfn)


@kernel
def _add_to_swap(m, pfn):
    """Give an anonymous page a swap slot and put it into the swap cache; 0 when swap is full (add_to_swap)."""
    page = frames(m)[pfn]
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
    if page.state & SWAPCACHE and not page.state & WRITEBACK and page.mapcount and swap_full(m):
        free_swapcache(m, pfn)
    page.state |= ACTIVE
    scans(m)[s].nr_activate[0 if page.state & ANON else 1] += 1
    lru_count(m).pgactivate += 1
    mod_state(m, page.memcg, PGACTIVATE, 1)


@kernel
def _meet(m, s, pfn):
    """Count whether a file page is dirty, waits to be written, is written (folio_check_dirty_writeback)."""
    page, stat = frames(m)[pfn], scans(m)[s].batch_stat
    if page.state & ANON:
        return
    if not page.state & (DIRTY | WRITEBACK):
        return
    stat.dirty += 1
    if not page.state & WRITEBACK:
        stat.unqueued_dirty += 1
    disk = files(m)[page.slot].disk
    if (page.state & WRITEBACK and page.state & RECLAIM) or (disk != NONE and write_congested(m, disk)):
        stat.congested += 1


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
    scans(m)[s].nr_pageout += 1
    return result


@kernel
def _reclaim_one(m, s, pfn):
    """Decide on one isolated page and act on it: 1 when its frame was freed.

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
        return 0
    if page.state & ANON:
        if not page.state & SWAPCACHE and not (sc.may_swap and _add_to_swap(m, pfn)):
            _activate(m, s, pfn)
            return 0
        sc.nr_unmapped += 1 if page.mapcount else 0
        unmap(m, pfn, page.slot << PTE_SHIFT)
        if page.state & QUEUED:  # the batch has a reference, which only pageout and __remove_mapping ask about
            return 0
        if page.state & DIRTY and not (verdict == RECLAIM_PAGE and sc.may_writepage and _pageout_anon(m, s, pfn)):
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
    _remove_mapping(m, s, pfn)
    m.now += reclaim_settings(m).reclaim_page - reclaim_settings(m).scan_page
    return 1


@kernel
def count_scan(m, s, lv, lru, scanned, reclaimed):
    """Book a batch from an inactive list under the kernel's counters."""
    sc, count, node = scans(m)[s], reclaim_count(m), node_count(m)[lruvecs(m)[lv].node]
    memcg, scan, steal = lruvecs(m)[lv].memcg, PGSCAN_DIRECT, PGSTEAL_DIRECT
    if sc.kswapd:
        count.pgscan_kswapd += scanned
        count.pgsteal_kswapd += reclaimed
        scan, steal = PGSCAN_KSWAPD, PGSTEAL_KSWAPD
    elif sc.proactive:
        count.pgscan_proactive += scanned
        count.pgsteal_proactive += reclaimed
        scan, steal = PGSCAN_PROACTIVE, PGSTEAL_PROACTIVE
    else:
        count.pgscan_direct += scanned
        count.pgsteal_direct += reclaimed
    mod_state(m, memcg, scan, scanned)
    mod_state(m, memcg, steal, reclaimed)
    if lru < 2:
        count.pgscan_anon += scanned
        count.pgsteal_anon += reclaimed
    else:
        count.pgscan_file += scanned
        count.pgsteal_file += reclaimed
    node.pgscan += scanned
    node.pgsteal += reclaimed
    if not lru_settings(m).double_lru:
        memcgs(m)[memcg].pgscan += scanned
        memcgs(m)[memcg].pgsteal += reclaimed


@kernel
def _shrink_batch(m, s):
    sc, reclaimed = scans(m)[s], 0
    own_lists = lru_settings(m).double_lru  # a list of everybody's pages says nothing about whose they were
    sc.nr_pageout = sc.nr_unmapped = 0
    clear_stat(sc.batch_stat)
    sc.batch_stat.taken = sc.nr_taken
    for i in range(sc.nr_taken):
        if sc.batch[i] == NONE:
            continue
        sc.nr_scanned += 1
        page = frames(m)[sc.batch[i]]
        look_ahead(m, list_of(page.state & ~ACTIVE))
        if reclaim_settings(m).mapped_counts_twice and (page.mapcount or page.state & SWAPCACHE):
            sc.nr_scanned += 1
        group = memcgs(m)[page.memcg]
        if _reclaim_one(m, s, sc.batch[i]):
            sc.batch[i] = NONE
            reclaimed += 1
            group.pgsteal += own_lists
        group.pgscan += own_lists
    # One flush for all that a batch unmapped (try_to_unmap_flush, 4.3); one a page before.
    m.now += reclaim_settings(m).tlb_shootdown * (
        min(sc.nr_unmapped, 1) if reclaim_settings(m).tlb_batched else sc.nr_unmapped
    )
    return reclaimed


@hook
def shrink_batch(m, s):
    """Decide on every isolated page of `sc.batch`; pages freed, their places in the batch empty (shrink_folio_list)."""
    return _shrink_batch(m, s)


@hook
def shrink_inactive(m, s, lv, lru, nr_to_scan):
    """Scan up to `nr_to_scan` (at most 32) pages of an inactive list; pages freed (shrink_inactive_list)."""
    sc, vec = scans(m)[s], lruvecs(m)[lv]
    lru_add_drain(m, turn(m).cpu)
    scanned = isolate(m, s, lv, lru, nr_to_scan)
    note_scanned(m, s, lv, scanned)
    if sc.nr_taken == 0:
        return 0
    hold_lru_lock(m, lv, costs(m).lru_lock * sc.nr_taken)
    m.now += reclaim_settings(m).scan_page * sc.nr_taken
    activated = sc.nr_activate[0] + sc.nr_activate[1]
    reclaimed = _shrink_batch(m, s)
    put_back(m, s, lv)
    hold_lru_lock(m, lv, costs(m).lru_lock * (sc.nr_taken - reclaimed))
    count_scan(m, s, lv, lru, scanned, reclaimed)
    vec.batch_scanned, vec.batch_activated = scanned, sc.nr_activate[0] + sc.nr_activate[1] - activated
    if lru < 2:
        lru_count(m).rotated_anon += vec.batch_activated
    else:
        lru_count(m).rotated_file += vec.batch_activated
    note_inactive(m, lv, 1 if lru >= 2 else 0, scanned, reclaimed, sc.nr_pageout)
    if sc.batch_stat.unqueued_dirty == sc.nr_taken:
        all_dirty(m, s)
    sc.batch_stat.file = sc.nr_taken if lru >= 2 else 0
    add_stat(sc.node_stat, sc.batch_stat)
    throttle_batch(m, s)
    return reclaimed


@hook
def shrink_active(m, s, lv, lru, nr_to_scan):
    """Move up to `nr_to_scan` pages from the tail of an active list to the inactive head (shrink_active_list).

    Only referenced executable file mappings stay active; a reference is otherwise just forgotten.
    """
    f, sc, vec = frames(m), scans(m)[s], lruvecs(m)[lv]
    lru_add_drain(m, turn(m).cpu)
    scanned = isolate(m, s, lv, lru, nr_to_scan)
    note_scanned(m, s, lv, scanned)
    hold_lru_lock(m, lv, costs(m).lru_lock * 2 * sc.nr_taken)
    m.now += reclaim_settings(m).scan_page * sc.nr_taken
    lru_count(m).pgrefill += scanned
    mod_state(m, vec.memcg, PGREFILL, scanned)
    young_pages = rotated = 0
    for i in range(sc.nr_taken):
        pfn = sc.batch[i]
        young = page_referenced(m, pfn, s)
        if young & 0xFFFF:
            young_pages += 1
        if young & 0xFFFF and young >> 16 and not f[pfn].state & ANON:
            rotated += 1
            continue
        f[pfn].state = (f[pfn].state & ~ACTIVE) | WORKINGSET
    # Rotated pages first, then the deactivated ones: two lists in the kernel, so their order never mixes.
    put_back(m, s, lv)
    lru_count(m).pgdeactivate += sc.nr_taken - rotated
    mod_state(m, vec.memcg, PGDEACTIVATE, sc.nr_taken - rotated)
    if lru < 2:
        lru_count(m).pgrefill_anon += scanned
        lru_count(m).rotated_anon += young_pages
    else:
        lru_count(m).pgrefill_file += scanned
        lru_count(m).rotated_file += young_pages
    vec.batch_scanned = scanned
    note_active(m, lv, 1 if lru >= 2 else 0, young_pages, rotated)
    return 0
