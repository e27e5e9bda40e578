"""Shrinking one list by one batch: isolate from the tail, judge every page, put the rest back (mm/vmscan.c).

`s` numbers a scan control (struct scan_control) in the table `scans`: two an actor (model/mm/reclaim/vmscan.py).
"""

from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import costs, node_count
from mmrun.model.mm.lru.ahead import ask_for_uses, note_tail
from mmrun.model.mm.lru.lists import detach, link, list_of, push_head
from mmrun.model.mm.lru.lru import hold_lru_lock, lru_add_drain
from mmrun.model.mm.lru.state import lru_count, lru_settings, lruvecs
from mmrun.model.mm.memcg.memcontrol import mod_state, note_size, stat_updated
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.memcg.stats import (
    PGDEACTIVATE,
    PGREFILL,
    PGSCAN_DIRECT,
    PGSCAN_KSWAPD,
    PGSCAN_PROACTIVE,
    PGSTEAL_DIRECT,
    PGSTEAL_KSWAPD,
    PGSTEAL_PROACTIVE,
)
from mmrun.model.mm.page.flags import (
    ACTIVE,
    ANON,
    ISOLATED,
    WORKINGSET,
)
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.reclaim.reclaim_stat import add_stat
from mmrun.model.mm.reclaim.shrink_page_list import counted, free_left, is_left, shrink_page_list, take_first
from mmrun.model.mm.reclaim.state import reclaim_count, reclaim_settings, scans
from mmrun.model.mm.reclaim.tracepoints import (
    mm_vmscan_lru_isolate,
    mm_vmscan_lru_shrink_active,
    mm_vmscan_lru_shrink_inactive,
)

page_referenced = caller("page_referenced")
all_dirty = caller("all_dirty")
throttle_batch = caller("throttle_batch")
note_inactive = caller("note_inactive")
note_active = caller("note_active")


@kernel
def isolate(m, s, lv, lru, nr_to_scan):
    """Move up to `nr_to_scan` eligible pages from the tail of a list into `sc.batch`, oldest first; pages looked at.

    Pages of zones above `sc.highest_zoneidx` are skipped and go to the head; how many of them count as scanned, too,
    is left in `sc.passed`. In the kernel: isolate_lru_pages, today isolate_lru_folios.
    """
    f, sc, vec = frames(m), scans(m)[s], lruvecs(m)[lv]
    sc.nr_taken = sc.pages_taken = scanned = skipped = folios = 0
    left = vec.lists[lru].n
    while scanned < nr_to_scan and left > 0:
        pfn = vec.lists[lru].tail
        detach(m, lv, lru, pfn)
        left -= nr_pages(m, pfn)
        if zones(m)[f[pfn].zone].kind > sc.highest_zoneidx and folios < reclaim_settings(m).most_skipped:
            link(m, lv, lru, pfn)
            folios += 1
            skipped += counted(m, pfn)
            continue
        f[pfn].state |= ISOLATED
        sc.batch[sc.nr_taken] = pfn
        sc.nr_taken += 1
        sc.pages_taken += nr_pages(m, pfn)
        scanned += counted(m, pfn)
        ask_for_uses(m, pfn)
    sc.passed = skipped if left <= 0 or reclaim_settings(m).scan_counts_skipped > 1 else skipped >> 2
    mm_vmscan_lru_isolate(
        m, sc.highest_zoneidx, 0, nr_to_scan, scanned + sc.passed, skipped, sc.pages_taken, lru, lru & 1, 1 + (lru & 1)
    )
    note_tail(m, lv, lru, vec.lists[lru].tail, scanned)
    stat_updated(m, vec.memcg, sc.pages_taken)
    note_size(m, lv, lru, -sc.pages_taken)
    return scanned


@kernel
def note_scanned(m, s, lv, scanned):
    """Count what was scanned for the machine since pages last came free: a zone is given up by that (to 4.7)."""
    if scans(m)[s].memcg == 0:
        zones(m)[lruvecs(m)[lv].zone].pages_scanned += scanned


@kernel
def _put_one_back(m, lv, pfn):
    f = frames(m)
    f[pfn].state &= ~ISOLATED
    if is_left(m, pfn):
        free_left(m, pfn)
        return 0
    push_head(m, lv, list_of(f[pfn].state), pfn)
    return nr_pages(m, pfn)


