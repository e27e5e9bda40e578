"""The first form of position control: dirtiers only sleep, at the rate they may have, and the flusher alone writes.

Time between calls is not counted, and no pause is too short to sleep.
"""

from model.jit import hook, kernel, tasks, wbs
from model.mm.balance_dirty import AGAIN, LEAVE, begin_call, mark_exceeded, pages_to_call, sleep
from model.mm.dirty_control import dirtier_estimate, flusher_estimate, look, position, stat_error
from model.mm.dirty_pause import first_dirtied_pause, first_max_pause, poll_interval
from model.mm.page_writeback import nr_reclaimable
from model.mm.writeback import start_background

SOURCE = "balance_dirty_pages, mm/page-writeback.c of 3.2; posted as v12 on 3 October 2011"
RULES = {"anon": True, "background_by_device": True}


@kernel
def leave(m, t):
    """The task goes on."""
    if not tasks(m)[t].bdp_exceeded:
        wbs(m)[tasks(m)[t].bdp_wb].dirty_exceeded = 0
    tasks(m)[t].nr_dirtied = 0
    if nr_reclaimable(m) > m.dtcs[0].bg_thresh:
        start_background(m, tasks(m)[t].bdp_wb)
    return 0


@kernel
def turn(m, t):
    """One turn of the loop in balance_dirty_pages; until when the task sleeps, or 0."""
    task = tasks(m)[t]
    w = task.bdp_wb
    wb, d = wbs(m)[w], m.dtcs[0]
    m.clock.now += m.cfg.balance_dirty
    look(m, w)
    if d.dirty <= (d.thresh + d.bg_thresh) // 2:
        task.nr_dirtied_pause = poll_interval(d.dirty, d.thresh)
        return leave(m, t)
    start_background(m, w)
    task.bdp_exceeded = d.wb_dirty > d.wb_thresh or d.dirty > d.thresh
    mark_exceeded(m, w, task.bdp_exceeded)
    position(m, 0, w)
    dirtier_estimate(m, w, 1, True, False)
    longest = first_max_pause(d.wb_dirty, wb.avg_write_bandwidth, wb.dirty_ratelimit, m.cfg.hz)
    rate = wb.dirty_ratelimit * position(m, 0, w) >> 10
    pause = min(m.cfg.hz * task.pages_dirtied // rate, longest) if rate else longest
    if pause <= 0:
        task.nr_dirtied_pause = next_pages(m, t, 1, longest)
        return leave(m, t)
    task.nr_dirtied_pause = next_pages(m, t, pause, longest)
    return sleep(m, t, pause, LEAVE if rate or d.wb_dirty <= stat_error(m) else AGAIN)


@kernel
def next_pages(m, t, pause, longest):
    """Pages until the task's next call."""
    task = tasks(m)[t]
    ratelimit = wbs(m)[task.bdp_wb].dirty_ratelimit
    return first_dirtied_pause(task.nr_dirtied_pause, pause, longest, task.pages_dirtied, ratelimit, m.cfg.hz)


@hook
def balance_dirty_pages(m, t):
    return leave(m, t) if tasks(m)[t].throttled == LEAVE else turn(m, t)


@hook
def balance_dirty_pages_ratelimited(m, t):
    task = tasks(m)[t]
    w = task.balance_wb - 1
    task.nr_dirtied += task.redirtied
    m.cpus[m.clock.cpu].bdp_ratelimits += task.redirtied
    task.redirtied = 0
    if task.nr_dirtied < pages_to_call(m, t, w):
        return 0
    begin_call(m, t, w, task.nr_dirtied)
    return turn(m, t)


@hook
def update_bandwidth(m, w, began):
    flusher_estimate(m, w, began)
    return 0
