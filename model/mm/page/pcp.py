"""Per-CPU lists of free blocks in front of a zone's buddy lists (mm/page_alloc.c).

Blocks pass through them one by one; lists refill and drain in batches, and what is there is invisible to watermarks and
to the buddy lists. To 5.13 they hold single pages by migratetype, since then blocks of order 0 to 3 and 9. How much a
refill takes, when a free gives something back and in which order is the axis `pcp`.
"""

from mmrun.model.core.codes import BAD_FREE
from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.links import link_head, link_tail, unlink_row
from mmrun.model.core.panic import panic
from mmrun.model.core.prefetch import prefetch
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.page.alloc_flags import REFILL
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER, alloc_block, free_block, free_one_page, rmqueue_buddy
from mmrun.model.mm.page.flags import CMA, ISOLATE, KERNEL, MOVABLE, NEW, PCP, PER_CPU, PLACES
from mmrun.model.mm.page.state import (
    PCP_LISTS,
    alloc_count,
    alloc_settings,
    frames,
    pageblocks,
    pcp_settings,
    pcps,
    zones,
)
from mmrun.model.mm.page.tracepoints import mm_page_free, mm_page_pcpu_drain

pcp_refill = caller("pcp_refill")
pcp_excess = caller("pcp_excess")
pcp_drain = caller("pcp_drain")

PCPTYPES, COSTLY_ORDER = 3, 3  # MIGRATE_PCPTYPES; PAGE_ALLOC_COSTLY_ORDER
LOW_LISTS = PCPTYPES * (COSTLY_ORDER + 1)  # of orders 0 to 3; behind them those of order 9
BATCH_SCALE_MAX = 5  # CONFIG_PCP_BATCH_SCALE_MAX
QUIET_TICKS = 3  # seconds without use after which a list of another node's zone is drained


@kernel
def on_pcp(m, order):
    """Whether blocks of this order go through per-CPU lists (pcp_allowed_order)."""
    return order == 0 or (pcp_settings(m).high_orders != 0 and (order <= COSTLY_ORDER or order == PAGEBLOCK_ORDER))


@kernel
def pcp_index(m, order, mt):
    """The per-CPU list of blocks of an order and type; types that have none go with movable ones (order_to_pindex)."""
    mt = mt if mt < PCPTYPES else MOVABLE
    if order <= COSTLY_ORDER:
        return PCPTYPES * order + mt
    lists = pcp_settings(m).huge_lists
    if lists == PCPTYPES:
        return LOW_LISTS + mt
    return LOW_LISTS + (1 if lists == 2 and mt == MOVABLE else 0)


@kernel
def order_of(index):
    """The order of the blocks on a per-CPU list (pindex_to_order)."""
    return index // PCPTYPES if index < LOW_LISTS else PAGEBLOCK_ORDER


@rare
@kernel
def _refill(m, cpu, z, order, mt, flags):
    """Fill an empty list from the buddy lists, to be handed out in the order in which blocks came (rmqueue_bulk)."""
    f, pcp = frames(m), pcps(m)[cpu, z]
    lst = pcp.lists[pcp_index(m, order, mt)]
    m.now += alloc_settings(m).buddy
    for i in range(pcp_refill(m, cpu, z, order)):
        pfn = alloc_block(m, z, order, mt, flags | REFILL if i else flags)
        if pfn == NONE:
            break
        link_tail(f, lst, pfn)
        f[pfn].state, f[pfn].kind = PCP, PER_CPU
        f[pfn].owner = CMA if pageblocks(m)[pfn >> PAGEBLOCK_ORDER] == CMA else mt
        pcp.count += 1 << order


@kernel
def rmqueue_pcplist(m, cpu, z, order, mt, flags):
    """A block of zone `z` from the CPU's list, which is refilled when empty; NONE when the zone has none."""
    f, pcp = frames(m), pcps(m)[cpu, z]
    lst = pcp.lists[pcp_index(m, order, mt)]
    pcp.free_count >>= 1
    pcp.expire = QUIET_TICKS
    if lst.n == 0:
        _refill(m, cpu, z, order, mt, flags)
        if lst.n == 0:
            return NONE
    pfn = lst.head
    after = f[pfn].next
    lst.head = after
    if after == NONE:
        lst.tail = NONE
    else:
        f[after].prev = NONE
    lst.n -= 1
    pcp.count -= 1 << order
    f[pfn].state = f[pfn].kind = 0
    return pfn


