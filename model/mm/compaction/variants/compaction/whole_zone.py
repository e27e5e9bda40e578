"""Both scanners begin at the ends of the zone, pass after pass, and nothing is remembered of a pageblock (2.6.35)."""

from mmrun.model.core.jit import hook
from mmrun.model.mm.compaction.free_scanner import scan_whole_blocks
from mmrun.model.mm.compaction.skip import block_start, zone_end
from mmrun.model.mm.compaction.state import compact_controls
from mmrun.model.mm.page.state import zones

SOURCE = "mm/compaction.c: compact_zone, isolate_migratepages, isolate_freepages, 3.1"
COMPACTS, CACHES, CAPTURES = 1, 0, 0


@hook
def begin_scanners(m, control):
    cc = compact_controls(m)[control]
    cc.migrate_pfn, cc.free_pfn = zones(m)[cc.zone].start, block_start(zone_end(m, cc.zone))
    return 1


@hook
def find_migrateblock(m, control):
    return compact_controls(m)[control].migrate_pfn


@hook
def isolate_freepages(m, control):
    scan_whole_blocks(m, control)
    return 0
