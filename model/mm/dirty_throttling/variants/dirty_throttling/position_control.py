"""A dirtier sleeps for as long as its pages take at the rate it may have: base rate times a ratio by position.

The rate of every backing device is kept near its bandwidth divided by the number of its dirtiers. Time between two
calls counts as slept, pauses too short to matter are carried forward, and the length of a pause grows with the number
of dirtiers. With cgroup writeback the domain (machine or group) with the lower ratio governs.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.machine.state import geometry
from mmrun.model.machine.timers import jiffies
from mmrun.model.mm.dirty_throttling.balance_dirty import (
    mark_exceeded,
    pages_to_call,
    pause_dirtier,
    picked_up,
    tell_pause,
)
from mmrun.model.mm.dirty_throttling.dirty_pause import max_pause, min_pause, poll_interval
from mmrun.model.mm.task.state import tasks
from mmrun.model.mm.writeback.dirty_control import (
    dirtier_estimate,
    exceeded,
    flusher_estimate,
    look,
    position,
    stat_error,
)
from mmrun.model.mm.writeback.page_writeback import dtc, nr_reclaimable
from mmrun.model.mm.writeback.state import bdis, dirty_settings, wbs, writeback_count, writeback_settings
from mmrun.model.mm.writeback.writeback import flush_foreign, start_background

SOURCE = "balance_dirty_pages, mm/page-writeback.c of 3.3 to 6.18"
PARAMS = {
    "clamp": (True, "", "the position ratio stays within 0 and 2", "pos_ratio_polynom, 3.12"),
    "flexible": (True, "", "proportions by time instead of by completions", "lib/flex_proportions.c, 3.6"),
    "anon": (False, "", "anonymous pages count as dirtyable while swap is free", "global_dirtyable_memory, to 3.13"),
    "reserve_of_free": (True, "", "reserves lower free pages only, not page cache", "global_dirtyable_memory, 3.14"),
    "fine_ratio": (True, "", "ratios in 1/4096 instead of 1/100", "domain_dirty_limits, 4.8"),
    "flush_foreign": (True, "", "a throttled group has other groups' flushers write its pages", "mm/memcontrol.c, 5.4"),
    "timer_wheel": (True, "", "sleeps are rounded up to the timer wheel's resolution", "kernel/time/timer.c, 4.8"),
    "on_completion": (True, "", "bandwidth is estimated after writeback ends, too", "wb_inode_writeback_end, 5.15"),
    "floor_in_share": (
        True, "", "an idle device's least share limits it, not only its ratio", "__wb_calc_thresh, 6.11"
    ),
    "exceeded_in_loop": (
        True, "", "a call that finds itself below freerun leaves the mark that the device is over its limit (6.0)",
        "balance_dirty_pages, 6.5"
    ),
}  # fmt: skip
params = parameters("dirty_throttling", PARAMS, 302)
RULES = {"reserve": True, "background_by_device": True, "domains": True}


@kernel
def freerun(m, i, strict):
    """(whether domain `i` of the call is below the level where throttling begins, pages until the next call if so)."""
    d = dtc(m, i)
    dirty, thresh, background = d.dirty, d.thresh, d.bg_thresh
    if strict:
        dirty, thresh, background = d.wb_dirty, d.wb_thresh, d.wb_bg_thresh
    return dirty <= (thresh + background) // 2, poll_interval(dirty, thresh)


@kernel
def free_run(m, t, domains, strict):
    """1 when nothing keeps the task from dirtying on."""
    task = tasks(m)[t]
    free, pages = freerun(m, 0, strict)
    if domains > 1:
        too, fewer = freerun(m, 1, strict)
        free, pages = free and too, min(pages, fewer)
    if free:
        task.dirty_paused_when, task.nr_dirtied, task.nr_dirtied_pause = jiffies(m), 0, pages
    return free


@kernel
def carry_forward(m, t, pause, period, pages):
    """The pause is not worth sleeping: what it would have been counts next time."""
    task = tasks(m)[t]
    if pause < -geometry(m).hz:
        task.dirty_paused_when, task.nr_dirtied = jiffies(m), 0
    elif period:
        task.dirty_paused_when, task.nr_dirtied = task.dirty_paused_when + period, 0
    elif task.nr_dirtied_pause <= pages:
        task.nr_dirtied_pause += pages


@kernel
def governing(m, w, began, domains):
    """(the domain of the call with the lower position ratio, whether any is exceeded); estimates follow on the way."""
    strict, over, least = bdis(m)[wbs(m)[w].bdi].strictlimit, False, 0
    for i in range(domains):
        over |= exceeded(m, i, strict)
        if position(m, i, w) < dtc(m, least).pos_ratio:
            least = i
    mark_exceeded(m, w, over)
    if params(m).exceeded_in_loop and not over:
        wbs(m)[w].dirty_exceeded = 0
    dirtier_estimate(m, w, began, domains, True, True)
    return least, over


@kernel
def pause_by_rate(m, t, w, i, pages, began):
    """Sleep for what the pages take at the task's rate, less the time since the last pause; whether to look again."""
    task, wb, now, d = tasks(m)[t], wbs(m)[w], jiffies(m), dtc(m, i)
    rate = wb.dirty_ratelimit * d.pos_ratio >> 10
    longest = max_pause(d.wb_dirty, wb.avg_write_bandwidth, geometry(m).hz)
    shortest, next_pages, _ = min_pause(wb.avg_write_bandwidth, wb.dirty_ratelimit, rate, longest, geometry(m).hz)
    period = pause = longest
    if rate:
        period = geometry(m).hz * pages // rate
        pause = period - (now - task.dirty_paused_when if task.dirty_paused_when else 0)
        if pause < shortest:
            tell_pause(m, t, w, i, rate, pages, period, min(pause, 0), began)
            carry_forward(m, t, pause, period, pages)
            return False
        if pause > longest:
            now += min(pause - longest, longest)
            pause = longest
    tell_pause(m, t, w, i, rate, pages, period, pause, began)
    task.dirty_paused_when, task.nr_dirtied, task.nr_dirtied_pause = now + pause, 0, next_pages
    pause_dirtier(m, t, w, pause)
    return not rate and d.wb_dirty > stat_error(m) and not task.killed


@kernel
def balance_dirty_pages(m, t, w, pages):
    """Task `t` has dirtied so many pages of the wb: it sleeps as its rate says, again while it may not write at all."""
    began, over, again = jiffies(m), False, True
    while again:
        m.now += dirty_settings(m).balance_dirty
        domains = look(m, w)
        if nr_reclaimable(m) > dtc(m, 0).bg_thresh:
            start_background(m, w)
        if free_run(m, t, domains, bdis(m)[wbs(m)[w].bdi].strictlimit):
            break
        start_background(m, w)
        if writeback_settings(m).cgroup_writeback and params(m).flush_foreign:
            flush_foreign(m, wbs(m)[w].memcg)
        least, over = governing(m, w, began, domains)
        again = pause_by_rate(m, t, w, least, pages, began)
    if not over and not params(m).exceeded_in_loop:
        wbs(m)[w].dirty_exceeded = 0


@hook
def balance_dirty_pages_ratelimited(m, t):
    task = tasks(m)[t]
    w = task.balance_wb - 1
    ratelimit = pages_to_call(m, t, w)
    picked_up(m, t, ratelimit)
    if task.nr_dirtied >= ratelimit:
        writeback_count(m).balance_dirty_pages += 1
        balance_dirty_pages(m, t, w, task.nr_dirtied)
    return 0


@hook
def update_bandwidth(m, w, began):
    flusher_estimate(m, w, began)
    return 0
