"""A zone may hold its proportional share of the dirty pages that the machine may have (3.3 to 4.7).

A page for write() comes from a zone within its limit: `dirty_ratio` of what is dirtyable in it, or its part of
`dirty_bytes`. What the zone keeps free (high watermark, largest lowmem reserve) is not dirtyable, so that kswapd can
balance it without writing. When no zone is within its limit the slow path takes any: a task bound to small nodes could
not go on otherwise. As first merged the subtraction could wrap, which lifted the limit of a zone
nearly full; here it cannot.
"""

from mmrun.model.core.jit import hook
from mmrun.model.mm.writeback.page_writeback import part_dirty_ok

SOURCE = "mm/page-writeback.c: zone_dirtyable_memory, zone_dirty_limit, zone_dirty_ok, 3.4 and 3.15"


@hook
def dirty_ok(m, zone):
    return part_dirty_ok(m, zone, zone + 1)
