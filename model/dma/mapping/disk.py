"""Disk controllers: what their drivers map for a request of a disk, and take back at its end.

The block layer's list has an entry for each run of adjacent frames, no longer than a segment and across no boundary
(blk_rq_map_sg). AHCI maps the list. NVMe maps a run of up to two pages by itself, else the list, and writes the pages'
addresses into a list of its own for the drive (PRP), from a pool of small ones up to 32 entries. virtio maps every
entry by itself, the request's header and status, and the table of all these. Sources: drivers/ata/libata-core.c:
ata_sg_setup; drivers/nvme/host/pci.c: nvme_map_data, nvme_setup_prp_simple, 6.12; drivers/virtio/virtio_ring.c:
virtqueue_add_split, 6.12.
"""

from mmrun.model.block.state import disks, requests
from mmrun.model.core.jit import hook, kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import FROM_DEVICE, TO_DEVICE, dma_devices
from mmrun.model.dma.mapping.block_bounce import end_chain, end_list, give_up, within_reach
from mmrun.model.dma.mapping.keep import map_list, map_piece, unmap_chain
from mmrun.model.dma.mapping.mapping import dma_access
from mmrun.model.dma.mapping.state import (
    SG_ROWS,
    controllers,
    dma_maps,
    dma_settings,
    mapping_count,
    scatterlist,
)
from mmrun.model.mm.swap.state import swapcache
from mmrun.model.mm.task.state import cache
from mmrun.model.units import PAGE, PAGE_SHIFT

AHCI, NVME, VIRTIO_BLK = 0, 1, 2  # CONTROLLER.protocol
PRP_BYTES, SMALL_PRPS = 8, 32  # an entry; as many fit into a list from the small pool (256 bytes)
# struct request, then the driver's part: struct virtio_blk_outhdr, virtio_blk_inhdr, ..., two scatterlists; in cache
# lines. A request's header lies behind its struct request.
REQUEST_BYTES, PDU_BYTES, HEADER, STATUS, DESCRIPTOR = 248, 384, 16, 1, 16
BLOCK_SHIFT = 16  # requests lie in blocks of 64 KiB (blk_mq_alloc_rqs)
PER_BLOCK = (1 << BLOCK_SHIFT) // PDU_BYTES
SMALL_TABLE = 64  # bytes of the object that the table of a request of one or two entries lies in


@kernel
def prp_entries(offset, nbytes):
    """Entries of the list beside an NVMe command for adjacent bytes: all pages but the first, or none for two.

    The second of two pages stands in the command itself.
    """
    pages = (offset + nbytes + PAGE - 1) // PAGE
    return pages - 1 if pages > 2 else 0


@kernel
def prp_pages(entries):
    """Blocks that a list of so many entries takes: one from the small pool, or pages whose last entry leads on."""
    if entries <= SMALL_PRPS:
        return 1 if entries else 0
    per = PAGE // PRP_BYTES
    return 1 if entries <= per else 1 + (entries - per + per - 2) // (per - 1)


@kernel
def _add(m, dev, n, pfn):
    """Frame `pfn` joins the last of `n` entries of the list, or begins another: how many there are."""
    d = dma_devices(m)[dev]
    if n:
        e = scatterlist(m)[n - 1]
        end = (e.pfn << PAGE_SHIFT) + e.bytes
        if end == pfn << PAGE_SHIFT and e.bytes + PAGE <= d.max_segment and end % d.boundary:
            e.bytes += PAGE
            return n
    e = scatterlist(m)[n]
    e.pfn, e.offset, e.bytes, e.address, e.length = pfn, 0, PAGE, 0, 0
    return n + 1


@kernel
def _virtio_part(m, dev, at, nbytes, direction, chain):
    """Map bytes of a virtio request's own, which lie `at` bytes into its driver's memory for requests."""
    pfn = controllers(m)[dev].pdu[at >> BLOCK_SHIFT] + (at >> PAGE_SHIFT) % (1 << BLOCK_SHIFT - PAGE_SHIFT)
    return map_piece(m, dev, pfn, at % PAGE, nbytes, direction, chain)


