"""Areas: which of their pages are a driver's, first fit (mm/cma.c)."""

from mmrun.model.core.codes import OK
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, wait, wake
from mmrun.model.mm.alloc.contig import alloc_contig_range, free_contig_range
from mmrun.model.mm.cma.state import CMA_ALIGNMENT, cma_areas, cma_bitmap, contig_count, contig_settings
from mmrun.model.mm.cma.tracepoints import cma_alloc_busy_retry, cma_alloc_finish, cma_alloc_start
from mmrun.model.mm.cma.tracepoints import cma_release as cma_release_event
from mmrun.model.mm.migrate.state import EBUSY, ENOMEM
from mmrun.model.mm.page.flags import CMA, KERNEL, KERNEL_PAGE
from mmrun.model.mm.page.state import frames


@kernel
def order_of(pages):
    """The smallest order whose blocks hold so many pages (get_order)."""
    order = 0
    while 1 << order < pages:
        order += 1
    return order


@kernel
def alignment(pages):
    """Pages that a buffer of so many is aligned to: its own size, to 2^CMA_ALIGNMENT (dma_alloc_contiguous)."""
    return 1 << min(order_of(pages), CMA_ALIGNMENT)


@kernel
def find_zero_area(m, a, start, pages, align):
    """The first run of free pages of the area from its page `start` on, aligned; NONE.

    In the kernel: bitmap_find_next_zero_area_off.
    """
    area, bits = cma_areas(m)[a], cma_bitmap(m)
    start = -(-start // align) * align
    while start + pages <= area.pages:
        taken = start + pages - 1
        while taken >= start and not bits[area.bit + taken]:
            taken -= 1
        if taken < start:
            return start
        start = (taken // align + 1) * align
    return NONE


@kernel
def set_bitmap(m, a, start, pages, value):
    """Pages of the area are, or are no longer, a driver's."""
    area, bits = cma_areas(m)[a], cma_bitmap(m)
    for page in range(start, start + pages):
        bits[area.bit + page] = value
    area.available += -pages if value else pages


@kernel
def take_frames(m, pfn, pages):
    """Frames that nobody has become the kernel's, for a device."""
    for frame in range(pfn, pfn + pages):
        page = frames(m)[frame]
        page.state, page.kind, page.order, page.memcg = KERNEL, KERNEL_PAGE, 0, 0
        page.slot = page.mapcount = page.pins = 0


@kernel
def area_of(m, node):
    """The area that a driver on the node uses: the first of its own node, else the first (dev_get_cma_area)."""
    for a in range(len(cma_areas(m))):
        if cma_areas(m)[a].node == node:
            return a
    return 0 if len(cma_areas(m)) else NONE


@kernel
def _mutex_of(m, a):
    return a if contig_settings(m).cma_mutex_each else 0


@kernel
def _lock(m, a):
    """Sleep until nobody else empties a range (cma_mutex)."""
    row = cma_areas(m)[_mutex_of(m, a)]
    while row.held:
        wait(m, row.waiting, FOREVER)
    row.held = 1


@kernel
def _unlock(m, a):
    row = cma_areas(m)[_mutex_of(m, a)]
    row.held = 0
    wake(m, row.waiting, 1, m.now)


@kernel
def cma_alloc(m, a, pages, align):
    """Take `pages` adjacent frames of the area; the first, or NONE.

    A range that cannot be emptied is left, and the next one tried, at the next multiple of `align`. In the kernel:
    cma_alloc, today cma_range_alloc.
    """
    area, start, count, result = cma_areas(m)[a], 0, contig_count(m), ENOMEM
    cma_alloc_start(m, a, pages, area.available, area.pages, order_of(align))
    while m.broken == 0:
        at = find_zero_area(m, a, start, pages, align)
        if at == NONE:
            break
        set_bitmap(m, a, at, pages, 1)
        _lock(m, a)
        result = alloc_contig_range(m, area.zone, area.first + at, area.first + at + pages, CMA)
        _unlock(m, a)
        if result == OK:
            take_frames(m, area.first + at, pages)
            count.cma_alloc_success += 1
            count.cma_alloc_pages_success += pages
            cma_alloc_finish(m, a, area.first + at, pages, order_of(align), OK)
            return area.first + at
        set_bitmap(m, a, at, pages, 0)
        if result != EBUSY:
            break
        count.cma_alloc_busy_retry += 1
        cma_alloc_busy_retry(m, a, area.first + at, pages, order_of(align))
        start = at + align
    count.cma_alloc_fail += 1
    count.cma_alloc_pages_fail += pages
    cma_alloc_finish(m, a, NONE, pages, order_of(align), -result)
    return NONE


@kernel
def cma_release(m, a, pfn, pages):
    """Give frames back to whoever's pages can be moved away again (cma_release)."""
    cma_release_event(m, a, pfn, pages)
    free_contig_range(m, pfn, pages)
    set_bitmap(m, a, pfn - cma_areas(m)[a].first, pages, 0)
    contig_count(m).cma_release_pages_success += pages
