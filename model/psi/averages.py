"""From states on CPUs to what is read: totals, and running averages every two seconds (psi_avgs_work)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import actors
from mmrun.model.machine.state import geometry
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.task.state import tasks
from mmrun.model.psi.state import (
    NONIDLE,
    PSI_OFF,
    PSI_SHARED,
    STATES,
    TOLD_STATES,
    psi,
    psi_cpus,
    psi_groups,
    psi_settings,
)

FSHIFT = 11
FIXED_1 = 1 << FSHIFT
EXP_10S, EXP_60S, EXP_300S = 1677, 1981, 2034  # FIXED_1 / exp(2 s / window)
SECOND = 1_000_000_000


@kernel
def calc_load(load, exp, active):
    """A running average that takes in a sample; rounded up while it rises."""
    found = load * exp + active * (FIXED_1 - exp)
    return (found + (FIXED_1 - 1 if active >= load else 0)) >> FSHIFT


@kernel
def calc_avgs(avg, first, ns, period):
    """Let the averages from place `first` on take in that a state held for `ns` of a period."""
    sample = ns * 100 // period << FSHIFT
    avg[first] = calc_load(avg[first], EXP_10S, sample)
    avg[first + 1] = calc_load(avg[first + 1], EXP_60S, sample)
    avg[first + 2] = calc_load(avg[first + 2], EXP_300S, sample)


@kernel
def get_recent_times(m, r, at):
    """Put a row's times since they were last collected, up to `at`, into `recent`; the jiffies it was not idle."""
    row, recent = psi_cpus(m)[r], psi(m).recent
    if row.mask == 0 and row.times[NONIDLE] == row.before[NONIDLE]:
        return 0
    ns = max(0, at - row.since)
    for s in range(STATES):
        total = row.times[s] + (ns if row.mask >> s & 1 else 0)
        recent[s] = total - row.before[s]
        row.before[s] = total
    return recent[NONIDLE] * geometry(m).hz // SECOND


@kernel
def _add(m, group, nonidle):
    g, recent = psi_groups(m)[group], psi(m).recent
    g.nonidle += nonidle
    for s in range(TOLD_STATES):
        g.deltas[s] += recent[s] * nonidle


@kernel
def _add_all(m, at):
    """What every CPU of every group adds, weighted by how long it was not idle."""
    if psi_settings(m).mode == PSI_SHARED:
        for r in range(len(psi_groups(m)) * geometry(m).nr_cpus):
            nonidle = get_recent_times(m, r, at)
            if nonidle:
                _add(m, r // geometry(m).nr_cpus, nonidle)
        return
    for who in range(len(actors(m))):
        nonidle = get_recent_times(m, who, at)
        if nonidle == 0:
            continue
        t = actors(m)[who].task
        group = tasks(m)[t].memcg if t != NONE else 0
        _add(m, group, nonidle)
        while group:
            group = memcgs(m)[group].parent
            _add(m, group, nonidle)


@kernel
def collect(m, at):
    """The times of all CPUs up to `at` join the groups' totals (collect_percpu_times)."""
    _add_all(m, at)
    for group in range(len(psi_groups(m))):
        g = psi_groups(m)[group]
        if g.nonidle:
            for s in range(TOLD_STATES):
                g.total[s] += g.deltas[s] // g.nonidle
                g.deltas[s] = 0
            g.nonidle = 0


@kernel
def update_averages(m, group):
    """A group's averages take in what of its totals they do not have yet, a period's worth at most."""
    g, period = psi_groups(m)[group], psi_settings(m).period
    for s in range(TOLD_STATES):
        sample = min(g.total[s] - g.averaged[s], period)
        g.averaged[s] += sample
        if sample or g.avg[3 * s] or g.avg[3 * s + 1] or g.avg[3 * s + 2]:
            calc_avgs(g.avg, 3 * s, sample, period)


@kernel
def psi_update(m, at):
    """Do every update of averages that is due by time `at`."""
    while psi(m).next_update <= at:
        collect(m, psi(m).next_update)
        for group in range(len(psi_groups(m))):
            update_averages(m, group)
        psi(m).next_update += psi_settings(m).period


@kernel
def psi_show(m, at):
    """Somebody reads the files at time `at`: totals come up to date."""
    psi_update(m, at)
    if psi_settings(m).mode != PSI_OFF:
        collect(m, at)
