"""How long a dirtier sleeps and after how many pages it asks again, in jiffies and pages (mm/page-writeback.c)."""

from mmrun.model.core.integers import ilog2, roundup_pow_of_two
from mmrun.model.core.jit import kernel

POLL_THRESH = 32  # DIRTY_POLL_THRESH: 128 KiB


@kernel
def longest_pause(hz):
    """MAX_PAUSE: 200 ms."""
    return max(hz // 5, 1)


@kernel
def poll_interval(dirty, thresh):
    """Pages a task may dirty below the freerun level before it looks again: about the root of the margin."""
    return 1 << (ilog2(thresh - dirty) >> 1) if thresh > dirty else 1


@kernel
def max_pause(wb_dirty, avg_bw, hz):
    """The longest pause: what is dirty must not drain to more than an eighth of a second's worth (wb_max_pause)."""
    return min(wb_dirty // (1 + avg_bw // roundup_pow_of_two(1 + hz // 8)) + 1, longest_pause(hz))


@kernel
def target_pause(avg_bw, ratelimit, longest, hz):
    """10 ms, and about as much more for every doubling of the number of dirtiers."""
    t = max(1, hz // 100)
    many = ilog2(avg_bw) - ilog2(ratelimit)
    if many > 0:
        t += many * (10 * hz) // 1024
    return min(t, 1 + longest // 2)


@kernel
def min_pause(avg_bw, ratelimit, task_ratelimit, longest, hz):
    """(shortest pause worth sleeping, pages until the next one, target pause) (wb_min_pause, 3.3 on)."""
    t, second = target_pause(avg_bw, ratelimit, longest, hz), roundup_pow_of_two(hz)
    pages = ratelimit * t // second
    if pages < POLL_THRESH:
        t = longest
        pages = ratelimit * t // second
        if pages > POLL_THRESH:
            pages = POLL_THRESH
            t = hz * POLL_THRESH // ratelimit
    if hz * pages // (task_ratelimit + 1) > longest:
        t = longest
        pages = task_ratelimit * t // second
    return 1 + t // 2 if pages >= POLL_THRESH else t, pages, t


@kernel
def first_max_pause(wb_dirty, avg_bw, ratelimit, hz):
    """The longest pause as 3.2 had it: twice the target, for pauses settle between a quarter of it and itself."""
    t, many = hz // 50, ilog2(avg_bw) - ilog2(ratelimit)
    if many > 0:
        t += many * (20 * hz) // 1024
    return min(max(min(t, wb_dirty * hz // (8 * avg_bw + 1)), 4), longest_pause(hz))


@kernel
def first_dirtied_pause(before, pause, longest, dirtied, ratelimit, hz):
    """Pages until the next pause, adapted in 3.2 from how long this one was."""
    wanted = ratelimit * (longest // 2) // hz
    if pause <= longest // 4 and dirtied >= before:
        return min(max(wanted, dirtied + dirtied // 8), dirtied * 4)
    if pause >= longest:
        return 1 | min(max(wanted, dirtied // 4), dirtied - dirtied // 8)
    return before
