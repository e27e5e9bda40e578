"""Written pages counted for each backing device in the domain of the machine and of its group (struct wb_domain)."""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import geometry
from mmrun.model.machine.timers import jiffies
from mmrun.model.mm.writeback.state import bdis, dirty_settings, vm_completions, wb_domains, wbs, writeback_settings
from mmrun.model.mm.writeback.wb_fraction import (
    FLEXIBLE_BASE,
    FLOATING_BASE,
    PERIOD_SECONDS,
    RATIO_SCALE,
    flexible_advance,
    flexible_fraction,
    flexible_may_count,
    floating_denominator,
    floating_may_count,
    floating_norm,
    halved,
    ratios_of,
    wb_share,
)


@kernel
def advance(m, g):
    """Bring domain `g` to the present: periods end with time."""
    d = wb_domains(m)[g]
    if d.period_at:
        d.events, d.period, d.period_at = flexible_advance(d.events, d.period, d.period_at, jiffies(m), geometry(m).hz)


@kernel
def reflect(m, w, g):
    """Bring the wb's count in domain `g` to the domain's period (fprop_reflect_period_percpu)."""
    wb, d = wbs(m)[w], wb_domains(m)[g]
    if g:
        wb.memcg_events, wb.memcg_period = halved(wb.memcg_events, d.period - wb.memcg_period), d.period
    else:
        wb.events, wb.period = halved(wb.events, d.period - wb.period), d.period


@kernel
def count_flexible(m, w, g):
    """A page of the wb was written: count it in domain `g` (wb_domain_writeout_inc)."""
    advance(m, g)
    reflect(m, w, g)
    wb, d = wbs(m)[w], wb_domains(m)[g]
    max_frac = FLEXIBLE_BASE * bdis(m)[wb.bdi].max_ratio // (100 * RATIO_SCALE)
    if flexible_may_count(wb.memcg_events if g else wb.events, d.events, max_frac):
        if g:
            wb.memcg_events += 1
        else:
            wb.events += 1
        d.events += 1
    if d.period_at == 0:
        d.period_at = jiffies(m) + PERIOD_SECONDS * geometry(m).hz


@kernel
def count_floating(m, w):
    """The same as a floating proportion of all completions (__bdi_writeout_inc to 3.5)."""
    wb, total = wbs(m)[w], vm_completions(m)
    wb.events, wb.period = floating_norm(wb.events, wb.period, total.events, total.shift)
    max_frac = FLOATING_BASE * bdis(m)[wb.bdi].max_ratio // (100 * RATIO_SCALE)
    if floating_may_count(wb.events, total.events, total.shift, max_frac):
        wb.events += 1
        total.events += 1


@kernel
def count_written(m, w):
    """A page of the wb was written (__wb_writeout_inc)."""
    wbs(m)[w].nr_written += 1
    if not dirty_settings(m).flexible_proportions:
        count_floating(m, w)
        return
    count_flexible(m, w, 0)
    if wbs(m)[w].memcg:
        count_flexible(m, w, wbs(m)[w].memcg)


@kernel
def fraction(m, w, g):
    """(numerator, denominator): the wb's part of the pages written lately in domain `g`."""
    wb = wbs(m)[w]
    if not dirty_settings(m).flexible_proportions:
        total = vm_completions(m)
        wb.events, wb.period = floating_norm(wb.events, wb.period, total.events, total.shift)
        return wb.events, floating_denominator(total.events, total.shift)
    advance(m, g)
    reflect(m, w, g)
    return flexible_fraction(wb.memcg_events if g else wb.events, wb_domains(m)[g].events)


@kernel
def bandwidth_of_device(m, bdi):
    """Bandwidth of the device's wbs together."""
    total = 0
    for w in range(bdis(m)[bdi].first_wb, bdis(m)[bdi].first_wb + bdis(m)[bdi].nr_wbs):
        wb = wbs(m)[w]
        if wb.nr_reclaimable or wb.nr_writeback:
            total += wb.avg_write_bandwidth
    return total


@kernel
def share(m, w, g, dirty, thresh):
    """The wb's share of a threshold in domain `g`, of whose pages `dirty` are (wb_calc_thresh)."""
    wb = wbs(m)[w]
    bdi = bdis(m)[wb.bdi]
    numerator, denominator = fraction(m, w, g)
    least, most, room = bdi.min_ratio, bdi.max_ratio, 0
    if writeback_settings(m).cgroup_writeback and (least or most < 100 * RATIO_SCALE):
        least, most = ratios_of(least, most, wb.avg_write_bandwidth, bandwidth_of_device(m, wb.bdi))
    if dirty_settings(m).floor_in_share and thresh > dirty:
        room = (thresh - dirty) // (100 if bdi.strictlimit else 8)
    return wb_share(thresh, numerator, denominator, dirty_settings(m).bdi_min_ratio, least, most, room)
