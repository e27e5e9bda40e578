"""The watermark boost: a zone in which types have mixed keeps more pages free for a while (5.0).

Every fallback to a block below a whole pageblock adds a pageblock to the zone's watermarks, up to one and a half times
high (`watermark_boost_factor`). Only kswapd takes it back, which reclaims as much without writing or swapping. Source:
mm/page_alloc.c: boost_watermark; mm/vmscan.c: balance_pgdat, 6.12.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.page.alloc_flags import ALLOC_KSWAPD
from mmrun.model.mm.page.pageblock import PAGEBLOCK_PAGES
from mmrun.model.mm.page.state import alloc_settings, zones


@kernel
def set_boost(m, z, boost):
    """The zone's watermarks are `boost` pages above what they were set to."""
    zone = zones(m)[z]
    more = boost - zone.boost
    zone.wmark_min += more
    zone.wmark_low += more
    zone.wmark_high += more
    zone.boost = boost


@kernel
def max_boost(high, factor):
    """The most that watermarks are boosted by; `high`: the zone's high watermark without it."""
    return max(high * factor // 10000, PAGEBLOCK_PAGES) if high * factor >= 10000 else 0


@kernel
def boost_watermark(m, z, alloc_flags):
    """Boost the zone's watermarks by a pageblock; kswapd is to be woken for it if the request may wake it."""
    zone, factor = zones(m)[z], alloc_settings(m).watermark_boost_factor
    if factor == 0 or zone.managed < 4 * PAGEBLOCK_PAGES:
        return
    most = max_boost(zone.wmark_high - zone.boost, factor)
    if most == 0:
        return
    set_boost(m, z, min(zone.boost + PAGEBLOCK_PAGES, most))
    if alloc_flags & ALLOC_KSWAPD:
        zone.boosted = 1
