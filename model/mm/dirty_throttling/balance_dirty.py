"""Dirtiers between calls of balance_dirty_pages: when to call, starting background writeback, sleeping."""

from mmrun.model.core.accounting import DIRTY, begins, ends
from mmrun.model.core.integers import quotient
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.sleep import io_sleep_until
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, geometry, task_count
from mmrun.model.machine.timers import jiffies, timeout_ends
from mmrun.model.mm.dirty_throttling.dirty_pause import POLL_THRESH
from mmrun.model.mm.dirty_throttling.tracepoints import balance_dirty_pages
from mmrun.model.mm.task.state import tasks
from mmrun.model.mm.writeback.dirty_control import hard_limit
from mmrun.model.mm.writeback.page_writeback import dtc
from mmrun.model.mm.writeback.state import dirty_settings, wb_domains, wbs

balance_dirty_pages_ratelimited = caller("balance_dirty_pages_ratelimited")
EXCEEDED_RATELIMIT = 8  # pages between calls while a device is over its limit


@kernel
def pause_dirtier(m, t, w, pause):
    """Task `t` sleeps for so many jiffies because too much of wb `w` is dirty (io_schedule_timeout)."""
    task_count(m)[t].dirty_pauses += 1
    wbs(m)[w].dirty_sleep = m.now
    begins(m, DIRTY)
    io_sleep_until(m, timeout_ends(m, pause))
    ends(m, DIRTY)


@kernel
def tell_pause(m, t, w, i, task_ratelimit, pages, period, pause, began):
    """Trace what task `t`, which called at jiffy `began`, found in domain `i` of the call, and how long it sleeps."""
    if not m.tracing:
        return
    d, wb, task, hz, now = dtc(m, i), wbs(m)[w], tasks(m)[t], geometry(m).hz, jiffies(m)
    limit = hard_limit(m, i) if d.domain else wb_domains(m)[0].dirty_limit
    setpoint = (limit + (d.thresh + d.bg_thresh) // 2) // 2
    think = (now - task.dirty_paused_when) * 1000 if task.dirty_paused_when else 0
    balance_dirty_pages(
        m, wb.bdi, limit, setpoint, d.dirty, setpoint * d.wb_thresh // (d.thresh + 1), d.wb_dirty, wb.dirty_ratelimit,
        task_ratelimit, pages, task.nr_dirtied_pause, (now - began) * 1000 // hz, quotient(pause * 1000, hz),
        period * 1000 // hz, quotient(think, hz), wb.memcg,
    )  # fmt: skip


@kernel
def mark_exceeded(m, w, exceeded):
    """Note on the wb that it is over its limit: its dirtiers ask more often."""
    if exceeded:
        wbs(m)[w].dirty_exceeded = 1


@kernel
def picked_up(m, t, ratelimit):
    """Charge task `t` with pages that tasks which ended on its CPU had not answered for (dirty_throttle_leaks)."""
    task, cpu = tasks(m)[t], cpus(m)[turn(m).cpu]
    if cpu.dirty_leaks > 0 and task.nr_dirtied < ratelimit:
        pages = min(cpu.dirty_leaks, ratelimit - task.nr_dirtied)
        cpu.dirty_leaks -= pages
        task.nr_dirtied += pages


@kernel
def pages_to_call(m, t, w):
    """Pages dirtied with which task `t` has to call (balance_dirty_pages_ratelimited, 3.2 on)."""
    task, cpu = tasks(m)[t], cpus(m)[turn(m).cpu]
    ratelimit = task.nr_dirtied_pause
    if wbs(m)[w].dirty_exceeded:
        ratelimit = min(ratelimit, EXCEEDED_RATELIMIT)
    if task.nr_dirtied >= ratelimit:
        cpu.bdp_ratelimits = 0
    elif cpu.bdp_ratelimits >= dirty_settings(m).ratelimit_pages:
        cpu.bdp_ratelimits = 0
        ratelimit = 0
    return ratelimit


@kernel
def after_access(m, t):
    """The task's access is done: dirty throttling, if it dirtied anything."""
    if tasks(m)[t].balance_wb:
        balance_dirty_pages_ratelimited(m, t)
        tasks(m)[t].balance_wb = 0


@kernel
def leave_to_others(m, t):
    """A task ends: others on its CPU answer for the pages it dirtied since its last call."""
    task = tasks(m)[t]
    cpus(m)[task.cpu].dirty_leaks += task.nr_dirtied
    task.nr_dirtied, task.nr_dirtied_pause, task.dirty_paused_when = 0, POLL_THRESH, 0
