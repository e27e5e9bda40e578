"""There is no compaction: who finds no block large enough reclaims until there is one, or gives up."""

from mmrun.model.core.jit import hook
from mmrun.model.mm.compaction.state import compact_controls

SOURCE = "mm/page_alloc.c, 2.6.34"
COMPACTS, CACHES, CAPTURES = 0, 0, 0


@hook
def begin_scanners(m, control):
    return 1


@hook
def find_migrateblock(m, control):
    return compact_controls(m)[control].migrate_pfn


@hook
def isolate_freepages(m, control):
    return 0
