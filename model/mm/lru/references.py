"""What becomes of a page at the tail of an inactive list: page_check_references over the eras (mm/vmscan.c)."""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.lru.state import ACTIVATE, KEEP, RECLAIM_CLEAN, RECLAIM_PAGE
from mmrun.model.mm.page.flags import ANON, REFERENCED
from mmrun.model.mm.page.state import frames


@kernel
def look_twice(m, pfn, young, at_once, enough):
    """Verdict on a page that `young` page-table words have touched since the last look.

    A touched page is marked and kept, and activated when it was marked before. `at_once`: it is activated without a
    mark. `enough`: one sighting activates it, and it is marked. A file page marked but untouched is reclaimed if clean.
    """
    page = frames(m)[pfn]
    marked = page.state & REFERENCED
    page.state &= ~REFERENCED
    if young:
        if at_once:
            return ACTIVATE
        page.state |= REFERENCED
        return ACTIVATE if marked or enough else KEEP
    return RECLAIM_CLEAN if marked and not page.state & ANON else RECLAIM_PAGE
