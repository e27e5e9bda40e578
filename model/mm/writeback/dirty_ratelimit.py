"""How fast a task may dirty pages: position control around a setpoint, and the base rate (mm/page-writeback.c, 3.2 on).

The position ratio is in 1/1024. Rates are in pages a second.
"""

from mmrun.model.core.integers import quotient
from mmrun.model.core.jit import kernel

SHIFT = 10  # RATELIMIT_CALC_SHIFT
ONE = 1 << SHIFT
LONG_BITS = 64


@kernel
def cubic(setpoint, dirty, limit, clamp):
    """1024 (1 + ((setpoint - dirty) / (limit - setpoint))^3) (pos_ratio_polynom); `clamp`: to [0, 2048], since 3.12."""
    span = limit - setpoint
    x = quotient((setpoint - dirty) << SHIFT, span | 1 if clamp else span + 1)
    ratio = (((x * x >> SHIFT) * x) >> SHIFT) + ONE
    return min(max(ratio, 0), 2 * ONE) if clamp else ratio


@kernel
def wb_line(ratio, setpoint, thresh, wb_thresh, wb_dirty, avg_bw, odd):
    """The global ratio corrected for how much of the wb's own share is dirty, and for a pool that runs empty.

    `odd`: divisors are made odd instead of one larger (since 3.12).
    """
    share = (wb_thresh << 16) // (thresh | 1 if odd else thresh + 1)
    wb_setpoint = setpoint * share >> 16
    span = (thresh - wb_thresh + 8 * avg_bw) * share >> 16
    intercept = wb_setpoint + span
    if wb_dirty < intercept - span // 4:
        ratio = ratio * (intercept - wb_dirty) // (span | 1 if odd else span + 1)
    else:
        ratio //= 4
    reserve = wb_thresh // 2
    if wb_dirty < reserve:
        ratio = ratio * reserve // wb_dirty if wb_dirty > reserve // 8 else ratio * 8
    return ratio


@kernel
def strict_ratio(ratio, wb_thresh, wb_bg_thresh, wb_dirty, rampup):
    """Position ratio of a strictlimit wb, by its own numbers; `rampup`: doubled when nearly clean (to 6.10)."""
    if rampup and wb_dirty < 8:
        return min(ratio * 2, 2 * ONE)
    wb_setpoint = (wb_thresh + wb_bg_thresh) // 2
    if wb_dirty >= wb_thresh or wb_setpoint == 0 or wb_setpoint == wb_thresh:
        return 0
    return min(ratio, cubic(wb_setpoint, wb_dirty, wb_thresh, True))


@kernel
def position_ratio(thresh, bg_thresh, limit, dirty, wb_thresh, wb_bg_thresh, wb_dirty, avg_bw, clamp, floor, strict):
    """How much faster or slower than the base rate a dirtier goes (wb_position_ratio).

    `clamp`: the cubic is clamped (3.12 on); `floor`: a wb counts with at least an eighth of what may still be dirtied
    (to 6.10, later that is part of its share); `strict`: a strictlimit device.
    """
    if dirty >= limit:
        return 0
    setpoint = ((thresh + bg_thresh) // 2 + limit) // 2
    ratio = cubic(setpoint, dirty, limit, clamp)
    if strict:
        return strict_ratio(ratio, wb_thresh, wb_bg_thresh, wb_dirty, floor)
    wb_thresh = min(wb_thresh, thresh)
    if floor:
        wb_thresh = max(wb_thresh, (limit - dirty) // 8)
    return wb_line(ratio, setpoint, thresh, wb_thresh, wb_dirty, avg_bw, clamp)


@kernel
def balanced_rate(ratelimit, ratio, avg_bw, dirtied, elapsed, hz, capped):
    """(rate at which dirtying would equal writing, rate that tasks had) since the last update; `capped`: 3.3 on."""
    dirty_rate = dirtied * hz // elapsed
    task_ratelimit = (ratelimit * ratio >> SHIFT) + 1
    balanced = task_ratelimit * avg_bw // (dirty_rate | 1)
    return min(balanced, avg_bw) if capped else balanced, task_ratelimit


@kernel
def raw_step(ratelimit, before, balanced, task_ratelimit, dirty, setpoint):
    """How far the base rate should move: only where position and both estimates of the rate agree."""
    if dirty < setpoint:
        return max(0, min(before, balanced, task_ratelimit) - ratelimit)
    return max(0, ratelimit - max(before, balanced, task_ratelimit))


@kernel
def damped_step(ratelimit, step):
    """The step shortened: an eighth of it, less where it is small against the rate."""
    shift = ratelimit // (2 * step + 1)
    return ((step >> shift) + 7) // 8 if shift < LONG_BITS else 0


@kernel
def next_ratelimit(ratelimit, before, ratio, avg_bw, dirtied, elapsed, hz, dirty, setpoint, capped):
    """(base rate, balanced rate) after `elapsed` jiffies in which `dirtied` pages were (wb_update_dirty_ratelimit)."""
    balanced, task_ratelimit = balanced_rate(ratelimit, ratio, avg_bw, dirtied, elapsed, hz, capped)
    step = damped_step(ratelimit, raw_step(ratelimit, before, balanced, task_ratelimit, dirty, setpoint))
    return max(1, ratelimit + step if ratelimit < balanced else ratelimit - step), balanced
