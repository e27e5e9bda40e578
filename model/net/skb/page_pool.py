"""Pools of pages for receive rings, which come back from buffers that are freed (net/core/page_pool.c, 4.18).

A pool hands out pages of its array, which only its card's polls touch; an empty array is filled from the ring that
everybody gives pages back to, or with a batch of new ones. A page of the reserves is let go instead. Buffers give their
pages back since 5.14 (skb_mark_for_recycle).
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.dma.device.state import FROM_DEVICE
from mmrun.model.dma.mapping.keep import map_piece, unmap_chain
from mmrun.model.dma.mapping.state import map_of_block
from mmrun.model.mm.page.flags import KERNEL
from mmrun.model.mm.page.gfp import NORETRY, NOWARN
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames
from mmrun.model.net.skb.slab import PFMEMALLOC, net_pages
from mmrun.model.net.skb.state import PP_CACHE, PP_REFILL, PP_RING, page_pools, skb_settings, skb_state
from mmrun.model.units import PAGE

POOL = -2  # FRAME.owner of a page of pool number n: POOL - n; other blocks of the network have NONE


@rare
@kernel
def _mapped(m, pp, pfn):
    """Map a page for the pool's card; it is free again if that cannot be (page_pool_dma_map)."""
    map_of_block(m)[pfn] = map_piece(m, page_pools(m)[pp].dma - 1, pfn, 0, PAGE, FROM_DEVICE, 0)
    if map_of_block(m)[pfn] == 0:
        frames(m)[pfn].state = KERNEL
        free_frame(m, turn(m).cpu, pfn)
        return False
    return True


@rare
@kernel
def page_pool_release(m, pfn):
    """A page leaves its pool: the card cannot reach it any more (page_pool_release_page)."""
    unmap_chain(m, map_of_block(m)[pfn])
    map_of_block(m)[pfn] = 0


@kernel
def _new_page(m, pp, gfp):
    """A page that no pool had before, with the pool's reference; or NONE."""
    pfn = net_pages(m, gfp, 0)
    if pfn != NONE and page_pools(m)[pp].dma and not _mapped(m, pp, pfn):
        return NONE
    if pfn != NONE:
        skb_state(m).frag_pages += 1
        frames(m)[pfn].slot = 1
        if skb_settings(m).skb_recycle:
            frames(m)[pfn].owner = POOL - pp
        page_pools(m)[pp].hold_cnt += 1
    return pfn


@rare
@kernel
def _refill(m, pp, gfp):
    """Fill the empty array from the ring, else with new pages (page_pool_refill_alloc_cache, alloc_pages_slow)."""
    pool = page_pools(m)[pp]
    while pool.nr_ring and pool.nr_cache < PP_REFILL:
        pool.cache[pool.nr_cache] = pool.ring[pool.ring_tail]
        pool.ring_tail = (pool.ring_tail + 1) % PP_RING
        pool.nr_ring -= 1
        pool.nr_cache += 1
    if pool.nr_cache:
        pool.alloc_refill += 1
        return
    pool.alloc_slow += 1
    while pool.nr_cache < PP_REFILL:
        pfn = _new_page(m, pp, gfp | NOWARN | NORETRY)
        if pfn == NONE:
            return
        pool.cache[pool.nr_cache] = pfn
        pool.nr_cache += 1


@kernel
def page_pool_alloc(m, pp, gfp):
    """A page of pool `pp` with its reference, or NONE (page_pool_alloc_pages)."""
    pool = page_pools(m)[pp]
    if pool.nr_cache:
        pool.alloc_fast += 1
    else:
        _refill(m, pp, gfp)
        if pool.nr_cache == 0:
            return NONE
    pool.nr_cache -= 1
    return pool.cache[pool.nr_cache]


@kernel
def page_pool_put(m, pfn):
    """The last reference to a page of a pool goes: it is the pool's again, or free (page_pool_put_page)."""
    page = frames(m)[pfn]
    pool = page_pools(m)[POOL - page.owner]
    if not page.state & PFMEMALLOC:
        page.slot = 1
        if pool.actor == turn(m).actor and pool.nr_cache < PP_CACHE:
            pool.cache[pool.nr_cache] = pfn
            pool.nr_cache += 1
            pool.recycle_cached += 1
            return
        if pool.nr_ring < PP_RING:
            pool.ring[(pool.ring_tail + pool.nr_ring) % PP_RING] = pfn
            pool.nr_ring += 1
            pool.recycle_ring += 1
            return
        pool.recycle_ring_full += 1
    pool.release_cnt += 1
    if pool.dma:
        page_pool_release(m, pfn)
    page.slot, page.state = 0, KERNEL
    skb_state(m).frag_pages -= 1
    free_frame(m, turn(m).cpu, pfn)
