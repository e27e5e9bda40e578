"""What the forms of dirty throttling before 3.2 share: per-CPU call rule, a task's own limit, writing, naps.

A dirtier over its limit writes pages of the device itself; only when that was not enough, it sleeps and looks again.
"""

from model.jit import kernel, tasks, wbs
from model.mm.balance_dirty import AGAIN, EXCEEDED_RATELIMIT, LEAVE, WRITING, begin_call
from model.mm.page_writeback import look_at_machine, look_at_wb, nr_reclaimable
from model.mm.wb_fraction import floating_denominator, floating_norm
from model.mm.writeback import start_background, write_for_dirtier

TASK_LIMIT_FRACTION = 8
WAITS = -1  # write_for_dirtier: the task is on a queue's wait list


@kernel
def count_dirties(m, t):
    """Let the pages task `t` dirtied in this event count in its part of all recent dirtying (task_dirty_inc)."""
    task, total = tasks(m)[t], m.vm_dirties
    if task.nr_dirtied:
        task.dirties_events, task.dirties_period = floating_norm(
            task.dirties_events, task.dirties_period, total.events, total.shift
        )
        task.dirties_events += task.nr_dirtied
        total.events += task.nr_dirtied
    m.cpus[m.clock.cpu].bdp_ratelimits += task.redirtied
    task.nr_dirtied = task.redirtied = 0


@kernel
def task_limit(m, t, wb_thresh):
    """The wb's share of the limit, less up to an eighth for what task `t` dirtied lately (task_dirty_limit)."""
    task, total = tasks(m)[t], m.vm_dirties
    task.dirties_events, task.dirties_period = floating_norm(
        task.dirties_events, task.dirties_period, total.events, total.shift
    )
    less = wb_thresh // TASK_LIMIT_FRACTION * task.dirties_events // floating_denominator(total.events, total.shift)
    return max(wb_thresh - less, wb_thresh // 2)


@kernel
def enter(m, t):
    """Whether task `t` has to throttle now: its CPU has dirtied enough pages; how much it writes is then set."""
    task, cpu = tasks(m)[t], m.cpus[m.clock.cpu]
    count_dirties(m, t)
    w = task.balance_wb - 1
    ratelimit = EXCEEDED_RATELIMIT if wbs(m)[w].dirty_exceeded else m.cfg.ratelimit_pages
    if cpu.bdp_ratelimits < ratelimit:
        return False
    begin_call(m, t, w, cpu.bdp_ratelimits)
    task.write_chunk = max(cpu.bdp_ratelimits, m.cfg.ratelimit_pages) * 3 // 2
    task.pages_written, task.pause, cpu.bdp_ratelimits = 0, 1, 0
    return True


@kernel
def look_again(m, t):
    """See what is dirty; (whether throttling begins, the task's limit on the wb)."""
    m.clock.now += m.cfg.balance_dirty
    look_at_machine(m)
    look_at_wb(m, 0, tasks(m)[t].bdp_wb)
    d = m.dtcs[0]
    return d.dirty > (d.thresh + d.bg_thresh) // 2, task_limit(m, t, d.wb_thresh)


@kernel
def write_out(m, t):
    """Go on writing pages of the wb; False while the task waits for a free request."""
    task = tasks(m)[t]
    written = write_for_dirtier(m, t, task.bdp_wb, task.write_chunk)
    if written == WAITS:
        task.throttled = WRITING
        return False
    task.pages_written += written
    task.stat.dirtier_written += written
    return True


@kernel
def leave(m, t):
    """The task goes on; background writeback starts when there is reason for it."""
    if nr_reclaimable(m) > m.dtcs[0].bg_thresh:
        start_background(m, tasks(m)[t].bdp_wb)
    return 0


__all__ = ["AGAIN", "LEAVE", "WRITING", "enter", "leave", "look_again", "write_out"]
