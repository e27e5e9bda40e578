"""Frames for pages that are migrated to a node (alloc_migration_target, mm/migrate.c)."""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus
from mmrun.model.mm.alloc.page_alloc import alloc_pages, zone_statistics
from mmrun.model.mm.migrate.state import (
    MR_CONTIG_RANGE,
    MR_DEMOTION,
    MR_LONGTERM_PIN,
    MR_MEMPOLICY_MBIND,
    MR_NUMA_MISPLACED,
)
from mmrun.model.mm.page.gfp import (
    COMP,
    DIRECT_RECLAIM,
    GFP_HIGHUSER_MOVABLE,
    GFP_NOWAIT,
    GFP_USER,
    MOVABLE,
    NOMEMALLOC,
    NORETRY,
    RECLAIM,
    RETRY_MAYFAIL,
    THISNODE,
)
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.tiering.state import tier_settings, tiers


@kernel
def migration_gfp(reason):
    """What may be done for a frame to migrate to: system calls and hint faults want this node and no other."""
    if reason == MR_NUMA_MISPLACED:
        return (GFP_HIGHUSER_MOVABLE & ~RECLAIM) | THISNODE | NOMEMALLOC | NORETRY
    if reason == MR_DEMOTION:
        return (GFP_HIGHUSER_MOVABLE & ~RECLAIM) | GFP_NOWAIT | THISNODE | NOMEMALLOC
    if reason == MR_LONGTERM_PIN:
        return GFP_USER
    if reason == MR_CONTIG_RANGE:
        return GFP_USER | MOVABLE | RETRY_MAYFAIL
    if reason == MR_MEMPOLICY_MBIND:
        return GFP_HIGHUSER_MOVABLE | RETRY_MAYFAIL | THISNODE
    return GFP_HIGHUSER_MOVABLE | THISNODE


@hook
def alloc_migration_target(m, nid, order, reason):
    here = cpus(m)[turn(m).cpu].node
    gfp = migration_gfp(reason)
    wanted = here if nid < 0 else nid
    if order:
        gfp = (gfp & ~RECLAIM) | DIRECT_RECLAIM | COMP | NOMEMALLOC  # GFP_TRANSHUGE
    pfn = alloc_pages(m, gfp, order, wanted, ALL_NODES)
    if pfn == NONE and reason == MR_DEMOTION and tier_settings(m).falls_back:  # any slower node will do
        pfn = alloc_pages(m, gfp & ~THISNODE, order, wanted, tiers(m)[wanted].rest)
    if pfn != NONE:
        zone_statistics(m, here, wanted, ALL_NODES & 1 << wanted if gfp & THISNODE else ALL_NODES, pfn)
    return pfn
