"""Position control in a running machine: what a call sees, the ratio that follows, and the estimates every 200 ms."""

from mmrun.model.core.integers import ilog2
from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import geometry
from mmrun.model.machine.timers import jiffies
from mmrun.model.mm.writeback.dirty_ratelimit import SHIFT, next_ratelimit, position_ratio
from mmrun.model.mm.writeback.page_writeback import dtc, look_at_group, look_at_machine, look_at_wb
from mmrun.model.mm.writeback.state import bdis, dirty_settings, wb_domains, wbs, writeback_settings
from mmrun.model.mm.writeback.tracepoints import bdi_dirty_ratelimit
from mmrun.model.mm.writeback.wb_bandwidth import interval, next_bandwidth, next_limit

STAT_BATCH = 8  # WB_STAT_BATCH


@kernel
def stat_error(m):
    """By how much per-CPU counts of a wb may be wrong (wb_stat_error)."""
    return geometry(m).nr_cpus * STAT_BATCH * (1 + ilog2(geometry(m).nr_cpus))


@kernel
def look(m, w):
    """Look at the machine and, for a group's wb, at its group; how many domains that are."""
    group = wbs(m)[w].memcg
    look_at_machine(m, 1)
    look_at_wb(m, 0, w)
    if group == 0:
        return 1
    look_at_group(m, group, 1)
    look_at_wb(m, 1, w)
    return 2


@kernel
def hard_limit(m, i):
    """The dirty limit of domain `i` of the call: it follows a falling threshold slowly."""
    d = dtc(m, i)
    return max(d.thresh, wb_domains(m)[d.domain].dirty_limit)


@kernel
def position(m, i, w):
    """The position ratio in domain `i` of the call."""
    d, bdi = dtc(m, i), bdis(m)[wbs(m)[w].bdi]
    d.pos_ratio = position_ratio(
        d.thresh, d.bg_thresh, hard_limit(m, i), d.dirty, d.wb_thresh, d.wb_bg_thresh, d.wb_dirty,
        wbs(m)[w].avg_write_bandwidth, dirty_settings(m).pos_clamp, not dirty_settings(m).floor_in_share,
        bdi.strictlimit,
    )  # fmt: skip
    return d.pos_ratio


@kernel
def exceeded(m, i, strict):
    """Whether the wb is over its share of a domain that is over its threshold, too (3.3 on)."""
    d = dtc(m, i)
    return d.wb_dirty > d.wb_thresh and (d.dirty > d.thresh or strict)


@kernel
def update_limit(m, i):
    """Let the dirty limit of domain `i` of the call follow its threshold, once in 200 ms."""
    d, now = dtc(m, i), jiffies(m)
    domain = wb_domains(m)[d.domain]
    if now - domain.dirty_limit_tstamp >= interval(geometry(m).hz):
        domain.dirty_limit, domain.dirty_limit_tstamp = next_limit(domain.dirty_limit, d.thresh, d.dirty), now


@kernel
def update_ratelimit(m, i, w, elapsed, capped):
    """The base rate by what domain `i` of the call says (wb_update_dirty_ratelimit)."""
    d, wb = dtc(m, i), wbs(m)[w]
    dirty, setpoint = d.dirty, ((d.thresh + d.bg_thresh) // 2 + hard_limit(m, i)) // 2
    if bdis(m)[wb.bdi].strictlimit:
        dirty, setpoint = d.wb_dirty, (d.wb_thresh + d.wb_bg_thresh) // 2
        if dirty < 8 and not dirty_settings(m).floor_in_share:
            setpoint = dirty + 1
    dirtied, task_ratelimit = wb.nr_dirtied - wb.dirtied_stamp, (wb.dirty_ratelimit * d.pos_ratio >> SHIFT) + 1
    wb.dirty_ratelimit, wb.balanced_dirty_ratelimit = next_ratelimit(
        wb.dirty_ratelimit, wb.balanced_dirty_ratelimit, d.pos_ratio, wb.avg_write_bandwidth,
        dirtied, elapsed, geometry(m).hz, dirty, setpoint, capped,
    )  # fmt: skip
    bdi_dirty_ratelimit(
        m, wb.bdi, wb.write_bandwidth, wb.avg_write_bandwidth, dirtied * geometry(m).hz // elapsed, wb.dirty_ratelimit,
        task_ratelimit, wb.balanced_dirty_ratelimit, wb.memcg,
    )  # fmt: skip


@kernel
def snapshot(m, w):
    """The next estimate counts from here."""
    wb = wbs(m)[w]
    wb.dirtied_stamp, wb.written_stamp, wb.bw_time_stamp = wb.nr_dirtied, wb.nr_written, jiffies(m)


@kernel
def update_bandwidth_of(m, w, elapsed):
    """Another estimate of the wb's write bandwidth."""
    wb = wbs(m)[w]
    wb.write_bandwidth, wb.avg_write_bandwidth = next_bandwidth(
        wb.nr_written - wb.written_stamp, elapsed, wb.write_bandwidth, wb.avg_write_bandwidth, geometry(m).hz
    )
    wb.avg_write_bandwidth = max(1, wb.avg_write_bandwidth)


@kernel
def due(m, w):
    """Estimates of 5.15 on that follow the end of writeback: 200 ms after it, whoever looks next."""
    wb = wbs(m)[w]
    if wb.bw_due and jiffies(m) >= wb.bw_due:
        update_bandwidth_of(m, w, max(1, wb.bw_due - wb.bw_time_stamp))
        wb.dirtied_stamp, wb.written_stamp, wb.bw_time_stamp = wb.nr_dirtied, wb.nr_written, wb.bw_due
        wb.bw_due = 0


@kernel
def estimate_due(m, w, began):
    """Jiffies since the last estimate of the wb if another may be made, else 0; idle time is not counted.

    To 5.14 a second without an estimate before the caller `began` was idle, then a second without writeback.
    """
    due(m, w)
    wb, now = wbs(m)[w], jiffies(m)
    elapsed = now - wb.bw_time_stamp
    if elapsed <= interval(geometry(m).hz):
        return 0
    if not writeback_settings(m).bw_on_completion and elapsed > geometry(m).hz and wb.bw_time_stamp < began:
        snapshot(m, w)
        return 0
    return elapsed


@kernel
def estimate_start(m, w):
    """The flusher is about to submit something: since 5.15 a second without writeback is idle time.

    In the kernel: wb_bandwidth_estimate_start.
    """
    wb = wbs(m)[w]
    due(m, w)
    if (
        writeback_settings(m).bw_on_completion
        and jiffies(m) - wb.bw_time_stamp > geometry(m).hz
        and wb.writeback_inodes == 0
    ):
        snapshot(m, w)


@kernel
def flusher_estimate(m, w, began):
    """The flusher has submitted something: estimate the bandwidth when it is time."""
    elapsed = estimate_due(m, w, began)
    if elapsed:
        update_bandwidth_of(m, w, elapsed)
        snapshot(m, w)


@kernel
def dirtier_estimate(m, w, began, domains, rates, capped):
    """A dirtier that came at jiffy `began` asks: let limits, rates (if any) and the bandwidth follow when due.

    In the kernel: wb_update_bandwidth.
    """
    elapsed = estimate_due(m, w, began)
    if elapsed:
        for i in range(domains):
            update_limit(m, i)
            if rates:
                update_ratelimit(m, i, w, elapsed, capped)
        update_bandwidth_of(m, w, elapsed)
        snapshot(m, w)
