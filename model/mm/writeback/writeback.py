"""Flushers: which dirty files are written when, how much of each at a time (fs/fs-writeback.c).

A flusher (one a wb) is a daemon. Woken, it does what it was asked for, then what has been dirty for thirty seconds,
then what lies beyond the background threshold, and rests; while anything is dirty it looks again every five seconds.
Files are visited one after the other, a chunk of each. A full queue puts the flusher to sleep until a request is free.
Thresholds are looked at again after every pass of a tenth of a second.
"""

from mmrun.model.block.batching import count_request
from mmrun.model.block.get_request import get_request
from mmrun.model.block.state import IO_BACKGROUND, IO_NORMAL, IO_URGENT
from mmrun.model.core.accounting import DIRTIER_REQUEST, NOTHING
from mmrun.model.core.actor import actor
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, cond_resched, wait, wake
from mmrun.model.core.state import turn
from mmrun.model.machine.state import costs, geometry
from mmrun.model.machine.timers import SECOND, jiffies
from mmrun.model.mm.page.flags import WRITEBACK
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.allocation import bumped
from mmrun.model.mm.writeback.dirty import CENTISECOND, next_dirty
from mmrun.model.mm.writeback.dirty_control import estimate_start
from mmrun.model.mm.writeback.foreign import begin_count, count_owners, owner_by_majority, switch_wb
from mmrun.model.mm.writeback.foreign_dirty import RECORDS, foreign_due
from mmrun.model.mm.writeback.inodes import (
    ALL,
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
    redirty_tail,
)
from mmrun.model.mm.writeback.nfs import end_visit
from mmrun.model.mm.writeback.page_writeback import over_bg_thresh
from mmrun.model.mm.writeback.queue_io import queue_io, reason_of
from mmrun.model.mm.writeback.state import jobs, wb_domains, wbs, writeback_count, writeback_settings
from mmrun.model.mm.writeback.submit import done_with, ready, submit_run
from mmrun.model.mm.writeback.tracepoints import (
    writeback_exec,
    writeback_pages_written,
    writeback_queue,
    writeback_single_inode_start,
    writeback_start,
    writeback_wait,
    writeback_wake_background,
    writeback_written,
)
from mmrun.model.mm.writeback.tracepoints import writeback_single_inode as writeback_single_inode_event

update_bandwidth = caller("update_bandwidth")

PASS_NS = 100_000_000  # HZ/10
MIN_WRITEBACK_PAGES = 1024  # 4 MiB
EVERYTHING = (1 << 63) - 1  # LONG_MAX
RECENT_NS = 1_000_000_000  # HZ


@kernel
def wake_flusher(m, w):
    """Start the flusher if it rests (wb_wakeup)."""
    wake(m, wbs(m)[w].dwork, 1, m.now + costs(m).kswapd_wake)


@kernel
def start_background(m, w):
    """A dirtier finds that more is dirty than the background threshold (wb_start_background_writeback)."""
    if wbs(m)[w].dwork.first:
        writeback_wake_background(m, wbs(m)[w].bdi, wbs(m)[w].memcg)
    wake_flusher(m, w)


@kernel
def _ask(m, w, asked, pages):
    """Of the wb, of which `asked` pages are asked for, so many more shall be written (wb_queue_work)."""
    wb = wbs(m)[w]
    writeback_queue(m, wb.bdi, pages, 0, 0, reason_of(m, ASKED), wb.memcg)
    wb.asked = asked + pages


@kernel
def wakeup_flushers(m, nr_pages):
    """Have every flusher write `nr_pages`, 0: as much as is dirty (wakeup_flusher_threads).

    Since 4.15 that is everything, and no more than a mark on the wb (WB_start_all): it interrupts nothing. Before,
    requests add up, and other work makes way for them.
    """
    for w in range(len(wbs(m))):
        wb = wbs(m)[w]
        if not has_dirty_io(m, w):
            continue
        if writeback_settings(m).start_all:
            wb.start_all = 1
        elif nr_pages:
            _ask(m, w, wb.asked, nr_pages)
        elif wb.asked <= 0 and wb.work != ASKED:
            _ask(m, w, 0, writeback_count(m).nr_dirty)
        wake_flusher(m, w)


