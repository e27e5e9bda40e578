"""Ranges of addresses that are taken, in the order of their addresses; searches go down from the last one given out.

The kernel keeps them in a red-black tree. What it costs is told by its steps: a search goes from range to range
(rb_prev), each a cache miss; finding and entering a range goes down as many levels as the tree has. Here neighbours are
linked, and a hash finds a range by its first page.
Source: drivers/iommu/iova.c: alloc_iova, __alloc_and_insert_iova_range, __cached_rbnode_insert_update, reserve_iova.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.dma.iova.locks import hold_lock
from mmrun.model.dma.iova.state import (
    LOCKS,
    TOP_32BIT,
    TREE_LOCK,
    iova_count,
    iova_domains,
    iova_heads,
    iova_pool,
    iova_settings,
    iovas,
)


@kernel
def roundup_pow_of_two(pages):
    """The smallest power of two that is at least `pages`."""
    power = 1
    while power < pages:
        power <<= 1
    return power


@kernel
def _levels(m, domain):
    """Levels of the domain's tree."""
    levels, n = 1, iova_domains(m)[domain].ranges
    while n > 1:
        n >>= 1
        levels += 1
    return levels


@kernel
def _bucket(m, domain, lo):
    """Where ranges that begin at page `lo` hang; neighbours do not share a bucket."""
    return (lo + domain * 7919) % iova_settings(m).heads


@kernel
def find_range(m, domain, lo):
    """The node of the domain's range that begins at page `lo`, or NONE."""
    node = iova_heads(m)[_bucket(m, domain, lo)] - 1
    while node >= 0:
        row = iovas(m)[node]
        if row.lo == lo and row.domain == domain:
            return node
        node = row.same - 1
    return NONE


@kernel
def insert_range(m, domain, lo, hi, above):
    """Enter a range below node `above`; its node, NONE if there is no memory for one."""
    pool, d = iova_pool(m), iova_domains(m)[domain]
    if pool.free:
        node = pool.free - 1
        pool.free = iovas(m)[node].same
    elif pool.used < len(iovas(m)):
        node = pool.used
        pool.used += 1
    else:
        return NONE
    row, head = iovas(m)[node], _bucket(m, domain, lo)
    row.lo, row.hi, row.domain = lo, hi, domain
    row.above, row.below = above, iovas(m)[above].below
    iovas(m)[above].below = node
    if row.below == NONE:
        d.lowest = node
    else:
        iovas(m)[row.below].above = node
    row.same = iova_heads(m)[head]
    iova_heads(m)[head] = node + 1
    d.ranges += 1
    return node


@kernel
def _unhash(m, node):
    row = iovas(m)[node]
    head = _bucket(m, row.domain, row.lo)
    if iova_heads(m)[head] == node + 1:
        iova_heads(m)[head] = row.same
        return
    at = iova_heads(m)[head] - 1
    while iovas(m)[at].same != node + 1:
        at = iovas(m)[at].same - 1
    iovas(m)[at].same = row.same


@kernel
def _forget_2011(m, domain, node):
    """The start of searches below 4 GiB is the next range above what goes, if it began there or lower."""
    d, row = iova_domains(m)[domain], iovas(m)[node]
    if d.cached32 != NONE and row.lo >= iovas(m)[d.cached32].lo:
        d.cached32 = row.above if iovas(m)[row.above].lo < TOP_32BIT - 1 else NONE


@kernel
def _forget(m, domain, node):
    """Searches that began at what goes, or below it, begin at the next range above it."""
    d, row = iova_domains(m)[domain], iovas(m)[node]
    if node == d.cached32 or (row.hi < TOP_32BIT and row.lo >= iovas(m)[d.cached32].lo):
        d.cached32 = row.above
    if row.lo < TOP_32BIT:
        d.max32 = TOP_32BIT
    if row.lo >= iovas(m)[d.cached].lo:
        d.cached = row.above


@kernel
def remove_range(m, domain, node):
    """Take a range out of the tree (remove_iova)."""
    d, row = iova_domains(m)[domain], iovas(m)[node]
    if d.anchored:
        _forget(m, domain, node)
    else:
        _forget_2011(m, domain, node)
    iovas(m)[row.above].below = row.below
    if row.below == NONE:
        d.lowest = row.above
    else:
        iovas(m)[row.below].above = row.above
    _unhash(m, node)
    row.same = iova_pool(m).free
    iova_pool(m).free = node + 1
    row.domain = -1
    d.ranges -= 1


@kernel
def _searched(m, domain, steps, ns):
    """Count a search and what came after it, which the tree's lock was held for."""
    count, cost = iova_count(m), iova_settings(m)
    count.iova_walk_steps += steps
    count.iova_walk_max = max(count.iova_walk_max, steps)
    m.now += cost.iova_alloc
    hold_lock(m, domain * LOCKS + TREE_LOCK, steps * cost.iova_step + ns)


