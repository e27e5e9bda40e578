"""Pieces of blocks of frames: heads and payload of socket buffers; a block goes back with the last piece of it.

`slot` of a block's first frame counts its references: one of whoever cuts it up, one a piece. Sources:
net/core/skbuff.c: __netdev_alloc_frag, 3.6; mm/page_frag_cache.c: __page_frag_cache_refill, 6.12; net/core/sock.c:
skb_page_frag_refill.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import geometry
from mmrun.model.mm.limits.exit import free_orphan
from mmrun.model.mm.migrate.gup import unpin_page
from mmrun.model.mm.page.flags import KERNEL, NET_PAGE
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.gfp import COMP, DIRECT_RECLAIM, NOMEMALLOC, NORETRY, NOWARN
from mmrun.model.mm.page.pcp import free_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.net.skb.page_pool import page_pool_put
from mmrun.model.net.skb.slab import PFMEMALLOC, net_pages
from mmrun.model.net.skb.state import page_frags, skb_count, skb_frags, skb_settings, skb_state
from mmrun.model.units import PAGE_SHIFT

FRAG_ORDER = 3  # blocks of 32 KiB (SKB_FRAG_PAGE_ORDER, NETDEV_FRAG_PAGE_MAX_ORDER)
OF_SINGLE_PAGES, DOWN_TO_A_PAGE, EIGHT_OR_ONE = 1, 2, 3  # skb_settings.rx_frags


@kernel
def get_page(m, pfn):
    """One reference more: of a block of the network's in its `slot`, of another page as a pin (get_page)."""
    page = frames(m)[pfn]
    if page.kind == NET_PAGE:
        page.slot += 1
    else:
        page.pins += 1


@kernel
def put_page(m, pfn):
    """One reference less; the block is free with the last (put_page)."""
    page = frames(m)[pfn]
    if page.kind != NET_PAGE:
        unpin_page(m, pfn)
        free_orphan(m, pfn)
        return
    page.slot -= 1
    if page.slot == 0 and page.owner < 0:
        page_pool_put(m, pfn)
    elif page.slot == 0:
        skb_state(m).frag_pages -= nr_pages(m, pfn)
        page.state = KERNEL
        free_pages(m, turn(m).cpu, pfn, page.order)


@kernel
def alloc_net_block(m, gfp, order):
    """A block with one reference, or NONE."""
    pfn = net_pages(m, gfp, order)
    if pfn != NONE:
        frames(m)[pfn].slot = 1
        skb_state(m).frag_pages += 1 << order
    return pfn


@kernel
def new_piece(m, pfn, offset, nbytes):
    """A row for a piece of a block, without a reference to it; NONE when there are no more rows."""
    state = skb_state(m)
    if state.free_frag:
        i = state.free_frag - 1
        state.free_frag = skb_frags(m)[i].next
    elif state.frag_rows < len(skb_frags(m)):
        i = state.frag_rows
        state.frag_rows += 1
    else:
        return NONE
    piece = skb_frags(m)[i]
    piece.frame, piece.next, piece.offset, piece.bytes = pfn, NONE, offset, nbytes
    state.nr_frags += 1
    return i


@kernel
def drop_piece(m, i):
    """The row of a piece is free again; its reference stays."""
    state = skb_state(m)
    skb_frags(m)[i].next, skb_frags(m)[i].frame = state.free_frag, NONE
    state.free_frag = i + 1
    state.nr_frags -= 1


@kernel
def free_piece(m, i):
    """Free a piece and its reference."""
    pfn = skb_frags(m)[i].frame
    drop_piece(m, i)
    put_page(m, pfn)


@kernel
def hold(m, pf, pfn):
    """From now on pieces are cut from the block that begins at frame `pfn`, which has one reference; 0 if NONE."""
    p = page_frags(m)[pf]
    p.frame = pfn
    if pfn == NONE:
        p.bytes = p.offset = p.bias = p.reserve = 0
        return 0
    page = frames(m)[pfn]
    p.bytes, p.offset, p.bias = nr_pages(m, pfn) << PAGE_SHIFT, 0, 1
    p.reserve = 1 if page.state & PFMEMALLOC else 0
    skb_count(m).net_frag_refills += 1
    return 1


