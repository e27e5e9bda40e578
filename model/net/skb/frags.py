"""Payload of socket buffers: pieces of blocks put in, moved from buffer to buffer, taken off (net/core/skbuff.c)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.net.skb.page_frag import free_piece, get_page, new_piece
from mmrun.model.net.skb.skb import LINE, PAD, SHARED_INFO, SK_BUFF, kfree_skb, skb_cloned
from mmrun.model.net.skb.state import (
    FAR,
    HEAD_FRAG,
    MAX_FRAGS,
    RESERVE,
    page_frags,
    skb_frags,
    skbs,
)

HEADERS = 66  # bytes of Ethernet, IP and TCP headers with timestamps in front of a received packet's payload


@kernel
def nr_frags(m, s):
    """Pieces of a buffer's payload beside what is in its head."""
    return skbs(m)[skbs(m)[s].origin].nr_frags


@kernel
def _append(m, s, i):
    """Piece `i` is the last of buffer `s`'s payload; a clone's pieces are its original's, here and below."""
    skb = skbs(m)[skbs(m)[s].origin]
    skb_frags(m)[i].next = NONE
    if skb.last == NONE:
        skb.frags = i
    else:
        skb_frags(m)[skb.last].next = i
    skb.last = i
    skb.nr_frags += 1


@kernel
def _lengthen(m, s, nbytes, truesize):
    """Buffer `s` has so many bytes more, and is charged so many more."""
    skbs(m)[s].bytes += nbytes
    skbs(m)[s].truesize += truesize


@kernel
def _goes_on(m, s, pfn, offset):
    """Whether bytes at that place of a block follow the last piece of the buffer's payload (skb_can_coalesce)."""
    last = skbs(m)[skbs(m)[s].origin].last
    if last == NONE:
        return False
    piece = skb_frags(m)[last]
    return piece.frame == pfn and piece.offset + piece.bytes == offset


@kernel
def skb_put(m, s, nbytes):
    """`nbytes` of payload are in the head, which is paid for already."""
    skbs(m)[s].linear += nbytes
    skbs(m)[s].bytes += nbytes


@kernel
def skb_add_rx_frag(m, s, pfn, offset, nbytes, truesize):
    """Payload is in a block whose reference the buffer takes over: 1, or 0 when it can hold no more pieces."""
    if nr_frags(m, s) >= MAX_FRAGS:
        return 0
    i = new_piece(m, pfn, offset, nbytes)
    if i == NONE:
        return 0
    _append(m, s, i)
    _lengthen(m, s, nbytes, truesize)
    return 1


@kernel
def skb_add_page(m, s, pfn, offset, nbytes):
    """Payload is in a page that is referenced, not copied: 1, or 0 when the buffer can hold no more pieces.

    Of a buffer on another machine, bytes are counted alone.
    """
    if skbs(m)[s].marks & FAR:
        _lengthen(m, s, nbytes, nbytes)
        return 1
    if _goes_on(m, s, pfn, offset):
        skb_frags(m)[skbs(m)[skbs(m)[s].origin].last].bytes += nbytes
        _lengthen(m, s, nbytes, nbytes)
        return 1
    if not skb_add_rx_frag(m, s, pfn, offset, nbytes, nbytes):
        return 0
    get_page(m, pfn)
    return 1


@kernel
def skb_fill_frag(m, s, pf, nbytes):
    """Payload was copied to where row `pf` is cut next: 1, or 0 when the buffer can hold no more pieces.

    `page_frag_refill` says whether there is room. A buffer on another machine has no such row (NONE).
    """
    if pf == NONE or skbs(m)[s].marks & FAR:
        _lengthen(m, s, nbytes, nbytes)
        return 1
    p = page_frags(m)[pf]
    if not skb_add_page(m, s, p.frame, p.offset, nbytes):
        return 0
    p.offset += nbytes
    return 1


@kernel
def skb_tailroom(m, s):
    """Bytes that still fit into the head of a received packet all of whose payload is there."""
    skb = skbs(m)[s]
    if nr_frags(m, s) or skb.list != NONE:
        return 0
    return skb.room - SHARED_INFO - PAD - (HEADERS + LINE - 1) // LINE * LINE - skb.linear


@kernel
def move_pieces(m, to, s):
    """The pieces of `s` are the last of the payload of `to`; a clone's stay where they are, with a reference more."""
    home = skbs(m)[skbs(m)[s].origin]
    cloned, i = home.dataref > 1, home.frags
    while i != NONE:
        after, piece = skb_frags(m)[i].next, skb_frags(m)[i]
        if cloned:
            copy = new_piece(m, piece.frame, piece.offset, piece.bytes)
            if copy == NONE:
                return 0
            get_page(m, piece.frame)
            _append(m, to, copy)
        else:
            _append(m, to, i)
        i = after
    if not cloned:
        home.frags = home.last = NONE
        home.nr_frags = 0
    return 1


