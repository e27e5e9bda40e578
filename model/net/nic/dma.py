"""What a card may reach: buffers of its rings are mapped for it, by driver, if that is anything on this machine.

e1000e maps each receive buffer and unmaps it with its frame; ixgbe a page as long as it stays in its slot; virtio-net
every buffer, since 6.6 the block of 32 KiB that they are cut from, until the last of them has come back; a page pool
its pages as long as they are its own (model/net/skb/page_pool.py). A buffer to send is mapped head and pieces, and
unmapped when it has left. Sources: e1000_alloc_rx_buffers, e1000_tx_map, ixgbe_alloc_mapped_page, 3.6;
virtnet_rq_alloc, virtnet_rq_unmap, 6.12.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import FROM_DEVICE, TO_DEVICE
from mmrun.model.dma.mapping.keep import drop_map, empty_map, map_piece, unmap_chain
from mmrun.model.dma.mapping.mapping import dma_access, dma_sync_for_cpu, dma_sync_for_device
from mmrun.model.dma.mapping.state import dma_maps, map_of_block
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.net.nic.state import E1000E, IXGBE, POOLED, VIRTIO, nic_count, nic_rx, nic_settings, nics
from mmrun.model.net.skb.frags import HEADERS
from mmrun.model.net.skb.page_pool import page_pool_release
from mmrun.model.net.skb.state import page_frags, skb_frags, skb_settings, skbs
from mmrun.model.units import PAGE, PAGE_SHIFT


@kernel
def _head_of(m, s):
    """(frame, offset) of a buffer's head; where in its slab an object lies is not modelled."""
    home = skbs(m)[skbs(m)[s].origin]
    if home.cache != NONE:
        return home.head, 0
    piece = skb_frags(m)[home.head]
    return piece.frame, piece.offset


@kernel
def _map_block(m, n):
    """Map the block that a virtio card's buffers are cut from, if it is a new one: its row + 1, or 0."""
    nic, p = nics(m)[n], page_frags(m)[nics(m)[n].frag]
    if nic.block and p.offset > nic.buffer:
        return nic.block
    if nic.block:
        put_map(m, nic.block)
    nic.block = map_piece(m, nic.dma - 1, p.frame, 0, nr_pages(m, p.frame) << PAGE_SHIFT, FROM_DEVICE, 0)
    return nic.block


@kernel
def put_map(m, chain):
    """One user less of a mapping; with the last it is taken back."""
    dma_maps(m)[chain - 1].users -= 1
    if dma_maps(m)[chain - 1].users == 0:
        empty_map(m, chain - 1)
        drop_map(m, chain - 1)


@kernel
def _address(m, n, b):
    """(address of the buffer in slot `b` for the card; row of its mapping, NONE: it has none)."""
    i = map_of_block(m)[b.frame] - 1 if nics(m)[n].driver == POOLED else b.map - 1
    if i < 0:
        return -1, NONE
    row = dma_maps(m)[i]
    if b.skb != NONE:
        return row.address, i
    return row.address + ((b.frame - row.pfn) << PAGE_SHIFT) + b.offset - row.offset, i


@kernel
def _to_device(m, n, b):
    """The card has the buffer in slot `b` again, which was mapped before (dma_sync_single_range_for_device)."""
    address, i = _address(m, n, b)
    if i != NONE:
        dma_sync_for_device(m, nics(m)[n].dma - 1, address, nics(m)[n].buffer, FROM_DEVICE)


