"""Slab caches of socket buffers: objects are counted by slab, and slabs of the reserves are for the entitled alone.

SLAB marks the objects of such a slab (3.6), SLUB the slab (PG_active); as free objects are counted with their slab
here, both come to the same. Source: mm/slub.c: allocate_slab, pfmemalloc_match, __slab_free, 6.12; mm/slab.c:
ac_get_obj, 3.6.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.links import link_head, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.flags import ACTIVE, KERNEL, NET_PAGE
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.gfp import DIRECT_RECLAIM, MEMALLOC, NOMEMALLOC, NORETRY, NOWARN, RECLAIM
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.pcp import free_pages
from mmrun.model.mm.page.state import alloc_settings, alloc_state, frames
from mmrun.model.net.skb.state import skb_caches
from mmrun.model.units import PAGE_SHIFT

PFMEMALLOC = ACTIVE  # of a NET_PAGE: it was had below the watermarks only (PG_active stands for it in SLUB)
MIN_PARTIAL = 5  # slabs of a cache that are kept although nothing is in them (MIN_PARTIAL)


@kernel
def entitled(m, gfp):
    """Whether a request may use what was had below the watermarks (gfp_pfmemalloc_allowed, gfp_to_alloc_flags)."""
    if gfp & NOMEMALLOC:
        return False
    return current(m).memalloc > 0 or (gfp & MEMALLOC != 0 and alloc_settings(m).gfp_memalloc != 0)


@kernel
def net_pages(m, gfp, order):
    """A block of 2^order frames of the running CPU's node for the network, marked if it is of the reserves; or NONE."""
    pfn = alloc_pages(m, gfp, order, cpus(m)[turn(m).cpu].node, ALL_NODES)
    if pfn == NONE:
        return NONE
    page = frames(m)[pfn]
    page.state, page.kind, page.owner, page.slot, page.memcg = KERNEL, NET_PAGE, NONE, 0, 0
    if alloc_state(m).reserve and alloc_settings(m).gfp_memalloc:
        page.state |= PFMEMALLOC
    return pfn


@kernel
def _slab_pages(m, c, gfp):
    """The block of a new slab: of the order that wastes little, without effort, else of the smallest one."""
    cache = skb_caches(m)[c]
    if cache.order > cache.least_order:
        light = gfp | NOWARN | NORETRY
        if gfp & DIRECT_RECLAIM:
            light = (light | NOMEMALLOC) & ~RECLAIM
        pfn = net_pages(m, light, cache.order)
        if pfn != NONE:
            return pfn
    return net_pages(m, gfp, cache.least_order)


@kernel
def slab_room(m, c, pfn):
    """Objects that a slab holds."""
    return (nr_pages(m, pfn) << PAGE_SHIFT) // skb_caches(m)[c].bytes


@rare
@kernel
def _new_slab(m, c, gfp):
    """A slab without objects on its cache's list; its first frame, or NONE."""
    cache, pfn = skb_caches(m)[c], _slab_pages(m, c, gfp)
    if pfn == NONE:
        return NONE
    page = frames(m)[pfn]
    page.owner = c
    cache.nr_slabs += 1
    cache.nr_pages += nr_pages(m, pfn)
    if page.state & PFMEMALLOC:
        cache.reserve += 1
        link_head(frames(m), cache.tagged, pfn)
    else:
        link_head(frames(m), cache.partial, pfn)
    return pfn


@kernel
def _unlink(m, cache, pfn):
    if frames(m)[pfn].state & PFMEMALLOC:
        unlink_row(frames(m), cache.tagged, pfn)
    else:
        unlink_row(frames(m), cache.partial, pfn)


@kernel
def kmem_alloc(m, c, gfp):
    """An object of cache `c`: the first frame of the slab it lies in, or NONE (kmem_cache_alloc)."""
    cache = skb_caches(m)[c]
    pfn = cache.partial.head
    if pfn == NONE and cache.tagged.n and entitled(m, gfp):
        pfn = cache.tagged.head
    if pfn == NONE:
        pfn = _new_slab(m, c, gfp)
        if pfn == NONE:
            return NONE
    frames(m)[pfn].slot += 1
    cache.nr_objects += 1
    if frames(m)[pfn].slot == slab_room(m, c, pfn):
        _unlink(m, cache, pfn)
    return pfn


@rare
@kernel
def _free_slab(m, cache, pfn):
    """Give the frames of a slab without objects back."""
    page = frames(m)[pfn]
    _unlink(m, cache, pfn)
    cache.nr_slabs -= 1
    cache.nr_pages -= nr_pages(m, pfn)
    if page.state & PFMEMALLOC:
        cache.reserve -= 1
    page.state, page.owner = KERNEL, NONE
    free_pages(m, turn(m).cpu, pfn, page.order)


@kernel
def kmem_free(m, c, pfn):
    """Free an object of the slab that begins at frame `pfn`; the slab goes with its last one if others have room."""
    cache, page = skb_caches(m)[c], frames(m)[pfn]
    if page.slot == slab_room(m, c, pfn):
        if page.state & PFMEMALLOC:
            link_head(frames(m), cache.tagged, pfn)
        else:
            link_head(frames(m), cache.partial, pfn)
    page.slot -= 1
    cache.nr_objects -= 1
    if page.slot == 0 and cache.partial.n + cache.tagged.n > MIN_PARTIAL:
        _free_slab(m, cache, pfn)
