"""Pages that go to and fro: whether one that moves was moved the other way a short while ago."""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import node_count
from mmrun.model.mm.page.flags import ANON
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import NOBODY, pte
from mmrun.model.mm.tiering.state import moved, tier_settings

MS = 1_000_000


@kernel
def row_of(m, pfn):
    """Row of `moved` of the page in a frame, -1 for one that nobody has any more."""
    page = frames(m)[pfn]
    if page.state & ANON:
        return page.owner if page.owner != NOBODY else -1
    return len(pte(m)) + page.owner


@kernel
def _lately(m, since):
    return m.now - since * MS <= tier_settings(m).ping_pong


@kernel
def note_promotion(m, row, nid):
    """The page of row `row` has been moved up, to node `nid`."""
    before, now = moved(m)[row], m.now // MS + 1
    if before < 0 and _lately(m, -before):
        node_count(m)[nid].promoted_again += 1
    moved(m)[row] = now


@kernel
def note_demotion(m, row, nid):
    """The page of row `row` has been moved down, from node `nid`."""
    before, now = moved(m)[row], m.now // MS + 1
    if before > 0 and _lately(m, before):
        node_count(m)[nid].demoted_again += 1
    moved(m)[row] = -now
