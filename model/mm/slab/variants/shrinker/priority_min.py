"""Shrinkers of 4.16 to 5.12: the reclaim priority decides the share; in 4.19 a call asks for at least one batch.

Page lists no longer matter: freeable objects >> priority, times 4 / seeks. The floor of min(freeable, batch), there in
4.19 and 4.20 so that small caches age at all, empties them when there are many groups. Deferred work is per node,
shared by all groups, clamped as in 3.1 when it is used; what the clamp cut off is kept.
"""

from mmrun.model.core.jit import hook, kernel
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
from mmrun.model.mm.slab.variants.shrinker.batched_clamped import total_scan
from mmrun.model.mm.slab.variants.shrinker.none import shrink_slab_pass  # noqa: F401  everything happens lruvec by lruvec

SOURCE = "mm/vmscan.c: do_shrink_slab, 4.19"
BY_NODE = BY_GROUP = SUPERBLOCKS = True
MARKS_NEW = ZERO_SEEKS = False
PARAMS = {"floor": (True, "flag", "a call asks for at least one batch", "mm/vmscan.c, 4.19 and 4.20 only")}
params = parameters("shrinker", PARAMS, 321)


@kernel
def objects_at(priority, seeks, floor, nr_freeable):
    """Objects that a call at `priority` asks for: at least `floor`, or the whole of a smaller cache."""
    return max((nr_freeable >> priority) * 4 // seeks, min(nr_freeable, floor))


@hook
def shrink_slab(m, s, group):
    if slab_settings(m).nr_shrinkers == 0 or rwsem_taken(m):
        return 0
    begin_slab(m)
    sc, freed = scans(m)[s], 0
    for h in range(slab_settings(m).nr_shrinkers):
        nr_freeable = freeable(m, h, sc.node, group) if in_scope(m, h, group) else 0
        if nr_freeable == 0:
            continue
        sh, at = shrinkers(m)[h], slot(m, h, sc.node, group, False)
        nr = take_deferred(m, at)
        delta = objects_at(sc.priority, sh.seeks, sh.batch if params(m).floor else 0, nr_freeable)
        total = total_scan(nr, delta, nr_freeable)
        got, done = batches_to_the_end(m, s, h, sc.node, group, total, nr_freeable)
        deferred(m)[at] += max(0, nr + delta - done)
        freed += got
    flush_reclaim_state(m, s)
    return freed
