"""Shrinkers of 3.12 to 4.15: counting and scanning are two callbacks, lists and deferred work are per node.

Called after each lruvec (4.0), for the objects of its node and group: the share of the lruvec's eligible pages (of the
node's, while lists are per zone) that was scanned, times 4 / seeks, of the objects. Windup is clamped as in 3.1.
Deferred work is per node, shared by all groups. Caches that are not node-aware keep everything on node 0's list, which
any node's reclaim then shrinks.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.lru.state import lru_settings, lruvecs
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.slab.shrinker import (
    batches_to_the_end,
    begin_slab,
    flush_reclaim_state,
    freeable,
    in_scope,
    pages_scanned,
    rwsem_taken,
    scanned_share,
    slot,
    take_deferred,
)
from mmrun.model.mm.slab.state import deferred, shrinkers, slab_settings
from mmrun.model.mm.slab.variants.shrinker.batched_clamped import total_scan
from mmrun.model.mm.slab.variants.shrinker.none import shrink_slab_pass  # noqa: F401  everything happens lruvec by lruvec

SOURCE = "mm/vmscan.c: shrink_slab, do_shrink_slab, 3.12 and 4.4"
BY_NODE = BY_GROUP = SUPERBLOCKS = MARKS_NEW = True
ZERO_SEEKS = False


@kernel
def eligible_pages(m, s, group):
    """Pages of the group on the node that this reclaim may scan; anonymous ones count while there is swap space."""
    node, total = nodes(m)[scans(m)[s].node], 0
    for z in range(node.first_zone, node.first_zone + (node.nr_zones if lru_settings(m).zone_lruvecs else 1)):
        lists = lruvecs(m)[group * geometry(m).nr_zones + z].lists
        total += lists[2].n + lists[3].n + (lists[0].n + lists[1].n if scans(m)[s].may_swap else 0)
    return total


@hook
def shrink_slab(m, s, group):
    if slab_settings(m).nr_shrinkers == 0 or rwsem_taken(m):
        return 0
    begin_slab(m)
    sc, freed = scans(m)[s], 0
    scanned, eligible = pages_scanned(sc.nr_scanned - sc.lruvec_scanned), eligible_pages(m, s, group)
    for h in range(slab_settings(m).nr_shrinkers):
        nr_freeable = freeable(m, h, sc.node, group) if in_scope(m, h, group) else 0
        if nr_freeable == 0:
            continue
        at = slot(m, h, sc.node, group, False)
        delta = scanned_share(scanned, eligible, shrinkers(m)[h].seeks, nr_freeable)
        total = total_scan(take_deferred(m, at), delta, nr_freeable)
        got, done = batches_to_the_end(m, s, h, sc.node, group, total, nr_freeable)
        deferred(m)[at] += max(0, total - done)
        freed += got
    flush_reclaim_state(m, s)
    return freed
