"""Dirtiers between calls of balance_dirty_pages: when to call, starting background writeback, sleeping."""

from model.actors import NEVER
from model.jit import caller, kernel, tasks, wbs
from model.mm.calls import call_ends
from model.mm.dirty_pause import POLL_THRESH
from model.mm.timers import timeout_ends

balance_dirty_pages_ratelimited = caller("balance_dirty_pages_ratelimited")
balance_dirty_pages = caller("balance_dirty_pages")
EXCEEDED_RATELIMIT = 8  # pages between calls while a device is over its limit
# task.throttled: after its sleep the task leaves, or looks again; or it writes and waits for room in the queue
LEAVE, AGAIN, WRITING = 1, 2, 3


@kernel
def begin_call(m, t, w, pages):
    """Task `t` enters balance_dirty_pages for wb `w`, having dirtied so many pages."""
    task = tasks(m)[t]
    task.bdp_wb, task.pages_dirtied, task.bdp_exceeded = w, pages, 0
    task.bdp_began = m.clock.now * m.cfg.hz // 1_000_000_000
    m.vm.balance_dirty_pages += 1


@kernel
def sleep(m, t, pause, then):
    """Task `t` sleeps for so many jiffies; when it goes on, in ns."""
    task = tasks(m)[t]
    task.throttled, task.wake_at = then, timeout_ends(m, pause)
    task.stat.stall_dirty_ns += task.wake_at - m.clock.now
    task.stat.dirty_pauses += 1
    wbs(m)[task.bdp_wb].dirty_sleep = m.clock.now
    return task.wake_at


@kernel
def mark_exceeded(m, w, exceeded):
    """Note on the wb that it is over its limit: its dirtiers ask more often."""
    if exceeded:
        wbs(m)[w].dirty_exceeded = 1


@kernel
def picked_up(m, t, ratelimit):
    """Charge task `t` with pages that tasks which ended on its CPU had not answered for (dirty_throttle_leaks)."""
    task, cpu = tasks(m)[t], m.cpus[m.clock.cpu]
    if cpu.dirty_leaks > 0 and task.nr_dirtied < ratelimit:
        pages = min(cpu.dirty_leaks, ratelimit - task.nr_dirtied)
        cpu.dirty_leaks -= pages
        task.nr_dirtied += pages


@kernel
def pages_to_call(m, t, w):
    """Pages dirtied with which task `t` has to call (balance_dirty_pages_ratelimited, 3.2 on)."""
    task, cpu = tasks(m)[t], m.cpus[m.clock.cpu]
    ratelimit = task.nr_dirtied_pause
    if wbs(m)[w].dirty_exceeded:
        ratelimit = min(ratelimit, EXCEEDED_RATELIMIT)
    if task.nr_dirtied >= ratelimit:
        cpu.bdp_ratelimits = 0
    elif cpu.bdp_ratelimits >= m.cfg.ratelimit_pages:
        cpu.bdp_ratelimits = 0
        ratelimit = 0
    return ratelimit


@kernel
def slept(m, t, until):
    """The task sleeps until `until`, or rests on a queue's wait list: then from now on."""
    tasks(m)[t].wake_at = m.clock.now if until == NEVER else until


@kernel
def after_access(m, t):
    """The task's access is done: dirty throttling, if it dirtied anything; 1 when it sleeps until task.wake_at."""
    task = tasks(m)[t]
    if task.balance_wb:
        until = balance_dirty_pages_ratelimited(m, t)
        task.balance_wb = 0
        if until:
            slept(m, t, until)
            return 1
    call_ends(m, t)
    return 0


@kernel
def go_on(m, t):
    """The task's sleep in dirty throttling is over; 1 when it sleeps again until task.wake_at."""
    task = tasks(m)[t]
    if task.throttled == WRITING:
        task.stat.stall_queue_ns += m.clock.now - task.wake_at
    elif m.clock.now < task.wake_at:
        task.stat.stall_dirty_ns -= task.wake_at - m.clock.now  # woken early
    until = balance_dirty_pages(m, t)
    if until:
        slept(m, t, until)
        return 1
    task.throttled = 0
    call_ends(m, t)
    return 0


@kernel
def leave_to_others(m, t):
    """A task ends: others on its CPU answer for the pages it dirtied since its last call."""
    task = tasks(m)[t]
    m.cpus[task.cpu].dirty_leaks += task.nr_dirtied
    task.nr_dirtied, task.nr_dirtied_pause, task.dirty_paused_when = 0, POLL_THRESH, 0
