"""Which pageblocks are worth a look, and where the next pass begins (mm/compaction.c, 3.7)."""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.sleep import cond_resched
from mmrun.model.machine.state import nodes
from mmrun.model.mm.compaction.state import (
    compact_controls,
    compaction_settings,
    pageblock_skip,
    zone_compaction,
)
from mmrun.model.mm.migrate.state import ASYNC
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER
from mmrun.model.mm.page.flags import FREE, LRU, MOVABLE, TAIL_PAGE
from mmrun.model.mm.page.state import frames, pageblocks, zones

PAGEBLOCK = 1 << PAGEBLOCK_ORDER
SAMPLE = 8  # of a pageblock every eighth page is looked at


@kernel
def block_start(pfn):
    """The first frame of the pageblock that `pfn` is in."""
    return pfn >> PAGEBLOCK_ORDER << PAGEBLOCK_ORDER


@kernel
def block_end(pfn):
    """The first frame after the pageblock that `pfn` is in."""
    return (pfn >> PAGEBLOCK_ORDER) + 1 << PAGEBLOCK_ORDER


@kernel
def zone_end(m, z):
    """The first frame after the zone."""
    return zones(m)[z].start + zones(m)[z].span


@kernel
def isolation_suitable(m, cc, pfn):
    """Whether nothing speaks against a look at the pageblock."""
    return cc.ignore_skip or not pageblock_skip(m)[pfn >> PAGEBLOCK_ORDER]


@kernel
def set_skip(m, pfn):
    """The pageblock is not worth a look."""
    if compaction_settings(m).caches:
        pageblock_skip(m)[pfn >> PAGEBLOCK_ORDER] = 1


@kernel
def test_and_set_skip(m, cc, pfn):
    """Take the pageblock for oneself; whether somebody has been here."""
    if cc.ignore_skip:
        return False
    had = pageblock_skip(m)[pfn >> PAGEBLOCK_ORDER] > 0
    set_skip(m, pfn)
    return had


@kernel
def update_cached_migrate(m, cc, pfn):
    """The scanner for pages to move has left the pageblock before `pfn`: the next pass need not begin before that."""
    zone = zone_compaction(m)[cc.zone]
    zone.migrate[0] = max(zone.migrate[0], pfn)
    if cc.mode != ASYNC or not compaction_settings(m).compact_async_position:
        zone.migrate[1] = max(zone.migrate[1], pfn)


@kernel
def update_cached_free(m, cc, pfn):
    """The scanner for free pages has come down to the pageblock at `pfn`."""
    zone_compaction(m)[cc.zone].free = min(zone_compaction(m)[cc.zone].free, pfn)


@kernel
def reset_cached_positions(m, z):
    """The next pass begins at both ends of the zone."""
    zone = zone_compaction(m)[z]
    zone.migrate[0] = zone.migrate[1] = zones(m)[z].start
    zone.free = block_start(zone_end(m, z) - 1)


@kernel
def _huge(m, pfn):
    """Whether a folio or buffer as large as a pageblock lies there: it stays passed over until it is freed."""
    page = frames(m)[pfn]
    head = frames(m)[page.owner] if page.kind == TAIL_PAGE else page
    return not head.state & FREE and head.order >= PAGEBLOCK_ORDER


@kernel
def _reset_block(m, z, pfn, as_source, as_target):
    """Clear the skip bit where a sample finds a page to move or a free one; whether it is clear now.

    In the kernel: __reset_isolation_pfn.
    """
    block = pfn >> PAGEBLOCK_ORDER
    if _huge(m, pfn):
        return False
    if as_source and as_target and not pageblock_skip(m)[block]:
        return True
    if not as_source and as_target and pageblocks(m)[block] != MOVABLE:
        return False
    wanted = (LRU if as_source else 0) | (FREE if as_target else 0)
    for at in range(max(block_start(pfn), zones(m)[z].start), min(block_end(pfn), zone_end(m, z)), SAMPLE):
        if frames(m)[at].state & wanted:
            pageblock_skip(m)[block] = 0
            return True
    return False


@kernel
def _reset_sampled(m, z):
    """Clear the bits of useful pageblocks, from both ends; the next pass begins at the first and the last of them.

    5.1; in the kernel: __reset_isolation_suitable.
    """
    zone = zone_compaction(m)[z]
    low, high = zones(m)[z].start, zone_end(m, z) - 1
    first, last, source_set, free_set = high, low, False, False
    while low < high:
        cond_resched(m)
        if _reset_block(m, z, low, True, source_set) and low < first:
            source_set, first = True, low
            zone.init_migrate = zone.migrate[0] = zone.migrate[1] = low
        if _reset_block(m, z, high, free_set, True) and high > last:
            free_set, last = True, high
            zone.init_free = zone.free = high
        low += PAGEBLOCK
        high -= PAGEBLOCK
    if first >= last:
        zone.migrate[0] = zone.migrate[1] = low
        zone.free = high


@kernel
def reset_zone(m, z):
    """All pageblocks of the zone are worth a look again, since 5.1 those where there is something."""
    zone_compaction(m)[z].flush = 0
    if not compaction_settings(m).caches:
        return
    if compaction_settings(m).captures:
        _reset_sampled(m, z)
        return
    for block in range(zones(m)[z].start >> PAGEBLOCK_ORDER, (zone_end(m, z) - 1 >> PAGEBLOCK_ORDER) + 1):
        pageblock_skip(m)[block] = 0
    reset_cached_positions(m, z)


@hook
def reset_isolation_suitable(m, node):
    """A node's kswapd goes to sleep: so it is for zones through which a direct compactor has gone to the end."""
    own = nodes(m)[node]
    for z in range(own.first_zone, own.first_zone + own.nr_zones):
        if zone_compaction(m)[z].flush:
            reset_zone(m, z)
    return 0


@kernel
def begin_at_cached_positions(m, c):
    """The scanners begin where the last pass ended, or at the zone's ends if it is to be whole; 1 if it is."""
    cc, start, end = compact_controls(m)[c], zones(m)[compact_controls(m)[c].zone].start, 0
    zone, end = zone_compaction(m)[cc.zone], zone_end(m, cc.zone)
    if cc.whole_zone:
        cc.migrate_pfn, cc.free_pfn = start, block_start(end - 1)
        return 1
    if not start <= zone.free < end:
        zone.free = block_start(end - 1)
    own = 0 if cc.mode == ASYNC and compaction_settings(m).compact_async_position else 1
    if not start <= zone.migrate[own] < end:
        zone.migrate[0] = zone.migrate[1] = start
    cc.migrate_pfn, cc.free_pfn = zone.migrate[own], zone.free
    first = zone.init_migrate if compaction_settings(m).captures else start
    return 1 if cc.migrate_pfn <= first else 0
