"""A touch that the page table cannot serve: first touch, swap-in, file mapping, write protection (mm/memory.c).

Every handler returns OK or OUT_OF_MEMORY and leaves the page-table word in place. Whoever needs a page that is still on
its way from a device sleeps until it is there.
"""

from model.core.accounting import SWAP, has_stalled
from model.core.record import NONE
from model.core.sleep import current
from model.events import WRITE
from model.jit import caller, hook, kernel
from model.mm.far_memory import note_swap_in
from model.mm.filemap import dirty, discard, mmap_readahead, read_or_write, read_page, use_marked, wait_for_data
from model.mm.gfp import GFP_HIGHUSER_MOVABLE, GFP_KERNEL
from model.mm.lists import panic
from model.mm.lru import lru_add
from model.mm.memcontrol import stat_updated
from model.mm.page_wait import wait_on_page_locked
from model.mm.read_io import await_read, read_sent
from model.mm.state import (
    ACTIVE,
    ADVICE_NORMAL,
    ADVICE_RANDOM,
    ANON,
    ANON_PAGE,
    BAD_EVENT,
    LOCKED,
    NEW,
    OK,
    OUT_OF_MEMORY,
    PAGE_TABLE,
    PTE_DIRTY,
    PTE_PRESENT,
    PTE_SHIFT,
    PTE_WRPROTECT,
    PTE_YOUNG,
    READAHEAD,
    REGION_ANON,
    REGION_MMAP,
    REGION_READ,
    REGION_SLAB,
    SWAP_ZRAM,
    SWAPCACHE,
    WORKINGSET,
    WRITEBACK,
)
from model.mm.swap import area_of, free_slot, free_swapcache, read_in, swap_full, window_first, window_pages
from model.state.fault import cache, fault_count, fault_settings, files, missed, pte, ptpage, regions, tasks
from model.state.idle import watch
from model.state.lru import lru_settings
from model.state.machine import progress, run_settings, task_count
from model.state.page import frames, zones
from model.state.swap import swap_count, swap_settings, swapcache, swapmap, swaps

refault = caller("refault")
charged_frame = caller("charged_frame")
kernel_frame = caller("kernel_frame")
slab_access = caller("slab_access")
new_anon_active = caller("new_anon_active")
swap_window = caller("swap_window")
PTES_PER_TABLE_SHIFT = 9
AGAIN = 2  # the slot's page is in the swap cache after all


@kernel
def map_page(m, at, pfn, write, protect):
    """Point page-table word `at` at the frame: young, dirty if written, write-protected if `protect`."""
    word = PTE_PRESENT | PTE_YOUNG | (pfn << PTE_SHIFT) | (PTE_DIRTY if write else 0)
    pte(m)[at] = word | PTE_WRPROTECT if protect else word
    page = frames(m)[pfn]
    page.mapcount += 1
    stat_updated(m, page.memcg, 2)


@kernel
def ensure_table(m, t, at):
    """The page-table page for word `at` exists; 0 when there is no memory for it."""
    table = ptpage(m)
    if table[at >> PTES_PER_TABLE_SHIFT]:
        return 1
    pfn = kernel_frame(m, t, GFP_KERNEL)
    if pfn == NONE:
        return 0
    table[at >> PTES_PER_TABLE_SHIFT] = pfn + 1
    frames(m)[pfn].kind = PAGE_TABLE
    return 1


@kernel
def major(m, t):
    """Book a fault that had to read: the access is a miss."""
    fault_count(m).pgmajfault += 1
    task_count(m)[t].major_faults += 1
    task_count(m)[t].misses += 1
    if run_settings(m).record_misses:
        missed(m)[progress(m).accesses] = 1


@kernel
def new_anon_frame(m, t, at):
    """A charged frame for anonymous page-table word `at`, not yet on a list; NONE when out of memory."""
    pfn = charged_frame(m, t, GFP_HIGHUSER_MOVABLE)
    if pfn == NONE:
        return NONE
    page = frames(m)[pfn]
    page.state, page.owner, page.kind = ANON | NEW, at, ANON_PAGE
    stat_updated(m, page.memcg, 1)
    return pfn


@kernel
def first_touch(m, t, at, write):
    """An anonymous page's first touch: a zeroed page (the shared zero page is not modelled)."""
    pfn = new_anon_frame(m, t, at)
    if pfn == NONE:
        return OUT_OF_MEMORY
    m.now += fault_settings(m).minor_anon
    task_count(m)[t].minor_faults += 1
    task_count(m)[t].first_touches += 1
    frames(m)[pfn].state |= ACTIVE if new_anon_active(m) else 0
    lru_add(m, pfn)
    map_page(m, at, pfn, write, False)
    return OK


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
    m.now = read_in(m, slot, 1) + fault_settings(m).minor_anon
    has_stalled(m, SWAP, m.now - entered)
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
    """Read swapped-out neighbours of page-table word `at`; they lie anywhere and follow it one by one."""
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
    """Read the neighbours of a slot in one request with it."""
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
    """Read a slot, and swapped-out neighbours of the faulting page by address or of its slot."""
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


