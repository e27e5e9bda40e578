"""What becomes of a page at the tail of an inactive list: page_check_references over the eras (mm/vmscan.c)."""

from model.jit import kernel
from model.mm.state import ACTIVATE, ANON, KEEP, RECLAIM_CLEAN, RECLAIM_PAGE, REFERENCED
from model.state.page import frames


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
