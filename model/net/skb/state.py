"""Socket buffers and the memory they lie in."""

from mmrun.model.core.record import LIST, one, row, table

# SKB.marks. RESERVE: some of it was to be had below the watermarks only (skb->pfmemalloc).
RESERVE, FCLONE, SYN, FIN, RST, ACK, FORCED, LOST, RETRANSMITTED = 1, 2, 4, 8, 16, 32, 64, 128, 256

# A buffer. `sock`: whose queue it is in; `cache`: of its head's memory, `head`: the frame that lies in (or first row of
# `skb_frags` for a head cut from a page fragment, cache NONE); `frags`: chain of pieces of payload; `bytes`: payload
# (len, without headers); `truesize`: what it is charged as; `seq`, `end_seq`: of the stream; `users`: skb->users and
# clones; `segs`: segments of the wire that it stands for.
SKB = row(
    next="i4", prev="i4", sock="i4", cache="i4", head="i4", frags="i4", nr_frags="i4", marks="i4", users="i4",
    segs="i4", bytes="i8", truesize="i8", seq="i8", end_seq="i8", ack="i8", window="i8", at="i8", stamp="i8", echo="i8",
)  # fmt: skip
SKB_FRAG = row(frame="i4", next="i4", offset="i4", bytes="i4")  # a piece of a block of frames; `frame`: its first
# What fragments are cut from: a block of `bytes` from frame `frame` on (NONE: none), the next one ends or begins at
# `offset`; `bias`: references taken ahead; `reserve`: it was had below the watermarks.
PAGE_FRAG = row(frame="i4", bytes="i4", offset="i4", bias="i4", reserve="i4")
# Objects of `bytes` in slabs of 2^order frames; `partial`: slabs with room.
SKB_CACHE = row(bytes="i8", order="i8", per_slab="i8", partial=LIST, nr_slabs="i8", nr_objects="i8", reserve="i8")

skbs = table(260, "skbs", SKB)
skb_frags = table(261, "skb_frags", SKB_FRAG)
page_frags = table(262, "page_frags", PAGE_FRAG)
skb_caches = table(263, "skb_caches", SKB_CACHE)
# `memalloc_socks`: sockets that may use reserves (sk_set_memalloc).
skb_state = one(264, "skb_state", row(
    free_skb="i8", skb_rows="i8", nr_skbs="i8", free_frag="i8", frag_rows="i8", nr_frags="i8", memalloc_socks="i8",
))  # fmt: skip
