"""Eviction from the oldest generation: sort out what does not belong there, isolate the rest, reclaim it.

Source: sort_folio, scan_folios, isolate_folios, evict_folios of mm/vmscan.c, 6.1 (with its stable fixes) and 6.18.
"""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.links import link_tail
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import ZONES_PER_NODE, costs
from mmrun.model.mm.generations.aging import evictable_min_seq, nr_gens, try_to_inc_min_seq
from mmrun.model.mm.generations.control import cheaper_kind, limit_against, tier_limit
from mmrun.model.mm.generations.state import MAX_GENS, generation_settings, lrugens
from mmrun.model.mm.generations.tracepoints import lru_gen_isolate, lru_gen_shrink
from mmrun.model.mm.lru.ahead import note_tail
from mmrun.model.mm.lru.gens import (
    MAX_LRU_BATCH,
    MIN_GENS,
    MIN_LRU_BATCH,
    entry_seq,
    file_refs,
    gen_add,
    gen_delete,
    gen_of,
    inc_gen,
    kinds,
    move,
    saturated,
    tier_from,
)
from mmrun.model.mm.lru.lru import hold_lru_lock
from mmrun.model.mm.lru.state import ONE_TOUCH, TWO_TOUCH, lru_count, lru_settings, lruvecs, workingset_count
from mmrun.model.mm.memcg.memcontrol import mod_state, stat_updated
from mmrun.model.mm.memcg.stats import PGREFILL, WORKINGSET_ACTIVATE_ANON
from mmrun.model.mm.page.flags import (
    ACTIVE,
    ANON,
    DIRTY,
    ISOLATED,
    QUEUED,
    RECLAIM,
    REFERENCED,
    REFS_MASK,
    SWAPCACHE,
    WORKINGSET,
    WRITEBACK,
)
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.reclaim.shrink_list import count_scan
from mmrun.model.mm.reclaim.shrink_page_list import free_left, is_left, take_first
from mmrun.model.mm.reclaim.state import reclaim_settings, scans

shrink_batch = caller("shrink_batch")


@kernel
def _protect(m, lv, pfn, kind, tier):
    """Keep a page that is used through files for another generation, and book it."""
    page, one_touch = frames(m)[pfn], lru_settings(m).lru_gen == ONE_TOUCH
    counted = one_touch or not saturated(m, page.state)
    move(m, lv, pfn, inc_gen(m, lv, pfn, False), one_touch)
    if counted:
        lrugens(m)[lv].protected[kind, tier] += nr_pages(m, pfn)
    if one_touch and kind:  # counted at the refault since 6.5
        workingset_count(m).workingset_activate_file += nr_pages(m, pfn)
    elif one_touch:
        workingset_count(m).workingset_activate_anon += nr_pages(m, pfn)
    if one_touch:
        mod_state(m, page.memcg, WORKINGSET_ACTIVATE_ANON + kind, nr_pages(m, pfn))


@kernel
def sort(m, s, lv, pfn, kind, limit):
    """Send a page of the oldest list where it belongs; 1 when it does not stay to be evicted (sort_folio)."""
    page, sc, g = frames(m)[pfn], scans(m)[s], lrugens(m)[lv]
    state, gen = page.state, gen_of(page.state)
    tier = tier_from(m, file_refs(m, state), state & WORKINGSET)
    if gen != g.min_seq[kind] % MAX_GENS:
        move(m, lv, pfn, gen, False)
        return 1
    if tier > limit or saturated(m, state):
        _protect(m, lv, pfn, kind, tier)
        return 1
    if zones(m)[page.zone].kind > sc.highest_zoneidx:
        move(m, lv, pfn, inc_gen(m, lv, pfn, False), True)
        return 1
    if kind and state & DIRTY:
        sc.file_taken += nr_pages(m, pfn)
        sc.unqueued_dirty += 0 if state & WRITEBACK else nr_pages(m, pfn)
    if state & WRITEBACK or (kind and state & DIRTY):
        move(m, lv, pfn, inc_gen(m, lv, pfn, True), False)
        return 1
    return 0


