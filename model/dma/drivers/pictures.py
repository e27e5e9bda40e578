"""Buffers that stay mapped for a device, which fills or reads them, and the deadlines it has.

A camera writes a picture into one buffer after the other; a codec reads those it keeps as references and writes one.
The task sleeps while its device works: what it costs the CPU is mapping the buffers once. A picture for which there is
no buffer is lost, and its deadline missed.
"""

from mmrun.model.core.codes import OK
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import BIDIRECTIONAL, DMA_ERROR, dma_device_of_task
from mmrun.model.dma.drivers.engine import transfer, until
from mmrun.model.dma.drivers.events import NUMBER_BITS, WRITE_SHIFT
from mmrun.model.dma.drivers.state import dma_driver_count, dma_mapped, dma_queues
from mmrun.model.dma.mapping.coherent import dma_alloc_coherent, dma_free_coherent
from mmrun.model.dma.mapping.mapping import dma_access, dma_map_page, dma_unmap_page
from mmrun.model.dma.mapping.state import dma_buffers
from mmrun.model.mm.driver.buffers import buffer_row
from mmrun.model.mm.driver.state import NO_ORDER, buffers, drivers
from mmrun.model.mm.page.gfp import GFP_KERNEL, NOWARN
from mmrun.model.units import PAGE_SHIFT


@hook
def dma_attach(m, t, argument):
    """Task `t`'s buffer is mapped for its device; memory that it shares with it has an address already."""
    row, began = buffer_row(m, t, argument), m.now
    b, mapped, device = buffers(m)[row], dma_mapped(m)[row], dma_queues(m)[t].dev
    if b.pfn == 0 or mapped.address != DMA_ERROR:
        return OK
    mapped.bytes, mapped.dev = b.pages << PAGE_SHIFT, device
    mapped.address = dma_map_page(m, device, b.pfn - 1, 0, mapped.bytes, BIDIRECTIONAL)
    if mapped.address == DMA_ERROR:
        dma_driver_count(m).dma_map_failed += 1
    dma_driver_count(m).dma_attach_ns += m.now - began
    return OK


@hook
def dma_detach(m, t, argument):
    """Task `t`'s buffer is its device's no more; memory shared with it keeps its address until it is given back."""
    row, began = buffer_row(m, t, argument), m.now
    mapped = dma_mapped(m)[row]
    if mapped.address != DMA_ERROR and mapped.coherent == NONE:
        dma_unmap_page(m, mapped.dev, mapped.address, mapped.bytes, BIDIRECTIONAL)
        mapped.address = DMA_ERROR
        dma_driver_count(m).dma_attach_ns += m.now - began
    return OK


@hook
def dma_picture(m, t, argument):
    """Task `t`'s device fills a buffer, or reads it; the task sleeps until it has."""
    write, q, count = argument >> WRITE_SHIFT & 1, dma_queues(m)[t], dma_driver_count(m)
    mapped = dma_mapped(m)[buffer_row(m, t, argument & (1 << NUMBER_BITS) - 1)]
    if mapped.address == DMA_ERROR:
        count.dma_pictures_lost += 1
        q.late = 1
        return OK
    walk = dma_access(m, q.dev, mapped.address, mapped.bytes, write)
    until(m, transfer(m, q.dev, write, m.now, mapped.bytes, walk))
    count.dma_pictures += 1
    count.dma_picture_bytes += mapped.bytes
    return OK


@hook
def dma_deadline(m, t, argument):
    """What task `t` asked for since the last deadline was to be done by a time after its start."""
    q, count = dma_queues(m)[t], dma_driver_count(m)
    count.dma_deadlines += 1
    if q.late or m.now > drivers(m)[t].began + argument:
        count.dma_deadline_missed += 1
    q.late = 0
    return OK


@kernel
def alloc_shared(m, t, buffer, pages):
    """Memory that task `t`'s driver shares with its device, by row of `buffers`: its first frame, or NONE."""
    row = dma_alloc_coherent(m, dma_device_of_task(m)[t], pages << PAGE_SHIFT, GFP_KERNEL | NOWARN)
    if row == NONE:
        return NONE
    mapped = dma_mapped(m)[buffer]
    mapped.dev, mapped.coherent = dma_device_of_task(m)[t], row
    mapped.address, mapped.bytes = dma_buffers(m)[row].address, pages << PAGE_SHIFT
    buffers(m)[buffer].order = NO_ORDER
    return dma_buffers(m)[row].pfn


@kernel
def free_shared(m, buffer):
    """It is given back."""
    mapped = dma_mapped(m)[buffer]
    dma_free_coherent(m, mapped.coherent)
    mapped.coherent, mapped.address = NONE, DMA_ERROR
    return 0
