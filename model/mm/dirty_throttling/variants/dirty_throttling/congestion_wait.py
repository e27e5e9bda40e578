"""A dirtier over its limit writes pages of the device itself, then sleeps until a congested queue has room, or 100 ms.

It leaves when it has written half as much again as it dirtied, or when little enough is dirty after writing.
"""

from mmrun.model.core.accounting import DIRTY, begins, ends
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.sleep import io_wait
from mmrun.model.machine.state import geometry, task_count
from mmrun.model.machine.timers import timeout_ends
from mmrun.model.mm.dirty_throttling.dirtier_pauses import leave, look, pages_to_answer_for, write_chunk, write_out
from mmrun.model.mm.reclaim.state import congestion
from mmrun.model.mm.task.state import tasks
from mmrun.model.mm.writeback.page_writeback import dtc
from mmrun.model.mm.writeback.state import wbs

SOURCE = "balance_dirty_pages, mm/page-writeback.c of 2.6.24 to 2.6.31; congestion_wait, mm/backing-dev.c"
RULES = {"anon": True, "per_cpu": True}


@kernel
def congestion_wait(m, t, w):
    """Sleep until a queue that was full has room, a tenth of a second at most."""
    task_count(m)[t].dirty_pauses += 1
    wbs(m)[w].dirty_sleep = m.now
    begins(m, DIRTY)
    io_wait(m, congestion(m), timeout_ends(m, geometry(m).hz // 10) - m.now)
    ends(m, DIRTY)


@kernel
def balance_dirty_pages(m, t, w, chunk):
    """Write until enough is written or little enough is dirty."""
    wb, written = wbs(m)[w], 0
    while True:
        over, limit = look(m, t, w)
        if dtc(m, 0).wb_dirty <= limit or not over:
            break
        wb.dirty_exceeded = 1
        if wb.nr_reclaimable > limit:
            written += write_out(m, t, w, chunk)
            limit = look(m, t, w)[1]
        if dtc(m, 0).wb_dirty <= limit or written >= chunk:
            break
        congestion_wait(m, t, w)
    if dtc(m, 0).wb_dirty < limit:
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
    return 0
