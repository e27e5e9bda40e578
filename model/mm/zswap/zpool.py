"""Memory of compressed pages: zspages of several frames cut into objects of one size (zsmalloc), pages of two (zbud).

Pages of zsmalloc can be moved; nothing compacts them here. Source: mm/zsmalloc.c: zs_malloc, find_get_zspage,
get_fullness_group, zs_free; mm/zbud.c: zbud_alloc, zbud_free.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.links import link_head, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current
from mmrun.model.core.state import turn
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE, ZRAM_PAGE
from mmrun.model.mm.page.gfp import HIGHMEM, KSWAPD_RECLAIM, MOVABLE, NORETRY, NOWARN
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.zswap.state import class_of, size_classes, zpool_lists, zspages, zswap_settings, zswap_state
from mmrun.model.units import PAGE

HANDLE, MIN_ALLOC, DELTA = 8, 32, 16  # ZS_HANDLE_SIZE, ZS_MIN_ALLOC_SIZE, ZS_SIZE_CLASS_DELTA
GROUPS, FULL = 12, 11  # of fullness: ZS_INUSE_RATIO_0 to 100
CHUNK, CHUNKS = 64, 63  # of zbud; one more is its header
UNLISTED = -1


@kernel
def reserve_pages(m, gfp, nid):
    """A frame of the node for zswap: it is always asked for by reclaim, which may go below all watermarks; or NONE."""
    current(m).memalloc += 1
    pfn = alloc_pages(m, gfp, 0, nid, ALL_NODES)
    current(m).memalloc -= 1
    return pfn


@kernel
def _pool_frame(m, nid):
    movable = zswap_settings(m).zsmalloc
    gfp = NORETRY | NOWARN | KSWAPD_RECLAIM
    pfn = reserve_pages(m, gfp | HIGHMEM | MOVABLE if movable else gfp, nid)
    if pfn != NONE:
        page = frames(m)[pfn]
        page.state, page.memcg, page.owner, page.next = KERNEL, 0, NONE, NONE
        page.kind = ZRAM_PAGE if movable else KERNEL_PAGE
        zswap_state(m).pool += 1
    return pfn


@kernel
def _free_frames(m, pfn):
    """The frames linked from this one on go back."""
    while pfn != NONE:
        following = frames(m)[pfn].next
        frames(m)[pfn].state = 0
        free_frame(m, turn(m).cpu, pfn)
        zswap_state(m).pool -= 1
        pfn = following


@rare
@kernel
def _new_zspage(m, pages, nid):
    """A zspage without objects, of so many frames, on no list: its row, or NONE."""
    s, first = zswap_state(m), NONE
    for _ in range(pages):
        pfn = _pool_frame(m, nid)
        if pfn == NONE:
            _free_frames(m, first)
            return NONE
        frames(m)[pfn].next = first
        first = pfn
    if s.free_zspage:
        at = s.free_zspage - 1
        s.free_zspage = zspages(m)[at].next
    else:
        at = s.zspage_rows
        s.zspage_rows += 1
    z = zspages(m)[at]
    z.first, z.inuse, z.size_class, z.listed = first, 0, 0, UNLISTED
    z.halves[0] = z.halves[1] = 0
    return at


@rare
@kernel
def _free_zspage(m, at):
    s, z = zswap_state(m), zspages(m)[at]
    _free_frames(m, z.first)
    z.first, z.next = NONE, s.free_zspage
    s.free_zspage = at + 1


@kernel
def _list(m, at, where):
    """A zspage belongs on this list of those with room; UNLISTED: on none."""
    z = zspages(m)[at]
    if z.listed == where:
        return
    if z.listed != UNLISTED:
        unlink_row(zspages(m), zpool_lists(m)[z.listed], at)
    if where != UNLISTED:
        link_head(zspages(m), zpool_lists(m)[where], at)
    z.listed = where


@kernel
def fullness(m, inuse, objects):
    """The group of zspages that hold so many objects of what they could (get_fullness_group)."""
    if inuse == objects:
        return FULL
    if zswap_settings(m).zs_tenths:
        return 100 * inuse // objects // 10 + 1
    return 1 if inuse <= 3 * objects // 4 else 2  # almost empty, almost full


@kernel
def size_class(m, size):
    """The class of objects of `size` bytes, to which a handle is added (get_size_class_index, merged classes)."""
    size += HANDLE
    return class_of(m)[0 if size <= MIN_ALLOC else min(-(-(size - MIN_ALLOC) // DELTA), len(class_of(m)) - 1)]


@kernel
def _zs_malloc(m, size, nid):
    c, at = size_class(m, size), NONE
    for group in range(FULL - 1, -1, -1):  # the fullest with room
        at = zpool_lists(m)[c * GROUPS + group].head
        if at != NONE:
            break
    if at == NONE:
        at = _new_zspage(m, size_classes(m)[c].pages, nid)
        if at == NONE:
            return NONE
        zspages(m)[at].size_class = c
    z = zspages(m)[at]
    z.inuse += 1
    _list(m, at, c * GROUPS + fullness(m, z.inuse, size_classes(m)[c].objects))
    return at


@kernel
def _zs_free(m, at):
    z = zspages(m)[at]
    z.inuse -= 1
    if z.inuse == 0:
        _list(m, at, UNLISTED)
        _free_zspage(m, at)
    else:
        _list(m, at, z.size_class * GROUPS + fullness(m, z.inuse, size_classes(m)[z.size_class].objects))


@kernel
def _chunks(size):
    return -(-size // CHUNK)


@kernel
def _zbud_list(m, at):
    """A page of zbud's with a free half stands on the list of so many free chunks."""
    z = zspages(m)[at]
    _list(m, at, UNLISTED if z.halves[0] and z.halves[1] else CHUNKS - z.halves[0] - z.halves[1])


@kernel
def _zbud_alloc(m, size, nid):
    """(row, half), or NONE: the page with least room that is enough, or a new one."""
    chunks, at = _chunks(size), NONE
    for room in range(chunks, CHUNKS):
        at = zpool_lists(m)[room].head
        if at != NONE:
            break
    if at == NONE:
        at = _new_zspage(m, 1, nid)
        if at == NONE:
            return NONE, 0
    z = zspages(m)[at]
    half = 1 if z.halves[0] == 0 else 2
    z.halves[half - 1] = chunks
    z.inuse += 1
    _zbud_list(m, at)
    return at, half


@kernel
def _zbud_free(m, at, half):
    z = zspages(m)[at]
    z.halves[half - 1] = 0
    z.inuse -= 1
    if z.inuse == 0:
        _list(m, at, UNLISTED)
        _free_zspage(m, at)
    else:
        _zbud_list(m, at)


@kernel
def largest(m):
    """Bytes of the largest object that the pool takes."""
    return PAGE if zswap_settings(m).zsmalloc else PAGE - 2 * CHUNK


@kernel
def zpool_malloc(m, size, nid):
    """Memory for an object of the pool: (its zspage, the half of a page of zbud's), or NONE."""
    if zswap_settings(m).zsmalloc:
        return _zs_malloc(m, size, nid), 0
    return _zbud_alloc(m, size, nid)


@kernel
def zpool_free(m, at, half):
    """An object of the zspage goes."""
    if zswap_settings(m).zsmalloc:
        _zs_free(m, at)
    else:
        _zbud_free(m, at, half)
