"""Where a direct reclaimer that goes to sleep goes on when it wakes: its scan control is another's by then."""

from model.jit import kernel, tasks

MIDWAY, AFRESH = 1, 2  # `suspended.active`: go on in the middle of a reclaim call, or with another one


@kernel
def suspend(m, s, t):
    """Keep what task `t` needs to go on with the reclaim of scan control `s`."""
    kept, sc = tasks(m)[t].suspended, m.sc[s]
    kept.active, kept.priority, kept.at = MIDWAY, sc.priority, sc.at
    kept.nr_reclaimed, kept.nr_scanned, kept.total_scanned = sc.nr_reclaimed, sc.nr_scanned, sc.total_scanned
    kept.full_walk, kept.partial = sc.full_walk, sc.partial
    kept.force_deactivate, kept.skipped_deactivate = sc.force_deactivate, sc.skipped_deactivate
    kept.low_reclaim, kept.low_skipped = sc.low_reclaim, sc.low_skipped
    kept.writeout, sc.writeout = sc.writeout, 0


@kernel
def resume(m, s, t):
    """Go on where task `t` fell asleep, if it did; the scan control has just been begun."""
    kept, sc = tasks(m)[t].suspended, m.sc[s]
    how, kept.active = kept.active, 0
    if how != MIDWAY:
        return
    sc.priority, sc.at = kept.priority, kept.at
    sc.nr_reclaimed, sc.nr_scanned, sc.total_scanned = kept.nr_reclaimed, kept.nr_scanned, kept.total_scanned
    sc.full_walk, sc.partial = kept.full_walk, kept.partial
    sc.force_deactivate, sc.skipped_deactivate = kept.force_deactivate, kept.skipped_deactivate
    sc.low_reclaim, sc.low_skipped = kept.low_reclaim, kept.low_skipped
    sc.writeout = kept.writeout
