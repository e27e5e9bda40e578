"""Swap slots, the swap cache, and the way to and from the swap device (mm/swapfile.c, mm/swap_state.c, mm/page_io.c).

A slot is one page of a swap area; `swapmap` holds the owning group + 1 (0: free), `swapcache` holds the frame that
caches it (pfn + 1) or, negative, the shadow of the page that left memory through it. Slots are handed out from the
current cluster, then from the next wholly free cluster, then from the next free slot onwards.
"""

from mmrun.model.block.serving import read_pages
from mmrun.model.core.codes import BAD_SLOT
from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import costs, geometry
from mmrun.model.mm.memcg.memcontrol import (
    EVENT_SWAP_FAIL,
    EVENT_SWAP_MAX,
    NO_GROUP,
    charge_swap,
    event,
    mod_state,
    over_swap_max,
    stat_updated,
)
from mmrun.model.mm.memcg.state import memcg_settings, memcgs
from mmrun.model.mm.memcg.stats import NR_SWAPCACHE, PSWPIN
from mmrun.model.mm.page.buddy import alloc_reserve
from mmrun.model.mm.page.flags import DIRTY, KERNEL, SWAPCACHE, ZRAM_PAGE
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import alloc_count, frames
from mmrun.model.mm.swap.state import (
    ORDERS,
    SWAP_ZRAM,
    row_clusters,
    swap_count,
    swap_settings,
    swapcache,
    swapmap,
    swaps,
    zram_stored,
)
from mmrun.model.units import PAGE

zswap_invalidate = caller("zswap_invalidate")
WINDOW_SHIFT = 20  # a window has fewer pages than 1 << this


@kernel
def _free_cluster(m, area):
    """First slot of a cluster with no slot in use, at or after the scan position, or NONE."""
    a, used = swaps(m)[area], swapmap(m)
    clusters = a.nslots // a.cluster
    for step in range(clusters):
        index = (a.scan + step) % clusters
        first = a.first + index * a.cluster
        taken = False
        for slot in range(first, first + a.cluster):
            if used[slot]:
                taken = True
                break
        if not taken:
            a.scan = (index + 1) % clusters
            return first
    return NONE


@kernel
def _slot_in(m, area, memcg):
    """A free slot of the area, taken; NONE when it is full (scan_swap_map_slots)."""
    a, used = swaps(m)[area], swapmap(m)
    if a.used >= a.nslots:
        return NONE
    if a.cluster_next < a.cluster_end and not used[a.cluster_next]:
        slot = a.cluster_next
    else:
        slot = NONE
        if a.free_clusters_gone == 0:
            slot = _free_cluster(m, area)
            if slot == NONE:
                a.free_clusters_gone = 1
            else:
                a.cluster_end = slot + a.cluster
        if slot == NONE:
            slot = a.cluster_next
            while slot >= a.first + a.nslots or used[slot]:
                slot = slot + 1 if slot + 1 < a.first + a.nslots else a.first
    a.cluster_next = slot + 1
    used[slot] = memcg + 1
    a.used += 1
    return slot


@kernel
def alloc_slot(m, memcg):
    """A swap slot from the area of highest priority that has one, equal ones in turn.

    NONE when swap is full, when the group may have no more of it, or when zram finds no memory to store a page in.
    In the kernel: get_swap_page, today folio_alloc_swap.
    """
    best = NONE
    over = over_swap_max(m, memcg)
    if over != NO_GROUP:
        event(m, over, EVENT_SWAP_MAX)
        event(m, memcg, EVENT_SWAP_FAIL)
        return NONE
    for area in range(len(swaps(m))):
        a = swaps(m)[area]
        if a.used >= a.nslots:
            continue
        if best == NONE or a.priority > swaps(m)[best].priority or (
            a.priority == swaps(m)[best].priority and a.turn < swaps(m)[best].turn
        ):  # fmt: skip
            best = area
    if best == NONE:
        event(m, memcg, EVENT_SWAP_FAIL)
        return NONE
    at_once = swaps(m)[best].kind == SWAP_ZRAM and not swap_settings(m).zswap  # which may keep the page itself
    if at_once and not _zram_store(m, best):
        return NONE
    swaps(m)[best].turn += 1
    slot = _slot_in(m, best, memcg)
    if slot != NONE:
        zram_stored(m)[slot] = at_once
        charge_swap(m, memcg, 1)
        stat_updated(m, memcg, 1)
    return slot


