"""A touch of a page in swap: its slot is read, alone or with others around it (do_swap_page, swapin_readahead)."""

from mmrun.model.core.accounting import SWAP, has_stalled, memstall_was
from mmrun.model.core.codes import OK, OUT_OF_MEMORY
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import task_count
from mmrun.model.mm.fault.filemap import (
    discard,
)
from mmrun.model.mm.fault.page_table import major, map_page, new_anon_frame
from mmrun.model.mm.idle.far_memory import note_swap_in
from mmrun.model.mm.idle.state import watch
from mmrun.model.mm.lru.lru import lru_add
from mmrun.model.mm.page.flags import (
    READAHEAD,
    SWAPCACHE,
    WORKINGSET,
    WRITEBACK,
)
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.swap.state import SWAP_ZRAM, swap_count, swap_settings, swapcache, swapmap, swaps
from mmrun.model.mm.swap.swap import (
    area_of,
    free_slot,
    free_swapcache,
    read_in,
    swap_full,
    window_first,
    window_pages,
)
from mmrun.model.mm.task.state import (
    PTE_PRESENT,
    PTE_SHIFT,
    fault_settings,
    pte,
    regions,
)
from mmrun.model.mm.writeback.page_wait import wait_on_page_locked
from mmrun.model.mm.writeback.read_io import await_read, read_sent
from mmrun.model.psi.state import psi_settings

refault = caller("refault")
swap_window = caller("swap_window")
AGAIN = 2  # the slot's page is in the swap cache after all


@kernel
def swap_in_direct(m, t, at, slot, write):
    """From a synchronous device: no swap cache, and the slot is free at once."""
    pfn = new_anon_frame(m, t, at)
    if pfn == NONE:
        return OUT_OF_MEMORY
    shadow = swapcache(m)[slot]
    if shadow > 0:  # read by somebody else's readahead while this task slept for memory
        discard(m, pfn)
        return AGAIN
    major(m, t)
    if shadow < 0:
        refault(m, pfn, shadow)
    if watch(m).idle_tracking:
        note_swap_in(m, pfn, slot)
    lru_add(m, pfn)
    entered = m.now
    m.now = read_in(m, slot, 1) + fault_settings(m).minor_fault_anon
    has_stalled(m, SWAP, m.now - entered)
    p = psi_settings(m)
    if p.psi_swap_read and (frames(m)[pfn].state & WORKINGSET or not p.psi_swap_workingset):
        memstall_was(m, m.now - fault_settings(m).minor_fault_anon - entered)
    swap_count(m).pswpin += 1
    free_slot(m, slot)
    map_page(m, at, pfn, write, not write and not fault_settings(m).swapin_writable)
    return OK


@kernel
def read_slot(m, t, slot, at):
    """A new page of the swap cache for a slot, locked until it is read; its frame, or NONE when out of memory.

    NONE, too, when meanwhile the slot was freed (its task was killed to make room) or somebody else has read it.
    """
    pfn = new_anon_frame(m, t, at)
    if pfn == NONE:
        return NONE
    shadow, page = swapcache(m)[slot], frames(m)[pfn]
    if swapmap(m)[slot] == 0 or shadow > 0:
        discard(m, pfn)
        return NONE
    page.slot = slot + 1
    page.state |= SWAPCACHE
    swapcache(m)[slot] = pfn + 1
    if shadow < 0:
        refault(m, pfn, shadow)
    if watch(m).idle_tracking:
        note_swap_in(m, pfn, slot)
    lru_add(m, pfn)
    await_read(m, pfn)
    swap_count(m).pswpin += 1
    return pfn


@kernel
def _neighbours_by_address(m, t, region, at, slot, first, end):
    """Read swapped-out neighbours of page-table word `at`, which lie anywhere, one by one (swap_vma_readahead)."""
    r, table, entries = regions(m)[region], pte(m), swapcache(m)
    read_sent(m, NONE, slot, slot + 1, read_in(m, slot, 1))
    for i in range(max(first, r.start), min(end, r.start + r.npages)):
        if i == at or table[i] == 0 or table[i] & PTE_PRESENT:
            continue
        neighbour = (table[i] >> PTE_SHIFT) - 1
        if entries[neighbour] > 0:
            continue
        pfn = read_slot(m, t, neighbour, i)
        if pfn == NONE:
            return
        frames(m)[pfn].state |= READAHEAD
        swap_count(m).swap_ra += 1
        read_sent(m, NONE, neighbour, neighbour + 1, read_in(m, neighbour, 1))


@kernel
def _neighbours_by_slot(m, t, slot, first, end):
    """Read the neighbours of a slot in one request with it (swap_cluster_readahead)."""
    entries, used, fresh = swapcache(m), swapmap(m), 0
    for i in range(first, end):
        if i == slot or used[i] == 0 or entries[i] > 0:
            continue
        pfn = read_slot(m, t, i, NONE)
        if pfn == NONE:
            break
        frames(m)[pfn].state |= READAHEAD
        swap_count(m).swap_ra += 1
        fresh += 1
    read_sent(m, NONE, first, end, read_in(m, slot, 1 + fresh))


@kernel
def read_around(m, t, region, at, slot):
    """Read a slot, and swapped-out neighbours of the faulting page by address or of its slot (swapin_readahead)."""
    window = swap_window(m, region, at, slot)
    first = window_first(window)
    end = first + window_pages(window)
    if swap_settings(m).swap_by_vma:
        _neighbours_by_address(m, t, region, at, slot, first, end)
    else:
        _neighbours_by_slot(m, t, slot, first, end)


@kernel
def _read_from_swap(m, t, region, at, slot):
    """The faulting page and its neighbours are on their way into the swap cache; 0 when out of memory."""
    pfn = read_slot(m, t, slot, at)
    if pfn == NONE:
        return swapcache(m)[slot] > 0
    major(m, t)
    frames(m)[pfn].pins += 1
    read_around(m, t, region, at, slot)
    frames(m)[pfn].pins -= 1
    return True


@kernel
def swap_in(m, t, region, at, slot, write):
    """An anonymous page that was swapped out comes back, from the swap cache if it is still there (do_swap_page)."""
    entries, f = swapcache(m), frames(m)
    if swaps(m)[area_of(m, slot)].kind == SWAP_ZRAM and entries[slot] <= 0:
        served = swap_in_direct(m, t, at, slot, write)
        if served != AGAIN:
            return served
    m.now += swap_settings(m).swap_path
    if entries[slot] > 0:
        pfn = entries[slot] - 1
        task_count(m)[t].minor_faults += 1
        if f[pfn].state & READAHEAD:
            f[pfn].state &= ~READAHEAD
            swap_count(m).swap_ra_hit += 1
            regions(m)[region].swap_hits += 1
    elif not _read_from_swap(m, t, region, at, slot):
        return OUT_OF_MEMORY
    pfn = entries[slot] - 1
    wait_on_page_locked(m, pfn, SWAP)
    f[pfn].owner = at
    if (write or swap_full(m)) and not f[pfn].state & WRITEBACK:
        free_swapcache(m, pfn)
    map_page(m, at, pfn, write, not write and not fault_settings(m).swapin_writable)
    return OK
