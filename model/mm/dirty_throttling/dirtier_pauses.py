"""What the forms of dirty throttling before 3.2 share: per-CPU call rule, a task's own limit, writing.

A dirtier over its limit writes pages of the device itself; only when that was not enough, it sleeps and looks again.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, task_count
from mmrun.model.mm.dirty_throttling.balance_dirty import EXCEEDED_RATELIMIT
from mmrun.model.mm.task.state import tasks
from mmrun.model.mm.writeback.page_writeback import dtc, look_at_machine, look_at_wb, nr_reclaimable
from mmrun.model.mm.writeback.state import dirty_settings, vm_dirties, wbs, writeback_count
from mmrun.model.mm.writeback.wb_fraction import floating_denominator, floating_norm
from mmrun.model.mm.writeback.writeback import start_background, writeback_inodes_wb

TASK_LIMIT_FRACTION = 8


@kernel
def count_dirties(m, t):
    """Let the pages task `t` dirtied in this event count in its part of all recent dirtying (task_dirty_inc)."""
    task, total = tasks(m)[t], vm_dirties(m)
    if task.nr_dirtied:
        task.dirties_events, task.dirties_period = floating_norm(
            task.dirties_events, task.dirties_period, total.events, total.shift
        )
        task.dirties_events += task.nr_dirtied
        total.events += task.nr_dirtied
    cpus(m)[turn(m).cpu].bdp_ratelimits += task.redirtied
    task.nr_dirtied = task.redirtied = 0


@kernel
def task_limit(m, t, wb_thresh):
    """The wb's share of the limit, less up to an eighth for what task `t` dirtied lately (task_dirty_limit)."""
    task, total = tasks(m)[t], vm_dirties(m)
    task.dirties_events, task.dirties_period = floating_norm(
        task.dirties_events, task.dirties_period, total.events, total.shift
    )
    less = wb_thresh // TASK_LIMIT_FRACTION * task.dirties_events // floating_denominator(total.events, total.shift)
    return max(wb_thresh - less, wb_thresh // 2)


@kernel
def pages_to_answer_for(m, t):
    """Pages dirtied on task `t`'s CPU since somebody there last throttled, 0 while they are too few to do so."""
    cpu = cpus(m)[turn(m).cpu]
    count_dirties(m, t)
    w = tasks(m)[t].balance_wb - 1
    ratelimit = EXCEEDED_RATELIMIT if wbs(m)[w].dirty_exceeded else dirty_settings(m).ratelimit_pages
    if cpu.bdp_ratelimits < ratelimit:
        return 0
    pages, cpu.bdp_ratelimits = cpu.bdp_ratelimits, 0
    writeback_count(m).balance_dirty_pages += 1
    return pages


@kernel
def write_chunk(m, pages):
    """How many pages who dirtied so many has to write: half as many again (sync_writeback_pages)."""
    return max(pages, dirty_settings(m).ratelimit_pages) * 3 // 2


@kernel
def look(m, t, w):
    """See what is dirty; (whether throttling begins, the task's limit on the wb)."""
    m.now += dirty_settings(m).balance_dirty
    look_at_machine(m, 1)
    look_at_wb(m, 0, w)
    d = dtc(m, 0)
    return d.dirty > (d.thresh + d.bg_thresh) // 2, task_limit(m, t, d.wb_thresh)


@kernel
def write_out(m, t, w, chunk):
    """Write pages of the wb; how many."""
    written = writeback_inodes_wb(m, w, chunk)
    task_count(m)[t].dirtier_written += written
    return written


@kernel
def leave(m, w):
    """The task goes on; background writeback starts when there is reason for it."""
    if nr_reclaimable(m) > dtc(m, 0).bg_thresh:
        start_background(m, w)