@kernel
def put_back(m, s, lv):
    """Return the pages of the batch that are still isolated to the lists their state names, oldest first.

    In the kernel: putback_inactive_pages, today move_folios_to_lru.
    """
    sc, moved = scans(m)[s], 0
    for i in range(sc.nr_taken):
        if sc.batch[i] != NONE:
            moved += _put_one_back(m, lv, sc.batch[i])
    while sc.kept.n:
        moved += _put_one_back(m, lv, take_first(m, sc.kept))
    stat_updated(m, lruvecs(m)[lv].memcg, moved)


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
def note_shrink_inactive(m, s, lv, file, scanned, reclaimed):
    """A batch from an inactive list is done (trace_mm_vmscan_lru_shrink_inactive)."""
    sc, vec, stat = scans(m)[s], lruvecs(m)[lv], scans(m)[s].batch_stat
    anon, files = sc.nr_activate[0] - sc.activate_before[0], sc.nr_activate[1] - sc.activate_before[1]
    mm_vmscan_lru_shrink_inactive(
        m, vec.node, zones(m)[vec.zone].kind, scanned, reclaimed, stat.dirty, stat.writeback, stat.congested,
        stat.immediate, anon, files, anon + files, stat.ref_keep, sc.priority, file,
    )  # fmt: skip


@hook
def shrink_inactive(m, s, lv, lru, nr_to_scan):
    """Scan up to `nr_to_scan` (at most 32) pages of an inactive list; pages freed (shrink_inactive_list)."""
    sc, vec = scans(m)[s], lruvecs(m)[lv]
    lru_add_drain(m, turn(m).cpu)
    scanned = isolate(m, s, lv, lru, nr_to_scan)
    note_scanned(m, s, lv, scanned + sc.passed)
    if sc.nr_taken == 0:
        count_scan(m, s, lv, lru, sc.passed, 0)
        return 0
    hold_lru_lock(m, lv, costs(m).lru_lock * sc.nr_taken)
    m.now += reclaim_settings(m).scan_page * sc.nr_taken
    sc.activate_before[0], sc.activate_before[1] = sc.nr_activate[0], sc.nr_activate[1]
    activated = sc.nr_activate[0] + sc.nr_activate[1]
    reclaimed = shrink_page_list(m, s)
    put_back(m, s, lv)
    hold_lru_lock(m, lv, costs(m).lru_lock * max(sc.nr_taken - reclaimed, 0))
    count_scan(m, s, lv, lru, scanned + sc.passed, reclaimed)
    note_shrink_inactive(m, s, lv, lru >= 2, scanned + sc.passed, reclaimed)
    vec.batch_scanned, vec.batch_activated = scanned, sc.nr_activate[0] + sc.nr_activate[1] - activated
    if lru < 2:
        lru_count(m).rotated_anon += vec.batch_activated
    else:
        lru_count(m).rotated_file += vec.batch_activated
    note_inactive(m, lv, 1 if lru >= 2 else 0, scanned, reclaimed, sc.nr_pageout)
    if sc.batch_stat.unqueued_dirty == sc.pages_taken:
        all_dirty(m, s)
    sc.batch_stat.file = sc.pages_taken if lru >= 2 else 0
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
    looked = scanned + sc.passed
    note_scanned(m, s, lv, looked)
    hold_lru_lock(m, lv, costs(m).lru_lock * 2 * sc.nr_taken)
    m.now += reclaim_settings(m).scan_page * sc.nr_taken
    lru_count(m).pgrefill += looked
    mod_state(m, vec.memcg, PGREFILL, looked)
    young_pages = rotated = 0
    for i in range(sc.nr_taken):
        pfn = sc.batch[i]
        young = page_referenced(m, pfn, s)
        if young & 0xFFFF:
            young_pages += counted(m, pfn)
        if young & 0xFFFF and young >> 16 and not f[pfn].state & ANON:
            rotated += counted(m, pfn)
            continue
        f[pfn].state = (f[pfn].state & ~ACTIVE) | WORKINGSET
    moved = sc.pages_taken if reclaim_settings(m).reclaim_counts_pages else sc.nr_taken
    # Rotated pages first, then the deactivated ones: two lists in the kernel, so their order never mixes.
    put_back(m, s, lv)
    lru_count(m).pgdeactivate += moved - rotated
    mod_state(m, vec.memcg, PGDEACTIVATE, moved - rotated)
    if lru < 2:
        lru_count(m).pgrefill_anon += looked
        lru_count(m).rotated_anon += young_pages
    else:
        lru_count(m).pgrefill_file += looked
        lru_count(m).rotated_file += young_pages
    mm_vmscan_lru_shrink_active(
        m, vec.node, sc.pages_taken, rotated, moved - rotated, young_pages, sc.priority, lru >= 2
    )
    vec.batch_scanned = scanned
    note_active(m, lv, 1 if lru >= 2 else 0, young_pages, rotated)
    return 0
