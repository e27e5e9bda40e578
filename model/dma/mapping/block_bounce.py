"""Pages of requests that the block layer copies, as the controller cannot reach them (to 5.12, less than 32 bits)."""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.dma.direct.bounce import bounce_end_io, bounce_page, is_bounce_page, queue_bounces
from mmrun.model.dma.mapping.keep import unmap_chain
from mmrun.model.dma.mapping.state import dma_maps, scatterlist
from mmrun.model.units import PAGE_SHIFT


@kernel
def within_reach(m, dev, pfn, write):
    """Frame `pfn`, or the page that it is copied to; NONE: there is none now."""
    return bounce_page(m, pfn, write) if queue_bounces(m, dev, pfn) else pfn


@kernel
def _end_run(m, pfn, nbytes, read):
    for frame in range(pfn, pfn + (nbytes >> PAGE_SHIFT)):
        if is_bounce_page(m, frame):
            bounce_end_io(m, frame, read)


@rare
@kernel
def end_list(m, n):
    """Nothing comes of the first `n` entries of `scatterlist`: their copies go back."""
    for i in range(n):
        _end_run(m, scatterlist(m)[i].pfn, scatterlist(m)[i].bytes, 0)


@kernel
def end_chain(m, chain, read):
    """The mappings of a chain are done with: what was copied comes back, if it was read (bounce_end_io)."""
    while chain:
        row = dma_maps(m)[chain - 1]
        _end_run(m, row.pfn, row.bytes, read)
        chain = row.next


@rare
@kernel
def give_up(m, chain):
    """Nothing comes of a request: the mappings of its chain and their copies go back."""
    end_chain(m, chain, 0)
    unmap_chain(m, chain)
