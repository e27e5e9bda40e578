"""Reclaiming on the local node before going to the next one (zone_reclaim_mode; zone_reclaim until 4.7)."""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import current
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, nodes
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.page.gfp import HIGHEST
from mmrun.model.mm.page.state import alloc_settings, zones
from mmrun.model.mm.reclaim.state import reclaim_count, reclaim_settings, scans
from mmrun.model.mm.reclaim.tracepoints import mm_vmscan_node_reclaim_begin, mm_vmscan_node_reclaim_end
from mmrun.model.mm.reclaim.vmscan import begin, own_scan, shrink_node

RECLAIM_WRITE, RECLAIM_UNMAP = 2, 4
RECLAIM_DISTANCE = 30
PRIORITY = 4  # a sixteenth of the lists at once


@kernel
def _reclaimable_cache(m, nid, only_zone):
    """Page cache of the node (or zone) that this mode may take: unmapped unless bit 4 is set.

    In the kernel: node_pagecache_reclaimable.
    """
    node, total = nodes(m)[nid], 0
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        if not lru_settings(m).zone_lruvecs or z == only_zone:
            zone = zones(m)[z]
            total += (
                zone.nr_file if alloc_settings(m).zone_reclaim_mode & RECLAIM_UNMAP else zone.nr_file - zone.nr_mapped
            )
    return total


@kernel
def node_reclaim(m, z, order, gfp):
    """Try to free pages on the node (or zone) of zone `z` for a request: 1 when at least one was freed, 0 otherwise.

    In the kernel: __node_reclaim.
    """
    nid = zones(m)[z].node
    node = nodes(m)[nid]
    present = zones(m)[z].managed if lru_settings(m).zone_lruvecs else node.present
    if _reclaimable_cache(m, nid, z) <= present * reclaim_settings(m).min_unmapped_ratio // 100:
        return 0
    if node.cpus and nid != cpus(m)[turn(m).cpu].node:
        return 0
    s = own_scan(m)
    begin(m, s, 0, PRIORITY, SWAP_CLUSTER_MAX, HIGHEST)
    sc = scans(m)[s]
    sc.may_unmap = 1 if alloc_settings(m).zone_reclaim_mode & RECLAIM_UNMAP else 0
    sc.may_writepage = 1 if alloc_settings(m).zone_reclaim_mode & RECLAIM_WRITE else 0
    sc.node, sc.zone = nid, z
    mm_vmscan_node_reclaim_begin(m, nid, order, gfp)
    current(m).memalloc += 1
    while sc.priority >= 0:
        shrink_node(m, s)
        if sc.nr_reclaimed >= 1:
            break
        sc.priority -= 1
    current(m).memalloc -= 1
    mm_vmscan_node_reclaim_end(m, sc.nr_reclaimed)
    if sc.nr_reclaimed >= 1:
        reclaim_count(m).zone_reclaim_success += 1
        return 1
    reclaim_count(m).zone_reclaim_failed += 1
    return 0
