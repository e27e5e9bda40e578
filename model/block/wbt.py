"""Writeback throttling that moves its limits: fewer writes at a time while reads suffer (block/blk-wbt.c, 6.12).

In windows of a tenth of a second the least latency of reads is compared with a goal. Above it the depth that writes
have halves, at or below it the depth grows; windows that say too little five times over bring it back to where it was.
The limits without that are in `place.py`; they stay where a disk has no `wbt_lat`. Swap and discards share the pool of
the other writes here.
"""

from mmrun.model.block.state import IO_URGENT, disks, wbts
from mmrun.model.block.wait import wake_for_request
from mmrun.model.core.jit import kernel, rare

DEPTH, WINDOW_NS, LEAST_WRITES, UNKNOWN = 16, 100_000_000, 3, 5


@kernel
def isqrt(x):
    """The whole part of a square root (int_sqrt)."""
    root = 0
    while (root + 1) * (root + 1) <= x:
        root += 1
    return root


@kernel
def depth_of(step, depth):
    """(writes at a time, whether there cannot be more) at a step, by its queue's depth (rq_depth_calc_max_depth)."""
    if depth == 1:
        return (1 if step > 0 else 2), step <= 0
    usual = min(DEPTH, depth)
    if step > 0:
        return 1 + ((usual - 1) >> min(step, 31)), False
    most = depth * 3 // 4
    found = 1 + ((usual - 1) << min(-step, 31)) if step else usual
    return (most, True) if step and found > most else (found, False)


@kernel
def limit_of(depth, purpose):
    """How many writes of a purpose (IO_BACKGROUND ...) there may be at a depth (calc_wb_limits)."""
    if purpose == IO_URGENT:
        return depth
    if depth <= 2:
        return depth if purpose else 1
    return (depth + 1) // 2 if purpose else (depth + 3) // 4


@kernel
def window_ns(step):
    """Length of the next window: shorter, the fewer writes there may be (rwb_arm_timer)."""
    return (WINDOW_NS << 4) // isqrt((step + 1) << 8) if step > 0 else WINDOW_NS


@kernel
def next_step(w):
    """The step after what a window has seen, with `w.unknown` brought up to date (wb_timer_fn)."""
    known = w.reads >= 1 and w.writes >= LEAST_WRITES
    if known or w.reads == 0 < w.writes:
        w.unknown = 0
    if known and w.least > w.goal:
        if depth_of(w.step, w.depth)[0] == 1:
            return w.step
        return 0 if w.step < 0 else w.step + 1
    if known or w.reads == 0 < w.writes:
        return w.step if w.at_most else w.step - 1
    w.unknown += 1
    if w.unknown < UNKNOWN or w.step == 0:
        return w.step
    return w.step - 1 if w.step > 0 else w.step + 1


@rare
@kernel
def end_window(m, disk, at):
    """What was seen moves the limits; another window begins."""
    d, w = disks(m)[disk], wbts(m)[disk]
    w.step = next_step(w)
    depth, w.at_most = depth_of(w.step, w.depth)
    grows = depth > d.most_writes[IO_URGENT]
    for purpose in range(IO_URGENT + 1):
        d.most_writes[purpose] = min(d.nr_requests, limit_of(depth, purpose))
    w.reads = w.writes = w.least = 0
    w.ends = at + window_ns(w.step)
    if grows:
        wake_for_request(m, disk, at)


@rare
@kernel
def note_end(m, disk, read, latency, at):
    """A read that took `latency`, or a write, of the disk has ended."""
    w = wbts(m)[disk]
    if read:
        w.least = latency if w.reads == 0 else min(w.least, latency)
        w.reads += 1
    else:
        w.writes += 1
    if at >= w.ends:
        end_window(m, disk, at)
