"""Estimate of a wb's write bandwidth, and how the dirty limit follows its threshold (mm/page-writeback.c, 3.1 on)."""

from mmrun.model.core.integers import ilog2, roundup_pow_of_two
from mmrun.model.core.jit import kernel

INIT_BW = 100 << 8  # 100 MB/s in pages a second: where every estimate starts


@kernel
def interval(hz):
    """Jiffies between two estimates (BANDWIDTH_INTERVAL): 200 ms."""
    return max(hz // 5, 1)


@kernel
def next_bandwidth(written, elapsed, old, avg, hz):
    """(bandwidth, smoothed bandwidth) after `elapsed` jiffies in which `written` pages were; pages a second.

    In the kernel: wb_update_write_bandwidth.
    """
    period = roundup_pow_of_two(3 * hz)
    bw = written * hz
    if elapsed > period:
        return bw // elapsed, bw // elapsed
    bw = (bw + old * (period - elapsed)) >> ilog2(period)
    if avg > old and old >= bw:
        avg -= (avg - old) >> 3
    if avg < old and old <= bw:
        avg += (old - avg) >> 3
    return bw, avg


@kernel
def next_limit(limit, thresh, dirty):
    """The dirty limit after another interval: at once up to the threshold, slowly down to it (update_dirty_limit)."""
    if limit < thresh:
        return thresh
    target = max(thresh, dirty)
    return limit - (limit - target >> 5) if limit > target else limit
