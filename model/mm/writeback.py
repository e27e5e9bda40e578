"""Flushers: which dirty files are written when, how much of each at a time (fs/fs-writeback.c).

A flusher (one a wb) is an actor. Woken, it does what reclaim asked for, then what has been dirty for thirty seconds,
then what lies beyond the background threshold, and rests; while anything is dirty it looks again every five seconds.
Files are visited one after the other, a chunk of each. One step sends one request; a full queue puts the flusher to
sleep until a request is free. Thresholds are looked at again after every pass of a tenth of a second.
"""

from model.actors import NEVER, schedule
from model.block.disk import full_queue, submit_write
from model.block.wait import wait_for_request
from model.jit import cache, files, kernel, wb_domains, wbs
from model.layout import NONE
from model.mm.background import over_background
from model.mm.dirty import CENTISECOND, dirty_run, next_dirty, start_write
from model.mm.extents import block_of, pages_in_place
from model.mm.inodes import B_IO, B_MORE_IO, WRITING, add_inode, del_inode, has_dirty_io, move_expired, redirty_tail
from model.mm.nfs import commit_if_worth
from model.mm.state import IO_BACKGROUND, IO_NORMAL, IO_URGENT

IDLE, ASKED, PERIODIC, BACKGROUND = 0, 1, 2, 3  # what a flusher works at, in the order of a round
PASS_NS = 100_000_000  # HZ/10
MIN_WRITEBACK_PAGES = 1024  # 4 MiB
RUN_PAGES = 256  # largest request to a disk that has no queue
EVERYTHING = 1 << 62
RECENT_NS = 1_000_000_000  # HZ


@kernel
def wake_flusher(m, w):
    """Start the flusher if it rests (wb_wakeup)."""
    wb = wbs(m)[w]
    if not wb.running:
        wb.running = 1
        schedule(m, m.cfg.flusher_slot + w, m.clock.now + m.cfg.kswapd_wake)
        m.clock.wake = 1


@kernel
def wakeup_flushers(m, nr_pages):
    """Have every flusher write `nr_pages`, 0: as much as is dirty (wakeup_flusher_threads).

    Since 4.15 there is one such request a flusher, for everything (WB_start_all); before, requests add up.
    """
    for w in range(m.cfg.nr_wbs):
        wb = wbs(m)[w]
        if not has_dirty_io(m, w):
            continue
        if m.cfg.start_all or nr_pages == 0:
            if wb.asked <= 0 and wb.work != ASKED:
                wb.asked = m.vm.nr_dirty
        else:
            wb.asked += nr_pages
        wake_flusher(m, w)


@kernel
def _next_work(m, w):
    """Start the next piece of work of this round (wb_do_writeback); False: the round is over."""
    wb = wbs(m)[w]
    wb.left, wb.in_pass = EVERYTHING, 0
    if wb.asked > 0:
        wb.work, wb.left, wb.asked = ASKED, wb.asked, 0
        return True
    interval = m.cfg.dirty_writeback_centisecs * CENTISECOND
    if wb.stage < PERIODIC:
        wb.stage = PERIODIC
        if interval and m.clock.now >= wb.last_periodic + interval:
            wb.last_periodic = m.clock.now
            wb.work, wb.left = PERIODIC, m.vm.nr_dirty + m.cfg.nr_files
            return True
    if wb.stage < BACKGROUND:
        wb.stage = BACKGROUND
        if over_background(m, w):
            wb.work = BACKGROUND
            return True
    return False


@kernel
def _finished(m, w):
    """Whether the present work is done or has to yield (the tests at the top of wb_writeback's loop)."""
    wb = wbs(m)[w]
    if wb.left <= 0 or (wb.work != ASKED and wb.asked > 0):
        return True
    return wb.work == BACKGROUND and not over_background(m, w)


