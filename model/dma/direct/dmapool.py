"""Pools of small blocks of coherent memory, for descriptors and the like (mm/dmapool.c).

A pool cuts buffers of a page, or of a block if that is larger, into blocks, none of which crosses the boundary that the
device asks for. To 6.3 a block comes from the first buffer that has a free one, from then on it is the one freed last.
A pool never shrinks.
"""

from mmrun.model.core.codes import BAD_FREE
from mmrun.model.core.jit import kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import DMA_ERROR
from mmrun.model.dma.direct.alloc import dma_direct_alloc, dma_direct_free
from mmrun.model.dma.direct.state import (
    BLOCKS,
    direct_settings,
    direct_state,
    dma_blocks,
    dma_pool_pages,
    dma_pools,
)
from mmrun.model.dma.swiotlb.bus import dma_to_pfn, pfn_to_dma
from mmrun.model.units import PAGE, PAGE_SHIFT

LEAST, LEAST_LINKED = 4, 16  # bytes of a block: an offset (to 6.3), struct dma_block


@kernel
def dma_pool_create(m, dev, nbytes, align, boundary):
    """A pool of blocks of `nbytes` for a device, aligned, none across a multiple of `boundary` (0: of its buffers).

    Its row, or NONE. `align` and `boundary` are powers of two.
    """
    own, state = direct_settings(m), direct_state(m)
    if state.pools == len(dma_pools(m)):
        return NONE
    size = max(nbytes, LEAST if own.dma_pool_any_page else LEAST_LINKED)
    size = -(-size // max(align, 1)) * max(align, 1)
    allocation = max(size, PAGE)
    boundary = min(boundary, allocation) if boundary else allocation
    if boundary < size:
        return NONE
    pool = dma_pools(m)[state.pools]
    pool.dev, pool.bytes, pool.boundary, pool.allocation, pool.live = dev, size, boundary, allocation, 1
    pool.page = pool.last = NONE
    pool.next = pool.used = pool.pages = 0
    state.pools += 1
    return state.pools - 1


@kernel
def _new_row(m):
    """A row for a buffer, or NONE."""
    state = direct_state(m)
    if state.free_page:
        page = state.free_page - 1
        state.free_page = dma_pool_pages(m)[page].next
        return page
    if state.page_rows == len(dma_pool_pages(m)):
        return NONE
    state.page_rows += 1
    return state.page_rows - 1


@kernel
def _new_block(m, page, offset):
    """A row for a block at `offset` of a buffer, or NONE."""
    state = direct_state(m)
    if state.free_block:
        b = state.free_block - 1
        state.free_block = dma_blocks(m)[b].next
    elif state.block_rows < BLOCKS:
        b = state.block_rows
        state.block_rows += 1
    else:
        return NONE
    block = dma_blocks(m)[b]
    block.page, block.offset, block.busy, block.next = page, offset, 0, 0
    return b


@kernel
def _cut(m, p, page):
    """Cut a buffer into blocks, each before the next, and chain them in front of those that are free.

    To 6.3 a block that ends just at a boundary counts as crossing it (pool_initialise_page).
    """
    pool, own, row = dma_pools(m)[p], direct_settings(m), dma_pool_pages(m)[page]
    offset, limit, last = 0, pool.boundary, NONE
    while offset + pool.bytes <= pool.allocation:
        b = _new_block(m, page, offset)
        if b == NONE:
            break
        if last == NONE:
            row.free = b + 1
        else:
            dma_blocks(m)[last].next = b + 1
        last = b
        offset += pool.bytes
        end = offset + pool.bytes
        if end > limit or (end == limit and own.dma_pool_wastes_last):
            offset = limit
            limit += pool.boundary
    if last != NONE and not own.dma_pool_any_page:
        dma_blocks(m)[last].next = pool.next
        pool.next, row.free = row.free, 0


@kernel
def _new_page(m, p, gfp):
    """One more buffer for a pool (pool_alloc_page); its row, or NONE."""
    pool = dma_pools(m)[p]
    page = _new_row(m)
    if page == NONE:
        return NONE
    row = dma_pool_pages(m)[page]
    pfn = dma_direct_alloc(m, pool.dev, -(-pool.allocation // PAGE), gfp)
    if pfn == NONE:
        row.next = direct_state(m).free_page
        direct_state(m).free_page = page + 1
        return NONE
    row.pfn, row.used, row.free, row.pool = pfn, 0, 0, p + 1
    row.next = pool.page
    pool.page = page
    pool.pages += 1
    direct_state(m).pool_pages += -(-pool.allocation // PAGE)
    _cut(m, p, page)
    return page


@kernel
def _with_room(m, p):
    """The first buffer of a pool that has a free block, or NONE."""
    page = dma_pools(m)[p].page
    while page != NONE and not dma_pool_pages(m)[page].free:
        page = dma_pool_pages(m)[page].next
    return page


@kernel
def dma_pool_alloc(m, p, gfp):
    """A block of a pool: its bus address, or DMA_ERROR when a buffer is wanted and not to be had."""
    pool, any_page = dma_pools(m)[p], direct_settings(m).dma_pool_any_page
    page = _with_room(m, p) if any_page else NONE
    if page == NONE and (any_page or not pool.next):
        page = _new_page(m, p, gfp)
        if page == NONE:
            return DMA_ERROR
    if any_page:
        b = dma_pool_pages(m)[page].free - 1
        if b < 0:
            return DMA_ERROR
        dma_pool_pages(m)[page].free = dma_blocks(m)[b].next
    else:
        b = pool.next - 1
        if b < 0:
            return DMA_ERROR
        pool.next = dma_blocks(m)[b].next
    block = dma_blocks(m)[b]
    block.busy = 1
    pool.used += 1
    row = dma_pool_pages(m)[block.page]
    row.used += 1
    return pfn_to_dma(m, row.pfn) + block.offset


@kernel
def _block_at(m, p, address):
    """The block of a pool that is in use at a bus address, or NONE."""
    for b in range(direct_state(m).block_rows):
        block = dma_blocks(m)[b]
        if not block.busy or dma_pool_pages(m)[block.page].pool != p + 1:
            continue
        if pfn_to_dma(m, dma_pool_pages(m)[block.page].pfn) + block.offset == address:
            return b
    return NONE


@kernel
def dma_pool_free(m, p, address):
    """A block goes back to its pool, to be handed out next of its buffer (of all, since 6.4)."""
    pool, b = dma_pools(m)[p], _block_at(m, p, address)
    if b == NONE:
        panic(m, BAD_FREE, dma_to_pfn(m, address))
        return
    block = dma_blocks(m)[b]
    row = dma_pool_pages(m)[block.page]
    block.busy = 0
    if direct_settings(m).dma_pool_any_page:
        block.next, row.free = row.free, b + 1
    else:
        block.next, pool.next = pool.next, b + 1
    row.used -= 1
    pool.used -= 1


@kernel
def dma_pool_destroy(m, p):
    """All buffers of a pool go back, whether blocks of them are in use or not."""
    pool, state = dma_pools(m)[p], direct_state(m)
    for b in range(state.block_rows):
        block = dma_blocks(m)[b]
        if block.page != NONE and dma_pool_pages(m)[block.page].pool == p + 1:
            block.page, block.busy = NONE, 0
            block.next, state.free_block = state.free_block, b + 1
    pages = -(-pool.allocation >> PAGE_SHIFT)
    while pool.page != NONE:
        page = pool.page
        row = dma_pool_pages(m)[page]
        pool.page = row.next
        dma_direct_free(m, pool.dev, row.pfn, pages)
        state.pool_pages -= pages
        row.pool, row.next, state.free_page = 0, state.free_page, page + 1
    pool.live = pool.next = pool.used = pool.pages = 0
