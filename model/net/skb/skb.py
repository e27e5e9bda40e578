"""Making, cloning and freeing socket buffers, and what they are charged as (net/core/skbuff.c).

A buffer is two objects: the sk_buff and its head, from slab caches or, for received packets since 3.5, a piece of a
page. A clone is an sk_buff of its own with the head and pieces of its original.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER
from mmrun.model.mm.page.gfp import DIRECT_RECLAIM, MEMALLOC, NOMEMALLOC, NOWARN
from mmrun.model.mm.page.state import alloc_settings, frames
from mmrun.model.net.skb.page_frag import alloc_net_block, free_piece, new_piece, page_frag_alloc
from mmrun.model.net.skb.slab import PFMEMALLOC, entitled, kmem_alloc, kmem_free
from mmrun.model.net.skb.state import (
    BUSY,
    CLASSES,
    COMPANION,
    FAR,
    FCLONE,
    FCLONE_CACHE,
    HEAD_CACHE,
    HEAD_FRAG,
    KMALLOC,
    RESERVE,
    SMALL_HEAD,
    skb_caches,
    skb_count,
    skb_frags,
    skb_settings,
    skb_state,
    skbs,
)
from mmrun.model.units import PAGE, PAGE_SHIFT

SHARED_INFO, SK_BUFF, LINE = 320, 256, 64  # bytes: skb_shared_info, sk_buff, each in whole cache lines
PAD = 64  # NET_SKB_PAD: in front of a received packet
SMALL, TINY = 704, 1024  # SKB_SMALL_HEAD_CACHE_SIZE; what netdev_alloc_skb leaves to kmalloc (5.11)
BARE = 232  # sizeof(struct sk_buff)


@kernel
def head_bytes(size):
    """What a head with room for `size` bytes takes: in whole cache lines, with the end that describes pieces."""
    return (size + LINE - 1) // LINE * LINE + SHARED_INFO


@kernel
def rx_gfp(m, gfp):
    """Flags for memory of received packets: any of them may be for a socket that is to use reserves (SKB_ALLOC_RX)."""
    return gfp | MEMALLOC if skb_state(m).memalloc_socks else gfp


@kernel
def _cache_for(m, nbytes):
    """The cache that a head of `nbytes` comes from; NONE: so large that it is a block of its own."""
    if skb_settings(m).small_heads and nbytes <= SMALL:
        return SMALL_HEAD
    for c in range(len(CLASSES)):
        if nbytes <= skb_caches(m)[KMALLOC + c].bytes:
            return KMALLOC + c
    return NONE


@kernel
def _new_row(m):
    """A row for a buffer, all of it empty; NONE when there are no more."""
    state = skb_state(m)
    if state.free_skb:
        s = state.free_skb - 1
        state.free_skb = skbs(m)[s].next
    elif state.skb_rows < len(skbs(m)):
        s = state.skb_rows
        state.skb_rows += 1
    else:
        return NONE
    skb = skbs(m)[s]
    skb.next = skb.prev = skb.sock = skb.cache = skb.head = skb.frags = skb.last = skb.object = skb.list = NONE
    skb.nr_frags = skb.marks = skb.linear = skb.room = 0
    skb.bytes = skb.truesize = skb.seq = skb.end_seq = skb.ack = skb.window = skb.at = skb.stamp = skb.echo = 0
    skb.users = skb.dataref = skb.segs = 1
    skb.origin = s
    state.nr_skbs += 1
    return s


@kernel
def _free_row(m, s):
    skbs(m)[s].next, skbs(m)[s].users = skb_state(m).free_skb, 0
    skb_state(m).free_skb = s + 1


@kernel
def _block_head(m, s, nbytes, gfp):
    """A head that is a block of its own (kmalloc_large): 1, or 0 without memory."""
    order = 0
    while nbytes > 1 << order + PAGE_SHIFT and order < PAGEBLOCK_ORDER:
        order += 1
    pfn = alloc_net_block(m, gfp, order)
    if pfn == NONE:
        return 0
    skbs(m)[s].head, skbs(m)[s].room = new_piece(m, pfn, 0, 1 << order + PAGE_SHIFT), 1 << order + PAGE_SHIFT
    return 1


@kernel
def _try_head(m, s, nbytes, gfp):
    """Give buffer `s` a head of at least `nbytes`: 1, or 0 without memory."""
    skb, c = skbs(m)[s], _cache_for(m, nbytes)
    if c == NONE:
        return _block_head(m, s, nbytes, gfp)
    pfn = kmem_alloc(m, c, gfp)
    if pfn == NONE:
        return 0
    skb.cache, skb.head, skb.room = c, pfn, skb_caches(m)[c].bytes
    return 1


@kernel
def kmalloc_reserve(m, s, nbytes, gfp):
    """The same, from the reserves only if there is nothing else, which marks the buffer (3.6)."""
    if not alloc_settings(m).gfp_memalloc:
        return _try_head(m, s, nbytes, gfp)
    if _try_head(m, s, nbytes, gfp | NOMEMALLOC | NOWARN):
        return 1
    if not entitled(m, gfp) or not _try_head(m, s, nbytes, gfp):
        return 0
    skbs(m)[s].marks |= RESERVE
    skb_count(m).skb_pfmemalloc += 1
    return 1


@kernel
def _object(m, s, c, gfp):
    """The sk_buff itself: 1, or 0 without memory."""
    skbs(m)[s].object = kmem_alloc(m, c, gfp)
    return skbs(m)[s].object != NONE


@rare
@kernel
def _failed(m, s):
    """There is no memory for all of buffer `s`."""
    skb_count(m).skb_alloc_failed += 1
    if s != NONE:
        kfree_skb(m, s)
    return NONE


@kernel
def alloc_skb(m, size, gfp, marks):
    """A buffer whose head has room for `size` bytes of headers and payload; its row, or NONE without memory.

    `marks`: FCLONE, with room for a clone; FAR: on another machine, it takes no memory here. Its one user frees it with
    `kfree_skb`. In the kernel: __alloc_skb.
    """
    s = _new_row(m)
    if s == NONE:
        return _failed(m, s)
    skb = skbs(m)[s]
    skb.marks = marks
    nbytes = head_bytes(size)
    if marks & FAR:
        skb.truesize = nbytes + SK_BUFF
        return s
    m.now += skb_settings(m).skb_alloc
    if not _object(m, s, FCLONE_CACHE if marks & FCLONE else HEAD_CACHE, gfp) or not kmalloc_reserve(m, s, nbytes, gfp):
        return _failed(m, s)
    skb.truesize = nbytes - SHARED_INFO + BARE if skb_settings(m).bare_truesize else skb.room + SK_BUFF
    skb_count(m).skb_allocs += 1
    return s


@kernel
def build_skb(m, piece, gfp):
    """A buffer around a piece of a block that holds a packet: its row, or NONE without memory, the piece is kept then.

    Before 4.1 nobody knows whether the piece is of the reserves.
    """
    s = _new_row(m)
    if s == NONE:
        return _failed(m, s)
    skb = skbs(m)[s]
    m.now += skb_settings(m).skb_alloc
    if not _object(m, s, HEAD_CACHE, gfp):
        return _failed(m, s)
    skb.head, skb.room = piece, skb_frags(m)[piece].bytes
    skb.marks |= HEAD_FRAG
    skb.truesize = skb.room + SK_BUFF
    if skb_settings(m).frag_keeps_reserve and frames(m)[skb_frags(m)[piece].frame].state & PFMEMALLOC:
        skb.marks |= RESERVE
        skb_count(m).skb_pfmemalloc += 1
    skb_count(m).skb_allocs += 1
    return s


@kernel
def netdev_alloc_skb(m, pf, size, gfp):
    """A buffer for a packet of up to `size` bytes that a network card receives, or NONE.

    `pf`: the row that heads are cut from (`irq_frag`, `napi_frag`). In the kernel: __netdev_alloc_skb, napi_alloc_skb.
    """
    nbytes, gfp = head_bytes(size + PAD), rx_gfp(m, gfp)
    tiny = skb_settings(m).tiny_by_kmalloc and size + PAD <= TINY - SHARED_INFO
    if not skb_settings(m).rx_frags or nbytes > PAGE or tiny or gfp & DIRECT_RECLAIM:
        return alloc_skb(m, size + PAD, gfp, 0)
    piece = page_frag_alloc(m, pf, nbytes, gfp)
    if piece == NONE:
        return _failed(m, NONE)
    s = build_skb(m, piece, gfp)
    if s == NONE:
        free_piece(m, piece)
    return s


@kernel
def skb_get(m, s):
    """One user more."""
    skbs(m)[s].users += 1
    return s


@kernel
def skb_clone(m, s, gfp):
    """A buffer of its own with the same head and pieces: its row, or NONE without memory; both must leave those alone.

    The first clone of an FCLONE buffer lies beside it.
    """
    c = _new_row(m)
    if c == NONE:
        return _failed(m, c)
    own, skb = skbs(m)[c], skbs(m)[s]
    own.dataref = 0
    home = skbs(m)[skb.origin]
    if skb.marks & FAR:
        own.marks = FAR
    elif skb.marks & FCLONE and skb.origin == s and not skb.marks & BUSY:
        skb.marks |= BUSY
        own.marks = COMPANION
    elif not _object(m, c, HEAD_CACHE, gfp):
        own.dataref = 1
        return _failed(m, c)
    home.dataref += 1
    own.origin, own.marks = skb.origin, own.marks | (skb.marks & ~(FCLONE | BUSY | COMPANION))
    own.cache, own.head, own.frags, own.last = NONE, NONE, NONE, NONE
    own.segs, own.bytes, own.truesize, own.linear, own.room = skb.segs, skb.bytes, skb.truesize, skb.linear, skb.room
    own.seq, own.end_seq, own.ack, own.window = skb.seq, skb.end_seq, skb.ack, skb.window
    own.at, own.stamp, own.echo, own.sock = skb.at, skb.stamp, skb.echo, skb.sock
    return c


@kernel
def skb_cloned(m, s):
    """Whether somebody else has the buffer's head and pieces, too."""
    return skbs(m)[skbs(m)[s].origin].dataref > 1


