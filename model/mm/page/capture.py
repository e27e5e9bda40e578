"""The block that a compacting task frees itself and keeps, before anybody else gets it (compaction_capture, 5.1)."""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.mm.compaction.state import compact_controls
from mmrun.model.mm.page.flags import CMA, ISOLATE, MOVABLE, NEW, NO_KIND, TAIL_PAGE
from mmrun.model.mm.page.state import frames, zones

PAGEBLOCK_ORDER = 9


@rare
@kernel
def capture(m, z, pfn, order, mt):
    """Whether the running actor compacts zone `z` for a block like this one, which is its then.

    Nobody takes from an area, nor less than a pageblock from a movable one for what cannot be moved.
    """
    cc = compact_controls(m)[turn(m).actor]
    if not cc.capturing or cc.captured != NONE or cc.zone != z or order != cc.order or mt in (CMA, ISOLATE):
        return False
    if order < PAGEBLOCK_ORDER and mt == MOVABLE and cc.migratetype != MOVABLE:
        return False
    f, node = frames(m), zones(m)[z].node
    f[pfn].state, f[pfn].kind, f[pfn].order, f[pfn].zone, f[pfn].node = NEW, NO_KIND, order, z, node
    for tail in range(pfn + 1, pfn + (1 << order)):
        f[tail].state, f[tail].kind, f[tail].owner, f[tail].order = 0, TAIL_PAGE, pfn, 0
    cc.captured = pfn
    return True
