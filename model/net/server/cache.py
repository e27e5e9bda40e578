"""A storage server's page cache: the blocks used last; dirty ones are written when they are too many or have to go."""

from mmrun.model.block.serving import read_pages, write_pages
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.net.server.state import ABSENT, CLEAN, DIRTY, server_pages
from mmrun.model.net.session.state import sessions

BACKGROUND_PERCENT, DIRTY_PERCENT = 10, 20  # vm.dirty_background_ratio, vm.dirty_ratio
RUN = 32  # dirty neighbours that are written together


@kernel
def _use(m, s, at, state):
    """The page is the one used last, and holds data in that state (a dirty one stays dirty)."""
    e, rows = sessions(m)[s], server_pages(m)
    p = rows[at]
    if p.state != ABSENT:
        unlink_row(rows, e.lru, at)
    e.nr_dirty += 1 if state == DIRTY and p.state != DIRTY else 0
    p.state = DIRTY if p.state == DIRTY else state
    link_tail(rows, e.lru, at)


@kernel
def _write_run(m, s, at, now):
    """Write the dirty page and dirty ones behind it; when that is done."""
    e, rows = sessions(m)[s], server_pages(m)
    end = at
    while end < at + RUN and end < len(rows) and rows[end].state == DIRTY and rows[end].session == s:
        rows[end].state = CLEAN
        e.nr_dirty -= 1
        end += 1
    return write_pages(m, e.server, now, end - at, at - e.first_page + e.first_block)


@kernel
def _write_oldest(m, s, most, now):
    """Write until at most so many are dirty; when that is done."""
    e, rows, done = sessions(m)[s], server_pages(m), now
    at = e.lru.head
    while e.nr_dirty > most and at != NONE:
        following = rows[at].next
        if rows[at].state == DIRTY:
            done = _write_run(m, s, at, now)
        at = following
    return done


@kernel
def _shrink(m, s, now):
    """Let go what is beyond the cache's size, least lately used first; when that is done."""
    e, rows, done = sessions(m)[s], server_pages(m), now
    while e.lru.n > e.cache_pages:
        at = e.lru.head
        if rows[at].state == DIRTY:
            done = _write_run(m, s, at, now)
        unlink_row(rows, e.lru, at)
        rows[at].state = ABSENT
    return done


@kernel
def cached_read(m, s, block, count, now):
    """When the server has blocks `block` and following in memory."""
    e, rows, done = sessions(m)[s], server_pages(m), now
    first = e.first_page + block - e.first_block
    at = first
    while at < first + count:
        end = at
        while end < first + count and rows[end].state == ABSENT:
            end += 1
        if end > at:
            if e.server != NONE:
                done = max(done, read_pages(m, e.server, now, end - at, block + at - first))
        else:
            end = at + 1
        for i in range(at, end):
            _use(m, s, i, CLEAN)
        at = end
    return max(done, _shrink(m, s, done))


@kernel
def cached_write(m, s, block, count, now):
    """When the server answers for blocks `block` and following: they are in its memory, or on its disk."""
    e = sessions(m)[s]
    first, done = e.first_page + block - e.first_block, now
    behind = not e.through and e.server != NONE
    if e.server != NONE and not behind:
        done = write_pages(m, e.server, now, count, block)
    for i in range(first, first + count):
        _use(m, s, i, DIRTY if behind else CLEAN)
    if behind and e.nr_dirty > e.cache_pages * DIRTY_PERCENT // 100:
        done = _write_oldest(m, s, e.cache_pages * DIRTY_PERCENT // 100, now)
    elif behind and e.nr_dirty > e.cache_pages * BACKGROUND_PERCENT // 100:
        _write_oldest(m, s, e.nr_dirty - 1, now)  # the flusher, a run at a time: the answer does not wait for it
    return max(done, _shrink(m, s, done))