@kernel
def write_protected(m, t, region, at):
    """First write to a page mapped read-only: anonymous ones left the swap cache till 5.19, file pages become dirty."""
    word = pte(m)[at]
    pfn = (word >> PTE_SHIFT) & ((1 << 28) - 1)
    page = frames(m)[pfn]
    m.now += fault_settings(m).minor_file
    task_count(m)[t].minor_faults += 1
    if page.state & ANON:
        if page.state & SWAPCACHE and not page.state & WRITEBACK and not fault_settings(m).anon_exclusive:
            free_swapcache(m, pfn)
    else:
        dirty(m, pfn, regions(m)[region].file)
    pte(m)[at] = (word & ~PTE_WRPROTECT) | PTE_YOUNG | PTE_DIRTY
    return OK


@kernel
def fault_around(m, region, at, index):
    """Map the cached pages around a read fault, its own among them, within one page table (filemap_map_pages).

    Young, as on x86. Every page found that was not evicted lately speaks for readahead, mapped before or not.
    """
    r, table, entries, f = regions(m)[region], pte(m), cache(m), frames(m)
    first = max(r.start, at - at % r.fault_around)
    end = min(first + r.fault_around, r.start + r.npages, ((at >> PTES_PER_TABLE_SHIFT) + 1) << PTES_PER_TABLE_SHIFT)
    found = 0
    for i in range(first, end):
        pfn = entries[index + i - at] - 1
        if pfn < 0 or f[pfn].state & (READAHEAD | LOCKED):
            continue
        found += 1 if not f[pfn].state & WORKINGSET else 0
        if table[i]:
            continue
        if f[pfn].mapcount == 0:
            zones(m)[f[pfn].zone].nr_mapped += 1
        map_page(m, i, pfn, False, files(m)[r.file].disk != NONE)
    r.mmap_miss = max(0, r.mmap_miss - found)


@kernel
def find_or_read(m, t, region, at, index):
    """The page at slot `index` of a mapped file, from the cache or the disk (filemap_fault).

    1: it was there; 2: there, but the fault starts again because readahead went on; 3: it was read, again from the
    start; 0: out of memory.
    """
    r, entries = regions(m)[region], cache(m)
    if entries[index] <= 0:
        major(m, t)
        mmap_readahead(m, t, region, r.file, index)
        return 3 if read_page(m, t, r.file, index) else 0
    task_count(m)[t].minor_faults += 1
    marked = 0
    if r.readahead > 1 and r.advice != ADVICE_RANDOM:
        r.mmap_miss = max(0, r.mmap_miss - 1)
        marked = use_marked(m, t, region, r.file, index, entries[index] - 1, r.readahead)
    return 1 + (marked | wait_for_data(m, t, index))


@kernel
def map_file(m, t, region, at, index, write):
    """A touch of a mapped file page: map what is cached around it; if it was not, find or read it, and once more."""
    r, table = regions(m)[region], pte(m)
    around = not write and r.fault_around > 1
    m.now += fault_settings(m).minor_file
    if around:
        fault_around(m, region, at, index)
        if table[at]:
            task_count(m)[t].minor_faults += 1
            return OK
    how = find_or_read(m, t, region, at, index)
    if how == 0:
        return OUT_OF_MEMORY
    if around and how > 1:
        fault_around(m, region, at, index)
        if table[at]:
            return OK
    pfn = cache(m)[index] - 1
    if frames(m)[pfn].mapcount == 0:
        zones(m)[frames(m)[pfn].zone].nr_mapped += 1
    if write:
        dirty(m, pfn, r.file)
    map_page(m, at, pfn, write, not write and files(m)[r.file].disk != NONE)
    return OK


@kernel
def handle_mm_fault(m, t, region, at, index, write):
    """A page fault at page-table word `at`; `index`: its slot in the page cache where a file is mapped."""
    kind = regions(m)[region].kind
    fault_count(m).pgfault += 1
    stat_updated(m, tasks(m)[t].memcg, 1)
    if not ensure_table(m, t, at):
        return OUT_OF_MEMORY
    word = pte(m)[at]
    if word & PTE_PRESENT:
        return write_protected(m, t, region, at)
    if kind == REGION_MMAP:
        return map_file(m, t, region, at, index, write)
    if word:
        return swap_in(m, t, region, at, (word >> PTE_SHIFT) - 1, write)
    return first_touch(m, t, at, write)


@hook
def access(m, t, region, page, write):
    """Serve one access of task `t` to page `page` of its address space that its page table could not."""
    r = regions(m)[region]
    if r.kind == REGION_SLAB:
        return slab_access(m, t, region, page, write)
    if write > WRITE:
        panic(m, BAD_EVENT, page)
        return OK
    at = r.start + page - r.first
    index = files(m)[r.file].start + r.file_offset + page - r.first if r.kind != REGION_ANON else 0
    if r.kind == REGION_READ:
        absent = read_or_write(m, t, region, index, write)
        if absent > 0:
            task_count(m)[t].misses += 1
            if run_settings(m).record_misses:
                missed(m)[progress(m).accesses] = 1
        return OUT_OF_MEMORY if absent < 0 else OK
    # The multi-generational LRU takes no hint from mappings advised random or sequential (lru_gen_enter_fault).
    current(m).in_lru_fault = 1 if lru_settings(m).lru_gen and r.advice == ADVICE_NORMAL else 0
    served = handle_mm_fault(m, t, region, at, index, write)
    current(m).in_lru_fault = 0
    return served
