"""How cold pages must be to leave: thresholds from histograms of ages and of promotions (Lagar-Cavilla et al., 2019).

A promotion is a use of a page that was cold: of one in swap (age it would have reached) or of one still in memory that
a scanner finds used. Ages are counted in scans; 256 stands for no threshold.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import geometry
from mmrun.model.mm.idle.idle import MAX_AGE, cold_age_of, stats_row
from mmrun.model.mm.idle.state import far, idle_age, idle_count, idle_settings, idle_stats, slot_used
from mmrun.model.mm.idle.truth import stamp
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.state import frames

NEVER_COLD = 256
PER = 100_000  # unit of the promotion limit: 1/100000 of the working set a minute


@kernel
def note_swap_out(m, pfn):
    """An anonymous page leaves for its slot: remember when a scanner last found it used, as far as it can tell."""
    used = m.now - idle_age(m)[pfn] * idle_settings(m).scan_ns
    slot_used(m)[frames(m)[pfn].slot - 1] = stamp(max(0, used))


@kernel
def note_swap_in(m, pfn, slot):
    """A page comes back: a promotion at the age it has reached."""
    page = frames(m)[pfn]
    if idle_settings(m).scan_ns and slot_used(m)[slot]:
        idle_ns = (stamp(m.now) - slot_used(m)[slot]) << 20
        idle_stats(m)[stats_row(m, page.memcg, page.node)].promoted[
            min(MAX_AGE, idle_ns // idle_settings(m).scan_ns)
        ] += 1


@kernel
def best_threshold(promoted, working_set, limit):
    """The smallest age at which promotions since the last look stay within `limit`/100000 of the working set."""
    total, age = 0, NEVER_COLD
    while age > 1:
        total += promoted[age - 1]
        if total * PER > limit * working_set:
            return age
        age -= 1
    return age


@kernel
def percentile(counts, share):
    """The smallest threshold that is at least as high as `share` percent of those counted."""
    total, so_far = 0, 0
    for threshold in range(NEVER_COLD + 1):
        total += counts[threshold]
    for threshold in range(NEVER_COLD + 1):
        so_far += counts[threshold]
        if so_far * 100 >= share * total:
            return threshold
    return NEVER_COLD


@kernel
def _sum_up(m, memcg, cold_age):
    """(pages of the group used within `cold_after`, colder ones in memory); new promotions into `far.fresh`."""
    row, hot, cold = far(m)[memcg], 0, 0
    for age in range(256):
        seen = 0
        for node in range(geometry(m).nr_nodes):
            stats = idle_stats(m)[stats_row(m, memcg, node)]
            seen += stats.promoted[age]
            if age < cold_age:
                hot += stats.ages[age]
            else:
                cold += stats.ages[age]
        row.fresh[age], row.before[age] = seen - row.before[age], seen
    return hot, cold


@kernel
def decide(m, memcg, limit, share, warmup):
    """The group's threshold for the next minute: a percentile of the best ones so far, or the last if that is higher.

    None (256) for the first `warmup` minutes.
    """
    row = far(m)[memcg]
    hot, cold = _sum_up(m, memcg, cold_age_of(m, idle_settings(m).scan_ns))
    stored = memcgs(m)[memcg].swap_pages
    idle_count(m).far_ws += hot
    idle_count(m).far_cold += cold + stored
    idle_count(m).far_stored += stored
    best = best_threshold(row.fresh, hot, limit)
    row.best[best] += 1
    row.minutes += 1
    row.threshold = max(best, percentile(row.best, share)) if row.minutes > warmup else NEVER_COLD