@kernel
def chunk_size(m, w):
    """Pages to write of one file before the next one's turn (writeback_chunk_size; 1024 to 3.0)."""
    wb = wbs(m)[w]
    if m.cfg.fixed_chunk:
        return min(MIN_WRITEBACK_PAGES, wb.left)
    pages = min(wb.avg_write_bandwidth // 2, wb_domains(m)[0].dirty_limit // 8, wb.left)
    return (pages + MIN_WRITEBACK_PAGES) // MIN_WRITEBACK_PAGES * MIN_WRITEBACK_PAGES


@kernel
def _take_inode(m, w):
    """Turn to the next file of the pass, from where its writing stopped last (range_cyclic)."""
    wb = wbs(m)[w]
    file = wb.inodes[B_IO].head
    f = files(m)[file]
    del_inode(m, file)
    f.on = WRITING
    wb.inode, wb.chunk = file, chunk_size(m, w)
    wb.nr_to_write = wb.chunk
    wb.index, wb.stop, wb.wrapped = max(f.start, f.writeback_index), f.start + f.npages, 0


@kernel
def _put_inode(m, w):
    """Done with a file for now: where it goes (requeue_inode)."""
    wb = wbs(m)[w]
    file, written = wb.inode, wb.chunk - wb.nr_to_write
    f = files(m)[file]
    f.writeback_index, f.on, wb.inode = wb.index, 0, NONE
    wb.left -= written
    wb.wrote += written
    commit_if_worth(m, file)
    if f.nr_dirty == 0 and f.nr_commit:
        redirty_tail(m, file)
    elif f.nr_dirty == 0:
        wb.wrote += 1
    elif wb.nr_to_write <= 0:
        add_inode(m, file, B_MORE_IO)
    else:
        redirty_tail(m, file)


@kernel
def _next_index(m, w):
    """Where the file's next page to write is, going around its end once; NONE if there is none."""
    wb = wbs(m)[w]
    index = next_dirty(m, wb.index, wb.stop)
    if index == NONE and not wb.wrapped:
        f = files(m)[wb.inode]
        wb.index, wb.stop, wb.wrapped = f.start, max(f.start, f.writeback_index), 1
        index = next_dirty(m, wb.index, wb.stop)
    return index


@kernel
def _purpose(m, w):
    """How urgent the flusher's writes are to blk-wbt: dirtiers sleep, reclaim asked for them, or neither."""
    wb = wbs(m)[w]
    if wb.dirty_sleep and m.clock.now < wb.dirty_sleep + RECENT_NS:
        return IO_URGENT
    return IO_NORMAL if wb.work == ASKED else IO_BACKGROUND


@kernel
def _write_some(m, w):
    """Send one request of the present file: the pages, 0 when it has no more, -1 when the queue is full."""
    wb = wbs(m)[w]
    index = _next_index(m, w) if wb.nr_to_write > 0 else NONE
    if index == NONE:
        return 0
    disk = files(m)[wb.inode].disk
    full = full_queue(m, disk, _purpose(m, w))
    if full != NONE:
        wait_for_request(m, full, m.cfg.flusher_slot + w)
        return -1
    most = m.disks[disk].max_pages if m.disks[disk].max_pages else RUN_PAGES
    most = min(most, wb.nr_to_write, pages_in_place(m, wb.inode, index), wb.stop - index)
    count = dirty_run(m, index, most)
    for i in range(index, index + count):
        start_write(m, cache(m)[i] - 1)
    m.clock.now += m.cfg.io_path
    submit_write(m, disk, wb.inode, index, count, block_of(m, wb.inode, index))
    wb.nr_to_write -= count
    wb.index = index + count
    return count


@kernel
def _next_inode(m, w):
    """Go on with the pass, or begin or end one (wb_writeback, writeback_sb_inodes)."""
    wb = wbs(m)[w]
    if not wb.in_pass:
        if _finished(m, w):
            wb.work = IDLE
            return
        if wb.inodes[B_IO].n == 0:
            expired = m.clock.now - m.cfg.dirty_expire_centisecs * CENTISECOND
            move_expired(m, w, expired if wb.work == PERIODIC else m.clock.now)
        wb.in_pass, wb.wrote, wb.pass_began = 1, 0, m.clock.now
    over = wb.wrote and (m.clock.now - wb.pass_began > PASS_NS or wb.left <= 0)
    if wb.inodes[B_IO].n and not over:
        _take_inode(m, w)
        return
    wb.in_pass = 0
    if wb.wrote == 0 and wb.inodes[B_MORE_IO].n == 0:
        wb.work = IDLE


@kernel
def flusher_step(m, w):
    """Send one request, or find that there is nothing to send; when the flusher goes on is on its clock."""
    wb, slot = wbs(m)[w], m.cfg.flusher_slot + w
    if not wb.running:
        wb.running, wb.stage = 1, IDLE
    while True:
        if wb.inode != NONE:
            sent = _write_some(m, w)
            if sent > 0:
                schedule(m, slot, m.clock.now)
                return
            if sent < 0:
                return
            _put_inode(m, w)
        elif wb.work != IDLE:
            _next_inode(m, w)
        elif not _next_work(m, w):
            wb.running = wb.stage = 0
            waits = has_dirty_io(m, w) and m.cfg.dirty_writeback_centisecs
            schedule(m, slot, m.clock.now + m.cfg.dirty_writeback_centisecs * CENTISECOND if waits else NEVER)
            return