@kernel
def rmqueue(m, cpu, z, order, mt, flags):
    """A block of 2^order frames of zone `z`, of a per-CPU list where it has such; NONE when the zone has none.

    `flags`: what the request may take (`alloc_flags`).
    """
    if on_pcp(m, order):
        pfn = rmqueue_pcplist(m, cpu, z, order, mt, flags)
        if pfn != NONE or not pcp_settings(m).high_orders:
            return pfn
    m.now += alloc_settings(m).buddy
    return rmqueue_buddy(m, z, order, mt, flags)


@kernel
def free_pcp_tail(m, cpu, z, index):
    """Return the oldest block of one list to the buddy lists; how many pages it has.

    To 6.9 it goes to the list of the type that was noted when it came, unless its pageblock is isolated; since then to
    that of its pageblock (mm: page_alloc: fix freelist movement during block conversion, 6.10).
    """
    f, pcp, order = frames(m), pcps(m)[cpu, z], order_of(index)
    pfn = pcp.lists[index].tail
    unlink_row(f, pcp.lists[index], pfn)
    pcp.count -= 1 << order
    if pcp.lists[index].n:  # the next one's buddy (prefetch_buddy), and the one after merging, lie side by side
        prefetch(f, pcp.lists[index].tail ^ 2)
    mt, now = f[pfn].owner, pageblocks(m)[pfn >> PAGEBLOCK_ORDER]
    mm_page_pcpu_drain(m, pfn, order, mt)
    f[pfn].state = f[pfn].kind = f[pfn].order = 0
    free_one_page(m, z, pfn, order, now if not pcp_settings(m).pcp_keeps_types or now == ISOLATE else mt, False)
    return 1 << order


@kernel
def drain_pcp(m, cpu, z, count, index):
    """Return `count` pages of the CPU's lists of zone `z`, or what is there, from list `index` on (free_pcppages_bulk).

    Which come first the variant says.
    """
    m.now += alloc_settings(m).buddy
    # A page comes back after all: to 4.11 a zone, or of its node the one that lists are counted by, is not given up.
    zones(m)[z].all_unreclaimable = zones(m)[z].pages_scanned = 0
    zones(m)[nodes(m)[zones(m)[z].node].first_zone].pages_scanned = 0
    pcp_drain(m, cpu, z, min(count, pcps(m)[cpu, z].count), index)


@kernel
def drain_all_pcps(m, z):
    """Return every CPU's pages of zone `z` to the buddy lists (drain_all_pages of one zone)."""
    for cpu in range(geometry(m).nr_cpus):
        if pcps(m)[cpu, z].count:
            drain_pcp(m, cpu, z, pcps(m)[cpu, z].count, 0)


@kernel
def drain_all_pages(m):
    """Return every CPU's pages of every zone to the buddy lists."""
    for z in range(geometry(m).nr_zones):
        drain_all_pcps(m, z)


@kernel
def zone_pcp_disable(m, z):
    """Empty the zone's per-CPU lists and let every block through them at once, until `zone_pcp_enable`."""
    for cpu in range(geometry(m).nr_cpus):
        pcp = pcps(m)[cpu, z]
        pcp.batch, pcp.high, pcp.high_min, pcp.high_max, pcp.free_limit, pcp.quiet = 1, 0, 0, 0, 0, 0
    drain_all_pcps(m, z)


@kernel
def zone_pcp_enable(m, z):
    """The zone's per-CPU lists have the sizes again that they were set up with."""
    zone = zones(m)[z]
    for cpu in range(geometry(m).nr_cpus):
        pcp = pcps(m)[cpu, z]
        pcp.batch, pcp.high, pcp.high_min = zone.pcp_batch, zone.pcp_high_min, zone.pcp_high_min
        pcp.high_max, pcp.quiet = zone.pcp_high_max, min(zone.pcp_batch << 2, zone.pcp_high_min)
        pcp.free_limit = zone.pcp_batch << BATCH_SCALE_MAX if pcp_settings(m).tuned else 0


