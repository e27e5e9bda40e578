"""A touch of a page in swap: its slot is read, alone or with others around it (do_swap_page, swapin_readahead)."""

from mmrun.model.block.state import disks
from mmrun.model.core.accounting import SWAP, has_stalled, memstall_was
from mmrun.model.core.codes import OK, OUT_OF_MEMORY
from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import costs, task_count
from mmrun.model.mm.fault.page_cache import discard
from mmrun.model.mm.fault.page_table import PTES_PER_TABLE_SHIFT, major, map_page, new_anon_frame
from mmrun.model.mm.idle.far_memory import note_swap_in
from mmrun.model.mm.idle.state import watch
from mmrun.model.mm.lru.lru import lru_add, lru_add_drain
from mmrun.model.mm.page.flags import (
    DIRTY,
    FAILED,
    READAHEAD,
    UNSENT,
    WORKINGSET,
    WRITEBACK,
)
from mmrun.model.mm.page.folio import folio_of
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.swap.readahead import found_in_cache
from mmrun.model.mm.swap.state import (
    SWAP_NBD,
    SWAP_NFS,
    SWAP_ZRAM,
    swap_count,
    swap_settings,
    swapcache,
    swapmap,
    swaps,
)
from mmrun.model.mm.swap.swap import (
    area_of,
    count_swap_in,
    free_slot,
    free_swapcache,
    join_swapcache,
    read_in,
    swap_full,
    window_first,
    window_pages,
    zram_free,
)
from mmrun.model.mm.task.state import (
    PTE_SHIFT,
    fault_settings,
    pte,
    regions,
    tasks,
)
from mmrun.model.mm.task.words import is_slot
from mmrun.model.mm.writeback.page_wait import unlock_page, wait_on_page_locked
from mmrun.model.mm.writeback.read_io import await_read, queue_file_read, read_sent, send_read
from mmrun.model.mm.zswap.load import zswap_load
from mmrun.model.psi.state import psi_settings

refault = caller("refault")
swap_window = caller("swap_window")
AGAIN = 2  # the slot's page is in the swap cache after all
IS_THERE = 2  # a page to be read was in zswap


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
    kept = swap_settings(m).zswap and zswap_load(m, slot, pfn)
    if not kept:
        m.now = read_in(m, slot, 1)
    m.now += fault_settings(m).minor_fault_anon
    has_stalled(m, SWAP, m.now - entered)
    p = psi_settings(m)
    if p.psi_swap_read and (frames(m)[pfn].state & WORKINGSET or not p.psi_swap_workingset):
        memstall_was(m, m.now - fault_settings(m).minor_fault_anon - entered)
    if not kept:
        count_swap_in(m, frames(m)[pfn].memcg)
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
    shadow = swapcache(m)[slot]
    if swapmap(m)[slot] == 0 or shadow > 0:
        discard(m, pfn)
        return NONE
    join_swapcache(m, pfn, slot)
    if shadow < 0:
        refault(m, pfn, shadow)
    if watch(m).idle_tracking:
        note_swap_in(m, pfn, slot)
    lru_add(m, pfn)
    await_read(m, pfn)
    if swap_settings(m).zswap and zswap_load(m, slot, pfn):
        frames(m)[pfn].state &= ~UNSENT
        unlock_page(m, pfn, m.now)
    else:
        count_swap_in(m, frames(m)[pfn].memcg)
    return pfn


@kernel
def _is_there(m, slot):
    """Whether the slot's page, which was put into the swap cache, has come from zswap."""
    return swap_settings(m).zswap and not frames(m)[swapcache(m)[slot] - 1].state & UNSENT


@kernel
def _forget(m, first, end):
    """Zram frees what was read into the swap cache, whose pages have to be written again (swap_slot_free_notify)."""
    area = area_of(m, first)
    if swaps(m)[area].kind == SWAP_ZRAM:
        for slot in range(first, end):
            if swapcache(m)[slot] > 0:
                zram_free(m, area, slot)
                frames(m)[swapcache(m)[slot] - 1].state |= DIRTY


@kernel
def _send_run(m, first, count):
    """Send the read of `count` slots from `first` on, as one request; who reads from zram is busy with it."""
    if count:
        entered, a = m.now, swaps(m)[area_of(m, first)]
        if a.kind >= SWAP_NBD:
            m.now += costs(m).io_path
            send_read(m, a.disk, first, first + count, a.first_block + first - a.first)
            return
        if a.kind != SWAP_ZRAM and disks(m)[a.disk].elevator:
            m.now += costs(m).io_path
            queue_file_read(m, a.disk, NONE, first, first + count, count, a.first_block + first - a.first)
            return
        done = read_in(m, first, count)
        has_stalled(m, SWAP, m.now - entered)
        read_sent(m, NONE if a.kind == SWAP_ZRAM else a.disk, NONE, first, first + count, done)
        if swap_settings(m).zram_forgets:
            _forget(m, first, first + count)


