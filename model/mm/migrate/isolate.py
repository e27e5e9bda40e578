"""Folios off their lists, and back (folio_isolate_lru, putback_movable_pages, mm/migrate.c).

Who isolates folios holds a list for them, a row of the table `isolated` chained through their frames; an actor's lists
are taken and given back like a stack, for one caller may be inside another.
"""

from mmrun.model.core.codes import BAD_LIST
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current
from mmrun.model.core.state import turn
from mmrun.model.mm.lru.lists import list_of, unlink
from mmrun.model.mm.lru.lru import lru_add, lru_add_drain_all, lruvec_of_frame
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.memcg.memcontrol import stat_updated
from mmrun.model.mm.migrate.state import LISTS, isolated, migration_settings, movers
from mmrun.model.mm.page.flags import ISOLATED, LRU
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.shrink_page_list import free_left, is_left


@kernel
def take_list(m):
    """An empty list for folios that the running actor isolates; its row in `isolated`."""
    mover = movers(m)[turn(m).actor]
    if mover.lists == LISTS:
        panic(m, BAD_LIST, turn(m).actor)
        mover.lists = 0
    row = turn(m).actor * LISTS + mover.lists
    mover.lists += 1
    clear_list(isolated(m)[row])
    return row


@kernel
def give_list(m):
    """The running actor gives back the list that it took last, empty by now."""
    movers(m)[turn(m).actor].lists -= 1


@kernel
def clear_list(lst):
    """Make a list empty."""
    lst.head = lst.tail = NONE
    lst.n = 0


@kernel
def isolate_folio(m, pfn):
    """Take the folio of frame `pfn` off its list: 1, or 0 when it is on none (folio_isolate_lru)."""
    page = frames(m)[pfn]
    if not page.state & LRU:
        return 0
    unlink(m, lruvec_of_frame(m, pfn), list_of(page.state), pfn)
    stat_updated(m, page.memcg, nr_pages(m, pfn))
    page.state |= ISOLATED
    return 1


@kernel
def add_isolated(m, pages, pfn):
    """The isolated folio joins the list `pages`."""
    link_tail(frames(m), isolated(m)[pages], pfn)


@kernel
def remove_isolated(m, pages, pfn):
    """The isolated folio leaves the list `pages`."""
    unlink_row(frames(m), isolated(m)[pages], pfn)


@kernel
def putback_folio(m, pfn):
    """An isolated folio goes back to where it came from, through the CPU's batch (folio_putback_lru)."""
    page = frames(m)[pfn]
    page.state &= ~ISOLATED
    if is_left(m, pfn):
        free_left(m, pfn)
        return
    join_list(m, pfn)


@kernel
def join_list(m, pfn):
    """A folio with no place goes to the CPU's batch of pages for lists; a fault under way says nothing of it."""
    hinted = current(m).in_lru_fault
    current(m).in_lru_fault = 0
    lru_add(m, pfn)
    current(m).in_lru_fault = hinted


@kernel
def putback_movable_pages(m, pages):
    """Every folio of the list `pages` goes back to where it came from."""
    lst = isolated(m)[pages]
    while lst.head != NONE:
        pfn = lst.head
        unlink_row(frames(m), lst, pfn)
        putback_folio(m, pfn)


@kernel
def lru_cache_disable(m):
    """Empty all CPUs' batches; since 5.13 pages pass none until `lru_cache_enable`. To 5.12: migrate_prep."""
    lru_add_drain_all(m)
    own = migration_settings(m)
    if own.lru_cache_disable:
        own.lru_disabled += 1
        if own.lru_disabled == 1:
            own.lru_batch_was, lru_settings(m).lru_batch = lru_settings(m).lru_batch, 1


@kernel
def lru_cache_enable(m):
    """Pages pass the per-CPU batches again."""
    own = migration_settings(m)
    if own.lru_cache_disable:
        own.lru_disabled -= 1
        if own.lru_disabled == 0:
            lru_settings(m).lru_batch = own.lru_batch_was