@kernel
def _best_area(m, pages):
    """The area of highest priority with room for `pages`, equal ones in turn, or NONE."""
    best = NONE
    for area in range(len(swaps(m))):
        a = swaps(m)[area]
        if a.used + pages > a.nslots:
            continue
        if best == NONE or a.priority > swaps(m)[best].priority or (
            a.priority == swaps(m)[best].priority and a.turn < swaps(m)[best].turn
        ):  # fmt: skip
            best = area
    return best


@kernel
def _row_in(m, area, order):
    """The first of 2^order free slots in a row, aligned, from the cluster of that order or a free one, or NONE.

    In the kernel: swap_alloc_cluster, cluster_alloc_swap_entry.
    """
    a, at, used, pages = swaps(m)[area], area * ORDERS + order, swapmap(m), 1 << order
    if pages > a.cluster:
        return NONE
    nexts = row_clusters(m)
    while nexts[at] % a.cluster:
        slot, free = a.first + nexts[at], True
        nexts[at] += pages
        for i in range(slot, slot + pages):
            free = free and not used[i]
        if free:
            return slot
    slot = _free_cluster(m, area)
    if slot != NONE:
        nexts[at] = slot - a.first + pages
    return slot


@kernel
def _room_in_swap(m, memcg, pages):
    """Whether the group and its ancestors may have so many more slots; the one that may not counts it."""
    at = memcg
    while at:
        if memcgs(m)[at].swap_pages + pages > memcgs(m)[at].swap_limit:
            event(m, at, EVENT_SWAP_MAX)
            event(m, memcg, EVENT_SWAP_FAIL)
            return False
        at = memcgs(m)[at].parent
    return True


@kernel
def alloc_slots(m, memcg, order):
    """The first of 2^order slots in a row, or NONE (get_swap_pages with an entry's size, folio_alloc_swap)."""
    pages = 1 << order
    area = _best_area(m, pages)
    if area == NONE or not _room_in_swap(m, memcg, pages):
        return NONE
    slot, a = _row_in(m, area, order), swaps(m)[area]
    if slot == NONE:
        return NONE
    a.turn += 1
    for i in range(slot, slot + pages):
        swapmap(m)[i] = memcg + 1
    a.used += pages
    charge_swap(m, memcg, pages)
    stat_updated(m, memcg, pages)
    for i in range(slot, slot + pages if a.kind == SWAP_ZRAM and not swap_settings(m).zswap else slot):
        if not _zram_store(m, area):
            for taken in range(slot, slot + pages):
                free_slot(m, taken)
            return NONE
        zram_stored(m)[i] = 1
    return slot


@kernel
def area_of(m, slot):
    """Number of the swap area that holds the slot."""
    for area in range(len(swaps(m)) - 1):
        if slot < swaps(m)[area + 1].first:
            return area
    return len(swaps(m)) - 1


@kernel
def free_slot(m, slot):
    """Return a slot; what zram or zswap stored for it goes back too (swap_free)."""
    used, area = swapmap(m), area_of(m, slot)
    a = swaps(m)[area]
    if used[slot] == 0:
        panic(m, BAD_SLOT, slot)
        return
    memcg = used[slot] - 1
    used[slot] = 0
    swapcache(m)[slot] = 0
    a.used -= 1
    if slot % a.cluster == 0:
        a.free_clusters_gone = 0
    charge_swap(m, memcg, -1)
    stat_updated(m, memcg, 1)
    zram_free(m, area, slot)
    if swap_settings(m).zswap:
        zswap_invalidate(m, slot)


@kernel
def zram_free(m, area, slot):
    """What zram holds for a slot goes (zram_slot_free_notify)."""
    if zram_stored(m)[slot]:
        zram_stored(m)[slot] = 0
        _zram_forget(m, area)


@kernel
def zram_write(m, area, slot):
    """Zram holds the slot's page from now on; 0 = no memory for it."""
    if not zram_stored(m)[slot]:
        if not _zram_store(m, area):
            return 0
        zram_stored(m)[slot] = 1
    return 1


