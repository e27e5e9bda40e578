"""The page cache: adding pages to it (filemap_add_folio, mm/filemap.c).

A file is a run of slots in the `cache` table. A slot holds its frame + 1, or, negative, the shadow of the page that was
evicted from it.
"""

from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.mm.alloc.page_alloc import alloc_pages, numa_statistics
from mmrun.model.mm.limits.limits import charge_folio, throttle_over_high
from mmrun.model.mm.lru.lru import lru_add
from mmrun.model.mm.lru.shadow import of_order, order_of
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.memcg.memcontrol import kmem_group, mod_slab_bytes, mod_state, uncharge, uncharge_folio
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.memcg.stats import NR_FILE_PAGES, PGPGIN
from mmrun.model.mm.memcg.victims import page_event
from mmrun.model.mm.page.flags import FILE_PAGE
from mmrun.model.mm.page.folio import free_folio, nr_pages
from mmrun.model.mm.page.gfp import COMP, GFP_KERNEL, NORETRY, NOWARN, RECLAIMABLE, WRITE
from mmrun.model.mm.page.mempolicy import NO_INTERLEAVE_INDEX, policy_node, policy_nodemask
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.task.state import cache, filemap_count, files, tasks, xanode
from mmrun.model.mm.writeback.state import on_disk

refault = caller("refault")
charged_frame = caller("charged_frame")
kernel_frame = caller("kernel_frame")
XARRAY_NODE_SHIFT = 6
XARRAY_NODE_SLOTS = 1 << XARRAY_NODE_SHIFT
XARRAY_NODE_BYTES = 584  # struct xa_node (576) and its object's cgroup pointer (8)
EXISTS = NONE - 1  # EEXIST


@kernel
def charge_bytes(m, t, nbytes):
    """Charge a small kernel object; a page is charged when the group's byte stock runs out. 0 = no memory."""
    group = memcgs(m)[kmem_group(m, t)]
    while group.kmem_stock < nbytes:
        if kernel_frame(m, t, GFP_KERNEL | RECLAIMABLE) == NONE:
            return 0
        group.kmem_stock += 4096
    group.kmem_stock -= nbytes
    mod_slab_bytes(m, kmem_group(m, t), nbytes)
    return 1


@kernel
def discard(m, pfn):
    """Give back a charged page for which there is no use after all."""
    uncharge(m, frames(m)[pfn].memcg, 1)
    frames(m)[pfn].state = 0
    free_frame(m, turn(m).cpu, pfn)


@rare
@kernel
def _split_shadow(m, file, index, order):
    """The shadow of a larger folio at slot `index` becomes shadows of folios of 2^order pages (xas_split)."""
    entries, begin = cache(m), files(m)[file].start
    size = 1 << order_of(entries[index])
    first = begin + (index - begin) // size * size
    for slot in range(first, first + size):
        entries[slot] = of_order(entries[slot], order)


@kernel
def add_to_cache(m, t, file, index, gfp):
    """A new page-cache page at slot `index` of `file`, on its way to the lists; NONE when out of memory.

    EXISTS when somebody else has added one while this task slept for memory. A page that comes back is tested for
    refault, since 4.7 unless it is about to be overwritten (filemap_add_folio).
    """
    entries = cache(m)
    pfn = charged_frame(m, t, gfp, NO_INTERLEAVE_INDEX)
    if pfn == NONE:
        return NONE
    if entries[index] <= 0 and not xanode(m)[index >> 6]:
        if not charge_bytes(m, t, XARRAY_NODE_BYTES):
            discard(m, pfn)
            return NONE
        xanode(m)[index >> 6] = 1
    if entries[index] > 0:
        discard(m, pfn)
        return EXISTS
    page, shadow = frames(m)[pfn], entries[index]
    if files(m)[file].max_order and shadow < 0 and order_of(shadow):
        _split_shadow(m, file, index, 0)
    page.owner, page.slot, page.kind = index, file, FILE_PAGE
    entries[index] = pfn + 1
    files(m)[file].nr_cached += 1
    zones(m)[page.zone].nr_file += 1
    mod_state(m, page.memcg, NR_FILE_PAGES, 1)
    if shadow < 0 and (lru_settings(m).writes_refault or not gfp & WRITE):
        refault(m, pfn, shadow)
    lru_add(m, pfn)
    return pfn


