"""Migrating folios: the steps for one, and a call for a list of them (mm/migrate.c).

`c` numbers a call in the table `migrations`. Names and order of steps are those of 6.12: unmap, flush, move.
"""

from mmrun.model.core.accounting import (
    ASLEEP,
    FAULT,
    IN_IOWAIT,
    IN_MEMSTALL,
    IN_RECLAIM,
    MIGRATION,
    TASK,
    begins,
    ends,
)
from mmrun.model.core.codes import BAD_STATE
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.links import link_after, link_head, link_tail, unlink_row
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, current, io_wait
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, nodes
from mmrun.model.mm.memcg.memcontrol import NO_GROUP, uncharge
from mmrun.model.mm.memcg.victims import page_event
from mmrun.model.mm.migrate.entries import has_entries, remove_migration_ptes, try_to_migrate
from mmrun.model.mm.migrate.isolate import clear_list
from mmrun.model.mm.migrate.move import migrate_folio_to
from mmrun.model.mm.migrate.state import (
    AGAIN,
    ASYNC,
    BUSY,
    CALLS,
    MOVED,
    MR_COMPACTION,
    MR_NUMA_MISPLACED,
    SYNC,
    SYNC_LIGHT,
    TO_COMPACTION,
    TO_POLICY,
    UNMAPPED,
    isolated,
    migration_count,
    migration_settings,
    migrations,
    movers,
)
from mmrun.model.mm.migrate.tracepoints import mm_migrate_pages
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER as PMD_ORDER
from mmrun.model.mm.page.flags import ANON, LOCKED, MOVING, PARTIALLY_MAPPED, SWAPCACHE, WRITEBACK
from mmrun.model.mm.page.folio import free_folio, nr_pages
from mmrun.model.mm.page.mempolicy import interleave_nid
from mmrun.model.mm.page.state import frames, page_waits, zones
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.vmscan import own_scan
from mmrun.model.mm.task.state import NOBODY
from mmrun.model.mm.writeback.page_wait import PAGE_WAIT_TABLE_SIZE, wake_page
from mmrun.model.mm.writeback.plug import unplug

migrate_list = caller("migrate_list")
alloc_migration_target = caller("alloc_migration_target")
compaction_alloc = caller("compaction_alloc")
compaction_free = caller("compaction_free")
split_isolated = caller("split_isolated")
leave_deferred = caller("leave_deferred")


@kernel
def _by_policy(m, c, pfn):
    """A frame on the nodes of the mbind that task `private` makes: the page's own of them, or from the nearest on.

    In the kernel: alloc_migration_target_by_mpol, before new_page.
    """
    call, order = migrations(m)[c], int(frames(m)[pfn].order)
    mover, home, new = movers(m)[call.private], nodes(m)[cpus(m)[turn(m).cpu].node], NONE
    if mover.interleaved:
        return alloc_migration_target(m, interleave_nid(mover.mask, frames(m)[pfn].owner >> order), order, call.reason)
    tried = 0
    for i in range(home.nr_zonelist):
        node = zones(m)[home.zonelist[i]].node
        if new == NONE and mover.mask >> node & 1 and not tried >> node & 1:
            tried |= 1 << node
            new = alloc_migration_target(m, node, order, call.reason)
    return new


@kernel
def get_new_folio(m, c, pfn):
    """A frame for folio `pfn` to move to, on no list (NEW); NONE when there is none."""
    call, order = migrations(m)[c], int(frames(m)[pfn].order)
    if call.target == TO_COMPACTION:
        return compaction_alloc(m, call.private, order)
    if call.target == TO_POLICY:
        return _by_policy(m, c, pfn)
    return alloc_migration_target(m, call.private, order, call.reason)


@kernel
def put_new_folio(m, c, new):
    """A frame that was not moved to after all."""
    call = migrations(m)[c]
    if call.target == TO_COMPACTION:
        compaction_free(m, call.private, new)
        return
    free_folio(m, new)


@kernel
def _wait_for(m, pfn, bit):
    """The mover sleeps until the isolated folio has lost a state bit; counted as a stall unless it is in another."""
    other = current(m).doing & ~(ASLEEP | FAULT | IN_MEMSTALL | IN_IOWAIT)
    what = 0 if other else MIGRATION
    begins(m, what)
    unplug(m)
    while frames(m)[pfn].state & bit:
        io_wait(m, page_waits(m)[pfn % PAGE_WAIT_TABLE_SIZE], FOREVER)
    ends(m, what)