@kernel
def _zram_store(m, area):
    """Account one more compressed page, taking a frame for the pool when the last one is full; 0 = no memory."""
    a = swaps(m)[area]
    if (a.stored + 1) * a.stored_bytes > a.pool_frames * PAGE:
        pfn = alloc_reserve(m, a.pool_node)
        for node in range(geometry(m).nr_nodes):
            if pfn == NONE:
                pfn = alloc_reserve(m, node)
        if pfn == NONE:
            return 0
        frames(m)[pfn].next = a.pool
        frames(m)[pfn].state, frames(m)[pfn].kind = KERNEL, ZRAM_PAGE
        a.pool = pfn
        a.pool_frames += 1
        alloc_count(m).pgalloc += 1
    a.stored += 1
    return 1


@kernel
def _zram_forget(m, area):
    a = swaps(m)[area]
    a.stored -= 1
    if a.stored * a.stored_bytes <= (a.pool_frames - 1) * PAGE:
        pfn = a.pool
        a.pool = frames(m)[pfn].next
        a.pool_frames -= 1
        frames(m)[pfn].state = 0
        free_frame(m, turn(m).cpu, pfn)


@kernel
def leave_swapcache(m, pfn):
    """Count that the frame leaves the swap cache (delete_from_swap_cache)."""
    if memcg_settings(m).counts_swapcache:
        mod_state(m, frames(m)[pfn].memcg, NR_SWAPCACHE, -nr_pages(m, pfn))


@rare
@kernel
def _join_tails(m, pfn, slot):
    for i in range(1, nr_pages(m, pfn)):
        swapcache(m)[slot + i] = pfn + i + 1


@kernel
def join_swapcache(m, pfn, slot):
    """Put the folio into the swap cache as the contents of `slot` and those that follow (add_to_swap_cache)."""
    page = frames(m)[pfn]
    page.slot = slot + 1
    page.state |= SWAPCACHE
    swapcache(m)[slot] = pfn + 1
    if page.order:
        _join_tails(m, pfn, slot)
    if memcg_settings(m).counts_swapcache:
        mod_state(m, page.memcg, NR_SWAPCACHE, nr_pages(m, pfn))


@kernel
def free_swapcache(m, pfn):
    """Take the frame out of the swap cache and free its slot; its contents are now only in memory (folio_free_swap)."""
    page = frames(m)[pfn]
    leave_swapcache(m, pfn)
    free_slot(m, page.slot - 1)
    page.slot = 0
    page.state = (page.state & ~SWAPCACHE) | DIRTY


@kernel
def read_in(m, slot, count):
    """When `count` slots from `slot` on, read in one request now, are in memory; zram's reader decompresses them.

    In the kernel: swap_readpage, today swap_read_folio.
    """
    a = swaps(m)[area_of(m, slot)]
    block = a.first_block + slot - a.first
    if a.kind == SWAP_ZRAM:
        m.now += a.in_ns * count
        return m.now
    return read_pages(m, a.disk, m.now + costs(m).io_path, count, block)


@kernel
def count_swap_in(m, memcg):
    """Book a page of the group that is read from swap (swap_readpage)."""
    swap_count(m).pswpin += 1
    if memcg_settings(m).counts_swap_io:
        mod_state(m, memcg, PSWPIN, 1)


@kernel
def window(first, pages):
    """What `swap_window` answers: where to read around a fault, and how many pages."""
    return first << WINDOW_SHIFT | pages


@kernel
def window_first(answer):
    """The first page-table word (or slot) of a window."""
    return answer >> WINDOW_SHIFT


@kernel
def window_pages(answer):
    """How many a window has."""
    return answer & (1 << WINDOW_SHIFT) - 1


@kernel
def nr_swap_pages(m):
    """Free slots of all areas (get_nr_swap_pages)."""
    total = 0
    for area in range(len(swaps(m))):
        total += swaps(m)[area].nslots - swaps(m)[area].used
    return total


@kernel
def swap_full(m):
    """Whether half the slots are used, so that cached slots are freed early (vm_swap_full)."""
    return nr_swap_pages(m) * 2 < swap_settings(m).total_swap
