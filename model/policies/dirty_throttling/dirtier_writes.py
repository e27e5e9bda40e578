"""A dirtier over its limit writes pages of the device itself, then naps for longer and longer: from a tick to 100 ms.

Its limit is the device's share of the threshold, less up to an eighth for who dirties much. It leaves when it has
written half as much again as it dirtied, when too little is dirty, or (3.1) after 200 ms when nearly so.
"""

from model.actors import NEVER
from model.hooks import AXES
from model.jit import hook, kernel, tasks, wb_domains, wbs
from model.mm.balance_dirty import sleep
from model.mm.dirtier_pauses import AGAIN, LEAVE, WRITING, enter, leave, look_again, write_out
from model.mm.dirty_control import dirtier_estimate, flusher_estimate
from model.mm.dirty_pause import longest_pause
from model.mm.timers import jiffies

SOURCE = "balance_dirty_pages, mm/page-writeback.c of 3.0 and 3.1"
PARAMS = {
    "estimates": (
        True, "", "bandwidth is estimated, the limit falls slowly, a call may end after 200 ms", "3.1: MAX_PAUSE"
    )
}  # fmt: skip
RULES = {"anon": True, "per_cpu": True}
AXIS = list(AXES).index("dirty_throttling")


@kernel
def done(m, t, calm):
    """The task leaves; where it was `calm` dirtiers ask less often again."""
    if calm:
        wbs(m)[tasks(m)[t].bdp_wb].dirty_exceeded = 0
    return leave(m, t)


@kernel
def nap(m, t, limit):
    """Sleep, and leave after that if the call has lasted long enough and so little is over the limit."""
    d, task = m.dtcs[0], tasks(m)[t]
    near = d.dirty < max(d.thresh, wb_domains(m)[0].dirty_limit) and d.wb_dirty < (limit + d.wb_thresh) // 2
    return sleep(m, t, task.pause, LEAVE if near and m.params[AXIS, 0] else AGAIN)


@kernel
def turn(m, t, first):
    """One turn of the loop in balance_dirty_pages, the `first` of a call or not; until when the task sleeps, or 0."""
    task, d = tasks(m)[t], m.dtcs[0]
    w, estimates = task.bdp_wb, m.params[AXIS, 0]
    over, limit = look_again(m, t)
    if not over:
        return done(m, t, first)
    calm = d.wb_dirty <= d.wb_thresh - d.wb_thresh // 8 and d.dirty <= d.thresh
    if d.wb_dirty <= limit and d.dirty <= d.thresh:
        return done(m, t, calm or not estimates)
    wbs(m)[w].dirty_exceeded = 1
    if estimates:
        dirtier_estimate(m, w, 1, False, False)
    if wbs(m)[w].nr_reclaimable > limit:
        return written(m, t, limit)
    return nap(m, t, limit)


@kernel
def written(m, t, limit):
    """Write, then leave or nap."""
    if not write_out(m, t):
        return NEVER
    return leave(m, t) if tasks(m)[t].pages_written >= tasks(m)[t].write_chunk else nap(m, t, limit)


@hook
def balance_dirty_pages(m, t):
    task = tasks(m)[t]
    if task.throttled == WRITING:
        return written(m, t, look_again(m, t)[1])
    if task.throttled == LEAVE and jiffies(m) > task.bdp_began + longest_pause(m.cfg.hz):
        return leave(m, t)
    task.pause = min(2 * task.pause, m.cfg.hz // 10)
    return turn(m, t, False)


@hook
def balance_dirty_pages_ratelimited(m, t):
    return turn(m, t, True) if enter(m, t) else 0


@hook
def update_bandwidth(m, w, began):
    if m.params[AXIS, 0]:
        flusher_estimate(m, w, began)
    return 0
