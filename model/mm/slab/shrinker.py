"""What the shrinker formulas share: counting freeable objects, scanning them, deferred work, who may run when.

A shrinker serves one cache, or the caches of a superblock. Its deferred work is kept per node and group where era and
cache are aware of them. A scan answers STOP when the caller may not enter file systems.
"""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, geometry, node_count, nodes
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.vmscan import reclaimable_pages
from mmrun.model.mm.slab.list_lru import REFERENCED, list_at, remove, rotate
from mmrun.model.mm.slab.slab import release
from mmrun.model.mm.slab.state import (
    deferred,
    objects,
    shrinkers,
    slab_caches,
    slab_count,
    slab_settings,
    slab_state,
    slab_unused,
)
from mmrun.model.mm.task.state import tasks

STOP = -1


@kernel
def unused(m, h, node, group):
    """Unused objects of shrinker `h` on the lists of a node and group."""
    sh, total = shrinkers(m)[h], 0
    for c in range(sh.first_cache, sh.first_cache + sh.nr_caches):
        total += slab_unused(m)[list_at(m, c, node, group)].n
    return total


@kernel
def freeable(m, h, node, group):
    """What the count callback answers (super_cache_count, vfs_pressure_ratio, 3.12)."""
    total = unused(m, h, node, group)
    return total * slab_settings(m).vfs_cache_pressure // 100 if shrinkers(m)[h].filesystem else total


@kernel
def freeable_in_hundreds(m, h):
    """What a callback asked to scan nothing answers: file systems count in hundreds (prune_super, 3.1)."""
    total = unused(m, h, 0, 0)
    if not shrinkers(m)[h].filesystem:
        return total
    return (total + (1 if shrinkers(m)[h].nr_caches > 1 else 0)) // 100 * slab_settings(m).vfs_cache_pressure


@kernel
def slot(m, h, node, group, per_group):
    """Row of the shrinker's deferred work for a node and, if `per_group`, group."""
    sh = shrinkers(m)[h]
    return (
        sh.deferred
        + (group if per_group and sh.by_group else 0) * geometry(m).nr_nodes
        + (node if sh.by_node else 0)
    )  # fmt: skip


@kernel
def take_deferred(m, at):
    """Fetch and clear deferred work, atomically."""
    nr = deferred(m)[at]
    deferred(m)[at] = 0
    return nr


@kernel
def walk(m, c, lst, nr):
    """Look at up to `nr` objects from the head of a list and free the idle ones; objects freed (list_lru_walk_one).

    Objects in use leave the list until they are put again, referenced ones go round once more.
    """
    freed = 0
    while nr > 0 and slab_unused(m)[lst].n > 0:
        nr -= 1
        i = slab_unused(m)[lst].head
        m.now += slab_settings(m).slab_object_scan
        if objects(m)[i].pins:
            remove(m, lst, i)
        elif objects(m)[i].marks & REFERENCED:
            rotate(m, lst, i)
        else:
            release(m, i)
            freed += 1
        if m.broken:
            break
    slab_caches(m)[c].freed += freed
    slab_count(m).slab_objects_freed += freed
    return freed


@kernel
def scan(m, s, h, node, group, nr, at_least):
    """One batch of the scan callback: objects freed, or STOP.

    A superblock splits the request in proportion to its caches' unused objects, each share at least `at_least`
    (1 since 4.0), in the order of the caches: dentries before the inodes that they pin (super_cache_scan).
    """
    sh = shrinkers(m)[h]
    if sh.filesystem and not scans(m)[s].may_enter_fs:
        sh.refused += 1
        slab_count(m).shrink_refused += 1
        return STOP
    first, freed = sh.first_cache, 0
    total = unused(m, h, node, group) + 1
    for c in range(first, first + sh.nr_caches):
        n = slab_unused(m)[list_at(m, c, node, group)].n
        slab_caches(m)[c].share = nr if sh.nr_caches == 1 else nr * n // total + at_least
    for c in range(first, first + sh.nr_caches):
        slab_caches(m)[c].scanned += slab_caches(m)[c].share
        freed += walk(m, c, list_at(m, c, node, group), slab_caches(m)[c].share)
    return freed