@kernel
def free_head(m, s):
    """Give the memory of a buffer's head back."""
    skb = skbs(m)[s]
    if skb.cache != NONE:
        kmem_free(m, skb.cache, skb.head)
    elif skb.head != NONE:
        free_piece(m, skb.head)
    skb.cache = skb.head = NONE


@kernel
def _free_pieces(m, s):
    """Free the payload of a buffer that lies in pieces of blocks."""
    i = skbs(m)[s].frags
    while i != NONE:
        after = skb_frags(m)[i].next
        free_piece(m, i)
        i = after


@kernel
def _release_data(m, home):
    """One row less has the head and pieces of `home`, which are freed with the last (skb_release_data)."""
    own = skbs(m)[home]
    own.dataref -= 1
    if own.dataref:
        return
    free_head(m, home)
    _free_pieces(m, home)
    if own.users == 0:  # it has waited for its clones
        _free_object(m, home)
        _free_row(m, home)


@kernel
def _free_object(m, s):
    """Give the sk_buff back."""
    skb = skbs(m)[s]
    if skb.object != NONE:
        kmem_free(m, FCLONE_CACHE if skb.marks & FCLONE else HEAD_CACHE, skb.object)
        skb.object = NONE


@kernel
def _free_list(m, s):
    """Free the buffers that hang on a packet that GRO put together."""
    while skbs(m)[s].list != NONE:
        i = skbs(m)[s].list
        skbs(m)[s].list = skbs(m)[i].next
        _free_one(m, i)


@kernel
def _free_one(m, s):
    """A buffer that nobody uses any more goes; its row may have to stay for its clones' sake (__kfree_skb)."""
    skb = skbs(m)[s]
    skb.users = 0
    skb_state(m).nr_skbs -= 1
    if not skb.marks & FAR:
        m.now += skb_settings(m).skb_free
    if skb.origin == s:
        if not skb.marks & FCLONE:
            _free_object(m, s)
        _release_data(m, s)
        return
    if skb.marks & COMPANION:
        skbs(m)[skb.origin].marks &= ~BUSY
    _free_object(m, s)
    _release_data(m, skb.origin)
    _free_row(m, s)


@kernel
def kfree_skb(m, s):
    """One user less; with the last the buffer's memory is freed."""
    skbs(m)[s].users -= 1
    if skbs(m)[s].users == 0:
        if skbs(m)[s].list != NONE:
            _free_list(m, s)
        _free_one(m, s)
