"""Shrinkers since 5.13: deferred work too is scaled by the reclaim priority, and kept per node and group.

freeable >> priority, times 4 / seeks, plus deferred >> priority, at most twice the cache; the floor of one batch is
gone (5.0), so a cache smaller than 2^priority is left alone at that priority. `seeks` 0 (4.20) asks for half the cache
each time. What is put off is capped at twice the cache. Since 6.7 a file system that comes or goes stops nobody.
"""

from mmrun.model.core.jit import hook, kernel, rare
from mmrun.model.core.parameters import parameters
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.slab.shrinker import (
    batches_to_the_end,
    begin_slab,
    flush_reclaim_state,
    freeable,
    in_scope,
    rwsem_taken,
    slot,
    take_deferred,
)
from mmrun.model.mm.slab.state import deferred, shrinkers, slab_settings
from mmrun.model.mm.slab.variants.shrinker.none import shrink_slab_pass  # noqa: F401  everything happens lruvec by lruvec
from mmrun.model.mm.zswap.entry import lruvec_at
from mmrun.model.mm.zswap.shrink import STOP, shrinker_count, shrinker_scan
from mmrun.model.mm.zswap.state import zswap_lruvecs, zswap_settings

SOURCE = "mm/vmscan.c: do_shrink_slab, 5.15; mm/shrinker.c, 6.18"
BY_NODE = BY_GROUP = SUPERBLOCKS = ZERO_SEEKS = True
MARKS_NEW = False
PARAMS = {
    "lockless": (True, "flag", "shrinkers run while others are registered", "mm/shrinker.c, 6.7; false before"),
}
params = parameters("shrinker", PARAMS, 320)
ZSWAP_SEEKS, ZSWAP_BATCH = 2, 128  # DEFAULT_SEEKS, SHRINK_BATCH


@kernel
def objects_at(priority, seeks, nr_freeable):
    """Objects that a call at `priority` adds to those put off."""
    return (nr_freeable >> priority) * 4 // seeks if seeks else nr_freeable // 2


@kernel
def total_scan(nr, delta, priority, nr_freeable):
    """Objects to scan now, from deferred work `nr` and the call's own `delta`."""
    return min((nr >> priority) + delta, 2 * nr_freeable)


@kernel
def put_off(nr, delta, done, nr_freeable):
    """Work left for later, of `nr` that was put off before and `delta` new, after `done` objects were scanned."""
    return min(max(nr + delta - done, 0), 2 * nr_freeable)


@rare
@kernel
def _shrink_zswap(m, s, group):
    """The same for zswap's shrinker, whose objects are entries of its pool and come in no slab cache here (6.8)."""
    sc, nr_freeable, done = scans(m)[s], shrinker_count(m, s, group), 0
    if nr_freeable == 0:
        return 0
    vec = zswap_lruvecs(m)[lruvec_at(m, group, sc.node)]
    nr, vec.deferred = vec.deferred, 0
    delta = objects_at(sc.priority, ZSWAP_SEEKS, nr_freeable)
    total, written = total_scan(nr, delta, sc.priority, nr_freeable), 0
    while total >= ZSWAP_BATCH or total >= nr_freeable:
        scan = min(ZSWAP_BATCH, total)
        got = shrinker_scan(m, s, group, scan)
        if got == STOP:
            break
        written, total, done = written + got, total - scan, done + scan
    vec.deferred += put_off(nr, delta, done, nr_freeable)
    return written


@hook
def shrink_slab(m, s, group):
    if zswap_settings(m).shrinks:
        _shrink_zswap(m, s, group)
    if slab_settings(m).nr_shrinkers == 0 or (not params(m).lockless and rwsem_taken(m)):
        return 0
    begin_slab(m)
    sc, freed = scans(m)[s], 0
    for h in range(slab_settings(m).nr_shrinkers):
        nr_freeable = freeable(m, h, sc.node, group) if in_scope(m, h, group) else 0
        if nr_freeable == 0:
            continue
        at = slot(m, h, sc.node, group, True)
        nr = take_deferred(m, at)
        delta = objects_at(sc.priority, shrinkers(m)[h].seeks, nr_freeable)
        total = total_scan(nr, delta, sc.priority, nr_freeable)
        got, done = batches_to_the_end(m, s, h, sc.node, group, total, nr_freeable)
        deferred(m)[at] += put_off(nr, delta, done, nr_freeable)
        freed += got
    flush_reclaim_state(m, s)
    return freed