@kernel
def let_go(m, pf):
    """Nothing is cut from the block any more."""
    p = page_frags(m)[pf]
    if p.frame != NONE:
        put_page(m, p.frame)
        hold(m, pf, NONE)


@kernel
def _refill_rx(m, pf, gfp):
    """A new block for heads of received packets, as large as the version has them and there are."""
    kind, gfp = skb_settings(m).rx_frags, gfp | NOWARN
    if kind == OF_SINGLE_PAGES:
        return hold(m, pf, alloc_net_block(m, gfp, 0))
    if kind == DOWN_TO_A_PAGE:
        large = gfp | COMP | (NOMEMALLOC if skb_settings(m).frag_keeps_reserve else 0)
        for order in range(FRAG_ORDER, 0, -1):
            pfn = alloc_net_block(m, large, order)
            if pfn != NONE:
                return hold(m, pf, pfn)
        return hold(m, pf, alloc_net_block(m, gfp, 0))
    large = (gfp & ~DIRECT_RECLAIM) | COMP | NORETRY | (NOMEMALLOC if skb_settings(m).frag_keeps_reserve else 0)
    pfn = alloc_net_block(m, large, FRAG_ORDER)
    return hold(m, pf, pfn if pfn != NONE else alloc_net_block(m, gfp, 0))


@kernel
def page_frag_alloc(m, pf, nbytes, gfp):
    """A piece of `nbytes` of a CPU's block, which is used anew when all its pieces are gone; its row, or NONE.

    One of the reserves is not used anew since those are told apart.
    """
    p = page_frags(m)[pf]
    if p.frame == NONE or p.offset + nbytes > p.bytes:
        if p.frame != NONE and frames(m)[p.frame].slot == 1 and not (p.reserve and skb_settings(m).frag_keeps_reserve):
            p.offset = 0
        else:
            let_go(m, pf)
        if p.offset + nbytes > p.bytes and (not _refill_rx(m, pf, gfp) or nbytes > p.bytes):
            return NONE
    i = new_piece(m, p.frame, p.offset, nbytes)
    if i != NONE:
        get_page(m, p.frame)
        p.offset += nbytes
    return i


@kernel
def page_frag_refill(m, pf, nbytes, gfp):
    """See that at least `nbytes` of payload fit into what the task or socket cuts from; 0 when there is no memory.

    In the kernel: skb_page_frag_refill. To 3.6 a page of the socket's that is not used anew.
    """
    p = page_frags(m)[pf]
    if p.frame != NONE:
        if skb_settings(m).task_frags and frames(m)[p.frame].slot == 1:
            p.offset = 0
        if p.offset + nbytes <= p.bytes:
            return 1
        let_go(m, pf)
    if skb_settings(m).task_frags:
        pfn = alloc_net_block(m, (gfp & ~DIRECT_RECLAIM) | COMP | NOWARN | NORETRY, FRAG_ORDER)
        if pfn != NONE:
            return hold(m, pf, pfn)
    return hold(m, pf, alloc_net_block(m, gfp, 0))


@kernel
def irq_frag(m):
    """The row that the running CPU's interrupts cut from (netdev_alloc_cache)."""
    return turn(m).cpu


@kernel
def napi_frag(m):
    """The row that the running CPU's NAPI polls cut from (napi_alloc_cache)."""
    return geometry(m).nr_cpus + turn(m).cpu


@kernel
def task_frag(m):
    """The row that the running task or thread cuts payload from (current->task_frag, 3.7)."""
    return 2 * geometry(m).nr_cpus + turn(m).actor


@kernel
def sock_frag(m, sk):
    """The row that a socket cuts payload from by itself (sk->sk_frag; to 3.6 sk_sndmsg_page)."""
    return len(page_frags(m)) - 1 - sk