@kernel
def is_freed(m, pfn):
    """Whether the task of an isolated folio has ended, and nothing else holds what is in it."""
    page = frames(m)[pfn]
    if page.state & (ANON | SWAPCACHE) != ANON or page.owner != NOBODY:
        return False
    return page.mapcount == 0 and page.pins == 0


@kernel
def memalloc(m, c):
    """Whether the mover works for an allocation, and must wait for nobody's lock (PF_MEMALLOC)."""
    row, call = current(m), migrations(m)[c]
    return row.doing & IN_RECLAIM != 0 or (call.reason == MR_COMPACTION and row.kind == TASK and call.mode != SYNC)


@kernel
def _lock(m, c, pfn, force):
    """Lock the folio: 1; 0 if it is being read and its mover may not wait for that (folio_trylock, folio_lock)."""
    mode = migrations(m)[c].mode
    if frames(m)[pfn].state & LOCKED:
        if mode == ASYNC or not force or memalloc(m, c):
            return 0
        if mode == SYNC_LIGHT and not migration_settings(m).light_waits_for_reads:
            return 0
        _wait_for(m, pfn, LOCKED)
    frames(m)[pfn].state |= MOVING
    return 1


@kernel
def unlock(m, pfn):
    """The folio's mover is done with it: who waits looks again."""
    frames(m)[pfn].state &= ~MOVING
    wake_page(m, pfn, m.now)


@kernel
def migrate_folio_unmap(m, c, pfn, force):
    """Lock an isolated folio and unmap it: UNMAPPED, or AGAIN or BUSY, when it is as it was (migrate_folio_unmap).

    `force`: to 6.2 the first rounds over a list wait for nothing.
    """
    call, page = migrations(m)[c], frames(m)[pfn]
    if not _lock(m, c, pfn, force):
        return AGAIN
    if page.state & WRITEBACK:
        if call.mode != SYNC or not force:
            unlock(m, pfn)
            return BUSY if call.mode != SYNC else AGAIN
        _wait_for(m, pfn, WRITEBACK)
    m.now += migration_settings(m).migrate_page
    try_to_migrate(m, c, pfn)
    if page.mapcount:
        undo_unmap(m, pfn)
        return AGAIN
    return UNMAPPED


@kernel
def undo_unmap(m, pfn):
    """The folio stays: its migration entries map it again (migrate_folio_undo_src)."""
    _forsaken(m, pfn)
    remove_migration_ptes(m, pfn, pfn)
    unlock(m, pfn)


@kernel
def _leave(m, pages, pfn):
    """Folio `pfn` leaves the list `pages`, and its frame is free."""
    unlink_row(frames(m), pages, pfn)
    free_folio(m, pfn)


@kernel
def give_up_freed(m, c, pages, pfn):
    """The folio was freed by everybody else while it was isolated: that counts as moved."""
    page = frames(m)[pfn]
    uncharge(m, page.memcg, nr_pages(m, pfn))
    page_event(m, page.memcg, page.zone, nr_pages(m, pfn))
    page.state, page.memcg = 0, NO_GROUP
    wake_page(m, pfn, m.now)
    migrations(m)[c].succeeded += nr_pages(m, pfn)
    _leave(m, pages, pfn)


@kernel
def _forsaken(m, pfn):
    """A large folio that was unmapped for good while it was on its way is nobody's, and waits no more."""
    page = frames(m)[pfn]
    if page.order and page.state & (ANON | SWAPCACHE) == ANON and page.mapcount == 0 and not has_entries(m, pfn):
        leave_deferred(m, pfn)
        page.owner = NOBODY


@kernel
def finish_move(m, c, pages, pfn, new):
    """Move the unmapped folio `pfn` of the list `pages` to `new`: MOVED, or AGAIN (migrate_folio_move)."""
    _forsaken(m, pfn)
    if is_freed(m, pfn):
        put_new_folio(m, c, new)
        give_up_freed(m, c, pages, pfn)
        return MOVED
    if not migrate_folio_to(m, pfn, new):
        return AGAIN
    migrations(m)[c].succeeded += nr_pages(m, new)
    migrations(m)[c].thp_succeeded += frames(m)[new].order == PMD_ORDER
    _leave(m, pages, pfn)
    return MOVED


