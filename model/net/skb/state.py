"""Socket buffers and the memory they lie in."""

from mmrun.model.core.record import LIST, counts, one, row, table
from mmrun.model.net.skb.settings import SKB_COUNTERS

# SKB.marks. RESERVE: some of it was to be had below the watermarks only (skb->pfmemalloc). FAR: of a socket on another
# machine, it costs no memory here. COMPANION: a clone that lies in the other half of its original's object (fclone),
# BUSY: an original whose other half is taken. HEAD_FRAG: its head is a piece of a page.
RESERVE, FCLONE, SYN, FIN, RST, ACK, FORCED, LOST, RETRANSMITTED = 1, 2, 4, 8, 16, 32, 64, 128, 256
FAR, COMPANION, BUSY, HEAD_FRAG = 512, 1024, 2048, 4096
HEAD_CACHE, FCLONE_CACHE, SMALL_HEAD, KMALLOC = 0, 1, 2, 3  # rows of `skb_caches`; from KMALLOC on classes of kmalloc
CLASSES = (512, 1024, 2048, 4096, 8192)  # bytes
MAX_FRAGS = 17  # MAX_SKB_FRAGS

# A buffer. `sock`: whose queue it is in; `cache`: of its head's memory, `head`: the frame that lies in (or row of
# `skb_frags` for a head that is a piece of a block, cache NONE); `frags`: chain of pieces of payload, `last`: its end;
# `bytes`: payload (len, without headers), `linear`: of it in the head; `room`: bytes of the head's memory; `truesize`:
# what it is charged as; `seq`, `end_seq`: of the stream; `users`: who holds it; `segs`: segments of the wire that it
# stands for. `origin`: row whose head and pieces it has, itself but for clones; `dataref`: rows that have those of
# this one; `object`: frame that its sk_buff lies in, NONE: far or a companion; `list`, `list_end`: buffers that
# GRO hung on it.
SKB = row(
    next="i4", prev="i4", sock="i4", cache="i4", head="i4", frags="i4", nr_frags="i4", marks="i4", users="i4",
    segs="i4", bytes="i8", truesize="i8", seq="i8", end_seq="i8", ack="i8", window="i8", at="i8", stamp="i8", echo="i8",
    origin="i4", dataref="i4", object="i4", last="i4", list="i4", linear="i4", room="i4",
    list_end="i4",
)  # fmt: skip
SKB_FRAG = row(frame="i4", next="i4", offset="i4", bytes="i4")  # a piece of a block of frames; `frame`: its first
# What fragments are cut from: a block of `bytes` from frame `frame` on (NONE: none), the next one begins at `offset`;
# `bias`: references that it holds itself, 1 or none; `reserve`: it was had below the watermarks.
PAGE_FRAG = row(frame="i4", bytes="i4", offset="i4", bias="i4", reserve="i4")
# Objects of `bytes` in slabs of 2^order frames, or 2^least_order if there are none; `partial`: slabs with room,
# `tagged`: those that were had below the watermarks; `reserve`: all slabs that were.
SKB_CACHE = row(
    bytes="i8", order="i8", per_slab="i8", partial=LIST, nr_slabs="i8", nr_objects="i8", reserve="i8", tagged=LIST,
    least_order="i8", nr_pages="i8",
)  # fmt: skip

PP_CACHE, PP_REFILL, PP_RING = 128, 64, 1024  # PP_ALLOC_CACHE_SIZE, PP_ALLOC_CACHE_REFILL, pages of the ring
# A pool of pages for a receive ring. `cache`: its array, `ring`: pages given back from elsewhere, from `ring_tail` on;
# `actor`: whose polls use it; `dma`: the device + 1 for which its pages are mapped, 0: for none. The rest are
# ethtool's statistics, and pages taken from the allocator and given back.
PAGE_POOL = row(
    cache=("i4", (PP_CACHE,)), ring=("i4", (PP_RING,)), nr_cache="i8", nr_ring="i8", ring_tail="i8", actor="i8",
    hold_cnt="i8", release_cnt="i8", alloc_fast="i8", alloc_slow="i8", alloc_refill="i8", recycle_cached="i8",
    recycle_ring="i8", recycle_ring_full="i8", dma="i8",
)  # fmt: skip

skbs = table(260, "skbs", SKB)
skb_frags = table(261, "skb_frags", SKB_FRAG)
page_frags = table(262, "page_frags", PAGE_FRAG)  # of CPUs twice (interrupts, NAPI), of actors, of sockets
skb_caches = table(263, "skb_caches", SKB_CACHE)
# `memalloc_socks`: sockets that may use reserves (sk_set_memalloc). `free_skb`, `free_frag`: first free row + 1, 0:
# none; `skb_rows`, `frag_rows`: rows ever used; `frag_pages`: of blocks that are cut up.
skb_state = one(264, "skb_state", row(
    free_skb="i8", skb_rows="i8", nr_skbs="i8", free_frag="i8", frag_rows="i8", nr_frags="i8", memalloc_socks="i8",
    frag_pages="i8",
))  # fmt: skip
skb_settings = one(266, "skb_settings", row(  # costs in ns, ways of the kernel's version
    rx_frags="i8", frag_keeps_reserve="i8", tiny_by_kmalloc="i8", small_heads="i8", task_frags="i8", bare_truesize="i8",
    coalesces="i8", gro_takes_heads="i8", skb_recycle="i8", skb_alloc="i8", skb_free="i8",
))  # fmt: skip
page_pools = table(268, "page_pools", PAGE_POOL)
skb_count = counts(267, "skb_count", *SKB_COUNTERS)