@rare
@kernel
def _alloc_folio(m, t, order, gfp):
    """A charged folio of 2^order pages for a file, on no list; NONE when that takes more than readahead is worth.

    A charge is one event of the group whatever the size. In the kernel: filemap_alloc_folio, mem_cgroup_charge.
    """
    nid, nodemask, memcg = policy_node(m, t, NO_INTERLEAVE_INDEX), policy_nodemask(m, t), tasks(m)[t].memcg
    pfn = alloc_pages(m, gfp | COMP | NORETRY | NOWARN, order, nid, nodemask)
    if pfn == NONE:
        return NONE
    numa_statistics(m, t, nid, nodemask, pfn)
    if not charge_folio(m, t, memcg, 1 << order, gfp | NORETRY):
        free_folio(m, pfn)
        return NONE
    frames(m)[pfn].memcg = memcg
    mod_state(m, memcg, PGPGIN, 1)
    page_event(m, memcg, frames(m)[pfn].zone, 1 << order)
    throttle_over_high(m, t)
    return pfn


@kernel
def _charge_nodes(m, t, index, pages):
    """Nodes of the page cache's tree for `pages` slots from `index` on; 0 = no memory.

    What fills a node or more stands in the one above.
    """
    if pages >= XARRAY_NODE_SLOTS:
        return 1
    for node in range(index >> XARRAY_NODE_SHIFT, (index + pages - 1 >> XARRAY_NODE_SHIFT) + 1):
        if not xanode(m)[node]:
            if not charge_bytes(m, t, XARRAY_NODE_BYTES):
                return 0
            xanode(m)[node] = 1
    return 1


@kernel
def _discard_folio(m, pfn):
    """Give back a charged folio for which there is no use after all."""
    uncharge_folio(m, frames(m)[pfn].memcg, nr_pages(m, pfn))
    free_folio(m, pfn)


@rare
@kernel
def add_folio_to_cache(m, t, file, index, order, gfp):
    """The same for a folio of 2^order pages from slot `index` on; EXISTS when one of the slots has a page.

    It is tested for refault by the last of the shadows that it takes the place of.
    """
    entries, pages, shadow = cache(m), 1 << order, 0
    pfn = _alloc_folio(m, t, order, gfp)
    if pfn == NONE:
        return NONE
    if not _charge_nodes(m, t, index, pages):
        _discard_folio(m, pfn)
        return NONE
    for slot in range(index, index + pages):
        if entries[slot] > 0:
            _discard_folio(m, pfn)
            return EXISTS
        shadow = entries[slot] if entries[slot] else shadow
    if entries[index] < 0 and order_of(entries[index]) > order:
        _split_shadow(m, file, index, order)
    page = frames(m)[pfn]
    page.owner, page.slot, page.kind = index, file, FILE_PAGE
    for i in range(pages):
        entries[index + i] = pfn + i + 1
    files(m)[file].nr_cached += pages
    zones(m)[page.zone].nr_file += pages
    mod_state(m, page.memcg, NR_FILE_PAGES, pages)
    filemap_count(m).readahead_folios += 1
    if shadow < 0:
        refault(m, pfn, shadow)
    lru_add(m, pfn)
    return pfn


@kernel
def in_hole(m, file, index):
    """Whether the page at slot `index` was never written to its sparse file, so that there is nothing to read."""
    return files(m)[file].sparse and not on_disk(m)[index >> 6] >> (index & 63) & 1