@rare
@kernel
def map_slot(m, n, b):
    """Map the buffer in slot `b` of a receive ring for the card: 1, or 0."""
    nic = nics(m)[n]
    if b.map or nic.driver == POOLED:
        _to_device(m, n, b)
        return 1
    if b.skb != NONE:
        pfn, offset = _head_of(m, b.skb)
        b.map = map_piece(m, nic.dma - 1, pfn + (offset >> PAGE_SHIFT), offset % PAGE, nic.buffer, FROM_DEVICE, 0)
    elif nic.driver == VIRTIO and nic_settings(m).virtio_maps_blocks and b.frame == page_frags(m)[nic.frag].frame:
        b.map = _map_block(m, n)
        if b.map:
            dma_maps(m)[b.map - 1].users += 1
    elif nic.driver == VIRTIO:
        pfn, offset = b.frame + (b.offset >> PAGE_SHIFT), b.offset % PAGE
        b.map = map_piece(m, nic.dma - 1, pfn, offset, nic.buffer, FROM_DEVICE, 0)
    else:
        b.map = map_piece(m, nic.dma - 1, b.frame, 0, PAGE, FROM_DEVICE, 0)
    if b.map == 0:
        nic_count(m).rx_dma_failed += 1
        return 0
    if nic.driver == IXGBE:
        _to_device(m, n, b)
    return 1


@rare
@kernel
def write_frame(m, n, first, count, nbytes, at):
    """The card writes a frame that arrived at time `at` into `count` slots from slot `first` on."""
    nic = nics(m)[n]
    waited, left = 0, nbytes + HEADERS
    for k in range(count):
        size = min(left, nic.buffer)
        address = _address(m, n, nic_rx(m)[nic.rx_first + (first + k) % nic.ring])[0]
        waited += dma_access(m, nic.dma - 1, address, size, 1)
        left -= size
    nic.rx_engine = max(nic.rx_engine, at) + waited


@rare
@kernel
def unmap_slot(m, n, b):
    """The driver looks at what the card has put into slot `b`: whole mappings go, of shared ones the part is synced."""
    nic = nics(m)[n]
    if nic.driver == E1000E and b.map:
        unmap_chain(m, b.map)
        b.map = 0
    elif nic.driver == VIRTIO and b.map:
        put_map(m, b.map)
        b.map = 0
    else:
        address, i = _address(m, n, b)
        if i != NONE:
            dma_sync_for_cpu(m, nic.dma - 1, address, nic.buffer, FROM_DEVICE)


@rare
@kernel
def give_away(m, n, b):
    """The page in slot `b` leaves the ring; one of a pool that takes nothing back leaves the pool, too."""
    if b.map:
        unmap_chain(m, b.map)
        b.map = 0
    elif nics(m)[n].driver == POOLED and not skb_settings(m).skb_recycle:
        page_pool_release(m, b.frame)


@rare
@kernel
def map_skb(m, n, s):
    """Map a buffer that is to be sent, head and pieces: the chain of mappings, or 0."""
    nic, skb, chain = nics(m)[n], skbs(m)[s], 0
    home = skbs(m)[skb.origin]
    if home.head != NONE:
        pfn, offset = _head_of(m, s)
        pfn, offset = pfn + (offset >> PAGE_SHIFT), offset % PAGE
        chain = map_piece(m, nic.dma - 1, pfn, offset, HEADERS + skb.linear, TO_DEVICE, 0)
        if chain == 0:
            return 0
    i = home.frags
    while i != NONE:
        piece = skb_frags(m)[i]
        pfn, offset = piece.frame + (piece.offset >> PAGE_SHIFT), piece.offset % PAGE
        after = map_piece(m, nic.dma - 1, pfn, offset, piece.bytes, TO_DEVICE, chain)
        if after == 0:
            unmap_chain(m, chain)
            return 0
        chain, i = after, piece.next
    return chain


@rare
@kernel
def read_skb(m, n, chain):
    """When the card has begun to read a buffer that is given to it now: it waits for translations (ns)."""
    nic, waited = nics(m)[n], 0
    while chain:
        row = dma_maps(m)[chain - 1]
        waited += dma_access(m, nic.dma - 1, row.address, row.bytes, 0)
        chain = row.next
    nic.tx_engine = max(nic.tx_engine, m.now) + waited
    return nic.tx_engine
