"""Per-CPU lists of free pages in front of a zone's buddy lists (mm/page_alloc.c).

Pages pass through them one by one; they refill and drain in batches, and pages there are invisible to the watermarks.
"""

from mmrun.model.core.codes import BAD_FREE
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_head, unlink_row
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.page.alloc_flags import REFILL
from mmrun.model.mm.page.buddy import alloc_block, free_block, rmqueue_buddy
from mmrun.model.mm.page.flags import KERNEL, NEW, PCP, PER_CPU, PLACES
from mmrun.model.mm.page.state import alloc_count, alloc_settings, frames, pcps, zones


@kernel
def _pcp_push(m, cpu, z, pfn):
    link_head(frames(m), pcps(m)[cpu, z], pfn)
    frames(m)[pfn].state, frames(m)[pfn].kind = PCP, PER_CPU


@kernel
def _pcp_take(m, cpu, z, pfn):
    unlink_row(frames(m), pcps(m)[cpu, z], pfn)
    frames(m)[pfn].state = frames(m)[pfn].kind = 0
    return pfn


@kernel
def drain_pcp(m, cpu, z, count):
    """Return up to `count` of the CPU's least recently freed pages of zone `z` to the buddy lists.

    In the kernel: free_pcppages_bulk.
    """
    pcp = pcps(m)[cpu, z]
    m.now += alloc_settings(m).buddy
    # A page comes back after all: to 4.11 a zone, or of its node the one that lists are counted by, is not given up.
    zones(m)[z].all_unreclaimable = zones(m)[z].pages_scanned = 0
    zones(m)[nodes(m)[zones(m)[z].node].first_zone].pages_scanned = 0
    for _ in range(min(count, pcp.n)):
        free_block(m, z, _pcp_take(m, cpu, z, pcp.tail), 0)


@kernel
def drain_all_pcps(m, z):
    """Return every CPU's pages of zone `z` to the buddy lists (drain_all_pages)."""
    for cpu in range(geometry(m).nr_cpus):
        if pcps(m)[cpu, z].n:
            drain_pcp(m, cpu, z, pcps(m)[cpu, z].n)


@kernel
def rmqueue(m, cpu, z, order, mt, flags):
    """A block of zone `z` of migratetype `mt` if there is one: a single frame through the CPU's list, refilled by a
    batch when empty; larger ones from the buddy lists. Its first frame, or NONE when the zone has none.

    In the kernel: rmqueue, rmqueue_pcplist, rmqueue_bulk.
    """
    if order:
        m.now += alloc_settings(m).buddy
        return rmqueue_buddy(m, z, order, mt, flags)
    pcp = pcps(m)[cpu, z]
    if pcp.n == 0:
        m.now += alloc_settings(m).buddy
        for i in range(pcp.batch):
            pfn = alloc_block(m, z, 0, mt, flags | REFILL if i else flags)
            if pfn == NONE:
                break
            _pcp_push(m, cpu, z, pfn)
        if pcp.n == 0:
            return NONE
    return _pcp_take(m, cpu, z, pcp.head)


@kernel
def free_pages(m, cpu, pfn, order):
    """Give 2^order adjacent frames back, a single one through the CPU's list, larger blocks to the buddy lists.

    The first frame's state must be cleared but for the kernel's own use. In the kernel: __free_pages.
    """
    if order == 0:
        free_frame(m, cpu, pfn)
        return
    f = frames(m)
    if f[pfn].state & PLACES & ~(KERNEL | NEW) or f[pfn].mapcount or f[pfn].order != order:
        panic(m, BAD_FREE, pfn)
        return
    m.now += alloc_settings(m).buddy
    alloc_count(m).pgfree += 1 << order
    free_block(m, f[pfn].zone, pfn, order)


@kernel
def free_frame(m, cpu, pfn):
    """Give one frame back through the CPU's list; a batch goes on to the buddy lists beyond its high mark.

    In the kernel: free_hot_cold_page, free_unref_page, today free_frozen_pages.
    """
    f = frames(m)
    if f[pfn].state & PLACES & ~(KERNEL | NEW) or f[pfn].mapcount:
        panic(m, BAD_FREE, pfn)
        return
    z = f[pfn].zone
    alloc_count(m).pgfree += 1
    _pcp_push(m, cpu, z, pfn)
    pcp = pcps(m)[cpu, z]
    if pcp.n >= pcp.high:
        drain_pcp(m, cpu, z, pcp.batch)
