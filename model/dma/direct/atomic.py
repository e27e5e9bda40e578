"""Atomic pools: coherent memory for requests that may not sleep, made ready beforehand (kernel/dma/pool.c).

A pool a kind of zone, of chunks, from which pages are taken first fit; when little is left a worker doubles it. To 5.7
there is one, of fixed size (ARM, arm64).
"""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, wait, wake
from mmrun.model.core.state import turn
from mmrun.model.dma.direct.state import (
    ATOMIC_POOLS,
    CHUNKS,
    POOL_DMA,
    POOL_DMA32,
    POOL_KERNEL,
    atomic_bits,
    atomic_chunks,
    atomic_pools,
    direct_settings,
    direct_state,
)
from mmrun.model.dma.swiotlb.bus import pfn_to_dma
from mmrun.model.machine.state import cpus
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page import gfp as bits
from mmrun.model.mm.page.flags import DMA_PAGE, KERNEL, TAIL_PAGE
from mmrun.model.mm.page.gfp import GFP_KERNEL, NOWARN
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.state import MAX_ORDER, frames
from mmrun.model.units import PAGE_SHIFT


@kernel
def chunk_of(m, pfn):
    """The chunk that a frame of coherent memory is part of, or NONE."""
    page = frames(m)[pfn]
    if page.kind == TAIL_PAGE:
        page = frames(m)[page.owner]
    return page.slot - 1 if page.kind == DMA_PAGE and page.slot else NONE


@kernel
def _zone_of(pool):
    """The flag of a pool's zone."""
    if pool == POOL_DMA:
        return bits.DMA
    return bits.DMA32 if pool == POOL_DMA32 else 0


@kernel
def atomic_pool_expand(m, pool, pages):
    """A chunk of `pages` more, or of half as many as long as there is no such block; 0 when there is none at all."""
    row, c = atomic_pools(m)[pool], 0
    while c < CHUNKS and atomic_chunks(m)[c].live:
        c += 1
    if c == CHUNKS:
        return 0
    order, pfn = 0, NONE
    while 1 << order < pages and order < MAX_ORDER - 1:
        order += 1
    while True:
        pfn = alloc_pages(
            m, GFP_KERNEL | NOWARN | _zone_of(pool), order, cpus(m)[turn(m).cpu].node, ALL_NODES
        )  # fmt: skip
        if pfn != NONE or order == 0:
            break
        order -= 1
    if pfn == NONE:
        return 0
    page, chunk = frames(m)[pfn], atomic_chunks(m)[c]
    page.state, page.kind, page.memcg, page.slot = KERNEL, DMA_PAGE, 0, c + 1
    direct_state(m).pages += 1 << order
    chunk.pfn, chunk.order, chunk.pool, chunk.next, chunk.live = pfn, order, pool, row.chunk, 1
    row.chunk = c
    row.pages += 1 << order
    row.free += 1 << order
    return 1


@kernel
def _guess(m, before, gfp):
    """The pool to look in first, or after pool `before`; NONE: no other is left (dma_guess_pool).

    Where there is one pool only it is everybody's.
    """
    if before == NONE:
        pool = POOL_DMA if gfp & bits.DMA else POOL_DMA32 if gfp & bits.DMA32 else POOL_KERNEL
    else:
        pool = before - 1
    while pool >= 0 and not atomic_pools(m)[pool].live:
        pool -= 1
    if pool < 0 and before == NONE:
        return POOL_KERNEL
    return pool if pool >= 0 else NONE


@kernel
def _first_fit(m, c, pages):
    """The first run of free pages of a chunk, its number in the chunk, or NONE (gen_pool_first_fit)."""
    chunk, bitmap, run = atomic_chunks(m)[c], atomic_bits(m), 0
    for page in range(1 << chunk.order):
        run = 0 if bitmap[chunk.bit + page] else run + 1
        if run == pages:
            return page - pages + 1
    return NONE


@kernel
def _mark(m, pfn, pages, value):
    """Pages of a chunk are in use, or are not."""
    c = chunk_of(m, pfn)
    chunk, bitmap = atomic_chunks(m)[c], atomic_bits(m)
    for page in range(pfn - chunk.pfn, pfn - chunk.pfn + pages):
        bitmap[chunk.bit + page] = value
    atomic_pools(m)[chunk.pool].free += -pages if value else pages


@kernel
def _from_pool(m, pool, pages, limit):
    """Pages of the pool that lie up to address `limit`, or NONE; what is found too high is not taken."""
    row = atomic_pools(m)[pool]
    c = row.chunk
    while c != NONE:
        at = _first_fit(m, c, pages)
        if at != NONE:
            pfn = atomic_chunks(m)[c].pfn + at
            if pfn_to_dma(m, pfn + pages - 1) + (1 << PAGE_SHIFT) - 1 > limit:
                return NONE
            _mark(m, pfn, pages, 1)
            if direct_settings(m).atomic_pools_grow and row.free < direct_state(m).atomic_unit:
                direct_state(m).work = 1
                wake(m, direct_state(m).worker, 1, m.now)
            return pfn
        c = atomic_chunks(m)[c].next
    return NONE


@kernel
def atomic_alloc(m, pages, gfp, limit):
    """Pages of the first pool that has some within reach, from the zone of `gfp` down; the first, or NONE."""
    pool = _guess(m, NONE, gfp)
    while pool != NONE:
        pfn = _from_pool(m, pool, pages, limit)
        if pfn != NONE:
            return pfn
        pool = _guess(m, pool, gfp) if pool else NONE
    return NONE


@kernel
def atomic_free(m, pfn, pages):
    """Pages of a pool are free again; the pool keeps them (dma_free_from_pool)."""
    _mark(m, pfn, pages, 0)


@actor(per="atomic_pool")
def atomic_pool_work(m, number):
    """Double each pool that has less left than it began with (atomic_pool_work_fn)."""
    state = direct_state(m)
    while True:
        while not state.work:
            wait(m, state.worker, FOREVER)
        state.work = 0
        for pool in range(ATOMIC_POOLS):
            row = atomic_pools(m)[pool]
            if row.live and row.free < state.atomic_unit:
                atomic_pool_expand(m, pool, row.pages)
    return 0
