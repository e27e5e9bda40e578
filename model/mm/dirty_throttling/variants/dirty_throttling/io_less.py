"""The first form of position control: dirtiers only sleep, at the rate they may have, and the flusher alone writes.

Time between calls is not counted, and no pause is too short to sleep.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, geometry
from mmrun.model.machine.timers import jiffies
from mmrun.model.mm.dirty_throttling.balance_dirty import mark_exceeded, pages_to_call, pause_dirtier, tell_pause
from mmrun.model.mm.dirty_throttling.dirty_pause import first_dirtied_pause, first_max_pause, poll_interval
from mmrun.model.mm.task.state import tasks
from mmrun.model.mm.writeback.dirty_control import dirtier_estimate, flusher_estimate, look, position, stat_error
from mmrun.model.mm.writeback.page_writeback import dtc, nr_reclaimable
from mmrun.model.mm.writeback.state import dirty_settings, wbs, writeback_count
from mmrun.model.mm.writeback.writeback import start_background

SOURCE = "balance_dirty_pages, mm/page-writeback.c of 3.2; posted as v12 on 3 October 2011"
RULES = {"anon": True, "background_by_device": True}


@kernel
def balance_dirty_pages(m, t, w, pages):
    """Sleep for what the pages take at the task's rate, again while it may not write at all."""
    task, wb, d, began, exceeded = tasks(m)[t], wbs(m)[w], dtc(m, 0), jiffies(m), False
    while True:
        m.now += dirty_settings(m).balance_dirty
        look(m, w)
        if d.dirty <= (d.thresh + d.bg_thresh) // 2:
            task.nr_dirtied_pause = poll_interval(d.dirty, d.thresh)
            break
        start_background(m, w)
        exceeded = d.wb_dirty > d.wb_thresh or d.dirty > d.thresh
        mark_exceeded(m, w, exceeded)
        position(m, 0, w)
        dirtier_estimate(m, w, began, 1, True, False)
        longest = first_max_pause(d.wb_dirty, wb.avg_write_bandwidth, wb.dirty_ratelimit, geometry(m).hz)
        rate = wb.dirty_ratelimit * position(m, 0, w) >> 10
        pause = min(geometry(m).hz * pages // rate, longest) if rate else longest
        tell_pause(m, t, w, 0, rate, pages, pause, pause, began)
        task.nr_dirtied_pause = first_dirtied_pause(
            task.nr_dirtied_pause, max(pause, 1), longest, pages, wb.dirty_ratelimit, geometry(m).hz
        )
        if pause <= 0:
            break
        pause_dirtier(m, t, w, pause)
        if rate or d.wb_dirty <= stat_error(m) or task.killed:
            break
    if not exceeded:
        wb.dirty_exceeded = 0
    task.nr_dirtied = 0
    if nr_reclaimable(m) > d.bg_thresh:
        start_background(m, w)


@hook
def balance_dirty_pages_ratelimited(m, t):
    task = tasks(m)[t]
    w = task.balance_wb - 1
    task.nr_dirtied += task.redirtied
    cpus(m)[turn(m).cpu].bdp_ratelimits += task.redirtied
    task.redirtied = 0
    if task.nr_dirtied >= pages_to_call(m, t, w):
        writeback_count(m).balance_dirty_pages += 1
        balance_dirty_pages(m, t, w, task.nr_dirtied)
    return 0


@hook
def update_bandwidth(m, w, began):
    flusher_estimate(m, w, began)
    return 0
