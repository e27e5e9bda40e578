"""The page cache: adding pages to it (filemap_add_folio, mm/filemap.c).

A file is a run of slots in the `cache` table. A slot holds its frame + 1, or, negative, the shadow of the page that was
evicted from it.
"""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.mm.lru.lru import lru_add
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.memcg.memcontrol import kmem_group, mod_slab_bytes, mod_state, uncharge
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.memcg.stats import NR_FILE_PAGES
from mmrun.model.mm.page.flags import FILE_PAGE
from mmrun.model.mm.page.gfp import GFP_KERNEL, RECLAIMABLE, WRITE
from mmrun.model.mm.page.mempolicy import NO_INTERLEAVE_INDEX
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.task.state import cache, files, xanode
from mmrun.model.mm.writeback.state import on_disk

refault = caller("refault")
charged_frame = caller("charged_frame")
kernel_frame = caller("kernel_frame")
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
    page.owner, page.slot, page.kind = index, file, FILE_PAGE
    entries[index] = pfn + 1
    files(m)[file].nr_cached += 1
    zones(m)[page.zone].nr_file += 1
    mod_state(m, page.memcg, NR_FILE_PAGES, 1)
    if shadow < 0 and (lru_settings(m).writes_refault or not gfp & WRITE):
        refault(m, pfn, shadow)
    lru_add(m, pfn)
    return pfn


@kernel
def in_hole(m, file, index):
    """Whether the page at slot `index` was never written to its sparse file, so that there is nothing to read."""
    return files(m)[file].sparse and not on_disk(m)[index >> 6] >> (index & 63) & 1
