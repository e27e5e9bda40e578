"""Flushers: which dirty files are written when, how much of each at a time (fs/fs-writeback.c).

A flusher (one a wb) is an actor. Woken, it does what reclaim asked for, then what has been dirty for thirty seconds,
then what lies beyond the background threshold, and rests; while anything is dirty it looks again every five seconds.
Files are visited one after the other, a chunk of each. One step sends one request; a full queue puts the flusher to
sleep until a request is free. Thresholds are looked at again after every pass of a tenth of a second.
"""

from model.actors import NEVER, schedule
from model.block.batching import count_request
from model.block.disk import full_queue, submit_write
from model.block.wait import wait_for_request
from model.jit import cache, caller, files, kernel, tasks, wb_domains, wbs
from model.layout import NONE
from model.mm.dirty import CENTISECOND, dirty_run, next_dirty, start_write
from model.mm.dirty_control import estimate_start
from model.mm.extents import block_of, pages_in_place
from model.mm.foreign import begin_count, count_owners, owner_by_majority, switch_wb
from model.mm.foreign_dirty import RECORDS, foreign_due
from model.mm.inodes import (
    ASKED,
    B_IO,
    B_MORE_IO,
    BACKGROUND,
    IDLE,
    PERIODIC,
    WRITING,
    add_inode,
    del_inode,
    has_dirty_io,
    move_expired,
    redirty_tail,
)
from model.mm.nfs import end_visit
from model.mm.page_writeback import over_bg_thresh
from model.mm.state import IO_BACKGROUND, IO_NORMAL, IO_URGENT, WRITEBACK
from model.mm.timers import jiffies

update_bandwidth = caller("update_bandwidth")

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
def start_background(m, w):
    """A dirtier finds that more is dirty than the background threshold (wb_start_background_writeback)."""
    wake_flusher(m, w)


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
def flush_foreign(m, memcg):
    """A dirtier of the group's files is throttled: have the wbs that hold the group's pages write what they have."""
    for i in range(RECORDS):
        w = foreign_due(m, memcg, i)
        if w != NONE:
            owner = wbs(m)[w].memcg
            wbs(m)[w].asked = wb_domains(m)[owner].nr_dirty * 10 // 8 if owner else m.vm.nr_dirty
            m.vm.foreign_flushes += 1
            wake_flusher(m, w)


@kernel
def _next_work(m, w):
    """Start the next piece of work of this round (wb_do_writeback); False: the round is over."""
    wb = wbs(m)[w]
    wb.left, wb.in_pass, wb.work_began = EVERYTHING, 0, jiffies(m)
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
        if over_bg_thresh(m, w):
            wb.work = BACKGROUND
            return True
    return False


@kernel
def _finished(m, w):
    """Whether the present work is done or has to yield (the tests at the top of wb_writeback's loop)."""
    wb = wbs(m)[w]
    if wb.left <= 0 or (wb.work != ASKED and wb.asked > 0):
        return True
    return wb.work == BACKGROUND and not over_bg_thresh(m, w)