@kernel
def _enter_found(m, domain, lo, pages, above, steps):
    """Enter the range that a search found; its node, NONE where there is no memory."""
    node = insert_range(m, domain, lo, lo + pages - 1, above)
    if node != NONE:
        iova_count(m).iova_tree_allocs += 1
    _searched(m, domain, steps, _levels(m, domain) * iova_settings(m).iova_level)
    return node


@kernel
def _padding(m, size, limit):
    """Pages left free above a range that ends at page `limit` at most, so that it is aligned to its size."""
    if iova_settings(m).iova_natural_size:
        return (limit + 1 - size) & (roundup_pow_of_two(size) - 1)
    return (limit + 1) % size


@kernel
def alloc_2011(m, domain, pages, limit):
    """A range at or below page `limit`, searched down from the last one given out below 4 GiB; its first page, or 0.

    Only searches with exactly that limit have such a start; others begin at the top, and nobody goes back there. What
    is searched for is padded at each step. Up to 5.10 a range was rounded up to a power of two.
    """
    d, wanted, steps = iova_domains(m)[domain], limit, 0
    if not iova_settings(m).iova_natural_size:
        pages = roundup_pow_of_two(pages)
    if limit != TOP_32BIT - 1 or d.cached32 == NONE:
        at = iovas(m)[domain].below
    else:
        at = iovas(m)[d.cached32].below
        limit = iovas(m)[d.cached32].lo - 1
    while at != NONE:
        row = iovas(m)[at]
        if limit >= row.lo:
            if limit >= row.hi and row.hi + pages + _padding(m, pages, limit) <= limit:
                break
            limit = row.lo - 1
        at = row.below
        steps += 1
    size = pages + _padding(m, pages, limit)
    if at == NONE and d.start + size > limit:
        _searched(m, domain, steps, 0)
        return 0
    above = d.lowest if at == NONE else iovas(m)[at].above
    lo = limit - size + 1
    node = _enter_found(m, domain, lo, pages, above, steps)
    if node == NONE:
        return 0
    if wanted == TOP_32BIT - 1:
        d.cached32 = node
    return lo


@kernel
def find_limit(m, domain, limit):
    """The lowest node that begins at page `limit` or above (iova_find_limit)."""
    node = domain
    while iovas(m)[node].below != NONE and iovas(m)[iovas(m)[node].below].lo >= limit:
        node = iovas(m)[node].below
    return node


@kernel
def _walk(m, at, high, low, pages):
    """Go down from node `at` to a hole of `pages` below page `high`: its first page (less than `low`: none), the
    node above it, where it ended, and the steps taken."""
    mask, steps, new, above = -roundup_pow_of_two(pages), 0, 0, at
    while True:
        high = min(high, iovas(m)[at].lo)
        new, above = (high - pages) & mask, at
        at = iovas(m)[at].below
        steps += 1
        if at == NONE or new > iovas(m)[at].hi or new < low:
            return new, above, high, steps


@kernel
def alloc_range(m, domain, pages, limit_pfn, max32, retry):
    """A range at or below page `limit_pfn`, searched down from the last one given out; its first page, or 0.

    The anchor stands above all, so there always is a node to begin at, one of two: for addresses below 4 GiB and for
    all. `max32`: a size that was not to be had below 4 GiB is not searched for until something is freed there; `retry`:
    a search that finds nothing goes on from the top to where it began.
    """
    d, limit, steps = iova_domains(m)[domain], limit_pfn + 1, 0
    if max32 and limit <= TOP_32BIT and pages >= d.max32:
        _searched(m, domain, 0, 0)
        return 0
    at = d.cached32 if limit <= TOP_32BIT else d.cached
    began = iovas(m)[at].hi
    new, above, high, steps = _walk(m, at, limit, d.start, pages)
    if high < pages or new < d.start:
        again = 0
        if retry and began < limit:
            new, above, high, again = _walk(m, find_limit(m, domain, limit), limit, began + 1, pages)
        steps += again
        if not again or high < pages or new < began + 1:
            d.max32 = pages
            _searched(m, domain, steps, 0)
            return 0
    node = _enter_found(m, domain, new, pages, above, steps)
    if node == NONE:
        return 0
    if new + pages <= TOP_32BIT:
        d.cached32 = node
    else:
        d.cached = node
    return new


@kernel
def drop_range(m, domain, lo):
    """Give the range that begins at page `lo` back to the tree, whose lock is held; ns that it took (free_iova)."""
    node, ns = find_range(m, domain, lo), iova_settings(m).iova_free + _levels(m, domain) * iova_settings(m).iova_level
    if node != NONE:
        remove_range(m, domain, node)
        iova_count(m).iova_tree_frees += 1
    return ns


@kernel
def free_range(m, domain, lo):
    """Give a range back to the tree."""
    hold_lock(m, domain * LOCKS + TREE_LOCK, drop_range(m, domain, lo))


@kernel
def reserve_range(m, domain, lo, hi):
    """Pages [lo, hi] are never given out: windows of bridges, where interrupts are written to (reserve_iova)."""
    above = find_limit(m, domain, lo)
    if insert_range(m, domain, lo, hi, above) != NONE:
        iova_domains(m)[domain].reserved += 1
