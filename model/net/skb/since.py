"""Socket buffers: what changed when."""

from mmrun.model.core.timeline import Dated, always, flag, number, since

DATED: Dated = (
    number(
        "rx_frags", "where heads of received packets come from: kmalloc, pieces of single pages, of blocks of up to "
        "eight pages, of eight pages or one",
        always(0, "net/core/skbuff.c: __netdev_alloc_skb, 3.1"),
        since("3.5", 1, "net/core/skbuff.c: __netdev_alloc_frag, 3.6"),
        since("3.7", 2, "net: use bigger pages in __netdev_alloc_frag, 3.7"),
        since("4.2", 3, "mm/net: Rename and move page fragment handling from net/ to mm/, 4.2"),
    ),
    flag("frag_keeps_reserve", "a head cut from a page of the reserves is told apart, and eight pages are not taken "
         "from them", "mm/page_alloc.c: __page_frag_refill, __alloc_page_frag, 4.2", since="4.1",
         unsure="at 4.1, together with the first __GFP_NOMEMALLOC there"),
    flag("tiny_by_kmalloc", "received packets of less than 640 bytes or so have heads of their own",
         "3226b158e67c net: avoid 32 x truesize under-estimation for tiny skbs, 5.11", since="5.11"),
    flag("small_heads", "heads of up to 704 bytes come from a cache of their own",
         "bf9f1baa279f net: add dedicated kmem_cache for typical/small skb->head, 6.3", since="6.3"),
    flag("task_frags", "payload is copied into blocks of eight pages of the task's, not a page of the socket's",
         "5640f7685831 net: use a per task frag allocator, 3.7", since="3.7"),
    flag("bare_truesize", "a buffer is charged what was asked for, without what its head's end holds",
         "87fb4b7b533a net: more accurate skb truesize, 3.2", until="3.2"),
    flag("skb_recycle", "pages of buffers go back to the pool of the card that received into them",
         "page_pool: Allow drivers to hint on SKB recycling, 5.14", since="5.14"),
    flag("coalesces", "a received packet's pages may move into the one before it in a queue",
         "net/ipv4/tcp_input.c: tcp_try_coalesce, 3.5", since="3.5"),
    flag("gro_takes_heads", "GRO moves a head that is a page fragment into the packet before it",
         "net: make GRO aware of skb->head_frag, 3.5", since="3.5"),
)  # fmt: skip