@kernel
def whole_batches(m, s, h, total, presser):
    """Scan batch by batch until less than one is left of `total` or the callback refuses: (objects freed, left).

    `presser`: the node that is short of pages.
    """
    batch, freed = shrinkers(m)[h].batch, 0
    while total >= batch:
        got = scan(m, s, h, 0, 0, batch, 0)
        if got == STOP:
            break
        freed += got
        book(m, presser, batch)
        total -= batch
    return freed, total


@kernel
def batches_to_the_end(m, s, h, node, group, total, objects_freeable):
    """Scan `total` in batches; a rest below one only if it covers the whole cache: (objects freed, scanned).

    A cache smaller than a batch can be scanned since 3.14.
    """
    batch, freed, scanned = shrinkers(m)[h].batch, 0, 0
    while total >= batch or total >= objects_freeable:
        nr = min(batch, total)
        got = scan(m, s, h, node, group, nr, 1)
        if got == STOP:
            break
        freed += got
        book(m, scans(m)[s].node, nr)
        total -= nr
        scanned += nr
    return freed, scanned


@kernel
def book(m, node, nr):
    """Count `nr` objects asked for because `node` was short of pages."""
    slab_count(m).slabs_scanned += nr
    node_count(m)[node].slab_scanned_for += nr


@kernel
def in_scope(m, h, group):
    """Whether reclaim of a group calls shrinker `h`: those that are not group-aware belong to the root's call."""
    return group == 0 or shrinkers(m)[h].by_group


@kernel
def rwsem_taken(m):
    """Whether a file system that registers its shrinker holds shrinker_rwsem: the caller gives up at once."""
    if m.now >= slab_state(m).shrinkers_busy_until:
        return False
    slab_count(m).shrink_contended += 1
    return True


@kernel
def begin_slab(m):
    """Slab pages freed from now on are the shrinkers' work (current->reclaim_state)."""
    current(m).reclaimed_slab, current(m).in_shrinker = 0, 1


@kernel
def flush_reclaim_state(m, s):
    """Slab pages count as reclaimed for reclaim of the whole machine, not for a group's limit."""
    if scans(m)[s].memcg == 0:
        scans(m)[s].nr_reclaimed += current(m).reclaimed_slab
    slab_count(m).slab_pages_freed += current(m).reclaimed_slab
    current(m).in_shrinker = 0


@kernel
def node_under_pressure(m, s):
    """The node that a whole pass of reclaim works for: kswapd's own, or that of the reclaiming task."""
    if scans(m)[s].kswapd:
        return scans(m)[s].node
    return cpus(m)[turn(m).cpu].node if turn(m).task == NONE else tasks(m)[turn(m).task].node


@kernel
def pages_scanned(nr):
    """LRU pages scanned as the formulas before 4.16 take them: a pass that met none counts as one cluster."""
    return nr if nr else SWAP_CLUSTER_MAX


@kernel
def scanned_share(scanned, lru_pages, seeks, objects_freeable):
    """Objects to ask for until 4.15: the share of the page lists that was scanned, times 4 / seeks, of the cache."""
    return 4 * scanned // seeks * objects_freeable // (lru_pages + 1)


@kernel
def pages_in_pass(m, s):
    """Reclaimable pages of the zones a pass covers: every zone for a task, for kswapd its node's up to the last low."""
    sc, first, end = scans(m)[s], 0, geometry(m).nr_zones
    if sc.kswapd:
        node = nodes(m)[sc.node]
        first = node.first_zone
        end = node.kswapd_last + 1 if lru_settings(m).zone_lruvecs else first + node.nr_zones
    total = 0
    for z in range(first, end):
        total += reclaimable_pages(m, z, sc.swap_available)
    return total
