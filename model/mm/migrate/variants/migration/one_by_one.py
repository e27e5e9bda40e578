"""Page by page: each is unmapped, flushed from the TLBs, copied and mapped again before the next one; ten rounds."""

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
    splice_before,
    split,
    undo_unmap,
)
from mmrun.model.mm.migrate.state import AGAIN, ENOMEM, MOVED, NO_MEMORY, SPLIT, UNMAPPED, isolated, migrations
from mmrun.model.mm.page.state import frames

SOURCE = "mm/migrate.c: migrate_pages, unmap_and_move, 3.1 to 6.2"
ROUNDS, PATIENT = 10, 3  # over the list; how many of them wait for nothing


@kernel
def unmap_and_move(m, c, pages, pfn, force):
    """One try at one folio of the list `pages`: MOVED, AGAIN, BUSY, SPLIT or NO_MEMORY."""
    if is_freed(m, pfn):
        give_up_freed(m, c, pages, pfn)
        return MOVED
    new = NONE if must_split(m, pfn) else get_new_folio(m, c, pfn)
    if new == NONE and may_split(m, c, pfn) and split(m, c, pages, pfn):
        return SPLIT
    if new == NONE:
        return NO_MEMORY
    result = migrate_folio_unmap(m, c, pfn, force)
    if result == UNMAPPED:
        flush_tlb(m, c)
        cond_resched(m)  # other CPUs go on meanwhile
        result = finish_move(m, c, pages, pfn, new)
        if result == MOVED:
            return MOVED
        undo_unmap(m, pfn)
    put_new_folio(m, c, new)
    return result


@hook
def migrate_list(m, migration, pages):
    call, lst, left = migrations(m)[migration], isolated(m)[pages], migrations(m)[migration].left
    failed, retry = 0, 1
    for round_number in range(ROUNDS):
        if not retry:
            break
        retry, pfn = 0, lst.head
        while pfn != NONE:
            cond_resched(m)
            after = frames(m)[pfn].next
            result = unmap_and_move(m, migration, lst, pfn, round_number >= PATIENT)
            if result == SPLIT:  # its pages are next
                splice_before(m, call.split, lst, after)
                after = pfn
            elif result == AGAIN:
                retry += 1
            elif result != MOVED:
                failed += 1
                note_failed(m, migration, pfn)
                if result == NO_MEMORY:
                    return -ENOMEM
                unlink_row(frames(m), lst, pfn)
                link_tail(frames(m), left, pfn)
            pfn = after
    return failed + _out_of_rounds(m, migration, lst, retry)


@kernel
def _out_of_rounds(m, c, lst, retry):
    """What the last round has left to be tried again has failed."""
    pfn = lst.head if retry else NONE
    while pfn != NONE:
        note_failed(m, c, pfn)
        pfn = frames(m)[pfn].next
    return retry