@kernel
def _may_isolate(m, s, pfn):
    """Until 6.14 a pass that may not unmap or write passed over the pages that would need it.

    From 6.11 to 6.16 a page on its way to be activated is off the lists for reclaim (folio_test_clear_lru).
    """
    page, sc = frames(m)[pfn], scans(m)[s]
    if page.state & QUEUED and generation_settings(m).queued_off_lru:
        return False
    if lru_settings(m).lru_gen == TWO_TOUCH:
        return True
    if page.mapcount and not sc.may_unmap:
        return False
    return sc.may_writepage or not (page.state & DIRTY or page.state & (ANON | SWAPCACHE) == ANON)


@kernel
def _isolate(m, s, lv, pfn):
    """Take a page off its list into the batch (isolate_folio)."""
    page, sc = frames(m)[pfn], scans(m)[s]
    gone = RECLAIM
    if lru_settings(m).lru_gen == ONE_TOUCH:
        gone |= REFERENCED
    if not page.state & REFERENCED:
        gone |= REFS_MASK | (WORKINGSET if lru_settings(m).lru_gen == ONE_TOUCH else 0)
    page.state &= ~gone
    gen_delete(m, lv, pfn, True)
    page.state |= ISOLATED
    sc.batch[sc.nr_taken] = pfn
    sc.nr_taken += 1
    sc.pages_taken += nr_pages(m, pfn)


@kernel
def scan(m, s, lv, kind, limit, nr_to_scan):
    """Sort and isolate up to 64 pages of the oldest generation of a kind; pages looked at, 0 without progress."""
    sc, g = scans(m)[s], lrugens(m)[lv]
    if nr_gens(m, lv, kind) == MIN_GENS:
        return 0
    remaining = min(nr_to_scan, MAX_LRU_BATCH) if generation_settings(m).go_by_priority else MAX_LRU_BATCH
    gen, scanned, done, passed = g.min_seq[kind] % MAX_GENS, 0, 0, 0
    for i in range(ZONES_PER_NODE, 0, -1):
        lst, skipped = g.lists[gen, kind, (sc.highest_zoneidx + i) % ZONES_PER_NODE], 0
        for _ in range(lst.n):
            pfn = lst.tail
            pages = nr_pages(m, pfn)
            scanned += pages
            if sort(m, s, lv, pfn, kind, limit):
                done += pages
            elif _may_isolate(m, s, pfn):
                _isolate(m, s, lv, pfn)
            else:
                move(m, lv, pfn, gen, False)
                skipped += pages
            remaining -= 1
            if remaining == 0 or max(sc.pages_taken, skipped) >= MIN_LRU_BATCH:
                break
        passed += skipped
        note_tail(m, lv, 2 * kind, lst.tail, scanned)
        if remaining == 0 or sc.pages_taken >= MIN_LRU_BATCH:
            break
    lru_gen_isolate(m, sc.highest_zoneidx, MAX_LRU_BATCH, scanned, passed, sc.pages_taken, 2 * kind)
    lru_count(m).pgrefill += done
    mod_state(m, lruvecs(m)[lv].memcg, PGREFILL, done)
    sc.file_taken += sc.pages_taken if kind else 0
    hold_lru_lock(m, lv, costs(m).lru_lock * scanned)
    m.now += reclaim_settings(m).scan_page * sc.nr_taken
    stat_updated(m, lruvecs(m)[lv].memcg, sc.pages_taken)
    return scanned if sc.nr_taken or remaining == 0 else 0


@kernel
def _first_kind(m, lv, swappiness):
    """Which kind eviction tries first (get_type_to_scan); 2 + kind when the controller decided."""
    oldest = lrugens(m)[lv].min_seq
    if lru_settings(m).lru_gen == ONE_TOUCH and swappiness and oldest[0] < oldest[1]:
        return 0
    if swappiness <= 1:
        return 1
    return 0 if swappiness >= 200 else 2 + cheaper_kind(m, lv, swappiness)


@kernel
def isolate(m, s, lv, swappiness, nr_to_scan):
    """Fill the batch from the kind to evict, else from the other one: (kind, pages looked at)."""
    scans(m)[s].nr_taken = scans(m)[s].pages_taken = 0
    first, limit = _first_kind(m, lv, swappiness), -1
    kind = first & 1
    if first >= 2 and lru_settings(m).lru_gen == ONE_TOUCH:  # then the other kind's first tier is the measure
        gain = 200 - swappiness if kind else swappiness
        limit = limit_against(m, lv, kind, gain, 1 - kind, 200 - gain)
    evicted, after = kinds(swappiness)
    for _ in range(after - evicted):
        if limit < 0:
            limit = tier_limit(m, lv, kind)
        scanned = scan(m, s, lv, kind, limit, nr_to_scan)
        if scanned:
            return kind, scanned
        kind, limit = 1 - kind, -1
    return 1 - kind, 0


