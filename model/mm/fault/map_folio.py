"""Mapping the pages of a large folio of a file by words of their own (mm/filemap.c, mm/memory.c).

Since 6.18 a fault maps all of the folio, wherever in it the fault is, if mapping and leaf table cover it.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.mm.fault.page_table import PTES_PER_TABLE_SHIFT, map_page
from mmrun.model.mm.page.flags import WORKINGSET
from mmrun.model.mm.page.folio import folio_of, nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import fault_settings, files, pte, regions


@kernel
def _covered(m, region, first, pages):
    """Whether the region and one leaf table cover `pages` words from `first` on (folio_within_vma)."""
    r, last = regions(m)[region], first + pages - 1
    inside = first >= r.start and last < r.start + r.npages
    return inside and first >> PTES_PER_TABLE_SHIFT == last >> PTES_PER_TABLE_SHIFT


@rare
@kernel
def map_folio_range(m, region, at, pfn, end):
    """Map what is not mapped yet of a folio in the cache around a read fault, words `at` to `end` - 1, read-only.

    `pfn`: the frame that belongs to word `at`. Since 6.18 the rest of the folio, too, unless it ends with the file. How
    many of its pages speak for readahead: all looked at, or none if it was evicted lately.
    In the kernel: filemap_map_folio_range.
    """
    head, file = folio_of(m, pfn), files(m)[regions(m)[region].file]
    page, first = frames(m)[head], at - (pfn - head)
    ends = page.owner + nr_pages(m, head) >= file.start + file.npages
    if fault_settings(m).maps_whole_folios and not ends and _covered(m, region, first, nr_pages(m, head)):
        at, pfn, end = first, head, first + nr_pages(m, head)
    for word in range(at, end):
        if pte(m)[word] == 0:
            map_page(m, word, pfn + word - at, False, file.disk != NONE)
    return 0 if page.state & WORKINGSET else end - at


@rare
@kernel
def map_whole(m, region, at, pfn, write, protect):
    """Map all of the folio that frame `pfn` of word `at` is part of, as the fault asked for; False: it cannot be.

    That is so to 6.17, beyond what region and leaf table cover, and where a part is mapped already (finish_fault).
    """
    head = folio_of(m, pfn)
    pages, first = nr_pages(m, head), at - (pfn - head)
    if not fault_settings(m).maps_whole_folios or not _covered(m, region, first, pages):
        return False
    for word in range(first, first + pages):
        if pte(m)[word]:
            return False
    for i in range(pages):
        map_page(m, first + i, head + i, write, protect)
    return True
