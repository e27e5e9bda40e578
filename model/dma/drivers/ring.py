"""Slots of a queue's ring: the frames of their buffers, and when those are mapped and unmapped.

- Per packet: each piece of a packet is mapped when it is given to the device and unmapped when it comes back.
- Per page: the packets that lie in one page share its mapping, which goes with the last of them.
- Pool: a block is mapped when it is first used, and stays so; buffers are synced (page_pool).

Others that want the same locks run before each mapping and unmapping, so that waits come in the order of time.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import cond_resched
from mmrun.model.core.state import turn
from mmrun.model.dma.device.state import BIDIRECTIONAL, DMA_ERROR, FROM_DEVICE, TO_DEVICE
from mmrun.model.dma.drivers.state import (
    BOTH,
    PER_PACKET,
    POOL,
    RX,
    dma_driver_count,
    dma_pieces,
    dma_queues,
    dma_slots,
)
from mmrun.model.dma.mapping.mapping import dma_map_page, dma_sync_for_cpu, dma_sync_for_device, dma_unmap_page
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE
from mmrun.model.mm.page.gfp import GFP_KERNEL, NOWARN
from mmrun.model.mm.page.mempolicy import NO_INTERLEAVE_INDEX, policy_node, policy_nodemask
from mmrun.model.mm.page.pcp import free_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.units import PAGE

HEADS, HEAD = 8, 512  # small heads that lie in a page, and bytes of one


@kernel
def writes(m, t, slot):
    """1 if the device writes the slot's buffer, 0 if it reads it."""
    way = dma_queues(m)[t].way
    return slot & 1 if way == BOTH else way == RX


@kernel
def direction_of(m, t, slot):
    """The same as a direction of the DMA API; a mapping that both kinds of slots share is of both."""
    if dma_queues(m)[t].share and dma_queues(m)[t].way == BOTH:
        return BIDIRECTIONAL
    return FROM_DEVICE if writes(m, t, slot) else TO_DEVICE


@kernel
def piece_of(m, t, slot, i):
    """Row of piece `i` of a slot; of slots that share a mapping the first one's."""
    q = dma_queues(m)[t]
    if q.share:
        slot -= slot % q.share
    return q.first_piece + slot * q.pieces + i


@kernel
def owns(m, t, slot, i):
    """Whether the frames of that piece came with this slot, and not with one before."""
    q = dma_queues(m)[t]
    if q.share:
        return slot % q.share == 0
    return q.header == 0 or i > 0 or slot % HEADS == 0


@kernel
def order_of_piece(m, t, i):
    """Order of the block that a piece lies in."""
    q = dma_queues(m)[t]
    return 0 if q.header and i == 0 else q.order


@kernel
def give_frames(m, t, slot):
    """Frames for a slot's buffers; False without memory."""
    q = dma_queues(m)[t]
    for i in range(q.pieces):
        p = dma_pieces(m)[piece_of(m, t, slot, i)]
        if not owns(m, t, slot, i):
            if not q.share:  # a head in a page with others
                p.frame = dma_pieces(m)[piece_of(m, t, slot - slot % HEADS, i)].frame
                p.offset, p.bytes = slot % HEADS * HEAD, q.header
            continue
        order = order_of_piece(m, t, i)
        nid, nodemask = policy_node(m, t, NO_INTERLEAVE_INDEX), policy_nodemask(m, t)
        p.frame = alloc_pages(m, GFP_KERNEL | NOWARN, order, nid, nodemask)
        if p.frame == NONE:
            return False
        page = frames(m)[p.frame]
        page.state, page.kind, page.memcg = KERNEL, KERNEL_PAGE, 0
        p.offset, p.bytes = 0, PAGE << order
        if not q.share:
            p.bytes = q.header if q.header and i == 0 else q.part
    return True


@kernel
def take_frames(m, t, slot):
    """A slot's frames are free again, if it has any."""
    for i in range(dma_queues(m)[t].pieces):
        p = dma_pieces(m)[piece_of(m, t, slot, i)]
        if owns(m, t, slot, i) and p.frame != NONE:
            free_pages(m, turn(m).cpu, p.frame, order_of_piece(m, t, i))
        p.frame = NONE


@kernel
def _unmap_piece(m, t, piece, direction):
    p, count, began = dma_pieces(m)[piece], dma_driver_count(m), m.now
    dma_unmap_page(m, dma_queues(m)[t].dev, p.address, p.bytes, direction)
    p.address = DMA_ERROR
    count.dma_queue_unmap_ns += m.now - began


@kernel
def _map_piece(m, t, piece, direction):
    """Whether a piece got an address."""
    p, count, began = dma_pieces(m)[piece], dma_driver_count(m), m.now
    p.address = dma_map_page(m, dma_queues(m)[t].dev, p.frame, p.offset, p.bytes, direction)
    count.dma_queue_map_ns += m.now - began
    if p.address == DMA_ERROR:
        count.dma_map_failed += 1
        return False
    return True


@kernel
def _sync(m, t, slot, to_device):
    q, began = dma_queues(m)[t], m.now
    at = dma_pieces(m)[piece_of(m, t, slot, 0)].address + slot % q.share * q.stride
    if to_device:
        dma_sync_for_device(m, q.dev, at, q.payload, direction_of(m, t, slot))
    else:
        dma_sync_for_cpu(m, q.dev, at, q.payload, direction_of(m, t, slot))
    dma_driver_count(m).dma_queue_sync_ns += m.now - began


@kernel
def map_slot(m, t, slot):
    """A slot's buffers are the device's: each has an address; False: one got none, and none is mapped anew."""
    q, direction = dma_queues(m)[t], direction_of(m, t, slot)
    for i in range(q.pieces):
        piece = piece_of(m, t, slot, i)
        cond_resched(m)
        if dma_pieces(m)[piece].address == DMA_ERROR and not _map_piece(m, t, piece, direction):
            for done in range(i):
                _unmap_piece(m, t, piece_of(m, t, slot, done), direction)
            return False
        if q.style != PER_PACKET:
            dma_pieces(m)[piece].users += 1
            _sync(m, t, slot, True)
    dma_slots(m)[slot + q.first_slot].mapped = 1
    return True


@kernel
def unmap_slot(m, t, slot):
    """A slot's buffers are the driver's again."""
    q, direction = dma_queues(m)[t], direction_of(m, t, slot)
    dma_slots(m)[slot + q.first_slot].mapped = 0
    for i in range(q.pieces):
        piece = piece_of(m, t, slot, i)
        p = dma_pieces(m)[piece]
        cond_resched(m)
        if q.style != PER_PACKET:
            _sync(m, t, slot, False)
            p.users -= 1
        if q.style == PER_PACKET or (q.style != POOL and p.users == 0):
            _unmap_piece(m, t, piece, direction)


@kernel
def unmap_pool(m, t, slot):
    """A block of a pool that is about to be freed is mapped no more."""
    piece = piece_of(m, t, slot, 0)
    if owns(m, t, slot, 0) and dma_pieces(m)[piece].address != DMA_ERROR:
        _unmap_piece(m, t, piece, direction_of(m, t, slot))