@kernel
def _rejected(m, s, lv, pfn, kind, retried):
    """What becomes of a page that reclaim sent back: 1 = try it once more, 0 = it returns to a list."""
    page = frames(m)[pfn]
    state = page.state
    if lru_settings(m).lru_gen == TWO_TOUCH:
        if not retried and not state & (ACTIVE | DIRTY | WRITEBACK) and not page.mapcount:
            return 1
        if entry_seq(m, lv, state, False) == lrugens(m)[lv].min_seq[kind]:
            page.state = (state & ~(REFS_MASK | REFERENCED)) | ACTIVE
        return 0
    if state & RECLAIM and state & (DIRTY | WRITEBACK):
        page.state = state | (REFERENCED if state & WORKINGSET else 0)
        return 0
    if retried or state & (ACTIVE | REFERENCED | DIRTY | WRITEBACK) or page.mapcount:
        page.state = (state & ~(REFS_MASK | REFERENCED | WORKINGSET)) | ACTIVE
        return 0
    scans(m)[s].nr_scanned -= nr_pages(m, pfn)
    return 1


@kernel
def _put_one_back(m, lv, pfn):
    page = frames(m)[pfn]
    page.state &= ~ISOLATED
    if is_left(m, pfn):
        free_left(m, pfn)
        return
    gen_add(m, lv, pfn, False)
    stat_updated(m, page.memcg, nr_pages(m, pfn))


@kernel
def _put_back(m, s, lv, kind, retried):
    """Return rejected pages to the generations they belong in, oldest first; pages left in the batch for a retry."""
    sc, left = scans(m)[s], 0
    for i in range(sc.nr_taken):
        pfn = sc.batch[i]
        if pfn == NONE:
            continue
        if _rejected(m, s, lv, pfn, kind, retried):
            left += 1
            continue
        _put_one_back(m, lv, pfn)
        sc.batch[i] = NONE
    while sc.kept.n:
        pfn = take_first(m, sc.kept)
        if _rejected(m, s, lv, pfn, kind, retried):
            left += 1
            link_tail(frames(m), sc.tails, pfn)
        else:
            _put_one_back(m, lv, pfn)
    hold_lru_lock(m, lv, costs(m).lru_lock * max(sc.nr_taken - left, 0))
    return left


@kernel
def evict(m, s, swappiness, nr_to_scan):
    """Evict up to 64 pages of the current lruvec; pages looked at, 0 when eviction cannot go on (evict_folios)."""
    sc = scans(m)[s]
    lv = sc.lruvec
    kind, scanned = isolate(m, s, lv, swappiness, nr_to_scan)
    scanned += try_to_inc_min_seq(m, lv, swappiness)
    if evictable_min_seq(m, lv, swappiness) + MIN_GENS > lrugens(m)[lv].max_seq:
        scanned = 0
    if sc.nr_taken == 0:
        return scanned
    sc.activate_before[0], sc.activate_before[1] = sc.nr_activate[0], sc.nr_activate[1]
    reclaimed = shrink_batch(m, s)
    if _put_back(m, s, lv, kind, False):
        reclaimed += shrink_batch(m, s)
        _put_back(m, s, lv, kind, True)
    sc.round_reclaimed += reclaimed
    sc.swapping |= 1 - kind
    count_scan(m, s, lv, 2 * kind, sc.pages_taken, reclaimed)
    anon, file = sc.nr_activate[0] - sc.activate_before[0], sc.nr_activate[1] - sc.activate_before[1]
    stat = sc.batch_stat
    lru_gen_shrink(
        m, lruvecs(m)[lv].node, scanned, reclaimed, stat.dirty, stat.writeback, stat.congested, stat.immediate, anon,
        file, stat.ref_keep, sc.priority, kind,
    )  # fmt: skip
    return scanned
