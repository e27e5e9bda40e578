"""A dirtier over its limit writes pages of the device itself, then naps for longer and longer: from a tick to 100 ms.

Its limit is the device's share of the threshold, less up to an eighth for who dirties much. It leaves when it has
written half as much again as it dirtied, when too little is dirty, or (3.1) after 200 ms when nearly so.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.machine.state import geometry
from mmrun.model.machine.timers import jiffies
from mmrun.model.mm.dirty_throttling.balance_dirty import pause_dirtier
from mmrun.model.mm.dirty_throttling.dirtier_pauses import leave, look, pages_to_answer_for, write_chunk, write_out
from mmrun.model.mm.dirty_throttling.dirty_pause import longest_pause
from mmrun.model.mm.dirty_throttling.tracepoints import balance_dirty_start, balance_dirty_wait, balance_dirty_written
from mmrun.model.mm.task.state import tasks
from mmrun.model.mm.writeback.dirty_control import dirtier_estimate, flusher_estimate
from mmrun.model.mm.writeback.page_writeback import dtc
from mmrun.model.mm.writeback.state import wb_domains, wbs

SOURCE = "balance_dirty_pages, mm/page-writeback.c of 3.0 and 3.1"
PARAMS = {
    "estimates": (
        True, "", "bandwidth is estimated, the limit falls slowly, a call may end after 200 ms", "3.1: MAX_PAUSE"
    )
}  # fmt: skip
params = parameters("dirty_throttling", PARAMS, 301)
RULES = {"anon": True, "per_cpu": True}


@kernel
def nearly_done(m, limit):
    """Whether so little is over the limits that a call need not last long."""
    d = dtc(m, 0)
    return d.dirty < max(d.thresh, wb_domains(m)[0].dirty_limit) and d.wb_dirty < (limit + d.wb_thresh) // 2


@kernel
def balance_dirty_pages(m, t, w, chunk):
    """Write and nap until enough is written, little enough is dirty, or the call has lasted long enough."""
    wb, d, estimates = wbs(m)[w], dtc(m, 0), params(m).estimates
    written, pause, began, calm = 0, 1, jiffies(m), True
    while True:
        over, limit = look(m, t, w)
        if not over:
            break
        calm = d.wb_dirty <= d.wb_thresh - d.wb_thresh // 8 and d.dirty <= d.thresh
        if d.wb_dirty <= limit and d.dirty <= d.thresh:
            calm = calm or not estimates
            break
        wb.dirty_exceeded, calm = 1, False
        if estimates:
            dirtier_estimate(m, w, began, 1, False, False)
        balance_dirty_start(m, wb.bdi)
        if wb.nr_reclaimable > limit:
            written += write_out(m, t, w, chunk)
            balance_dirty_written(m, wb.bdi, written)
            if written >= chunk:
                break
        near = nearly_done(m, limit)
        pause_dirtier(m, t, w, pause)
        balance_dirty_wait(m, wb.bdi)
        if near and estimates and jiffies(m) > began + longest_pause(geometry(m).hz):
            break
        pause = min(2 * pause, geometry(m).hz // 10)
    if calm:
        wb.dirty_exceeded = 0
    leave(m, w)


@hook
def balance_dirty_pages_ratelimited(m, t):
    pages = pages_to_answer_for(m, t)
    if pages:
        balance_dirty_pages(m, t, tasks(m)[t].balance_wb - 1, write_chunk(m, pages))
    return 0


@hook
def update_bandwidth(m, w, began):
    if params(m).estimates:
        flusher_estimate(m, w, began)
    return 0
