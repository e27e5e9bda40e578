"""Pages that belong together: a block in use has one state, that of its first frame (struct folio, page_folio)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.state import turn
from mmrun.model.mm.page.buddy import free_block
from mmrun.model.mm.page.flags import TAIL_PAGE
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import alloc_count, frames


@kernel
def nr_pages(m, pfn):
    """Pages of the folio whose first frame is `pfn` (folio_nr_pages)."""
    return 1 << int(frames(m)[pfn].order)


@kernel
def folio_of(m, pfn):
    """First frame of the folio that frame `pfn` is part of (page_folio)."""
    page = frames(m)[pfn]
    return page.owner if page.kind == TAIL_PAGE else pfn


@kernel
def make_folio(m, pfn):
    """The block of frames from `pfn` on, which was allocated as one, has one state (prep_compound_page)."""
    f = frames(m)
    for tail in range(pfn + 1, pfn + (1 << f[pfn].order)):
        f[tail].state, f[tail].kind, f[tail].owner, f[tail].mapcount = 0, TAIL_PAGE, pfn, 0
        f[tail].zone, f[tail].node, f[tail].memcg, f[tail].order = f[pfn].zone, f[pfn].node, f[pfn].memcg, 0


@kernel
def free_folio(m, pfn):
    """Give a folio that nobody uses any more back to the allocator (free_unref_folios)."""
    f = frames(m)
    order = f[pfn].order
    f[pfn].state = 0
    if order == 0:
        free_frame(m, turn(m).cpu, pfn)
        return
    f[pfn].kind = 0
    for tail in range(pfn + 1, pfn + (1 << order)):
        f[tail].kind = f[tail].owner = 0
    alloc_count(m).pgfree += 1 << order
    free_block(m, f[pfn].zone, pfn, order)