@kernel
def chunk_size(m, w, left):
    """Pages to write of one file before the next one's turn, of `left` in all (writeback_chunk_size; 1024 to 3.0)."""
    if m.cfg.fixed_chunk:
        return min(MIN_WRITEBACK_PAGES, left)
    pages = min(wbs(m)[w].avg_write_bandwidth // 2, wb_domains(m)[0].dirty_limit // 8, left)
    return (pages + MIN_WRITEBACK_PAGES) // MIN_WRITEBACK_PAGES * MIN_WRITEBACK_PAGES


@kernel
def _take_inode(m, w, job, left):
    """Turn to the next file of the wb's pass, from where its writing stopped last (range_cyclic)."""
    file = wbs(m)[w].inodes[B_IO].head
    f = files(m)[file]
    del_inode(m, file)
    f.on = WRITING
    estimate_start(m, w)
    job.inode, job.chunk = file, chunk_size(m, w, left)
    job.nr_to_write = job.chunk
    job.index, job.stop, job.wrapped = max(f.start, f.writeback_index), f.start + f.npages, 0
    begin_count(job, f)


@kernel
def _put_inode(m, job):
    """Done with a file for now: where it goes; (pages written, 1 when it is clean)."""
    file, written = job.inode, job.chunk - job.nr_to_write
    f = files(m)[file]
    f.writeback_index, f.on, job.inode = job.index, 0, NONE
    end_visit(m, file)
    clean = _requeue(m, job, file)
    if m.cfg.cgroup_writeback:
        owner = owner_by_majority(m, job, file)
        if owner != wbs(m)[f.wb].memcg:
            switch_wb(m, file, owner)
            if f.on:
                wake_flusher(m, f.wb)
    return written, clean


@kernel
def _requeue(m, job, file):
    """Put a file that is not clean back on a list (requeue_inode); 1 when it is clean."""
    f = files(m)[file]
    if f.nr_dirty == 0 and f.nr_commit:
        redirty_tail(m, file)
        return 0
    if f.nr_dirty == 0:
        return 1
    if job.nr_to_write <= 0:
        add_inode(m, file, B_MORE_IO)
    else:
        redirty_tail(m, file)
    return 0


@kernel
def _next_index(m, job):
    """Where the file's next page to write is, going around its end once; NONE if there is none."""
    index = next_dirty(m, job.index, job.stop, WRITEBACK)
    if index == NONE and not job.wrapped:
        f = files(m)[job.inode]
        job.index, job.stop, job.wrapped = f.start, max(f.start, f.writeback_index), 1
        index = next_dirty(m, job.index, job.stop, WRITEBACK)
    return index


@kernel
def _purpose(m, w):
    """How urgent the flusher's writes are to blk-wbt: dirtiers sleep, reclaim asked for them, or neither."""
    wb = wbs(m)[w]
    if wb.dirty_sleep and m.clock.now < wb.dirty_sleep + RECENT_NS:
        return IO_URGENT
    return IO_NORMAL if wb.work == ASKED else IO_BACKGROUND


@kernel
def submit_run(m, file, index, most):
    """Send one request for the dirty pages from slot `index` on, at most `most` of them: how many."""
    disk = files(m)[file].disk
    limit = m.disks[disk].max_pages if m.disks[disk].max_pages else RUN_PAGES
    count = dirty_run(m, index, min(limit, most, pages_in_place(m, file, index)))
    for i in range(index, index + count):
        start_write(m, cache(m)[i] - 1)
    m.clock.now += m.cfg.io_path
    submit_write(m, disk, file, index, count, block_of(m, file, index))
    return count


@kernel
def _write_some(m, job, slot, purpose):
    """Send one request of the file at hand: the pages, 0 when it has no more, -1 when actor `slot` waits for room."""
    index = _next_index(m, job) if job.nr_to_write > 0 else NONE
    if index == NONE:
        return 0
    disk = files(m)[job.inode].disk
    full = full_queue(m, disk, purpose, slot)
    if full != NONE:
        wait_for_request(m, full, slot)
        return -1
    count = submit_run(m, job.inode, index, min(job.nr_to_write, job.stop - index))
    if m.cfg.cgroup_writeback:
        count_owners(m, job, index, count)
    count_request(m, slot)
    job.nr_to_write -= count
    job.index = index + count
    return count


@kernel
def write_for_dirtier(m, t, w, pages):
    """Task `t` writes so many pages of the wb's files itself (writeback_inodes_wb): how many it wrote in the end.

    -1 when it rests until the queue has room; the next call goes on. Files at which the flusher is are left to it.
    """
    task, lists = tasks(m)[t], wbs(m)[w].inodes
    job = task.job
    if job.inode == NONE:
        task.dirtier_wrote, task.dirtier_began = 0, m.clock.now
        if lists[B_IO].n == 0:
            move_expired(m, w, m.clock.now)
    while True:
        if job.inode != NONE:
            sent = _write_some(m, job, t, IO_NORMAL)
            if sent > 0:
                continue
            if sent < 0:
                return -1
            task.dirtier_wrote += _put_inode(m, job)[0]
        over = m.clock.now - task.dirtier_began > PASS_NS or task.dirtier_wrote >= pages
        if lists[B_IO].n == 0 or (task.dirtier_wrote and over):
            return task.dirtier_wrote
        _take_inode(m, w, job, pages - task.dirtier_wrote)


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
        _take_inode(m, w, wb.job, wb.left)
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
        if wb.job.inode != NONE:
            sent = _write_some(m, wb.job, slot, _purpose(m, w))
            if sent > 0:
                schedule(m, slot, m.clock.now)
                return
            if sent < 0:
                return
            written, clean = _put_inode(m, wb.job)
            wb.left -= written
            wb.wrote += written + clean
            update_bandwidth(m, w, wb.work_began)
        elif wb.work != IDLE:
            _next_inode(m, w)
        elif not _next_work(m, w):
            wb.running = wb.stage = 0
            waits = has_dirty_io(m, w) and m.cfg.dirty_writeback_centisecs
            schedule(m, slot, m.clock.now + m.cfg.dirty_writeback_centisecs * CENTISECOND if waits else NEVER)
            return
