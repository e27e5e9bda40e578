"""Unmapped ranges wait for a flush of the whole domain before they can be given out again, and free what it covers.

Since 4.7 a queue a CPU (since 4.14 of 256 entries a domain and CPU), to 4.6 one of 250 for all domains under one lock;
where a flush is dear (6.6) one of 32,768 a domain. AMD's allocator of addresses knows itself when a flush is due.
Source: drivers/iommu/dma-iommu.c: queue_iova, fq_ring_free, fq_flush_timeout; iova.c to 5.16; intel-iommu.c: add_unmap,
flush_unmaps, 3.6; amd_iommu.c: __unmap_single, 3.6.
"""

from mmrun.model.core.actor import actor
from mmrun.model.core.actors import schedule
from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, sleep_until
from mmrun.model.core.state import actors, turn
from mmrun.model.dma.iova.locks import global_lock, hold_lock
from mmrun.model.dma.iova.state import (
    AT_ONCE,
    GLOBAL,
    GLOBAL_QUEUE,
    LOCKS,
    NEED_FLUSH,
    QUEUE_LOCK,
    SINGLE,
    fq_entries,
    fq_rings,
    iova_count,
    iova_domains,
    iova_settings,
)
from mmrun.model.machine.state import geometry
from mmrun.model.units import MS

TIMEOUT, SINGLE_TIMEOUT = 10 * MS, 1000 * MS  # IOVA_DEFAULT_FQ_TIMEOUT, IOVA_SINGLE_FQ_TIMEOUT

free_iova = caller("free_iova")
flush_iotlb_all_ = caller("flush_iotlb_all")
free_tables_ = caller("free_tables")


@hook
def flush_iotlb_all(m, domain):
    """Where no unit is modelled there is nothing to flush."""
    return 0


@hook
def free_tables(m, head):
    """Where no unit is modelled there are no tables."""
    return 0


@kernel
def flush_domain(m, domain):
    """Have the unit forget the domain; what was queued before has been flushed then (fq_flush_iotlb)."""
    d = iova_domains(m)[domain]
    d.started += 1
    flush_iotlb_all_(m, domain)
    d.finished += 1
    d.stale = 0


@kernel
def _ring(m, domain, cpu):
    """A CPU's queue of a domain; `cpu` = number of CPUs: the single one."""
    return fq_rings(m)[domain * (geometry(m).nr_cpus + 1) + cpu]


@kernel
def _queue_of(m, domain):
    """The queue that the running CPU's unmapped ranges go to."""
    queue = iova_domains(m)[domain].queue
    if queue == GLOBAL:
        return fq_rings(m)[iova_settings(m).domains * (geometry(m).nr_cpus + 1)]
    return _ring(m, domain, geometry(m).nr_cpus if queue == SINGLE else turn(m).cpu)


@kernel
def _release(m, ring):
    """Free the oldest entry of a queue: its page tables, then its addresses."""
    entry = fq_entries(m)[ring.first + ring.head]
    ring.head = (ring.head + 1) % ring.slots
    iova_domains(m)[entry.domain].pending -= 1
    if entry.tables != NONE:
        free_tables_(m, entry.tables)
    free_iova(m, entry.domain, entry.iova, entry.pages)


@kernel
def _ring_free(m, domain, ring):
    """Free what a finished flush has covered (fq_ring_free)."""
    finished = iova_domains(m)[domain].finished
    while ring.head != ring.tail and fq_entries(m)[ring.first + ring.head].counter < finished:
        _release(m, ring)


@kernel
def _add(m, domain, ring, iova, pages, tables):
    entry, d = fq_entries(m)[ring.first + ring.tail], iova_domains(m)[domain]
    entry.iova, entry.domain, entry.pages, entry.tables, entry.counter = iova, domain, pages, tables, d.started
    ring.tail = (ring.tail + 1) % ring.slots
    d.pending += 1
    m.now += iova_settings(m).fq_entry


@kernel
def _arm(m, domain, timeout):
    """The timer runs from now on, if it does not yet; it will go off on this CPU."""
    d = iova_domains(m)[domain]
    if not d.armed:
        d.armed, d.due = 1, m.now + timeout
        actors(m)[d.timer].cpu = turn(m).cpu
        schedule(m, d.timer, d.due)