@kernel
def flush_foreign(m, memcg):
    """A dirtier of the group's files is throttled: have the wbs that hold the group's pages write what they have."""
    for i in range(RECORDS):
        w = foreign_due(m, memcg, i)
        if w != NONE:
            owner = wbs(m)[w].memcg
            _ask(m, w, 0, wb_domains(m)[owner].nr_dirty * 10 // 8 if owner else writeback_count(m).nr_dirty)
            writeback_count(m).foreign_flushes += 1
            wake_flusher(m, w)


@kernel
def chunk_size(m, w, left):
    """Pages to write of one file before the next one's turn, of `left` in all (writeback_chunk_size; 1024 to 3.0)."""
    if writeback_settings(m).fixed_chunk:
        return min(MIN_WRITEBACK_PAGES, left)
    pages = min(wbs(m)[w].avg_write_bandwidth // 2, wb_domains(m)[0].dirty_limit // 8, left)
    return (pages + MIN_WRITEBACK_PAGES) // MIN_WRITEBACK_PAGES * MIN_WRITEBACK_PAGES


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
    f = files(m)[job.inode]
    index = next_dirty(m, job.index, job.stop, WRITEBACK) if f.nr_dirty else NONE
    if index == NONE and not job.wrapped:
        job.index, job.stop, job.wrapped = f.start, max(f.start, f.writeback_index), 1
        index = next_dirty(m, job.index, job.stop, WRITEBACK) if f.nr_dirty else NONE
    return index


@kernel
def _purpose(m, w):
    """How urgent the flusher's writes are to blk-wbt: dirtiers sleep, reclaim asked for them, or neither."""
    wb = wbs(m)[w]
    if wb.dirty_sleep and m.now < wb.dirty_sleep + RECENT_NS:
        return IO_URGENT
    return IO_NORMAL if wb.work < PERIODIC else IO_BACKGROUND


@kernel
def write_cache_pages(m, job, w):
    """Write dirty pages of the file at hand, a request at a time, until the chunk is done or there are no more.

    `w`: the wb whose flusher this is, NONE: a dirtier at work for it.
    """
    disk = files(m)[job.inode].disk
    while job.nr_to_write > 0:
        index = _next_index(m, job)
        if index == NONE:
            return
        most = ready(m, job.inode, index, min(job.nr_to_write, job.stop - index))
        if w == NONE:
            get_request(m, disk, IO_NORMAL, turn(m).actor, DIRTIER_REQUEST)
        else:
            get_request(m, disk, _purpose(m, w), turn(m).actor, NOTHING)
        count = submit_run(m, job.inode, index, most)
        if writeback_settings(m).cgroup_writeback:
            count_owners(m, job, index, count)
        count_request(m, turn(m).actor)
        job.nr_to_write -= count
        job.index = index + count
        cond_resched(m)


@kernel
def writeback_single_inode(m, w, left, by_flusher):
    """Write a chunk of the next file of the wb, from where its writing stopped last (range_cyclic).

    (pages written, 1 when the file is clean). In the kernel: __writeback_single_inode.
    """
    job, file = jobs(m)[turn(m).actor], wbs(m)[w].inodes[B_IO].head
    f = files(m)[file]
    del_inode(m, file)
    f.on = WRITING
    wbs(m)[w].nr_writing += 1
    estimate_start(m, w)
    chunk = chunk_size(m, w, left)
    job.index, job.stop, job.wrapped = max(f.start, f.writeback_index), f.start + f.npages, 0
    bump = bumped(m, file, job.index, chunk) - chunk
    job.inode, job.nr_to_write = file, chunk + bump
    begin_count(job, f)
    since, age = f.dirtied_when * geometry(m).hz // SECOND, (m.now - f.dirtied_when) // SECOND
    writeback_single_inode_start(m, f.disk, file, 1, since, age, job.index - f.start, chunk, 0, wbs(m)[w].memcg)
    write_cache_pages(m, job, w if by_flusher else NONE)
    done_with(m, file)
    job.nr_to_write -= bump
    wrote, age = chunk - job.nr_to_write, (m.now - f.dirtied_when) // SECOND
    writeback_single_inode_event(
        m, f.disk, file, f.nr_dirty, since, age, job.index - f.start, chunk, wrote, wbs(m)[w].memcg
    )
    f.writeback_index, f.on, job.inode = job.index, 0, NONE
    wbs(m)[w].nr_writing -= 1
    end_visit(m, file)
    clean = _requeue(m, job, file)
    if writeback_settings(m).cgroup_writeback:
        owner = owner_by_majority(m, job, file)
        if owner != wbs(m)[f.wb].memcg:
            switch_wb(m, file, owner)
            if f.on:
                wake_flusher(m, f.wb)
    return wrote, clean


@kernel
def writeback_inodes_wb(m, w, pages):
    """The running task writes so many pages of the wb's files itself; how many it wrote in the end.

    Files at which the flusher is are left to it.
    """
    lists, written, began = wbs(m)[w].inodes, 0, m.now
    if lists[B_IO].n == 0:
        queue_io(m, w, BACKGROUND, began)
    while lists[B_IO].n and not (written and (m.now - began > PASS_NS or written >= pages)):
        written += writeback_single_inode(m, w, pages - written, False)[0]
    return written


@kernel
def writeback_sb_inodes(m, w, left, work_began):
    """One pass of a flusher over the files queued for it; (pages written, the same and files found clean)."""
    lists, written, progress, began = wbs(m)[w].inodes, 0, 0, m.now
    while lists[B_IO].n and not (progress and (m.now - began > PASS_NS or written >= left)):
        pages, clean = writeback_single_inode(m, w, left - written, True)
        written += pages
        progress += pages + clean
        update_bandwidth(m, w, work_began)
    return written, progress


@kernel
def _may_go_on(m, w, left):
    """Whether there is reason to go on with the work at hand and nothing more urgent to do."""
    wb = wbs(m)[w]
    if left <= 0 or (wb.work >= PERIODIC and wb.asked > 0):
        return False
    return wb.work != BACKGROUND or over_bg_thresh(m, w)


@kernel
def wb_writeback(m, w, work, pages):
    """Write up to `pages`: what was asked for, what is old, or all beyond the background threshold.

    Only what was dirty when it began counts as asked for. How many were written.
    """
    wb, left, began, dirtied_before = wbs(m)[w], pages, jiffies(m), m.now
    wb.work, periodic, background, reason = work, work == PERIODIC, work == BACKGROUND, reason_of(m, work)
    while _may_go_on(m, w, left):
        if work == PERIODIC:
            dirtied_before = m.now - writeback_settings(m).dirty_expire_centisecs * CENTISECOND
        elif work == BACKGROUND:
            dirtied_before = m.now
        writeback_start(m, wb.bdi, left, periodic, background, reason, wb.memcg)
        if wb.inodes[B_IO].n == 0:
            queue_io(m, w, work, dirtied_before)
        written, progress = writeback_sb_inodes(m, w, left, began)
        left -= written
        writeback_written(m, wb.bdi, left, periodic, background, reason, wb.memcg)
        if progress:
            continue
        if wb.inodes[B_MORE_IO].n == 0:
            break
        writeback_wait(m, wb.bdi, left, periodic, background, reason, wb.memcg)
    wb.work = IDLE
    return pages - left


@kernel
def _start_all(m, w):
    """Write everything if reclaim wants that; it may say so again when this is done (wb_check_start_all)."""
    written = 0
    if wbs(m)[w].start_all:
        written = wb_writeback(m, w, ALL, writeback_count(m).nr_dirty)
        wbs(m)[w].start_all = 0
    return written


@kernel
def wb_do_writeback(m, w):
    """One round: what was asked for comes first (wb_check_old_data_flush, wb_check_background_flush)."""
    wb, interval = wbs(m)[w], writeback_settings(m).dirty_writeback_centisecs * CENTISECOND
    written = 0
    while wb.asked > 0:
        pages, wb.asked = wb.asked, 0
        writeback_exec(m, wb.bdi, pages, 0, 0, reason_of(m, ASKED), wb.memcg)
        written += wb_writeback(m, w, ASKED, pages)
    written += _start_all(m, w)
    if interval and m.now >= wb.last_periodic + interval:
        wb.last_periodic = m.now
        written += wb_writeback(m, w, PERIODIC, writeback_count(m).nr_dirty + len(files(m)))
    if over_bg_thresh(m, w):
        written += wb_writeback(m, w, BACKGROUND, EVERYTHING)
    writeback_pages_written(m, written)


@actor(per="wb", at_boot=True)
def flusher(m, w):
    """The daemon of a wb (wb_workfn)."""
    wb = wbs(m)[w]
    while True:
        looks_again = has_dirty_io(m, w) and writeback_settings(m).dirty_writeback_centisecs
        wait(m, wb.dwork, writeback_settings(m).dirty_writeback_centisecs * CENTISECOND if looks_again else FOREVER)
        wb_do_writeback(m, w)
        while wb.asked > 0 or wb.start_all:  # came meanwhile
            wb_do_writeback(m, w)
