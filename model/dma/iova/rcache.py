"""Magazines: each CPU keeps ranges of small sizes for itself, full magazines go through a depot to others.

Source: drivers/iommu/iova.c: __iova_rcache_insert, __iova_rcache_get, iova_depot_work_func, free_cpu_cached_iovas.
"""

from mmrun.model.core.actor import actor
from mmrun.model.core.actors import schedule
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import FOREVER, sleep_until
from mmrun.model.core.state import turn
from mmrun.model.dma.iova.locks import hold_lock
from mmrun.model.dma.iova.state import (
    BINS,
    DEPOT_LOCK,
    LOCKS,
    TREE_LOCK,
    iova_count,
    iova_depots,
    iova_domains,
    iova_pool,
    iova_rcaches,
    iova_settings,
    magazines,
)
from mmrun.model.dma.iova.tree import drop_range
from mmrun.model.machine.state import geometry
from mmrun.model.units import MS

TRIM_EVERY = 100 * MS  # IOVA_DEPOT_DELAY


@kernel
def bin_of(pages):
    """Which magazines hold ranges of so many pages; BINS or more: none do (order_base_2)."""
    order = 0
    while 1 << order < pages:
        order += 1
    return order


@kernel
def _cpu_rcache(m, domain, cpu, size):
    return iova_rcaches(m)[(domain * geometry(m).nr_cpus + cpu) * BINS + size]


@kernel
def _new_magazine(m):
    """An empty magazine (row + 1); 0 if there is no memory."""
    pool = iova_pool(m)
    if pool.free_magazine:
        row = pool.free_magazine
        pool.free_magazine = magazines(m)[row - 1].next
    elif pool.used_magazines < len(magazines(m)):
        pool.used_magazines += 1
        row = pool.used_magazines
    else:
        return 0
    magazines(m)[row - 1].n = magazines(m)[row - 1].next = 0
    return row


@kernel
def _free_magazine(m, row):
    magazines(m)[row - 1].n = 0
    magazines(m)[row - 1].next = iova_pool(m).free_magazine
    iova_pool(m).free_magazine = row


@kernel
def _depot_push(m, domain, size, row):
    depot = iova_depots(m)[domain * BINS + size]
    magazines(m)[row - 1].next = depot.head
    depot.head = row
    depot.n += 1


@kernel
def _depot_pop(m, domain, size):
    """The magazine that came to the depot last, 0: it has none."""
    depot = iova_depots(m)[domain * BINS + size]
    row = depot.head
    if row:
        depot.head = magazines(m)[row - 1].next
        depot.n -= 1
    return row


@kernel
def _free_pfns(m, domain, row):
    """Give all ranges of a magazine back to the tree, in one hold of its lock (iova_magazine_free_pfns)."""
    if row == 0 or magazines(m)[row - 1].n == 0:
        return
    mag, ns = magazines(m)[row - 1], 0
    for i in range(mag.n):
        ns += drop_range(m, domain, mag.pfn[i])
    mag.n = 0
    hold_lock(m, domain * LOCKS + TREE_LOCK, ns)


@kernel
def _pop(m, row, limit):
    """The range pushed last that begins at page `limit` or below, 0: the magazine has none."""
    mag = magazines(m)[row - 1]
    for i in range(mag.n - 1, -1, -1):
        if mag.pfn[i] <= limit:
            pfn = mag.pfn[i]
            mag.n -= 1
            mag.pfn[i] = mag.pfn[mag.n]
            return pfn
    return 0


@kernel
def rcache_get(m, domain, pages, limit):
    """A range of `pages` below page `limit` from this CPU's magazines or the depot; its first page, or 0."""
    size = bin_of(pages)
    if size >= BINS:
        return 0
    cache = _cpu_rcache(m, domain, turn(m).cpu, size)
    if cache.loaded == 0 or magazines(m)[cache.loaded - 1].n == 0:
        if cache.prev and magazines(m)[cache.prev - 1].n:
            cache.loaded, cache.prev = cache.prev, cache.loaded
        else:
            hold_lock(m, domain * LOCKS + DEPOT_LOCK + size, iova_settings(m).iova_cache)
            row = _depot_pop(m, domain, size)
            if row == 0:
                m.now += iova_settings(m).iova_cache
                return 0
            if cache.loaded:
                _free_magazine(m, cache.loaded)
            cache.loaded = row
    pfn = _pop(m, cache.loaded, limit - pages)
    m.now += iova_settings(m).iova_alloc if pfn else iova_settings(m).iova_cache
    if pfn:
        iova_count(m).iova_cache_hits += 1
    return pfn


