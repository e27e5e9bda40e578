"""A pool of huge pages: how it grows and shrinks, what is promised, what is surplus (mm/hugetlb.c)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_head, link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.hugetlb.state import GIB1, MIB2, ORDERS, hugetlb_count, hugetlb_settings, pools
from mmrun.model.mm.memcg.memcontrol import NO_GROUP
from mmrun.model.mm.page.flags import HUGETLB_PAGE, KERNEL
from mmrun.model.mm.page.gfp import GFP_USER, HIGHMEM, MOVABLE, NORETRY, NOWARN, RETRY_MAYFAIL, THISNODE
from mmrun.model.mm.page.pcp import free_pages
from mmrun.model.mm.page.state import frames, zones

ANY_NODE = (1 << 16) - 1


@kernel
def persistent(m, size):
    """Pages of a pool that stay: those that are not surplus (persistent_huge_pages)."""
    return pools(m)[size].nr - pools(m)[size].surplus


@kernel
def new_page(m, size, pfn, nid):
    """A block becomes a page of the pool, in nobody's use (prep_new_hugetlb_folio)."""
    page = frames(m)[pfn]
    page.state, page.kind, page.memcg, page.slot, page.mapcount = KERNEL, HUGETLB_PAGE, NO_GROUP, 0, 0
    pools(m)[size].nr += 1
    pools(m)[size].nr_node[nid] += 1


@kernel
def enqueue(m, size, pfn):
    """A page of the pool waits for its next use (enqueue_hugetlb_folio)."""
    link_head(frames(m), pools(m)[size].lists[frames(m)[pfn].node], pfn)
    pools(m)[size].free += 1


@kernel
def _dequeue_node(m, size, nid):
    """The free page of a node that was freed last, or NONE (dequeue_hugetlb_folio_node_exact)."""
    pool = pools(m)[size]
    pfn = pool.lists[nid].head
    if pfn != NONE:
        unlink_row(frames(m), pool.lists[nid], pfn)
        pool.free -= 1
    return pfn


@kernel
def dequeue(m, size, nid, nodemask):
    """A free page from the first allowed node of node `nid`'s zonelist that has one; NONE: none has.

    In the kernel: dequeue_hugetlb_folio_nodemask.
    """
    home = nodes(m)[nid]
    for i in range(home.nr_zonelist):
        node = zones(m)[home.zonelist[i]].node
        if nodemask >> node & 1 and pools(m)[size].lists[node].head != NONE:
            return _dequeue_node(m, size, node)
    return NONE


@kernel
def alloc_from_buddy(m, nid, nodemask, more):
    """A block of 2 MiB from the buddy allocator, or NONE; `more`: flags (alloc_buddy_hugetlb_folio)."""
    gfp = GFP_USER | HIGHMEM | NOWARN | more | (MOVABLE if hugetlb_settings(m).hugetlb_movable else 0)
    pfn = alloc_pages(m, gfp, ORDERS[MIB2], nid, nodemask)
    if pfn == NONE:
        hugetlb_count(m).htlb_buddy_alloc_fail += 1
    else:
        hugetlb_count(m).htlb_buddy_alloc_success += 1
    return pfn


@kernel
def _surplus_page(m, nid, nodemask):
    """A page beyond the persistent ones, on its way to its use; NONE: overcommit is used up, or memory is.

    In the kernel: alloc_surplus_hugetlb_folio.
    """
    pool = pools(m)[MIB2]
    if pool.surplus >= pool.overcommit:
        return NONE
    pfn = alloc_from_buddy(m, nid, nodemask, RETRY_MAYFAIL)
    if pfn == NONE:
        return NONE
    if pool.surplus >= pool.overcommit:  # somebody else was faster
        free_pages(m, turn(m).cpu, pfn, ORDERS[MIB2])
        return NONE
    new_page(m, MIB2, pfn, frames(m)[pfn].node)
    pool.surplus += 1
    pool.surplus_node[frames(m)[pfn].node] += 1
    return pfn


@kernel
def fresh_surplus(m, size, nid, nodemask):
    """The same for a fault; gigantic pages are never surplus."""
    return NONE if size == GIB1 else _surplus_page(m, nid, nodemask)


@kernel
def _give_to_buddy(m, size, pfn):
    """A page that is on no list leaves the pool (update_and_free_hugetlb_folio)."""
    pool, nid = pools(m)[size], frames(m)[pfn].node
    pool.nr -= 1
    pool.nr_node[nid] -= 1
    frames(m)[pfn].mapcount = 0
    if size == MIB2:
        free_pages(m, turn(m).cpu, pfn, ORDERS[MIB2])
        return
    step = 1 << ORDERS[MIB2]
    for part in range(pfn, pfn + (1 << ORDERS[size]), step):  # free_gigantic_folio
        frames(m)[part].state, frames(m)[part].order = KERNEL, ORDERS[MIB2]
        frames(m)[part].kind, frames(m)[part].zone = HUGETLB_PAGE, frames(m)[pfn].zone
        free_pages(m, turn(m).cpu, part, ORDERS[MIB2])


