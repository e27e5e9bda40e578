"""Each wb's part of the pages written lately, and the share of the dirty threshold it gets for that.

To 3.5 a period ends after so many completions (floating proportions, lib/proportions.c); since 3.6 it lasts three
seconds (flexible proportions, lib/flex_proportions.c). Local counts are halved for missed periods when next touched.
"""

from mmrun.model.core.integers import ilog2
from mmrun.model.core.jit import kernel

FLOATING_BASE, FLEXIBLE_BASE = 1 << 15, 1 << 10  # PROP_FRAC_BASE, FPROP_FRAC_BASE
RATIO_SCALE = 10_000  # BDI_RATIO_SCALE
PERIOD_SECONDS = 3  # VM_COMPLETIONS_PERIOD_LEN
LONG_BITS = 64


@kernel
def halved(events, periods):
    """Events after so many periods."""
    return events >> periods if periods < LONG_BITS else 0


@kernel
def period_shift(dirty_total):
    """log2 of twice a floating period, from the number of pages that may be dirty (calc_period_shift)."""
    return 2 + ilog2(dirty_total - 1)


@kernel
def floating_norm(events, period, total, shift):
    """(local events, local period) brought up to the current period of `total` events (prop_norm_percpu)."""
    current = total >> (shift - 1) << (shift - 1)
    return halved(events, (current - period) >> (shift - 1)), current


@kernel
def floating_denominator(total, shift):
    """What normalised local events are a part of: between one and two periods."""
    return (1 << (shift - 1)) + (total & ((1 << (shift - 1)) - 1))


@kernel
def floating_may_count(events, total, shift, max_frac):
    """Whether another event counts: not when that would push a wb beyond its largest part (__prop_inc_percpu_max)."""
    return max_frac == FLOATING_BASE or events <= floating_denominator(total, shift) * max_frac >> 15


@kernel
def flexible_advance(total, period, period_at, now, hz):
    """(events, period, end of the period in jiffies) of a domain at jiffy `now`; it rests, with 0 as end, when idle."""
    while period_at and now >= period_at:
        if total <= 1:
            return total, period, 0
        total, period, period_at = total >> 1, period + 1, period_at + PERIOD_SECONDS * hz
    return total, period, period_at


@kernel
def flexible_fraction(events, total):
    """(numerator, denominator) of a wb's part, at most one (fprop_fraction_percpu)."""
    if total <= events:
        return events, events if events else 1
    return events, total


@kernel
def flexible_may_count(events, total, max_frac):
    """As floating_may_count."""
    if max_frac >= FLEXIBLE_BASE:
        return True
    numerator, denominator = flexible_fraction(events, total)
    return numerator << 10 <= max_frac * denominator


@kernel
def wb_share(thresh, numerator, denominator, sum_min, min_ratio, max_ratio, room):
    """A wb's share of the threshold in pages (wb_calc_thresh); ratios in 1/10000 percent, `room`: its least (6.11)."""
    share = thresh * (100 * RATIO_SCALE - sum_min) // (100 * RATIO_SCALE) * numerator // denominator
    share = max(share + thresh * min_ratio // (100 * RATIO_SCALE), room)
    return min(share, thresh * max_ratio // (100 * RATIO_SCALE))


@kernel
def ratios_of(min_ratio, max_ratio, this_bw, total_bw):
    """(least, largest share) of one of a device's wbs, in proportion to its bandwidth (wb_min_max_ratio)."""
    if this_bw < total_bw:
        min_ratio = min_ratio * this_bw // total_bw
        if max_ratio < 100 * RATIO_SCALE:
            max_ratio = max_ratio * this_bw // total_bw
    return min_ratio, max_ratio
