"""Shrinkers of 3.1: the count of deferred work is exchanged atomically, its windup is clamped, batches have a size.

As in 3.0 there is one count a shrinker and no node or group. New: a caller whose own share is small (less than a
quarter of the cache) may use at most half the cache of what others left undone; a file system has one shrinker with
batches of 1024 that splits its requests between dentries and inodes.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.slab.shrinker import (
    begin_slab,
    flush_reclaim_state,
    freeable_in_hundreds,
    node_under_pressure,
    pages_in_pass,
    pages_scanned,
    rwsem_taken,
    scanned_share,
    take_deferred,
    whole_batches,
)
from mmrun.model.mm.slab.state import deferred, shrinkers, slab_settings
from mmrun.model.mm.slab.variants.shrinker.none import shrink_slab  # noqa: F401  nothing is shrunk lruvec by lruvec

SOURCE = "mm/vmscan.c: shrink_slab, fs/super.c: prune_super, 3.1"
BY_NODE = BY_GROUP = ZERO_SEEKS = False
SUPERBLOCKS = MARKS_NEW = True


@kernel
def total_scan(nr, delta, max_pass):
    """Objects to scan now, from deferred work `nr` and the pass's own `delta`: windup is clamped to half the cache."""
    total = nr + delta
    if total < 0:
        total = max_pass
    if delta < max_pass // 4:
        total = min(total, max_pass // 2)
    return min(total, 2 * max_pass)


@hook
def shrink_slab_pass(m, s):
    if scans(m)[s].memcg or slab_settings(m).nr_shrinkers == 0:
        return 0
    if rwsem_taken(m):
        return 1
    begin_slab(m)
    freed, scanned, node = 0, pages_scanned(scans(m)[s].nr_scanned), node_under_pressure(m, s)
    lru_pages = pages_in_pass(m, s)
    for h in range(slab_settings(m).nr_shrinkers):
        max_pass, at = freeable_in_hundreds(m, h), shrinkers(m)[h].deferred
        if max_pass <= 0:
            continue
        delta = scanned_share(scanned, lru_pages, shrinkers(m)[h].seeks, max_pass)
        got, left = whole_batches(m, s, h, total_scan(take_deferred(m, at), delta, max_pass), node)
        deferred(m)[at] += left
        freed += got
    flush_reclaim_state(m, s)
    return freed
