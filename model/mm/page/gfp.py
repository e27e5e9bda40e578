"""What an allocation says it may do: GFP flags under the kernel's names and values (include/linux/gfp_types.h, 6.1)."""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.page import flags

DMA, HIGHMEM, DMA32, MOVABLE, RECLAIMABLE, HIGH, IO, FS = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80
ZERO, ATOMIC, DIRECT_RECLAIM, KSWAPD_RECLAIM, WRITE, NOWARN = 0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000
RETRY_MAYFAIL, NOFAIL, NORETRY, MEMALLOC, COMP, NOMEMALLOC = 0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000
HARDWALL, THISNODE, ACCOUNT = 0x100000, 0x200000, 0x400000

RECLAIM = DIRECT_RECLAIM | KSWAPD_RECLAIM
GFP_KERNEL, GFP_NOFS, GFP_NOIO = RECLAIM | IO | FS, RECLAIM | IO, RECLAIM
GFP_NOWAIT, GFP_ATOMIC = KSWAPD_RECLAIM, HIGH | ATOMIC | KSWAPD_RECLAIM
GFP_USER = GFP_KERNEL | HARDWALL
GFP_HIGHUSER_MOVABLE = GFP_USER | HIGHMEM | MOVABLE
ZONE_DMA, ZONE_DMA32, ZONE_NORMAL = 0, 1, 2
HIGHEST = 3  # user pages may come from any zone up to MOVABLE


@kernel
def gfp_zone(gfp):
    """The highest kind of zone that may serve the allocation."""
    if gfp & DMA:
        return ZONE_DMA
    if gfp & DMA32:
        return ZONE_DMA32
    return HIGHEST if gfp & MOVABLE and gfp & HIGHMEM else ZONE_NORMAL


@kernel
def gfp_migratetype(gfp):
    """What pageblocks the allocation should come from (gfp_migratetype)."""
    if gfp & MOVABLE:
        return flags.MOVABLE
    return flags.RECLAIMABLE if gfp & RECLAIMABLE else flags.UNMOVABLE
