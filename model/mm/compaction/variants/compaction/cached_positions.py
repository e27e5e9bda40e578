"""A pass begins where the last one ended, and pageblocks where nothing was to be had are passed over (3.7).

Since 3.15 asynchronous passes have a place of their own; since 3.18 the scanner for free pages stops within a
pageblock. Both are forgotten when the scanners have met and kswapd goes to sleep.
"""

from mmrun.model.core.jit import hook
from mmrun.model.mm.compaction.free_scanner import scan_freepages, scan_whole_blocks
from mmrun.model.mm.compaction.skip import begin_at_cached_positions
from mmrun.model.mm.compaction.state import compact_controls, compaction_settings

SOURCE = "mm/compaction.c: compact_zone, isolate_migratepages, isolate_freepages, 3.10, 4.4 and 4.19"
COMPACTS, CACHES, CAPTURES = 1, 1, 0


@hook
def begin_scanners(m, control):
    return begin_at_cached_positions(m, control)


@hook
def find_migrateblock(m, control):
    return compact_controls(m)[control].migrate_pfn


@hook
def isolate_freepages(m, control):
    if compaction_settings(m).compact_free_position:
        scan_freepages(m, control)
    else:
        scan_whole_blocks(m, control)
    return 0
