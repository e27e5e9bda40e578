"""A task's driver has its buffers mapped for its device, one mapping a buffer at a time."""

from mmrun.model.core.codes import BAD_EVENT, OK
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import dma_device_of_task
from mmrun.model.dma.mapping.events import DIRECTION_SHIFT, SIZE_SHIFT
from mmrun.model.dma.mapping.keep import empty_map, fill_map
from mmrun.model.dma.mapping.mapping import dma_sync_for_cpu, dma_sync_for_device
from mmrun.model.dma.mapping.state import dma_maps
from mmrun.model.mm.driver.buffers import buffer_row
from mmrun.model.mm.driver.events import NUMBER_BITS
from mmrun.model.mm.driver.state import buffers
from mmrun.model.units import PAGE


@kernel
def _row(m, t, argument):
    """Row of the buffer that a request is about, in `buffers` and in `dma_maps`."""
    return buffer_row(m, t, argument & (1 << NUMBER_BITS) - 1)


@hook
def dma_map_buffer(m, t, argument):
    """Map the first bytes of a buffer; one that is not there or mapped already is a mistake, one that fails counts."""
    row, nbytes = _row(m, t, argument), argument >> SIZE_SHIFT
    dev, b = dma_device_of_task(m)[t], buffers(m)[row]
    if dev == NONE or nbytes == 0 or dma_maps(m)[row].dev != NONE:
        panic(m, BAD_EVENT, argument)
    elif b.pfn:  # one that was not to be had was counted when it was asked for
        if nbytes > b.pages * PAGE:
            panic(m, BAD_EVENT, argument)
        else:
            fill_map(m, row, dev, b.pfn - 1, 0, nbytes, argument >> DIRECTION_SHIFT & 3)
    return OK


@hook
def dma_unmap_buffer(m, t, argument):
    """Take a buffer's mapping back, if it has one."""
    row = _row(m, t, argument)
    if dma_maps(m)[row].dev != NONE:
        empty_map(m, row)
    return OK


@hook
def dma_sync_buffer(m, t, argument):
    """Have driver or device see what the other has written to a mapped buffer."""
    own = dma_maps(m)[_row(m, t, argument)]
    if own.dev != NONE:
        if argument >> DIRECTION_SHIFT & 1:
            dma_sync_for_device(m, own.dev, own.address, own.bytes, own.direction)
        else:
            dma_sync_for_cpu(m, own.dev, own.address, own.bytes, own.direction)
    return OK
