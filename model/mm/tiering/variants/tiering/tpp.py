"""TPP: fast nodes demote ahead of need, so that new pages find room there; a page is promoted if it is active.

kswapd of a fast node is woken below a mark of its own, above the allocator's, and works up to it; the first hint fault
on an inactive page activates it, the next one promotes it, which the low watermark does not forbid.
"""

from mmrun.model.core.jit import hook
from mmrun.model.mm.lru.lru import queue_activation
from mmrun.model.mm.page.flags import ACTIVE, LRU, QUEUED
from mmrun.model.mm.page.state import frames

SOURCE = "Maruf et al., TPP: Transparent Page Placement for CXL-Enabled Tiered-Memory, ASPLOS 2023"
PARAMS = {
    "demote_scale": (200, "1/10000", "what kswapd of a fast node keeps free above its high watermark, of each zone",
                     "TPP: demote_scale_factor, 2 %", (0, 5000, "half of a zone")),
}  # fmt: skip
DEMOTES_AHEAD = 1


@hook
def should_promote(m, task, frame, node):
    page = frames(m)[frame]
    if page.state & ACTIVE:
        return 1
    if page.state & LRU and not page.state & QUEUED:
        queue_activation(m, frame)
    return 0
