"""Moving one page to the node of its user, if there is room and nothing against it (migrate_misplaced_folio)."""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import node_count, nodes
from mmrun.model.mm.migrate.isolate import add_isolated, give_list, isolate_folio, putback_movable_pages, take_list
from mmrun.model.mm.migrate.migrate import migrate_pages
from mmrun.model.mm.migrate.state import ASYNC, MR_NUMA_MISPLACED, TO_NODE
from mmrun.model.mm.numa_balancing.ping_pong import note_promotion, row_of
from mmrun.model.mm.numa_balancing.settings import MEMORY_TIERING
from mmrun.model.mm.numa_balancing.state import numa_count, numa_settings
from mmrun.model.mm.page.alloc_flags import ALLOC_CMA
from mmrun.model.mm.page.flags import ANON, DIRTY
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.gfp import HIGHEST
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.page.zones import wake_kswapd, watermark_ok
from mmrun.model.mm.tiering.state import tier_settings, tiers


@kernel
def migrate_balanced_pgdat(m, nid, pages):
    """Whether a zone of the node stays above its high watermark with so many pages more; with TPP above min."""
    node = nodes(m)[nid]
    for z in range(node.first_zone + node.nr_zones - 1, node.first_zone - 1, -1):
        zone = zones(m)[z]
        mark = zone.wmark_min if tier_settings(m).demotes_ahead else zone.wmark_high
        if zone.managed and watermark_ok(m, z, 0, mark + pages, HIGHEST, ALLOC_CMA):
            return True
    return False


@kernel
def _refused(m, pfn):
    """Whether a file's page is not worth the try: others share its program, or it is dirty."""
    page = frames(m)[pfn]
    return not page.state & ANON and (page.mapcount > 1 or page.state & DIRTY)


@kernel
def _room(m, pfn, nid):
    """Whether the node has room for the page; with tiering its kswapd is woken where there is none."""
    if migrate_balanced_pgdat(m, nid, nr_pages(m, pfn)):
        return True
    node_count(m)[nid].promotion_refused += nr_pages(m, pfn)
    if numa_settings(m).numa_balancing & MEMORY_TIERING:
        zone = nodes(m)[nid].first_zone + nodes(m)[nid].nr_zones - 1
        wake_kswapd(m, zone, 0, frames(m)[pfn].order, HIGHEST)
    return False


@kernel
def migrate_misplaced(m, pfn, nid):
    """Move folio `pfn` to node `nid`; whether it has."""
    if _refused(m, pfn) or not _room(m, pfn, nid) or not isolate_folio(m, pfn):
        return False
    row, pages = row_of(m, pfn), nr_pages(m, pfn)
    promoted = not tiers(m)[frames(m)[pfn].node].top and tiers(m)[nid].top
    found = take_list(m)
    add_isolated(m, found, pfn)
    left = migrate_pages(m, found, TO_NODE, nid, ASYNC, MR_NUMA_MISPLACED)
    putback_movable_pages(m, found)
    give_list(m)
    if left:
        return False
    numa_count(m).numa_pages_migrated += pages
    if promoted and numa_settings(m).numa_balancing & MEMORY_TIERING:
        node_count(m)[nid].pgpromote_success += pages
    if promoted and row >= 0:
        note_promotion(m, row, nid)
    return True
