"""Pageblocks kept for urgent allocations: a fixed reserve to 4.3, one for high orders that grows on demand since 4.4.

An atomic allocation of more than one page that had to go below the low watermark makes its pageblock part of the
reserve; memory pressure gives pageblocks back, to the type of the request that needs them. Source: mm/page_alloc.c:
setup_zone_migrate_reserve, 3.1; reserve_highatomic_pageblock, unreserve_highatomic_pageblock, 4.4 and 6.12.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import nodes
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER, mergeable, set_pageblocks
from mmrun.model.mm.page.flags import CMA, HIGHATOMIC, ISOLATE, RESERVE
from mmrun.model.mm.page.pageblock import (
    PAGEBLOCK_PAGES,
    block_type,
    count_block,
    crosses_zone,
    move_freepages_block,
    set_pageblock_migratetype,
)
from mmrun.model.mm.page.state import MAX_ORDER, alloc_settings, frames, zones

MAX_RESERVE_BLOCKS = 2  # of a zone, to 4.3
OLD_CAP, WHOLE_BLOCKS_CAP = 1, 2  # alloc_settings.reserve_cap


@kernel
def _all_free(m, pfn):
    """Whether no page of the pageblock is in use, so that its free pages are worth reserving at boot."""
    free, _ = count_block(m, pfn)
    head = frames(m)[pfn & ~(2 * PAGEBLOCK_PAGES - 1)]
    return free >= PAGEBLOCK_PAGES or head.order > PAGEBLOCK_ORDER


@kernel
def setup_zone_migrate_reserve(m, z):
    """Set the first free pageblocks of a zone aside, as many as its min watermark is, two at most (to 4.3)."""
    zone = zones(m)[z]
    left = min((zone.wmark_min + PAGEBLOCK_PAGES - 1) >> PAGEBLOCK_ORDER, MAX_RESERVE_BLOCKS)
    for block in range(zone.start >> PAGEBLOCK_ORDER, zone.start + zone.span >> PAGEBLOCK_ORDER):
        pfn = block << PAGEBLOCK_ORDER
        if left and not crosses_zone(m, z, pfn) and _all_free(m, pfn):
            set_pageblock_migratetype(m, pfn, RESERVE)
            move_freepages_block(m, z, pfn, RESERVE)
            left -= 1


@kernel
def highatomic_cap(rule, managed):
    """Pages from which on a zone's reserve grows no more; it may end a pageblock above in the old rule."""
    if rule == OLD_CAP:
        return managed // 100 + PAGEBLOCK_PAGES
    if managed // 100 < PAGEBLOCK_PAGES:
        return 0
    return (managed // 100 + PAGEBLOCK_PAGES - 1) // PAGEBLOCK_PAGES * PAGEBLOCK_PAGES


@rare
@kernel
def reserve_highatomic_pageblock(m, z, pfn, order):
    """Make the pageblock of a block just allocated part of the reserve, unless it is full."""
    zone, rule, mt = zones(m)[z], alloc_settings(m).reserve_cap, block_type(m, pfn)
    if zone.nr_reserved_highatomic >= highatomic_cap(rule, zone.managed):
        return
    if mt in (HIGHATOMIC, CMA, ISOLATE):
        return
    if rule == OLD_CAP:
        zone.nr_reserved_highatomic += PAGEBLOCK_PAGES
        set_pageblock_migratetype(m, pfn, HIGHATOMIC)
        move_freepages_block(m, z, pfn, HIGHATOMIC)
    elif order >= PAGEBLOCK_ORDER:
        zone.nr_reserved_highatomic += 1 << order
        set_pageblocks(m, pfn, order, HIGHATOMIC)
    elif mergeable(mt) and not crosses_zone(m, z, pfn):
        zone.nr_reserved_highatomic += PAGEBLOCK_PAGES
        set_pageblock_migratetype(m, pfn, HIGHATOMIC)
        move_freepages_block(m, z, pfn, HIGHATOMIC)


@kernel
def _unreserve(m, z, mt):
    """Give a pageblock of the zone's reserve to type `mt`; pages of it that are free."""
    zone = zones(m)[z]
    for order in range(MAX_ORDER):
        pfn = zone.areas[order, HIGHATOMIC].head
        if pfn == NONE:
            continue
        size = max(PAGEBLOCK_PAGES, 1 << order)
        if block_type(m, pfn) == HIGHATOMIC:
            zone.nr_reserved_highatomic -= min(size, zone.nr_reserved_highatomic)
        moved = move_freepages_block(m, z, pfn, mt)
        set_pageblocks(m, pfn, order, mt)
        if moved:
            return moved
    return 0


@kernel
def unreserve_highatomic_pageblock(m, nid, nodemask, highest, mt, force):
    """Give a pageblock of the reserve back to type `mt`: pages of it that are free, 0 when there is none.

    `force`: also the last one of a zone.
    """
    home = nodes(m)[nid]
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        zone = zones(m)[z]
        if zone.kind > highest or not nodemask >> zone.node & 1:
            continue
        if zone.nr_reserved_highatomic <= (0 if force else PAGEBLOCK_PAGES):
            continue
        moved = _unreserve(m, z, mt)
        if moved:
            return moved
    return 0
