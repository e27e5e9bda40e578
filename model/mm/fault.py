"""A touch that the page table cannot serve: first touch, swap-in, file mapping, write protection (mm/memory.c).

Every handler returns OK or OUT_OF_MEMORY and leaves the page-table word in place. A fault's own time is booked on the
task; waiting for a device moves the task's clock to the moment the data is there.
"""

from model.events import WRITE
from model.jit import (
    cache,
    caller,
    files,
    frames,
    hook,
    kernel,
    missed,
    pte,
    ptpage,
    regions,
    swapcache,
    swapmap,
    tasks,
)
from model.layout import NONE
from model.mm.buddy import free_frame
from model.mm.calls import CALL_FAULT, call_begins
from model.mm.far_memory import note_swap_in
from model.mm.filemap import dirty, mmap_readahead, read_again, read_or_write, use_marked, wait_until
from model.mm.lists import panic
from model.mm.lru import lru_add
from model.mm.memcontrol import stat_updated, uncharge
from model.mm.state import (
    ACTIVE,
    ADVICE_NORMAL,
    ADVICE_RANDOM,
    ANON,
    BAD_EVENT,
    HELD,
    OK,
    OUT_OF_MEMORY,
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
from model.mm.swap import area_of, free_slot, free_swapcache, read_in, swap_full

refault = caller("refault")
charged_frame = caller("charged_frame")
kernel_frame = caller("kernel_frame")
slab_access = caller("slab_access")
new_anon_active = caller("new_anon_active")
swap_window = caller("swap_window")
PTES_PER_TABLE_SHIFT = 9


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
    pfn = kernel_frame(m, t)
    if pfn == NONE:
        return 0
    table[at >> PTES_PER_TABLE_SHIFT] = pfn + 1
    return 1


@kernel
def major(m, t):
    """Book a fault that had to read: the access is a miss. Once, however often the task slept over its memory."""
    if tasks(m)[t].suspended.active:
        return
    m.vm.pgmajfault += 1
    tasks(m)[t].stat.major_faults += 1
    tasks(m)[t].stat.misses += 1
    if m.cfg.record_misses:
        missed(m)[m.clock.accesses] = 1


@kernel
def new_anon_frame(m, t, at):
    """A charged frame for anonymous page-table word `at`, not yet on a list; NONE when out of memory."""
    pfn = charged_frame(m, t)
    if pfn == NONE:
        return NONE
    page = frames(m)[pfn]
    page.state, page.owner = ANON, at
    stat_updated(m, page.memcg, 1)
    return pfn


@kernel
def first_touch(m, t, at, write):
    """An anonymous page's first touch: a zeroed page (the shared zero page is not modelled)."""
    pfn = new_anon_frame(m, t, at)
    if pfn == NONE:
        return OUT_OF_MEMORY
    m.clock.now += m.cfg.minor_anon
    tasks(m)[t].stat.minor_faults += 1
    tasks(m)[t].stat.first_touches += 1
    if new_anon_active(m):
        frames(m)[pfn].state |= ACTIVE
    lru_add(m, pfn)
    map_page(m, at, pfn, write, False)
    return OK


@kernel
def swap_in_direct(m, t, at, slot, write):
    """From a synchronous device: no swap cache, and the slot is free at once."""
    shadow = swapcache(m)[slot]
    pfn = new_anon_frame(m, t, at)
    if pfn == NONE:
        return OUT_OF_MEMORY
    major(m, t)
    if shadow < 0:
        refault(m, pfn, shadow)
    if m.cfg.idle_tracking:
        note_swap_in(m, pfn, slot)
    lru_add(m, pfn)
    entered = m.clock.now
    m.clock.now = read_in(m, slot, 1) + m.cfg.minor_anon
    tasks(m)[t].stat.stall_swap_ns += m.clock.now - entered
    m.vm.pswpin += 1
    free_slot(m, slot)
    map_page(m, at, pfn, write, not write and not m.cfg.swapin_writable)
    return OK


@kernel
def read_slot(m, t, slot, at):
    """Start reading one slot into a new page of the swap cache; its frame, or NONE when out of memory."""
    shadow = swapcache(m)[slot]
    pfn = new_anon_frame(m, t, at)
    if pfn == NONE:
        return NONE
    page = frames(m)[pfn]
    if swapmap(m)[slot] == 0:  # it belonged to a task that was killed to make room for this page
        uncharge(m, page.memcg)
        page.state = 0
        free_frame(m, m.clock.cpu, pfn)
        return NONE
    page.slot = slot + 1
    page.state |= SWAPCACHE
    swapcache(m)[slot] = pfn + 1
    if shadow < 0:
        refault(m, pfn, shadow)
    if m.cfg.idle_tracking:
        note_swap_in(m, pfn, slot)
    lru_add(m, pfn)
    m.vm.pswpin += 1
    return pfn


@kernel
def read_around(m, t, region, at, slot):
    """Swap readahead: swapped-out neighbours of the faulting page by address or of its slot. Time it is read.

    Neighbours of the slot are one request with it; those by address lie anywhere and follow it one by one.
    """
    r, table, entries, used = regions(m)[region], pte(m), swapcache(m), swapmap(m)
    count = swap_window(m, region, at, slot)
    first, fresh = m.clock.window_start, 0
    done = read_in(m, slot, 1) if m.cfg.swap_by_vma else 0
    for i in range(first, first + count):
        if m.cfg.swap_by_vma:
            if i == at or i < r.start or i >= r.start + r.npages or table[i] == 0 or table[i] & PTE_PRESENT:
                continue
            neighbour, owner = (table[i] >> PTE_SHIFT) - 1, i
        else:
            neighbour, owner = i, NONE
            if i == slot or used[i] == 0:
                continue
        if entries[neighbour] > 0:
            continue
        pfn = read_slot(m, t, neighbour, owner)
        if pfn == NONE:
            break
        frames(m)[pfn].state |= READAHEAD
        m.vm.swap_ra += 1
        fresh += 1
        if m.cfg.swap_by_vma:
            read_in(m, neighbour, 1)
    return done if m.cfg.swap_by_vma else read_in(m, slot, 1 + fresh)


@kernel
def swap_in(m, t, region, at, slot, write):
    """An anonymous page that was swapped out comes back, from the swap cache if it is still there."""
    entries, f = swapcache(m), frames(m)
    if m.swaps[area_of(m, slot)].kind == SWAP_ZRAM and entries[slot] <= 0:
        return swap_in_direct(m, t, at, slot, write)
    m.clock.now += m.cfg.swap_path
    if entries[slot] > 0:
        pfn = entries[slot] - 1
        tasks(m)[t].stat.minor_faults += 1
        if f[pfn].state & READAHEAD:
            f[pfn].state &= ~READAHEAD
            m.vm.swap_ra_hit += 1
            regions(m)[region].swap_hits += 1
    else:
        pfn = read_slot(m, t, slot, at)
        if pfn == NONE:
            return OUT_OF_MEMORY
        major(m, t)
        f[pfn].state |= HELD
        done = read_around(m, t, region, at, slot)
        f[pfn].state &= ~HELD
        tasks(m)[t].stat.stall_swap_ns += max(0, done - m.clock.now)
        m.clock.now = max(m.clock.now, done)
    f[pfn].owner = at
    if (write or swap_full(m)) and not f[pfn].state & WRITEBACK:
        free_swapcache(m, pfn)
    map_page(m, at, pfn, write, not write and not m.cfg.swapin_writable)
    return OK


@kernel
def write_protected(m, t, region, at):
    """First write to a page mapped read-only: anonymous ones left the swap cache till 5.19, file pages become dirty."""
    word = pte(m)[at]
    pfn = (word >> PTE_SHIFT) & ((1 << 28) - 1)
    page = frames(m)[pfn]
    m.clock.now += m.cfg.minor_file
    tasks(m)[t].stat.minor_faults += 1
    if page.state & ANON:
        if page.state & SWAPCACHE and not page.state & WRITEBACK and not m.cfg.anon_exclusive:
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
        if pfn < 0 or f[pfn].state & READAHEAD:
            continue
        found += 1 if not f[pfn].state & WORKINGSET else 0
        if table[i]:
            continue
        if f[pfn].mapcount == 0:
            m.zones[f[pfn].zone].nr_mapped += 1
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
        wait_until(m, t, mmap_readahead(m, t, region, r.file, index))
        return 3 if read_again(m, t, r.file, index) else 0
    tasks(m)[t].stat.minor_faults += 1
    if r.readahead <= 1 or r.advice == ADVICE_RANDOM:
        return 1
    r.mmap_miss = max(0, r.mmap_miss - 1)
    return 1 + use_marked(m, t, region, r.file, index, entries[index] - 1, r.readahead)


@kernel
def map_file(m, t, region, at, index, write):
    """A touch of a mapped file page: map what is cached around it; if it was not, find or read it, and once more."""
    r, table = regions(m)[region], pte(m)
    around = not write and r.fault_around > 1
    m.clock.now += m.cfg.minor_file
    if around:
        fault_around(m, region, at, index)
        if table[at]:
            tasks(m)[t].stat.minor_faults += 1
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
        m.zones[frames(m)[pfn].zone].nr_mapped += 1
    if write:
        dirty(m, pfn, r.file)
    map_page(m, at, pfn, write, not write and files(m)[r.file].disk != NONE)
    return OK


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
    # The multi-generational LRU takes no hint from mappings advised random or sequential (lru_gen_enter_fault).
    m.clock.in_fault = 1 if m.cfg.lru_gen and r.kind != REGION_READ and r.advice == ADVICE_NORMAL else 0
    if r.kind == REGION_READ:
        absent = read_or_write(m, t, region, index, write)
        if absent > 0:
            tasks(m)[t].stat.misses += 1
            if m.cfg.record_misses:
                missed(m)[m.clock.accesses] = 1
        return OUT_OF_MEMORY if absent < 0 else OK
    call_begins(m, t, CALL_FAULT)
    m.vm.pgfault += 0 if tasks(m)[t].suspended.active else 1
    stat_updated(m, tasks(m)[t].memcg, 1)
    if not ensure_table(m, t, at):
        return OUT_OF_MEMORY
    word = pte(m)[at]
    if word & PTE_PRESENT:
        return write_protected(m, t, region, at)
    if r.kind == REGION_MMAP:
        return map_file(m, t, region, at, index, write)
    if word:
        return swap_in(m, t, region, at, (word >> PTE_SHIFT) - 1, write)
    return first_touch(m, t, at, write)
