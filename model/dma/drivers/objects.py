"""Objects of a graphics processor: pages of a program, pinned and mapped as long as they are bound to its aperture.

A draw binds what it needs: pages are brought in, pinned for long and mapped as one list. Where the aperture is full, no
address is left, or memory is short (free pages below the low watermarks of the task's node), objects that were drawn
longest ago are unbound; only then can their pages be swapped out. The kernel's reclaim calls a shrinker for that; here
the driver looks when it draws.
"""

from mmrun.model.core.codes import OK, OUT_OF_MEMORY
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import BIDIRECTIONAL
from mmrun.model.dma.drivers.engine import transfer, until
from mmrun.model.dma.drivers.events import MOST_SHIFT, OBJECT_BITS
from mmrun.model.dma.drivers.state import dma_driver_count, dma_object_pages, dma_objects, dma_queues
from mmrun.model.dma.mapping.mapping import dma_access, dma_map_sg, dma_unmap_sg
from mmrun.model.dma.mapping.state import scatterlist
from mmrun.model.mm.driver.requests import pin_range, unpin_pages
from mmrun.model.mm.driver.state import pinned
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.task.state import tasks
from mmrun.model.units import PAGE


@kernel
def _note(m, o, entries, segments):
    """Keep the list that was mapped for an object."""
    row = dma_objects(m)[o]
    for i in range(entries):
        kept, entry = dma_object_pages(m)[row.first + i], scatterlist(m)[i]
        kept.pfn, kept.offset, kept.bytes = entry.pfn, entry.offset, entry.bytes
        kept.address, kept.length = entry.address, entry.length
    row.entries, row.segments = entries, segments


@kernel
def _recall(m, o):
    """The list that was mapped for an object, to be unmapped."""
    row = dma_objects(m)[o]
    for i in range(row.entries):
        kept, entry = dma_object_pages(m)[row.first + i], scatterlist(m)[i]
        entry.pfn, entry.offset, entry.bytes = kept.pfn, kept.offset, kept.bytes
        entry.address, entry.length = kept.address, kept.length


@kernel
def unbind(m, t, o):
    """An object's pages are the program's alone again."""
    q, row, at = dma_queues(m)[t], dma_objects(m)[o], tasks(m)[t].pte_start
    _recall(m, o)
    dma_unmap_sg(m, q.dev, 0, row.entries, BIDIRECTIONAL)
    row.entries = row.segments = 0
    unpin_pages(m, t, at + row.page, at + row.page + q.each)
    q.bound -= q.each
    dma_driver_count(m).gpu_unbinds += 1


@kernel
def _oldest(m, t):
    """The bound object that was drawn longest ago, or NONE."""
    q, found = dma_queues(m)[t], NONE
    for o in range(q.first_object, q.first_object + q.objects):
        if dma_objects(m)[o].entries and (found == NONE or dma_objects(m)[o].last < dma_objects(m)[found].last):
            found = o
    return found


@kernel
def _unbind_oldest(m, t, short):
    """Unbind one object, for memory or addresses (`short`) or for room in the aperture; False: there is none."""
    o = _oldest(m, t)
    if o == NONE:
        return False
    unbind(m, t, o)
    dma_driver_count(m).gpu_shrunk += short
    return True


@kernel
def short_of_memory(m, nid):
    """Whether a node has fewer free pages than its low watermarks."""
    free = low = 0
    for z in range(len(zones(m))):
        if zones(m)[z].node == nid:
            free += zones(m)[z].nr_free
            low += zones(m)[z].wmark_low
    return free < low


@kernel
def _map(m, t, o):
    """Map an object's pinned pages; False without addresses."""
    q, row = dma_queues(m)[t], dma_objects(m)[o]
    for i in range(q.each):
        entry = scatterlist(m)[i]
        entry.pfn = pinned(m)[tasks(m)[t].pte_start + row.page + i] - 1
        entry.offset, entry.bytes = 0, PAGE
    segments = dma_map_sg(m, q.dev, 0, q.each, BIDIRECTIONAL)
    if segments > 0:
        _note(m, o, q.each, segments)
    return segments > 0


@kernel
def _pin(m, t, o):
    """Pin an object's pages for long: OK, OUT_OF_MEMORY, or -1: some could not be moved to where they may be pinned."""
    q, row, at = dma_queues(m)[t], dma_objects(m)[o], tasks(m)[t].pte_start
    if not pin_range(m, t, row.page, row.page + q.each, True):
        return OUT_OF_MEMORY
    for i in range(q.each):
        if pinned(m)[at + row.page + i] == 0:
            unpin_pages(m, t, at + row.page, at + row.page + q.each)
            return -1
    return OK


@kernel
def bind(m, t, o, most):
    """Pin and map an object, `most` pages being bound at most: OK, OUT_OF_MEMORY, or -1: it could not be bound."""
    q, count = dma_queues(m)[t], dma_driver_count(m)
    while q.bound and (q.bound + q.each > most or short_of_memory(m, tasks(m)[t].node)):
        if not _unbind_oldest(m, t, q.bound + q.each <= most):
            break
    done = _pin(m, t, o)
    if done != OK:
        return done
    mapped = _map(m, t, o)
    while not mapped and _unbind_oldest(m, t, 1):
        mapped = _map(m, t, o)
    if not mapped:
        at = tasks(m)[t].pte_start + dma_objects(m)[o].page
        unpin_pages(m, t, at, at + q.each)
        return -1
    q.bound += q.each
    count.gpu_binds += 1
    return OK


@hook
def gpu_draw(m, t, argument):
    """Task `t`'s graphics processor reads an object, which is bound first; the task waits for it."""
    q, count, began = dma_queues(m)[t], dma_driver_count(m), m.now
    o = q.first_object + (argument & (1 << OBJECT_BITS) - 1)
    row = dma_objects(m)[o]
    if row.entries == 0:
        done = bind(m, t, o, argument >> MOST_SHIFT)
        count.gpu_bind_ns += m.now - began
        if done == OUT_OF_MEMORY:
            return OUT_OF_MEMORY
        if done != OK:
            count.gpu_bind_failed += 1
            return OK
    walk = 0
    for i in range(row.segments):
        entry = dma_object_pages(m)[row.first + i]
        walk += dma_access(m, q.dev, entry.address, entry.length, 0)
    row.last = m.now
    count.gpu_draws += 1
    until(m, transfer(m, q.dev, 0, m.now, q.each * PAGE, walk))
    return OK


@hook
def gpu_release(m, t, argument):
    """Task `t`'s object is unbound, if it is bound."""
    o = dma_queues(m)[t].first_object + argument
    if dma_objects(m)[o].entries:
        unbind(m, t, o)
    return OK