@rare
@kernel
def _free_isolated(m, pfn, order):
    """A block of an isolated pageblock goes straight back to the buddy lists."""
    f = frames(m)
    f[pfn].state = f[pfn].kind = f[pfn].order = 0
    free_one_page(m, f[pfn].zone, pfn, order, ISOLATE, False)


@rare
@kernel
def _free_excess(m, cpu, z, order, index):
    """Return what the variant says is too much, from the list just freed to on."""
    pcp, zone = pcps(m)[cpu, z], zones(m)[z]
    if order or pcp.count >= pcp.high or zone.reclaim_active or zone.below_high:
        excess = pcp_excess(m, cpu, z, order)
        if excess:
            drain_pcp(m, cpu, z, excess, index)


@kernel
def free_unref_page(m, cpu, pfn, order):
    """Put a block that nobody uses on the CPU's list; its variant may then return some to the buddy lists.

    The block's tails, if any, are nobody's already. Isolated pageblocks take theirs at once. In the kernel:
    free_hot_cold_page, free_unref_page, today free_frozen_pages.
    """
    f, z, mt = frames(m), frames(m)[pfn].zone, pageblocks(m)[pfn >> PAGEBLOCK_ORDER]
    if mt == ISOLATE:
        _free_isolated(m, pfn, order)
        return
    pcp, index = pcps(m)[cpu, z], pcp_index(m, order, mt)
    link_head(f, pcp.lists[index], pfn)
    f[pfn].state, f[pfn].kind, f[pfn].owner, f[pfn].order = PCP, PER_CPU, mt, order
    pcp.count += 1 << order
    pcp.alloc_factor >>= 1
    pcp.expire = QUIET_TICKS
    if order == 0:
        pcp.freed_high = 0
        if pcp.free_count < pcp.free_limit:
            pcp.free_count += 1
        if pcp.count < pcp.quiet and pcp.high == pcp.high_min:
            return  # no version would give anything back, or move a mark
    _free_excess(m, cpu, z, order, index)


@rare
@kernel
def free_pages(m, cpu, pfn, order):
    """Give 2^order adjacent frames back, through the CPU's list where it has such blocks, else to the buddy lists.

    The first frame's state must be cleared but for the kernel's own use. In the kernel: __free_pages.
    """
    if order == 0:
        free_frame(m, cpu, pfn)
        return
    f = frames(m)
    if f[pfn].state & PLACES & ~(KERNEL | NEW) or f[pfn].mapcount or f[pfn].order != order:
        panic(m, BAD_FREE, pfn)
        return
    alloc_count(m).pgfree += 1 << order
    mm_page_free(m, pfn, order)
    if on_pcp(m, order):
        for tail in range(pfn + 1, pfn + (1 << order)):
            f[tail].kind = 0
        free_unref_page(m, cpu, pfn, order)
        return
    m.now += alloc_settings(m).buddy
    free_block(m, f[pfn].zone, pfn, order)


@kernel
def free_frame(m, cpu, pfn):
    """Give one frame back through the CPU's list."""
    f = frames(m)
    if f[pfn].state & PLACES & ~(KERNEL | NEW) or f[pfn].mapcount:
        panic(m, BAD_FREE, pfn)
        return
    alloc_count(m).pgfree += 1
    mm_page_free(m, pfn, 0)
    free_unref_page(m, cpu, pfn, 0)


@kernel
def drain_from(m, cpu, z, count, index):
    """List by list from `index` on, each from its oldest block until it is empty; since 5.18.

    In the kernel: mm/page_alloc: drain the requested list first during bulk free.
    """
    pcp = pcps(m)[cpu, z]
    while count > 0:
        while pcp.lists[index].n == 0:
            index = (index + 1) % PCP_LISTS
        while count > 0 and pcp.lists[index].n:
            count -= free_pcp_tail(m, cpu, z, index)