@kernel
def _map_virtio(m, dev, n, direction, chain):
    """Map header, `n` entries of the list, status and the table of all of them: the chain with them, or 0."""
    c = controllers(m)[dev]
    tag, table = c.tag, (n + 2) * DESCRIPTOR
    c.tag = (tag + 1) % c.depth
    at = (tag // PER_BLOCK << BLOCK_SHIFT) + tag % PER_BLOCK * PDU_BYTES + REQUEST_BYTES
    before = chain
    chain = _virtio_part(m, dev, at, HEADER, TO_DEVICE, before)
    if chain == 0:
        give_up(m, before)
        return 0
    for i in range(n + 2):
        if i < n:
            e = scatterlist(m)[i]
            after = map_piece(m, dev, e.pfn, e.offset, e.bytes, direction, chain)
        elif i == n:
            after = _virtio_part(m, dev, at + HEADER, STATUS, FROM_DEVICE, chain)
        else:
            offset = tag * SMALL_TABLE % PAGE if table <= SMALL_TABLE else 0
            after = map_piece(m, dev, c.tables, offset, table, TO_DEVICE, chain)
        if after == 0:
            give_up(m, chain)
            return 0
        chain = after
    return chain


@kernel
def _map_some(m, dev, n, direction, chain):
    """Map the `n` entries of the list as the controller's driver does: the chain with them, or 0 and nothing of it."""
    protocol, e = controllers(m)[dev].protocol, scatterlist(m)[0]
    if protocol == VIRTIO_BLK:
        return _map_virtio(m, dev, n, direction, chain)
    if protocol == NVME and n == 1 and dma_settings(m).nvme_simple and e.offset + e.bytes <= 2 * PAGE:
        after = map_piece(m, dev, e.pfn, e.offset, e.bytes, direction, chain)
    else:
        after = map_list(m, dev, n, direction, chain)
    if after == 0:
        give_up(m, chain)
        end_list(m, n)
    return after


@kernel
def _map_pages(m, dev, number, direction, chain):
    """Map the pages of all runs of a request: the chain with them, or 0, when nothing of it is mapped."""
    n = 0
    while number != NONE:
        r = requests(m)[number]
        held = swapcache(m) if r.file == NONE else cache(m)
        for slot in range(r.first, r.first + r.count):
            if n == controllers(m)[dev].most or n == SG_ROWS:  # the kernel's request ends here
                chain = _map_some(m, dev, n, direction, chain)
                if chain == 0:
                    return 0
                n = 0
            pfn = within_reach(m, dev, held[slot] - 1, direction == TO_DEVICE)
            if pfn == NONE:
                end_list(m, n)
                give_up(m, chain)
                return 0
            n = _add(m, dev, n, pfn)
        number = r.chain
    return _map_some(m, dev, n, direction, chain)


@rare
@kernel
def _prp_lists(m, dev, chain):
    """Count the lists beside the commands of a request whose mappings are in `chain`."""
    while chain:
        first, nbytes = dma_maps(m)[chain - 1], 0
        for _ in range(max(1, first.sg)):
            nbytes += dma_maps(m)[chain - 1].bytes
            chain = dma_maps(m)[chain - 1].next
        mapping_count(m).nvme_prp_lists += prp_pages(prp_entries(first.offset, nbytes))


@kernel
def _fetch(m, dev, chain):
    """What the device waits for translations of a request's addresses (ns)."""
    waited = 0
    while chain:
        row = dma_maps(m)[chain - 1]
        if row.length:
            waited += dma_access(m, dev, row.address, row.length, 1 if row.direction == FROM_DEVICE else 0)
        chain = row.next
    return waited


@kernel
def map_request(m, disk, number):
    """Map the pages of a request of a disk for its controller: its mappings (row + 1), or 0."""
    r, dev = requests(m)[number], disks(m)[disk].dma - 1
    direction = FROM_DEVICE if r.read else TO_DEVICE
    r.maps = _map_pages(m, dev, number, direction, 0)
    return r.maps


@kernel
def unmap_request(m, number):
    """The controller is done with a request."""
    end_chain(m, requests(m)[number].maps, requests(m)[number].read)
    unmap_chain(m, requests(m)[number].maps)
    requests(m)[number].maps = 0


@hook
def dma_map_request(m, disk, number):
    """Map a request, of which the controller then knows; or it has to wait."""
    dev, chain = disks(m)[disk].dma - 1, map_request(m, disk, number)
    if chain == 0:
        mapping_count(m).dma_requeued += 1
        return -1
    if controllers(m)[dev].protocol == NVME:
        _prp_lists(m, dev, chain)
    return _fetch(m, dev, chain)


@hook
def dma_unmap_request(m, number):
    """It is done with one."""
    unmap_request(m, number)
    return 0
