"""A node may hold its proportional share of the dirty pages that the machine may have (since 4.8).

As `per-zone`, with lists and dirty pages counted by node: the zones of a node are full or not full together.
"""

from mmrun.model.core.jit import hook
from mmrun.model.machine.state import nodes
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.writeback.page_writeback import part_dirty_ok

SOURCE = "mm/page-writeback.c: node_dirtyable_memory, node_dirty_limit, node_dirty_ok, 4.19 and 6.18"


@hook
def dirty_ok(m, zone):
    node = nodes(m)[zones(m)[zone].node]
    return part_dirty_ok(m, node.first_zone, node.first_zone + node.nr_zones)
