"""A dirtier over its limit writes pages of the device itself, then sleeps until a congested queue has room, or 100 ms.

It leaves when it has written half as much again as it dirtied, or when little enough is dirty after writing.
"""

from model.actors import NEVER
from model.jit import hook, kernel, tasks, wbs
from model.mm.balance_dirty import sleep
from model.mm.dirtier_pauses import AGAIN, WRITING, enter, leave, look_again, write_out
from model.mm.wait_queue import CONGESTION, sleep_on

SOURCE = "balance_dirty_pages, mm/page-writeback.c of 2.6.24 to 2.6.31; congestion_wait, mm/backing-dev.c"
RULES = {"anon": True, "per_cpu": True}


@kernel
def done(m, t, limit):
    """The task leaves."""
    if m.dtcs[0].wb_dirty < limit:
        wbs(m)[tasks(m)[t].bdp_wb].dirty_exceeded = 0
    return leave(m, t)


@kernel
def turn(m, t):
    """One turn of the loop in balance_dirty_pages; until when the task sleeps, or 0."""
    over, limit = look_again(m, t)
    w = tasks(m)[t].bdp_wb
    if m.dtcs[0].wb_dirty <= limit or not over:
        return done(m, t, limit)
    wbs(m)[w].dirty_exceeded = 1
    return written(m, t, limit) if wbs(m)[w].nr_reclaimable > limit else nap(m, t)


@kernel
def written(m, t, limit):
    """Write, then leave or sleep."""
    if not write_out(m, t):
        return NEVER
    limit = look_again(m, t)[1]
    if m.dtcs[0].wb_dirty <= limit or tasks(m)[t].pages_written >= tasks(m)[t].write_chunk:
        return done(m, t, limit)
    return nap(m, t)


@kernel
def nap(m, t):
    """congestion_wait(HZ/10)."""
    until = sleep(m, t, m.cfg.hz // 10, AGAIN)
    sleep_on(m, CONGESTION, until)
    return until


@hook
def balance_dirty_pages(m, t):
    return written(m, t, 0) if tasks(m)[t].throttled == WRITING else turn(m, t)


@hook
def balance_dirty_pages_ratelimited(m, t):
    return turn(m, t) if enter(m, t) else 0


@hook
def update_bandwidth(m, w, began):
    return 0
