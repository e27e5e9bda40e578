"""In batches of up to 512 pages: all are unmapped, then flushed from the TLBs at once, then moved.

What a batch cannot move without waiting is tried again folio by folio, if the mover may wait.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import cond_resched
from mmrun.model.mm.migrate.entries import flush_tlb
from mmrun.model.mm.migrate.migrate import (
    finish_move,
    get_new_folio,
    give_up_freed,
    is_freed,
    may_split,
    migrate_folio_unmap,
    must_split,
    note_failed,
    put_new_folio,
    splice,
    split,
    undo_unmap,
)
from mmrun.model.mm.migrate.state import (
    AGAIN,
    ASYNC,
    ENOMEM,
    MOVED,
    NO_MEMORY,
    SPLIT,
    UNMAPPED,
    isolated,
    migrations,
)
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames

SOURCE = "mm/migrate.c: migrate_pages_batch, migrate_pages_sync, 6.3 and 6.12"
BATCH = 512  # NR_MAX_BATCHED_MIGRATION: pages
ROUNDS = 10  # NR_MAX_MIGRATE_PAGES_RETRY
ROUNDS_BATCHED, ROUNDS_SINGLE = 3, 7  # NR_MAX_MIGRATE_ASYNC_RETRY, NR_MAX_MIGRATE_SYNC_RETRY


@kernel
def _unmap_one(m, c, pfn):
    """Lock and unmap a folio: UNMAPPED, MOVED (it was freed meanwhile), AGAIN, BUSY, SPLIT or NO_MEMORY."""
    call = migrations(m)[c]
    if is_freed(m, pfn):
        give_up_freed(m, c, call.work, pfn)
        return MOVED
    new = NONE if must_split(m, pfn) else get_new_folio(m, c, pfn)
    if new == NONE and may_split(m, c, pfn) and split(m, c, call.work, pfn):
        return SPLIT
    if new == NONE:
        return NO_MEMORY
    result = migrate_folio_unmap(m, c, pfn, True)
    if result != UNMAPPED:
        put_new_folio(m, c, new)
        return result
    unlink_row(frames(m), call.work, pfn)
    link_tail(frames(m), call.source, pfn)
    link_tail(frames(m), call.target_frames, new)
    if call.mode != ASYNC:  # what waits may not leave others waiting
        flush_tlb(m, c)
    return UNMAPPED


@kernel
def _unmap_round(m, c):
    """One round over a batch: (how many folios to try again, how many failed, 1 if there was no frame for one)."""
    call, retry, failed = migrations(m)[c], 0, 0
    pfn = call.work.head
    while pfn != NONE:
        cond_resched(m)
        after = frames(m)[pfn].next
        result = _unmap_one(m, c, pfn)
        if result == AGAIN:
            retry += 1
        elif result == SPLIT:
            failed += 1
        elif result != MOVED and result != UNMAPPED:
            failed += 1
            note_failed(m, c, pfn)
            if result == NO_MEMORY:
                return retry, failed, 1
            unlink_row(frames(m), call.work, pfn)
            link_tail(frames(m), call.stuck, pfn)
        pfn = after
    return retry, failed, 0


@kernel
def _move_round(m, c):
    """One round over the unmapped folios of a batch; how many are to be tried again (migrate_folios_move)."""
    call, retry = migrations(m)[c], 0
    for _ in range(call.source.n):
        cond_resched(m)
        pfn, new = call.source.head, call.target_frames.head
        unlink_row(frames(m), call.target_frames, new)
        if finish_move(m, c, call.source, pfn, new) == AGAIN:
            unlink_row(frames(m), call.source, pfn)
            link_tail(frames(m), call.source, pfn)
            link_tail(frames(m), call.target_frames, new)
            retry += 1
    return retry


@kernel
def _note_all_failed(m, c, lst):
    """The folios of a list could not be migrated; how many."""
    pfn = lst.head
    while pfn != NONE:
        note_failed(m, c, pfn)
        pfn = frames(m)[pfn].next
    return lst.n


@kernel
def _undo_all(m, c):
    """What was unmapped and not moved is mapped again (migrate_folios_undo)."""
    call = migrations(m)[c]
    while call.source.n:
        pfn, new = call.source.head, call.target_frames.head
        unlink_row(frames(m), call.target_frames, new)
        put_new_folio(m, c, new)
        unlink_row(frames(m), call.source, pfn)
        link_tail(frames(m), call.stuck, pfn)
        undo_unmap(m, pfn)


@kernel
def _batch(m, c, rounds):
    """Migrate `call.work`, what fails to `call.stuck`; how many that are, or -ENOMEM (migrate_pages_batch)."""
    call, retry, failed, no_memory = migrations(m)[c], 1, 0, 0
    for _ in range(rounds):
        if retry and not no_memory:
            retry, more, no_memory = _unmap_round(m, c)
            failed += more
    if not no_memory:
        failed += _note_all_failed(m, c, call.work)
    flush_tlb(m, c)
    for _ in range(rounds):
        if call.source.n:
            _move_round(m, c)
    failed += _note_all_failed(m, c, call.source)
    _undo_all(m, c)
    splice(m, call.work, call.stuck)
    return -ENOMEM if no_memory else failed


@kernel
def _one_after_the_other(m, c):
    """The folios of `call.stuck`, of which nobody has taken note, once more each by itself (migrate_pages_sync)."""
    call, failed = migrations(m)[c], 0
    splice(m, call.stuck, call.singles)
    while call.singles.n:
        pfn = call.singles.head
        unlink_row(frames(m), call.singles, pfn)
        link_tail(frames(m), call.work, pfn)
        result = _batch(m, c, ROUNDS_SINGLE)
        if result < 0:
            splice(m, call.singles, call.stuck)
            return result
        failed += result
    return failed


@kernel
def _sync(m, c):
    """A batch for a mover that may wait: first without, then folio by folio (migrate_pages_sync)."""
    call = migrations(m)[c]
    mode, failed, thp_failed = call.mode, call.failed, call.thp_failed
    call.mode = ASYNC
    result = _batch(m, c, ROUNDS_BATCHED)
    call.mode = mode
    if result < 0:
        return result
    call.failed, call.thp_failed = failed, thp_failed  # they get another chance
    return _one_after_the_other(m, c)


@kernel
def _split_pages(m, c):
    """One round for the pages of folios that were split: that they had to be counts as their failure already."""
    call = migrations(m)[c]
    mode, failed = call.mode, call.failed
    splice(m, call.split, call.work)
    call.mode = ASYNC
    _batch(m, c, 1)
    call.mode, call.failed = mode, failed
    splice(m, call.stuck, call.left)


@hook
def migrate_list(m, migration, pages):
    call, lst, failed = migrations(m)[migration], isolated(m)[pages], 0
    while lst.n:
        taken = 0
        while lst.n and taken < BATCH:
            pfn = lst.head
            taken += nr_pages(m, pfn)
            unlink_row(frames(m), lst, pfn)
            link_tail(frames(m), call.work, pfn)
        result = _batch(m, migration, ROUNDS) if call.mode == ASYNC else _sync(m, migration)
        splice(m, call.stuck, call.left)
        if result >= 0:
            _split_pages(m, migration)
        splice(m, call.split, call.left)
        if result < 0:
            return result
        failed += result
    return failed