@kernel
def move_head(m, to, s):
    """The head of `s`, a piece of a page, is the last piece of buffer `to`'s payload; it must not be a clone's."""
    skb, home = skbs(m)[s], skbs(m)[skbs(m)[s].origin]
    i = home.head
    home.head = NONE
    skb_frags(m)[i].bytes = skb.linear
    _append(m, to, i)


@kernel
def skb_try_coalesce(m, to, s):
    """Put the payload of `s` behind that of `to`: by how much `to` is charged more (0: it fitted its head), or NONE.

    `s` is freed then: its head and sk_buff are saved, or the sk_buff alone where the head is a piece of a page, which
    goes along. With a head that is neither empty nor such a piece it stays as it is: NONE.
    """
    t, skb = skbs(m)[to], skbs(m)[s]
    if skb_cloned(m, to) or t.list != NONE or skb.list != NONE or (t.marks ^ skb.marks) & FAR:
        return NONE
    if t.marks & FAR:
        delta = skb.bytes
    elif skb.bytes <= skb_tailroom(m, to):
        t.linear += skb.bytes
        delta = 0
    else:
        if nr_frags(m, to) + nr_frags(m, s) + (skb.linear > 0) > MAX_FRAGS:
            return NONE
        if skb.linear == 0:
            delta = skb.truesize - SK_BUFF - skb.room
        elif skb.marks & HEAD_FRAG and not skb_cloned(m, s):
            delta = skb.truesize - SK_BUFF
            move_head(m, to, s)
        else:
            return NONE
        if not move_pieces(m, to, s):
            return NONE
    t.bytes += skb.bytes
    t.truesize += delta
    t.end_seq = skb.end_seq
    t.marks |= skb.marks & RESERVE
    kfree_skb(m, s)
    return delta


@kernel
def skb_trim_head(m, s, nbytes):
    """The first `nbytes` of the payload are acknowledged: pieces without bytes are freed; the charge is as it was.

    Whoever was charged for them says so itself (tcp_trim_head).
    """
    skb, home = skbs(m)[s], skbs(m)[skbs(m)[s].origin]
    skb.bytes -= nbytes
    gone = min(nbytes, skb.linear)
    skb.linear -= gone
    nbytes -= gone
    while nbytes > 0 and home.frags != NONE and home.dataref == 1:
        i = home.frags
        piece = skb_frags(m)[i]
        if piece.bytes > nbytes:
            piece.offset += nbytes
            piece.bytes -= nbytes
            break
        nbytes -= piece.bytes
        home.frags = piece.next
        home.nr_frags -= 1
        if home.frags == NONE:
            home.last = NONE
        free_piece(m, i)


@kernel
def skb_split(m, s, to, nbytes):
    """All but the first `nbytes` of the payload of `s` go to the empty buffer `to`, with their charge (skb_split).

    What is in the head stays there, copied at the time: a head has at most one segment. 0 when there is no row for it.
    """
    skb, t = skbs(m)[s], skbs(m)[to]
    moved = skb.bytes - nbytes
    if not skb.marks & FAR:
        home = skbs(m)[skb.origin]
        before, i, at = NONE, home.frags, skb.linear
        while i != NONE and at + skb_frags(m)[i].bytes <= nbytes:
            at += skb_frags(m)[i].bytes
            before, i = i, skb_frags(m)[i].next
        if i != NONE and at < nbytes:  # a piece of which both have a part
            piece, first = skb_frags(m)[i], nbytes - at
            rest = new_piece(m, piece.frame, piece.offset + first, piece.bytes - first)
            if rest == NONE:
                return 0
            get_page(m, piece.frame)
            piece.bytes = first
            before, i = i, piece.next
            _append(m, to, rest)
        _cut_behind(m, skb.origin, before)
        while i != NONE:
            after = skb_frags(m)[i].next
            _append(m, to, i)
            home.nr_frags -= 1
            i = after
    skb.bytes -= moved
    skb.truesize -= moved
    t.bytes += moved
    t.truesize += moved
    t.end_seq, t.seq, skb.end_seq = skb.end_seq, skb.seq + nbytes, skb.seq + nbytes
    return 1


@kernel
def _cut_behind(m, home, before):
    """Piece `before` (NONE: none) is the last of those in row `home`."""
    skb = skbs(m)[home]
    skb.last = before
    if before == NONE:
        skb.frags = NONE
    else:
        skb_frags(m)[before].next = NONE