@kernel
def may_split(m, c, pfn):
    """Whether the folio is of several pages that may move one by one: hint faults move it whole or not at all."""
    return frames(m)[pfn].order and frames(m)[pfn].state & ANON and migrations(m)[c].reason != MR_NUMA_MISPLACED


@kernel
def must_split(m, pfn):
    """Whether the folio is not to be migrated whole."""
    page, own = frames(m)[pfn], migration_settings(m)
    return page.order and (not own.migrates_huge or (own.splits_partly_mapped and page.state & PARTIALLY_MAPPED))


@kernel
def split(m, c, pages, pfn):
    """Split the folio `pfn` of the list `pages`: its pages join the call's `split`; 1 when it is (try_split_folio)."""
    order, f, tails = int(frames(m)[pfn].order), frames(m), scans(m)[own_scan(m)].tails
    before = tails.n
    if not split_isolated(m, pfn):
        return 0
    call = migrations(m)[c]
    call.thp_split += order == PMD_ORDER
    call.thp_failed += order == PMD_ORDER
    unlink_row(f, pages, pfn)
    link_tail(f, call.split, pfn)
    while tails.n > before:
        tail = tails.tail
        unlink_row(f, tails, tail)
        link_after(f, call.split, pfn, tail)
    return 1


@kernel
def note_failed(m, c, pfn):
    """The folio could not be migrated."""
    migrations(m)[c].failed += nr_pages(m, pfn)
    migrations(m)[c].thp_failed += frames(m)[pfn].order == PMD_ORDER


@kernel
def splice(m, source, target):
    """The folios of one list join the tail of another."""
    while source.head != NONE:
        pfn = source.head
        unlink_row(frames(m), source, pfn)
        link_tail(frames(m), target, pfn)


@kernel
def splice_before(m, source, target, at):
    """The folios of one list come before row `at` of another, at its tail if that is NONE."""
    before = target.tail if at == NONE else frames(m)[at].prev
    while source.tail != NONE:
        pfn = source.tail
        unlink_row(frames(m), source, pfn)
        if before == NONE:
            link_head(frames(m), target, pfn)
        else:
            link_after(frames(m), target, before, pfn)


@kernel
def _begin(m, target, private, mode, reason):
    """A call of the running actor, which may be inside another one of its own."""
    mover = movers(m)[turn(m).actor]
    if mover.calls == CALLS:
        panic(m, BAD_STATE, turn(m).actor)
        mover.calls = 0
    c = turn(m).actor * CALLS + mover.calls
    mover.calls += 1
    mover.last_mode, mover.last_reason = mode, reason
    call = migrations(m)[c]
    call.target, call.private, call.mode, call.reason = target, private, mode, reason
    call.succeeded = call.failed = call.thp_succeeded = call.thp_failed = call.thp_split = call.unflushed = 0
    clear_list(call.work)
    clear_list(call.source)
    clear_list(call.target_frames)
    clear_list(call.stuck)
    clear_list(call.singles)
    clear_list(call.split)
    clear_list(call.left)
    return c


@kernel
def _count(m, c):
    """Book a call under the kernel's counters, and under its reason."""
    call, count = migrations(m)[c], migration_count(m)
    count.pgmigrate_success += call.succeeded
    count.pgmigrate_fail += call.failed
    count.thp_migration_success += call.thp_succeeded
    count.thp_migration_fail += call.thp_failed
    count.thp_migration_split += call.thp_split
    count.by_reason[call.reason] += call.succeeded
    count.failed_by_reason[call.reason] += call.failed
    mm_migrate_pages(
        m, call.succeeded, call.failed, call.thp_succeeded, call.thp_failed, call.thp_split, call.mode, call.reason
    )


@kernel
def migrate_pages(m, pages, target, private, mode, reason):
    """Migrate the isolated folios of the list `pages`; how many could not be, which stay on it.

    -ENOMEM when there was no frame for one: the call ends with what it has begun. `target`, `private`: where new
    frames come from; `mode`: over what the mover may sleep.
    """
    c = _begin(m, target, private, mode, reason)
    failed = migrate_list(m, c, pages)
    splice(m, migrations(m)[c].left, isolated(m)[pages])
    _count(m, c)
    movers(m)[turn(m).actor].calls -= 1
    return failed if isolated(m)[pages].n else 0