@kernel
def _continues(m, run, count, slot):
    """Whether the read of a slot joins that of `count` slots from `run` on, which waits in the plug."""
    area = area_of(m, slot)
    plugged = swap_settings(m).swap_rw if swaps(m)[area].kind == SWAP_NFS else swap_settings(m).swapin_plugged
    return plugged and count and slot == run + count and area == area_of(m, run)


@kernel
def _read_neighbour(m, t, slot, i, owner):
    """A page for slot `i` because slot `slot` is needed; `owner`: the page-table word it is of.

    0: there is no memory for it; IS_THERE: its device need not be asked.
    """
    pfn = read_slot(m, t, i, owner)
    if pfn == NONE:
        return 0
    if i != slot:
        frames(m)[pfn].state |= READAHEAD if swap_settings(m).swapin_marked else 0
        swap_count(m).swap_ra += 1
    return IS_THERE if _is_there(m, i) else 1


@kernel
def _by_address(m, t, slot, first, end):
    """Read what is swapped out of page-table words `first` to `end` - 1, in their order (swap_vma_readahead)."""
    table, entries, run, count = pte(m), swapcache(m), NONE, 0
    for i in range(first, end):
        if not is_slot(table[i]):
            continue
        neighbour = (table[i] >> PTE_SHIFT) - 1
        if entries[neighbour] > 0:
            continue
        if not _continues(m, run, count, neighbour):
            _send_run(m, run, count)
            run, count = neighbour, 0
        got = _read_neighbour(m, t, slot, neighbour, i)
        if got == IS_THERE:
            continue
        if not got:
            break
        count += 1
    _send_run(m, run, count)


@kernel
def _by_slot(m, t, at, slot, first, end):
    """Read the slots in use from `first` to `end` - 1, in their order (swap_cluster_readahead)."""
    entries, used, run, count = swapcache(m), swapmap(m), NONE, 0
    for i in range(first, end):
        if used[i] == 0 or entries[i] > 0:
            continue
        if not _continues(m, run, count, i):
            _send_run(m, run, count)
            run, count = i, 0
        got = _read_neighbour(m, t, slot, i, at if i == slot else NONE)
        if got == IS_THERE:
            continue
        if not got:
            break
        count += 1
    _send_run(m, run, count)


@kernel
def read_around(m, t, region, at, slot):
    """Read a slot with swapped-out neighbours, of its page by address or its own (swapin_readahead)."""
    window, r = swap_window(m, region, at, slot), regions(m)[region]
    first = window_first(window)
    end = first + window_pages(window)
    if swap_settings(m).swap_by_vma:
        table = at >> PTES_PER_TABLE_SHIFT
        first = max(first, r.start, table << PTES_PER_TABLE_SHIFT)
        end = min(end, r.start + r.npages, (table + 1) << PTES_PER_TABLE_SHIFT)
        _by_address(m, t, slot, first, end)
    else:
        _by_slot(m, t, at, slot, first, end)
    if window_pages(window) > 1:
        lru_add_drain(m, turn(m).cpu)


@kernel
def _read_from_swap(m, t, region, at, slot):
    """The faulting page is on its way into the swap cache, or there; 0 when out of memory."""
    read_around(m, t, region, at, slot)
    if swapcache(m)[slot] <= 0:  # there was no memory for one before it, or it has left again
        if read_slot(m, t, slot, at) == NONE and swapcache(m)[slot] <= 0:
            return False
        if not _is_there(m, slot):
            _send_run(m, slot, 1)
    major(m, t)
    return True


@rare
@kernel
def _bus_error(m, t):
    """The page could not be read (VM_FAULT_SIGBUS)."""
    if turn(m).task == t:  # not khugepaged, which lets the range be
        swap_count(m).swap_sigbus += 1
        tasks(m)[t].killed = 1
    return OUT_OF_MEMORY


@kernel
def swap_in(m, t, region, at, slot, write):
    """An anonymous page that was swapped out comes back, from the swap cache if it is still there (do_swap_page)."""
    entries, f = swapcache(m), frames(m)
    if entries[slot] <= 0 and swap_settings(m).swapin_synchronous and swaps(m)[area_of(m, slot)].kind == SWAP_ZRAM:
        served = swap_in_direct(m, t, at, slot, write)
        if served != AGAIN:
            return served
    m.now += swap_settings(m).swap_path
    if entries[slot] > 0:
        task_count(m)[t].minor_faults += 1
        found_in_cache(m, region, at, entries[slot] - 1)
    elif not _read_from_swap(m, t, region, at, slot):
        return OUT_OF_MEMORY
    pfn = entries[slot] - 1
    wait_on_page_locked(m, pfn, SWAP)
    if f[pfn].state & FAILED:
        return _bus_error(m, t)
    if folio_of(m, pfn) == pfn and f[pfn].order == 0:  # of a larger one other words name slots yet
        f[pfn].owner = at
        if (write or swap_full(m)) and not f[pfn].state & WRITEBACK:
            free_swapcache(m, pfn)
    map_page(m, at, pfn, write, not write and not fault_settings(m).swapin_writable)
    return OK
