"""What drivers remember of their mappings until they take them back: a row each, chained by owner.

In the kernel it stands in each driver's own structures (dma_unmap_addr, struct nvme_iod, vring_desc_state).
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import DMA_ERROR
from mmrun.model.dma.mapping.mapping import dma_map_page, dma_map_sg, dma_unmap_page, dma_unmap_sg
from mmrun.model.dma.mapping.state import dma_maps, mapping_state, scatterlist


@kernel
def new_map(m):
    """A row for a mapping, without one so far; NONE when there are no more."""
    state = mapping_state(m)
    if state.left == 0:
        return NONE
    state.left -= 1
    if state.free_map:
        i = state.free_map - 1
        state.free_map = dma_maps(m)[i].next
        return i
    state.map_rows += 1
    return state.map_rows - 1


@kernel
def drop_map(m, i):
    """The row stands for nothing any more: the one behind it in its chain + 1, 0: it was the last."""
    row, state = dma_maps(m)[i], mapping_state(m)
    after = row.next
    row.dev, row.next = NONE, state.free_map
    state.free_map = i + 1
    state.left += 1
    return after


@kernel
def fill_map(m, i, dev, pfn, offset, nbytes, direction):
    """Map a piece of memory and note it in row `i`: 1, or 0 if it could not be."""
    row, address = dma_maps(m)[i], dma_map_page(m, dev, pfn, offset, nbytes, direction)
    if address == DMA_ERROR:
        return 0
    row.dev, row.direction, row.address, row.bytes, row.length = dev, direction, address, nbytes, nbytes
    row.pfn, row.offset, row.sg, row.next, row.users = pfn, offset, 0, 0, 1
    mapping_state(m).nr_maps += 1
    return 1


@kernel
def empty_map(m, i):
    """Take the mapping of row `i` back; the row stays its owner's."""
    row = dma_maps(m)[i]
    dma_unmap_page(m, row.dev, row.address, row.bytes, row.direction)
    row.dev = NONE
    mapping_state(m).nr_maps -= 1


@kernel
def map_piece(m, dev, pfn, offset, nbytes, direction, chain):
    """Map a piece of memory, noted before the mappings of `chain` (row + 1, 0: none): the chain, or 0 if it failed."""
    i = new_map(m)
    if i == NONE:
        return 0
    if not fill_map(m, i, dev, pfn, offset, nbytes, direction):
        drop_map(m, i)
        return 0
    dma_maps(m)[i].next = chain
    return i + 1


@kernel
def map_list(m, dev, n, direction, chain):
    """Map the first `n` entries of `scatterlist`, noted before those of `chain`: the chain, or 0 if it failed."""
    state = mapping_state(m)
    if state.left < n or dma_map_sg(m, dev, 0, n, direction) == 0:
        return 0
    for k in range(n - 1, -1, -1):
        i, e = new_map(m), scatterlist(m)[k]
        row = dma_maps(m)[i]
        row.dev, row.direction, row.address, row.bytes = dev, direction, e.address, e.bytes
        row.pfn, row.offset, row.sg, row.next, row.length = e.pfn, e.offset, 0 if k else n, chain, e.length
        chain = i + 1
    state.nr_maps += 1
    return chain


@rare
@kernel
def _unmap_list(m, i):
    """Take a list back that row `i` is the first of: what stands behind its last row."""
    first = dma_maps(m)[i]
    dev, direction, n, at = first.dev, first.direction, first.sg, i + 1
    for k in range(n):
        e, row = scatterlist(m)[k], dma_maps(m)[at - 1]
        e.pfn, e.offset, e.bytes, e.address, e.length = row.pfn, row.offset, row.bytes, row.address, row.length
        at = drop_map(m, at - 1)
    dma_unmap_sg(m, dev, 0, n, direction)
    mapping_state(m).nr_maps -= 1
    return at


@kernel
def unmap_chain(m, chain):
    """Take all mappings of a chain (row + 1, 0: none) back."""
    while chain:
        if dma_maps(m)[chain - 1].sg:
            chain = _unmap_list(m, chain - 1)
        else:
            empty_map(m, chain - 1)
            chain = drop_map(m, chain - 1)
