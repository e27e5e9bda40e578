"""TPP: fast nodes demote ahead of need, so that new pages find room there; a page is promoted if it is active.

kswapd of a fast node is woken below a mark of its own, above the allocator's, and works up to it; the first hint fault
on an inactive page activates it, the next one promotes it, which the low watermark does not forbid.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.mm.lru.gens import gen_of, is_active
from mmrun.model.mm.lru.lru import lruvec_of_frame, queue_activation
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.page.flags import ACTIVE, LRU, QUEUED
from mmrun.model.mm.page.state import frames

SOURCE = "Maruf et al., TPP: Transparent Page Placement for CXL-Enabled Tiered-Memory, ASPLOS 2023"
PARAMS = {
    "demote_scale": (200, "1/10000", "what kswapd of a fast node keeps free above its high watermark, of each zone",
                     "TPP: demote_scale_factor, 2 %", (0, 5000, "half of a zone")),
}  # fmt: skip
DEMOTES_AHEAD = 1


@kernel
def _is_active(m, pfn):
    """Whether the page is on an active list, or in one of the two youngest generations."""
    state = frames(m)[pfn].state
    return is_active(m, lruvec_of_frame(m, pfn), gen_of(state)) if lru_settings(m).lru_gen else state & ACTIVE != 0


@hook
def should_promote(m, task, frame, node):
    page = frames(m)[frame]
    if _is_active(m, frame):
        return 1
    if page.state & LRU and not page.state & QUEUED:
        queue_activation(m, frame)
    return 0