@kernel
def _queue_ring(m, domain, iova, pages, tables):
    """Into a ring: entries that were flushed leave first; if it is full nevertheless, the domain is flushed."""
    ring, d = _queue_of(m, domain), iova_domains(m)[domain]
    if d.queue == SINGLE:
        hold_lock(m, domain * LOCKS + QUEUE_LOCK, iova_settings(m).fq_entry)
    _ring_free(m, domain, ring)
    if (ring.tail + 1) % ring.slots == ring.head:
        iova_count(m).fq_flush_full += 1
        flush_domain(m, domain)
        _ring_free(m, domain, ring)
    _add(m, domain, ring, iova, pages, tables)
    _arm(m, domain, SINGLE_TIMEOUT if d.queue == SINGLE else TIMEOUT)


@kernel
def flush_unmaps(m, domain):
    """2011: flush every domain that has ranges in the one queue, free them all; its lock is held all along."""
    ring, began = _queue_of(m, domain), m.now
    iova_domains(m)[0].armed = 0
    for other in range(iova_settings(m).domains):
        if iova_domains(m)[other].pending:
            flush_domain(m, other)
    while ring.head != ring.tail:
        _release(m, ring)
    held = m.now - began
    m.now = began
    hold_lock(m, global_lock(m), held)


@kernel
def _queue_global(m, domain, iova, pages, tables):
    """Into the one queue of all domains (add_unmap)."""
    ring = _queue_of(m, domain)
    if (ring.tail + ring.slots - ring.head) % ring.slots == GLOBAL_QUEUE:
        iova_count(m).fq_flush_full += 1
        flush_unmaps(m, domain)
    hold_lock(m, global_lock(m), iova_settings(m).fq_entry)
    _add(m, domain, ring, iova, pages, tables)
    _arm(m, 0, TIMEOUT)


@kernel
def _flush_now(m, domain, tables):
    iova_domains(m)[domain].need_flush = 0
    iova_count(m).fq_flush_full += 1
    flush_domain(m, domain)
    if tables != NONE:
        free_tables_(m, tables)


@kernel
def _no_queue(m, domain, iova, pages, tables):
    """AMD, 2011: free at once, below where searches go on, for whoever comes around there flushes; else flush now."""
    if iova_domains(m)[domain].queue == AT_ONCE:
        _flush_now(m, domain, tables)
        free_iova(m, domain, iova, pages)
        return
    m.now += iova_settings(m).fq_entry
    free_iova(m, domain, iova, pages)
    if iova_domains(m)[domain].need_flush or tables != NONE:
        _flush_now(m, domain, tables)


@kernel
def queue_iova(m, domain, iova, pages, tables):
    """A range was unmapped, its translations may still be used: free it, and the chain of page tables from frame
    `tables` on (or NONE), after the next flush of its domain."""
    d = iova_domains(m)[domain]
    iova_count(m).fq_queued += 1
    d.stale += pages
    if d.queue == NEED_FLUSH or d.queue == AT_ONCE:
        _no_queue(m, domain, iova, pages, tables)
    elif d.queue == GLOBAL:
        _queue_global(m, domain, iova, pages, tables)
    else:
        _queue_ring(m, domain, iova, pages, tables)


@kernel
def fq_flush_timeout(m, domain):
    """Time is up: flush, and free what waited, of all CPUs."""
    d = iova_domains(m)[domain]
    d.armed = 0
    iova_count(m).fq_flush_timer += 1
    if d.queue == GLOBAL:
        flush_unmaps(m, domain)
        return
    flush_domain(m, domain)
    for cpu in range(geometry(m).nr_cpus + 1):
        _ring_free(m, domain, _ring(m, domain, cpu))


@actor(per="iova_domain", apart=True)
def flush_queue_timer(m, domain):
    """The domain's timer."""
    d = iova_domains(m)[domain]
    while True:
        sleep_until(m, d.due if d.armed else FOREVER)
        if d.armed and d.due <= m.now:
            fq_flush_timeout(m, domain)
    return 0