@kernel
def _to_depot(m, domain, size, row, most):
    """A full magazine goes to the depot, or to the tree if that may hold no more than `most`; 0: as many as come."""
    hold_lock(m, domain * LOCKS + DEPOT_LOCK + size, iova_settings(m).iova_cache)
    if most == 0 or iova_depots(m)[domain * BINS + size].n < most:
        _depot_push(m, domain, size, row)
    else:
        _free_pfns(m, domain, row)
        _free_magazine(m, row)
    d = iova_domains(m)[domain]
    if most == 0 and d.work_due[size] == 0:
        d.work_due[size] = m.now + TRIM_EVERY
        schedule(m, d.worker, _next_work(m, domain))


@kernel
def _full(m, row, entries):
    return row > 0 and magazines(m)[row - 1].n >= entries


@kernel
def rcache_insert(m, domain, pfn, pages, entries, most):
    """Keep a range in this CPU's magazines, of `entries` each; False: it belongs back into the tree."""
    size = bin_of(pages)
    if size >= BINS:
        return False
    cache = _cpu_rcache(m, domain, turn(m).cpu, size)
    m.now += iova_settings(m).iova_cache
    if cache.loaded and _full(m, cache.loaded, entries) and not _full(m, cache.prev, entries):
        cache.loaded, cache.prev = cache.prev, cache.loaded
    if cache.loaded == 0 or _full(m, cache.loaded, entries):
        row = _new_magazine(m)
        if row == 0:
            return False
        if cache.loaded:
            _to_depot(m, domain, size, cache.loaded, most)
        cache.loaded = row
    mag = magazines(m)[cache.loaded - 1]
    mag.pfn[mag.n] = pfn
    mag.n += 1
    return True


@kernel
def free_cached(m, domain, depots):
    """Give back what all CPUs keep, for want of addresses; what is in `depots`, too (free_cpu_cached_iovas)."""
    iova_count(m).iova_cache_flushes += 1
    for cpu in range(geometry(m).nr_cpus):
        for size in range(BINS):
            cache = _cpu_rcache(m, domain, cpu, size)
            _free_pfns(m, domain, cache.loaded)
            _free_pfns(m, domain, cache.prev)
    if depots:
        for size in range(BINS):
            row = _depot_pop(m, domain, size)
            while row:
                _free_pfns(m, domain, row)
                _free_magazine(m, row)
                row = _depot_pop(m, domain, size)


@kernel
def _next_work(m, domain):
    """When the worker has something to do next."""
    due = FOREVER
    for size in range(BINS):
        at = iova_domains(m)[domain].work_due[size]
        if at:
            due = min(due, at)
    return due


@kernel
def trim_depot(m, domain, size):
    """A depot that holds more magazines than there are CPUs gives one back, and is looked at again."""
    d = iova_domains(m)[domain]
    d.work_due[size] = 0
    if iova_depots(m)[domain * BINS + size].n > geometry(m).nr_cpus:
        row = _depot_pop(m, domain, size)
        _free_pfns(m, domain, row)
        _free_magazine(m, row)
        iova_count(m).iova_depot_trimmed += 1
        d.work_due[size] = m.now + TRIM_EVERY


@actor(per="iova_depot")
def iova_depot_work(m, domain):
    """A depot that has got a magazine is looked at 100 ms later."""
    while True:
        sleep_until(m, _next_work(m, domain))
        for size in range(BINS):
            due = iova_domains(m)[domain].work_due[size]
            if due and due <= m.now:
                trim_depot(m, domain, size)
    return 0
