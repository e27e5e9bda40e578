"""Drivers ask for contiguous memory and give it back (dma_alloc_attrs, dma_free_attrs)."""

from mmrun.model.core.codes import BAD_EVENT, OK
from mmrun.model.core.jit import caller, hook
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.mm.cma.events import NUMBER_BITS
from mmrun.model.mm.cma.state import contig_count, contig_settings
from mmrun.model.mm.driver.buffers import buffer_row, note_result
from mmrun.model.mm.driver.state import buffers

dma_alloc = caller("dma_alloc")
dma_free = caller("dma_free")


@hook
def contig_alloc(m, t, argument):
    """Task `t`'s driver asks for a cleared buffer of so many pages; a number that is taken is a mistake."""
    number, pages, began = argument & (1 << NUMBER_BITS) - 1, argument >> NUMBER_BITS, m.now
    row = buffer_row(m, t, number)
    b, count = buffers(m)[row], contig_count(m)
    if b.pfn or pages == 0:
        panic(m, BAD_EVENT, number)
        return OK
    pfn = dma_alloc(m, t, row, pages)
    if pfn == NONE:
        count.contig_alloc_fail += 1
    else:
        m.now += contig_settings(m).contig_clear_page * pages
        b.pfn, b.pages, b.contig = pfn + 1, pages, 1
        count.contig_alloc_success += 1
        count.pages += pages
    count.contig_alloc_ns += m.now - began
    note_result(m, t, number, pfn, pages, 1, began)
    return OK


@hook
def contig_release(m, t, argument):
    """Task `t`'s driver gives a buffer back, if it has one of that number."""
    row = buffer_row(m, t, argument)
    b = buffers(m)[row]
    if b.pfn and b.contig:
        dma_free(m, row)
        contig_count(m).pages -= b.pages
        b.pfn = b.pages = b.contig = 0
    return OK
