"""Who shrinks the pool: the worker that a full one has, and since 6.8 the shrinker that memory pressure calls."""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, cond_resched, wait
from mmrun.model.machine.state import geometry
from mmrun.model.mm.memcg.state import memcg_settings
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.writeback.plug import unplug
from mmrun.model.mm.zswap.entry import lruvec_at
from mmrun.model.mm.zswap.state import zswap_groups, zswap_lruvecs, zswap_settings, zswap_state, zswap_stats
from mmrun.model.mm.zswap.store import can_accept
from mmrun.model.mm.zswap.writeback import DONE, EMPTY, shrink_memcg, walk
from mmrun.model.units import PAGE

MAX_RECLAIM_RETRIES = 16
STOP = -1


@kernel
def _next_group(m):
    """The group whose turn it is, NONE at the end of a round (mem_cgroup_iter from zswap_next_shrink)."""
    s = zswap_state(m)
    if s.next_group == geometry(m).nr_memcgs:
        s.next_group = 0
        return NONE
    m.now += memcg_settings(m).lruvec_visit
    s.next_group += 1
    return s.next_group - 1


@kernel
def shrink_by_group(m):
    """Groups in turn, an entry each, until the pool takes pages again or 16 of them could not be shrunk (6.8)."""
    failures, attempts = 0, 0
    while True:
        memcg = _next_group(m)
        if memcg == NONE:
            failures += 0 if attempts and zswap_settings(m).zswap_skips_empty else 1
            attempts = 0
        else:
            result = shrink_memcg(m, memcg)
            unplug(m)
            if result == EMPTY and zswap_settings(m).zswap_skips_empty:
                continue
            attempts += 1
            failures += 0 if result == DONE else 1
        cond_resched(m)
        if failures >= MAX_RECLAIM_RETRIES or can_accept(m):
            return


@kernel
def shrink_oldest(m):
    """The oldest entries, until the pool takes pages again or 16 could not be written (zswap_reclaim_entry, to 6.7)."""
    failures = 0
    while True:
        if not zswap_settings(m).zsmalloc_evicts and zswap_settings(m).zsmalloc:
            zswap_stats(m).zswap_reject_reclaim_fail += 1  # zpool_shrink: it has no way to
            return
        written, looked, _ = walk(m, 0, 0, 1, False)
        unplug(m)
        failures += 0 if written else 1
        if looked == 0:
            zswap_stats(m).zswap_reject_reclaim_fail += 1
            return
        if not zswap_settings(m).zswap_to_threshold:
            return
        cond_resched(m)
        if failures >= MAX_RECLAIM_RETRIES or can_accept(m):
            return


@actor(per="zswap_shrink_worker")
def zswap_shrink_worker(m, number):
    """The worker: rests until a page was refused because the pool is full, for ever (shrink_worker)."""
    s = zswap_state(m)
    while True:
        if not s.queued:
            wait(m, s.wait, FOREVER)
        s.queued = 0
        if zswap_settings(m).zswap_by_group:
            shrink_by_group(m)
        else:
            shrink_oldest(m)
    return 0


@kernel
def shrinker_count(m, s, group):
    """Entries of the group on the reclaimer's node that are worth writing (zswap_shrinker_count).

    Those that devices had to read back since the last call would better have stayed; the better pages compress, the
    fewer go.
    """
    sc, row = scans(m)[s], zswap_groups(m)[group]
    if not row.writeback or not (sc.may_enter_fs and sc.may_io) or row.zswapped == 0:
        return 0
    vec = zswap_lruvecs(m)[lruvec_at(m, group, sc.node)]
    spared = min(vec.lru.n, vec.nr_disk_swapins)
    vec.nr_disk_swapins -= spared
    return (vec.lru.n - spared) * (row.zswap // PAGE) // row.zswapped


@kernel
def shrinker_scan(m, s, group, nr):
    """Look at `nr` of them; entries written, or STOP when one is in use again or nothing is gained."""
    written, _, warm = walk(m, group, scans(m)[s].node, nr, True)
    unplug(m)
    return STOP if warm or written == 0 else written
