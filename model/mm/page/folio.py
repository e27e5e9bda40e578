"""Pages that belong together: a block in use has one state, that of its first frame (struct folio, page_folio)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.state import turn
from mmrun.model.mm.page.flags import TAIL_PAGE
from mmrun.model.mm.page.pcp import free_frame, free_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.page.tracepoints import mm_page_free_batched


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
def free_folio(m, pfn):
    """Give a folio that nobody uses any more back to the allocator (free_unref_folios)."""
    page = frames(m)[pfn]
    page.state = 0
    if page.order:
        free_pages(m, turn(m).cpu, pfn, page.order)
    else:
        mm_page_free_batched(m, pfn)
        free_frame(m, turn(m).cpu, pfn)