@kernel
def free_page(m, size, pfn):
    """Nobody uses a page any more: a surplus one of its node goes, else it is free in the pool (free_huge_folio)."""
    pool, nid = pools(m)[size], frames(m)[pfn].node
    if pool.surplus_node[nid]:
        pool.surplus -= 1
        pool.surplus_node[nid] -= 1
        _give_to_buddy(m, size, pfn)
    else:
        enqueue(m, size, pfn)


@kernel
def reserve(m, size, delta, nid):
    """Promise `delta` pages more, growing the pool by surplus pages if need be; 0: they cannot be had.

    In the kernel: hugetlb_acct_memory, gather_surplus_pages.
    """
    pool, taken, first = pools(m)[size], 0, NONE
    while pool.resv + delta - pool.free - taken > 0:
        pfn = fresh_surplus(m, size, nid, ANY_NODE)
        if pfn == NONE:
            break
        frames(m)[pfn].next, first = first, pfn
        taken += 1
    enough, wanted = pool.resv + delta - pool.free - taken <= 0, pool.resv + delta - pool.free
    if enough:
        pool.resv += delta
    for _ in range(taken):
        pfn, first = first, frames(m)[first].next
        if enough and wanted > 0:
            enqueue(m, size, pfn)
            wanted -= 1
        else:
            free_page(m, size, pfn)
    return 1 if enough else 0


@kernel
def _take_for_removal(m, size, surplus):
    """A free page of the next node that has one (a surplus one, if asked for), off its list; NONE: no node has."""
    pool, count = pools(m)[size], geometry(m).nr_nodes
    for i in range(count):
        nid = (pool.next_free + i) % count
        if pool.lists[nid].head != NONE and (not surplus or pool.surplus_node[nid]):
            pool.next_free = (nid + 1) % count
            return _dequeue_node(m, size, nid)
    return NONE


@kernel
def unreserve(m, size, unused):
    """Promises that nobody has used are taken back, with the surplus pages that stood for them.

    In the kernel: return_unused_surplus_pages.
    """
    pool = pools(m)[size]
    pool.resv -= unused
    for _ in range(min(unused, pool.surplus)):
        pfn = _take_for_removal(m, size, True)
        if pfn == NONE:
            break
        free_page(m, size, pfn)


@kernel
def _adjust_surplus(m, size, delta):
    """A surplus page becomes persistent (-1) or the reverse, of the next node that can; 0: none can.

    In the kernel: adjust_pool_surplus.
    """
    pool, count = pools(m)[size], geometry(m).nr_nodes
    for i in range(count):
        nid = ((pool.next_alloc if delta < 0 else pool.next_free) + i) % count
        able = pool.surplus_node[nid] if delta < 0 else pool.surplus_node[nid] < pool.nr_node[nid]
        if able:
            if delta < 0:
                pool.next_alloc = (nid + 1) % count
            else:
                pool.next_free = (nid + 1) % count
            pool.surplus += delta
            pool.surplus_node[nid] += delta
            return 1
    return 0


@kernel
def _grow(m, failed):
    """A page more from the next node whose turn it is; (0 or 1, nodes that have failed): alloc_pool_huge_folio."""
    pool, count = pools(m)[MIB2], geometry(m).nr_nodes
    for i in range(count):
        nid = (pool.next_alloc + i) % count
        weary = hugetlb_settings(m).hugetlb_gives_up and failed >> nid & 1
        pfn = alloc_from_buddy(m, nid, 1 << nid, THISNODE | (NORETRY if weary else RETRY_MAYFAIL))
        failed = failed | 1 << nid if pfn == NONE else failed & ~(1 << nid)
        if pfn != NONE:
            pool.next_alloc = (nid + 1) % count
            new_page(m, MIB2, pfn, nid)
            enqueue(m, MIB2, pfn)
            return 1, failed
    return 0, failed


@kernel
def set_max(m, size, count):
    """Make `count` pages of the pool persistent, as far as that can be had (set_max_huge_pages).

    Surplus pages become persistent first; then it grows node by node until a page fails on all. Pages in use or
    promised beyond the new number become surplus. Gigantic pages are not taken at run time.
    """
    pool, failed, more = pools(m)[size], 0, 1
    while pool.surplus and count > persistent(m, size) and _adjust_surplus(m, size, -1):
        pass
    while size == MIB2 and more and count > persistent(m, size):
        more, failed = _grow(m, failed)
    least = max(count, pool.resv + pool.nr - pool.free)
    while least < persistent(m, size):
        pfn = _take_for_removal(m, size, False)
        if pfn == NONE:
            break
        _give_to_buddy(m, size, pfn)
    while count < persistent(m, size) and size == MIB2 and _adjust_surplus(m, size, 1):
        pass


@kernel
def boot_page(m, size, pfn, nid):
    """A block that was taken at boot joins the pool, behind those before it."""
    new_page(m, size, pfn, nid)
    link_tail(frames(m), pools(m)[size].lists[nid], pfn)
    pools(m)[size].free += 1
