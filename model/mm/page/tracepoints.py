"""The allocator's tracepoints (include/trace/events/kmem.h, vmscan.h); read in 3.1, 3.6, 4.4 to 6.12, 6.18."""

from mmrun.model.core.timeline import always, since
from mmrun.model.core.tracepoint import kind, tracepoint
from mmrun.model.mm.page import gfp

KMEM = "include/trace/events/kmem.h"
HEX, UNSURE = "mm, tracing: Unify PFN format strings, of June 2021", "5.13 to 5.15"
SETS = ("GFP_HIGHUSER_MOVABLE", "GFP_USER", "GFP_KERNEL", "GFP_NOFS", "GFP_ATOMIC", "GFP_NOIO", "GFP_NOWAIT")
BITS = ("DIRECT_RECLAIM", "DMA", "HIGHMEM", "DMA32", "MOVABLE", "RECLAIMABLE", "HIGH", "IO", "FS", "ZERO", "ATOMIC",
        "WRITE", "NOWARN", "RETRY_MAYFAIL", "NOFAIL", "NORETRY", "MEMALLOC", "COMP", "NOMEMALLOC", "HARDWALL",
        "THISNODE", "ACCOUNT")  # fmt: skip
GFP = [*((name, getattr(gfp, name)) for name in SETS), *((f"__GFP_{name}", getattr(gfp, name)) for name in BITS)]


def gfp_names(flags: int) -> str:
    """Allocation flags in words, larger sets first (include/trace/events/mmflags.h)."""
    words = []
    for name, bits in GFP:
        if flags & bits == bits:
            words.append(name)
            flags &= ~bits
    return "|".join(words) if words else "0"


kind("gfp", gfp_names)

mm_page_alloc = tracepoint(
    1, "kmem", "mm_page_alloc", "pfn order migratetype gfp:gfp",
    always("page={page} pfn={pfn} order={order} migratetype={migratetype} gfp_flags={gfp}", f"{KMEM}, 3.1"),
    since("5.14", "page={page} pfn=0x{pfn:x} order={order} migratetype={migratetype} gfp_flags={gfp}", HEX, UNSURE),
)  # fmt: skip
mm_page_free = tracepoint(
    2, "kmem", "mm_page_free", "pfn order",
    always(("mm_page_free_direct", "page={page} pfn={pfn} order={order}"), f"{KMEM}, 3.1"),
    since("3.3", "page={page} pfn={pfn} order={order}", "renamed with mm_page_free_batched, 3.3"),
    since("5.14", "page={page} pfn=0x{pfn:x} order={order}", HEX, UNSURE),
)  # fmt: skip
mm_page_free_batched = tracepoint(
    113, "kmem", "mm_page_free_batched", "pfn",
    always(("mm_pagevec_free", "page={page} pfn={pfn} order=0 cold=0"), f"{KMEM}, 3.1"),
    since("3.3", "page={page} pfn={pfn} order=0 cold=0", "renamed, 3.3"),
    since("4.15", "page={page} pfn={pfn} order=0", "mm: remove cold parameter from free_hot_cold_page*, 4.15"),
    since("5.14", "page={page} pfn=0x{pfn:x} order=0", HEX, UNSURE),
)  # fmt: skip
mm_page_alloc_zone_locked = tracepoint(
    3, "kmem", "mm_page_alloc_zone_locked", "pfn order migratetype refill",
    always("page={page} pfn={pfn} order={order} migratetype={migratetype} percpu_refill={refill}", f"{KMEM}, 3.1"),
    since("5.14", "page={page} pfn=0x{pfn:x} order={order} migratetype={migratetype} percpu_refill={refill}", HEX,
          UNSURE),
)  # fmt: skip
mm_page_pcpu_drain = tracepoint(
    4, "kmem", "mm_page_pcpu_drain", "pfn order migratetype",
    always("page={page} pfn={pfn} order={order} migratetype={migratetype}", f"{KMEM}, 3.1"),
    since("5.14", "page={page} pfn=0x{pfn:x} order={order} migratetype={migratetype}", HEX, UNSURE),
)  # fmt: skip
mm_page_alloc_extfrag = tracepoint(
    5, "kmem", "mm_page_alloc_extfrag", "pfn alloc fallback pageblock mt fallback_mt fragmenting change",
    always("page={page} pfn={pfn} alloc_order={alloc} fallback_order={fallback} pageblock_order={pageblock} "
           "alloc_migratetype={mt} fallback_migratetype={fallback_mt} fragmenting={fragmenting} "
           "change_ownership={change}", f"{KMEM}, 3.1"),
    since("5.14", "page={page} pfn=0x{pfn:x} alloc_order={alloc} fallback_order={fallback} "
          "pageblock_order={pageblock} alloc_migratetype={mt} fallback_migratetype={fallback_mt} "
          "fragmenting={fragmenting} change_ownership={change}", HEX, UNSURE),
)  # fmt: skip
mm_vmscan_wakeup_kswapd = tracepoint(
    6, "vmscan", "mm_vmscan_wakeup_kswapd", "nid zid order gfp:gfp",
    always("nid={nid} zid={zid} order={order}", "include/trace/events/vmscan.h, 3.1"),
    since("4.17", "nid={nid} zid={zid} order={order} gfp_flags={gfp}",
          "5ecd9d403ad0 mm, page_alloc: wakeup kcompactd even if kswapd cannot free more memory, 4.17"),
    since("5.2", "nid={nid} order={order} gfp_flags={gfp}",
          "3b775998eca7 include/trace/events/vmscan.h: drop zone id from kswapd tracepoints", "5.1 or 5.2"),
)  # fmt: skip
