"""A dirtier sleeps for as long as its pages take at the rate it may have: base rate times a ratio by position.

The rate of every backing device is kept near its bandwidth divided by the number of its dirtiers. Time between two
calls counts as slept, pauses too short to matter are carried forward, and the length of a pause grows with the number
of dirtiers. With cgroup writeback the domain (machine or group) with the lower ratio governs.
"""

from model.hooks import AXES
from model.jit import hook, kernel, tasks, wbs
from model.mm.balance_dirty import (
    AGAIN,
    LEAVE,
    begin_call,
    mark_exceeded,
    pages_to_call,
    picked_up,
    sleep,
)
from model.mm.dirty_control import dirtier_estimate, exceeded, flusher_estimate, look, position, stat_error
from model.mm.dirty_pause import max_pause, min_pause, poll_interval
from model.mm.page_writeback import nr_reclaimable
from model.mm.timers import jiffies
from model.mm.writeback import flush_foreign, start_background

SOURCE = "balance_dirty_pages, mm/page-writeback.c of 3.3 to 6.18"
PARAMS = {
    "clamp": (True, "", "the position ratio stays within 0 and 2", "pos_ratio_polynom, 3.12"),
    "flexible": (True, "", "proportions by time instead of by completions", "lib/flex_proportions.c, 3.6"),
    "anon": (False, "", "anonymous pages count as dirtyable while swap is free", "global_dirtyable_memory, to 3.13"),
    "reserve_of_free": (True, "", "reserves lower free pages only, not page cache", "global_dirtyable_memory, 3.14"),
    "fine_ratio": (True, "", "ratios in 1/4096 instead of 1/100", "domain_dirty_limits, 4.8"),
    "cgroup": (False, "", "groups have limits and flushers of their own", "cgroup v2 with its io controller, 4.2"),
    "flush_foreign": (True, "", "a throttled group has other groups' flushers write its pages", "mm/memcontrol.c, 5.4"),
    "timer_wheel": (True, "", "sleeps are rounded up to the timer wheel's resolution", "kernel/time/timer.c, 4.8"),
    "on_completion": (True, "", "bandwidth is estimated after writeback ends, too", "wb_inode_writeback_end, 5.15"),
    "floor_in_share": (
        True, "", "an idle device's least share limits it, not only its ratio", "__wb_calc_thresh, 6.11"
    ),
}  # fmt: skip
AXIS, FLUSH_FOREIGN = list(AXES).index("dirty_throttling"), list(PARAMS).index("flush_foreign")
RULES = {"reserve": True, "background_by_device": True}


@kernel
def freerun(m, i, strict):
    """(whether domain `i` of the call is below the level where throttling begins, pages until the next call if so)."""
    d = m.dtcs[i]
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
def carry_forward(m, t, pause, period):
    """The pause is not worth sleeping: what it would have been counts next time."""
    task = tasks(m)[t]
    if pause < -m.cfg.hz:
        task.dirty_paused_when, task.nr_dirtied = jiffies(m), 0
    elif period:
        task.dirty_paused_when, task.nr_dirtied = task.dirty_paused_when + period, 0
    elif task.nr_dirtied_pause <= task.pages_dirtied:
        task.nr_dirtied_pause += task.pages_dirtied


@kernel
def governing(m, w, domains):
    """The domain of the call with the lower position ratio; estimates are brought up to date on the way."""
    strict, over, least = m.bdis[wbs(m)[w].bdi].strictlimit, False, 0
    for i in range(domains):
        over |= exceeded(m, i, strict)
        if position(m, i, w) < m.dtcs[least].pos_ratio:
            least = i
    tasks(m)[m.clock.task].bdp_exceeded = over
    mark_exceeded(m, w, over)
    dirtier_estimate(m, w, domains, True, True)
    return least


@kernel
def pause_by_rate(m, t, w, i):
    """Sleep for what the pages take at the task's rate, less the time since the last pause; until when, or 0."""
    task, wb, now = tasks(m)[t], wbs(m)[w], jiffies(m)
    rate = wb.dirty_ratelimit * m.dtcs[i].pos_ratio >> 10
    longest = max_pause(m.dtcs[i].wb_dirty, wb.avg_write_bandwidth, m.cfg.hz)
    shortest, pages, _ = min_pause(wb.avg_write_bandwidth, wb.dirty_ratelimit, rate, longest, m.cfg.hz)
    pause = longest
    if rate:
        period = m.cfg.hz * task.pages_dirtied // rate
        pause = period - (now - task.dirty_paused_when if task.dirty_paused_when else 0)
        if pause < shortest:
            carry_forward(m, t, pause, period)
            return 0
        if pause > longest:
            now += min(pause - longest, longest)
            pause = longest
    task.dirty_paused_when, task.nr_dirtied, task.nr_dirtied_pause = now + pause, 0, pages
    return sleep(m, t, pause, LEAVE if rate or m.dtcs[i].wb_dirty <= stat_error(m) else AGAIN)


@kernel
def turn(m, t):
    """One turn of the loop in balance_dirty_pages; until when the task sleeps, or 0."""
    task = tasks(m)[t]
    w = task.bdp_wb
    m.clock.now += m.cfg.balance_dirty
    domains = look(m, w)
    if nr_reclaimable(m) > m.dtcs[0].bg_thresh:
        start_background(m, w)
    if free_run(m, t, domains, m.bdis[wbs(m)[w].bdi].strictlimit):
        return leave(m, t)
    start_background(m, w)
    if m.cfg.cgroup_writeback and m.params[AXIS, FLUSH_FOREIGN]:
        flush_foreign(m, wbs(m)[w].memcg)
    until = pause_by_rate(m, t, w, governing(m, w, domains))
    return until if until else leave(m, t)


@kernel
def leave(m, t):
    """The task goes on."""
    if not tasks(m)[t].bdp_exceeded:
        wbs(m)[tasks(m)[t].bdp_wb].dirty_exceeded = 0
    return 0


@hook
def balance_dirty_pages(m, t):
    return leave(m, t) if tasks(m)[t].throttled == LEAVE else turn(m, t)


@hook
def balance_dirty_pages_ratelimited(m, t):
    task = tasks(m)[t]
    w = task.balance_wb - 1
    ratelimit = pages_to_call(m, t, w)
    picked_up(m, t, ratelimit)
    if task.nr_dirtied < ratelimit:
        return 0
    begin_call(m, t, w, task.nr_dirtied)
    return turn(m, t)


@hook
def update_bandwidth(m, w, began):
    flusher_estimate(m, w, began)
    return 0
