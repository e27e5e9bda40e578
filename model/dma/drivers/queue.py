"""A driver's queue on its core: packets are given to the device, come back, and cost what they cost.

A round takes up to 64 packets (NAPI_POLL_WEIGHT) that have come back and gives the device new ones: to send, as many as
it took and 64 at most, to receive, whatever the ring has room for. The other end sends as fast as buffers are posted,
so nothing is dropped on the way. If nothing has come back the driver sleeps until some have (`coalesce`). What gets no
address is dropped, a buffer to receive into is posted later.
"""

from mmrun.model.core.codes import OK
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.dma.drivers.engine import transfer, until
from mmrun.model.dma.drivers.ring import give_frames, map_slot, piece_of, take_frames, unmap_pool, unmap_slot, writes
from mmrun.model.dma.drivers.state import (
    POOL,
    TX,
    dma_driver_count,
    dma_driver_settings,
    dma_pieces,
    dma_queues,
    dma_slots,
)
from mmrun.model.dma.mapping.coherent import dma_alloc_coherent, dma_free_coherent
from mmrun.model.dma.mapping.mapping import dma_access
from mmrun.model.dma.mapping.state import dma_buffers
from mmrun.model.mm.page.gfp import GFP_KERNEL

WEIGHT = 64  # packets of a round
DESCRIPTOR, LINE = 16, 4  # bytes of a descriptor; descriptors that a device fetches or writes at a time


@kernel
def close_queue(m, t):
    """What the device has left comes back, mappings and memory go."""
    q = dma_queues(m)[t]
    q.ended = m.now
    while q.n > 0 and m.broken == 0:
        until(m, dma_slots(m)[q.first_slot + q.head].at)
        _take_back(m, t)
    for slot in range(q.ring):
        if q.style == POOL:
            unmap_pool(m, t, slot)
    for slot in range(q.ring):
        take_frames(m, t, slot)
    dma_free_coherent(m, q.lines)
    q.lines, q.opened = NONE, 0


@kernel
def _take_back(m, t):
    """The oldest packet that the device has comes back."""
    q = dma_queues(m)[t]
    unmap_slot(m, t, q.head)
    q.head = (q.head + 1) % q.ring
    q.n -= 1


@kernel
def _handle(m, t, most):
    """Packets that have come back, `most` of them at most: how many."""
    q, count, done = dma_queues(m)[t], dma_driver_count(m), 0
    while q.n and done < most and dma_slots(m)[q.first_slot + q.head].at <= m.now:
        m.now += q.work if writes(m, t, q.head) else 0
        _take_back(m, t)
        done += 1
    q.packets += done
    count.dma_packets += done
    count.dma_packet_bytes += done * q.payload
    count.dma_wire_bytes += done * q.framed
    return done


@kernel
def _move(m, t, slot):
    """The device moves a slot's packet: its descriptor and every piece, when that is over."""
    q = dma_queues(m)[t]
    write, walk = writes(m, t, slot), 0
    if slot % LINE == 0:
        lines = dma_buffers(m)[q.lines].address + slot * DESCRIPTOR
        walk += dma_access(m, q.dev, lines, LINE * DESCRIPTOR, write)
    for i in range(q.pieces):
        p = dma_pieces(m)[piece_of(m, t, slot, i)]
        if q.share:
            walk += dma_access(m, q.dev, p.address + slot % q.share * q.stride, q.payload, write)
        else:
            walk += dma_access(m, q.dev, p.address, p.bytes, write)
    dma_slots(m)[q.first_slot + slot].at = transfer(m, q.dev, write, m.now, q.framed, walk)


@kernel
def _give(m, t, most):
    """New packets for the device, `most` of them at most: how many."""
    q, given = dma_queues(m)[t], 0
    while q.n < q.ring and given < most and m.broken == 0:
        slot = (q.head + q.n) % q.ring
        if not map_slot(m, t, slot):
            if writes(m, t, slot) == 0:
                m.now += q.work
                dma_driver_count(m).dma_dropped += 1
            break
        m.now += q.work if writes(m, t, slot) == 0 else 0
        _move(m, t, slot)
        q.n += 1
        given += 1
    return given


@kernel
def open_queue(m, t):
    """Coherent memory for descriptors, frames for all buffers, the first of which are the device's; False without."""
    q = dma_queues(m)[t]
    q.lines = dma_alloc_coherent(m, q.dev, q.ring * DESCRIPTOR, GFP_KERNEL)
    if q.lines == NONE:
        dma_driver_count(m).dma_open_failed += 1
        return False
    for slot in range(q.ring):
        if not give_frames(m, t, slot):
            dma_driver_count(m).dma_open_failed += 1
            close_queue(m, t)
            return False
    _give(m, t, WEIGHT if q.way == TX else q.ring)
    q.opened, q.began, q.lap = 1, m.now, q.ring
    return True


@kernel
def _wait(m, t):
    """The driver sleeps until its device has something for it, or, with nothing given to it, for a while."""
    q = dma_queues(m)[t]
    at = m.now + dma_driver_settings(m).dma_retry
    if q.n:
        last = (q.head + min(q.n, q.coalesce) - 1) % q.ring
        at = max(dma_slots(m)[q.first_slot + q.head].at, dma_slots(m)[q.first_slot + last].at)
    dma_driver_count(m).dma_queue_idle_ns += until(m, at)


@kernel
def _first_lap(m, t, done):
    """What came before the rings of all queues of a device, which share its link, have gone round is no measure."""
    dev = dma_queues(m)[t].dev
    dma_queues(m)[t].lap -= done
    for q in range(len(dma_queues(m))):
        if dma_queues(m)[q].opened and dma_queues(m)[q].dev == dev and dma_queues(m)[q].lap > 0:
            return
    for q in range(len(dma_queues(m))):
        other = dma_queues(m)[q]
        if other.opened and other.dev == dev:
            other.began, other.packets, other.busy = m.now, 0, 0


@hook
def dma_packets(m, t, argument):
    """Task `t`'s queue handles so many packets."""
    q, count, left = dma_queues(m)[t], dma_driver_count(m), argument
    if not q.opened and not open_queue(m, t):
        return OK
    while left > 0 and m.broken == 0:
        began = m.now
        done = _handle(m, t, min(left, WEIGHT))
        given = _give(m, t, WEIGHT if q.way == TX else q.ring)
        count.dma_queue_busy_ns += m.now - began
        q.busy += m.now - began
        left -= done
        if q.lap > 0:
            _first_lap(m, t, done)
        if done == 0 and given == 0:
            _wait(m, t)
    return OK


@hook
def dma_close(m, t, argument):
    """Task `t`'s queue is closed, if it is open."""
    if dma_queues(m)[t].opened:
        close_queue(m, t)
    return OK
