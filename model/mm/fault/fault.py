"""A touch that the page table cannot serve: first touch, swap-in, file mapping, write protection (mm/memory.c).

Every handler returns OK or OUT_OF_MEMORY and leaves the page-table word in place. Whoever needs a page that is still on
its way from a device sleeps until it is there.
"""

from mmrun.model.core.codes import BAD_EVENT, OK, OUT_OF_MEMORY
from mmrun.model.core.events import WRITE
from mmrun.model.core.jit import caller, hook, kernel, rare
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current
from mmrun.model.machine.state import progress, run_settings, task_count
from mmrun.model.mm.fault.filemap import (
    dirty,
    has_journal,
    must_hold_still,
    read_or_write,
    read_page,
    wait_for_data,
)
from mmrun.model.mm.fault.map_folio import map_folio_range, map_whole
from mmrun.model.mm.fault.page_table import major, map_page, new_anon_frame
from mmrun.model.mm.fault.readahead import mmap_readahead, use_marked
from mmrun.model.mm.fault.state import zero_count
from mmrun.model.mm.fault.swap_fault import swap_in
from mmrun.model.mm.fault.tracepoints import PROTECTION, USER, WRITING, page_fault_user
from mmrun.model.mm.fault.zero_page import is_zero_word, map_zero_page
from mmrun.model.mm.huge.fault import FALLBACK, folio_fault, huge_fault
from mmrun.model.mm.huge.map import ensure_table
from mmrun.model.mm.huge.mmap_lock import mmap_read_lock
from mmrun.model.mm.huge.state import thp_settings
from mmrun.model.mm.lru.lru import lru_add
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.memcg.memcontrol import mod_state
from mmrun.model.mm.memcg.state import memcg_settings
from mmrun.model.mm.memcg.stats import PGFAULT
from mmrun.model.mm.migrate.entries import wait_on_entry
from mmrun.model.mm.page.flags import (
    ACTIVE,
    ANON,
    LOCKED,
    MOVING,
    READAHEAD,
    RECLAIM,
    SWAPCACHE,
    WORKINGSET,
    WRITEBACK,
)
from mmrun.model.mm.page.folio import folio_of, nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.swap.swap import (
    free_swapcache,
)
from mmrun.model.mm.task.state import (
    ADVICE_NORMAL,
    ADVICE_RANDOM,
    PTE_DIRTY,
    PTE_PRESENT,
    PTE_SHIFT,
    PTE_WRPROTECT,
    PTE_YOUNG,
    REGION_ANON,
    REGION_HUGETLB,
    REGION_MMAP,
    REGION_READ,
    REGION_SLAB,
    cache,
    fault_count,
    fault_settings,
    files,
    missed,
    pte,
    regions,
    tasks,
)
from mmrun.model.mm.task.words import is_migration_entry, is_plain, maps
from mmrun.model.mm.writeback.page_wait import wait_for_stable_page
from mmrun.model.units import PAGE

hugetlb_fault = caller("hugetlb_fault")
slab_access = caller("slab_access")
hint_fault = caller("hint_fault")
fs_page_mkwrite = caller("fs_page_mkwrite")
new_anon_active = caller("new_anon_active")
PTES_PER_TABLE_SHIFT = 9


@kernel
def count_fault(m, t):
    """Book a page fault of task `t`."""
    fault_count(m).pgfault += 1
    mod_state(m, tasks(m)[t].memcg, PGFAULT, 1)


@kernel
def first_touch(m, t, at, write):
    """An anonymous page's first touch: a zeroed page of its own (do_anonymous_page)."""
    pfn = new_anon_frame(m, t, at)
    if pfn == NONE:
        return OUT_OF_MEMORY
    m.now += fault_settings(m).minor_fault_anon
    task_count(m)[t].minor_faults += 1
    task_count(m)[t].first_touches += 1
    frames(m)[pfn].state |= ACTIVE if new_anon_active(m) else 0
    lru_add(m, pfn)
    map_page(m, at, pfn, write, False)
    return OK


@kernel
def leave_zero_page(m, t, at):
    """The first store to memory that maps the page of zeros takes a page of its own (wp_page_copy)."""
    zero_count(m).zero_page_copies += 1
    return first_touch(m, t, at, True)


@kernel
def may_store(m, file, index):
    """A store through a mapping of a cached page: it may have to hold still, its file system to find out about blocks.

    Its block is told of by the transaction that its store belongs to: nobody sleeps between the two.
    """
    pfn = folio_of(m, cache(m)[index] - 1)
    if must_hold_still(m, file):
        wait_for_stable_page(m, pfn)
    if has_journal(m, file):
        frames(m)[pfn].pins += 1
        fs_page_mkwrite(m, file, index)
        frames(m)[pfn].pins -= 1


@kernel
def page_mkwrite(m, pfn, file):
    """The first store to a clean or newly mapped page of a file; it need not leave any more (folio_mark_dirty)."""
    dirty(m, pfn, file)
    frames(m)[pfn].state &= ~RECLAIM


@kernel
def write_protected(m, t, region, at):
    """First write to a page mapped read-only: anonymous ones left the swap cache till 5.19, file pages become dirty.

    In the kernel: do_wp_page.
    """
    word = pte(m)[at]
    if is_zero_word(m, word):
        return leave_zero_page(m, t, at)
    pfn = (word >> PTE_SHIFT) & ((1 << 28) - 1)
    page = frames(m)[folio_of(m, pfn)]
    m.now += fault_settings(m).minor_fault_file
    task_count(m)[t].minor_faults += 1
    if page.state & ANON:
        if (
            page.state & SWAPCACHE
            and not page.state & WRITEBACK
            and not page.order
            and not fault_settings(m).anon_exclusive
        ):
            free_swapcache(m, pfn)
    else:
        page_mkwrite(m, folio_of(m, pfn), regions(m)[region].file)
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
    found, following = 0, first
    for i in range(first, end):
        pfn = entries[index + i - at] - 1
        if i < following or pfn < 0:
            continue
        head = folio_of(m, pfn)
        if f[head].order:
            following = i + f[head].owner + nr_pages(m, head) - (index + i - at)
        if f[head].state & (READAHEAD | LOCKED | MOVING):
            continue
        if f[head].order:
            found += map_folio_range(m, region, i, pfn, min(end, following))
            continue
        found += 1 if not f[pfn].state & WORKINGSET else 0
        if table[i]:
            continue
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
        marked = use_marked(m, t, region, r.file, index, folio_of(m, entries[index] - 1), r.readahead)
    return 1 + (marked | wait_for_data(m, t, index))


@kernel
def map_file(m, t, region, at, index, write):
    """A touch of a mapped file page: map what is cached around it; if it was not, find or read it, and once more.

    In the kernel: do_read_fault.
    """
    r, table = regions(m)[region], pte(m)
    around = not write and r.fault_around > 1
    m.now += fault_settings(m).minor_fault_file
    if around:
        fault_around(m, region, at, index)
        if table[at]:
            task_count(m)[t].minor_faults += 1
            return OK
    how = find_or_read(m, t, region, at, index)
    if how == 0:
        return OUT_OF_MEMORY
    if how > 1 and memcg_settings(m).counts_retries:
        count_fault(m, t)
    if around and how > 1:
        fault_around(m, region, at, index)
        if table[at]:
            return OK
    if write:
        may_store(m, r.file, index)
    pfn = cache(m)[index] - 1
    if write:
        page_mkwrite(m, folio_of(m, pfn), r.file)
    protect = not write and files(m)[r.file].disk != NONE
    if frames(m)[folio_of(m, pfn)].order and map_whole(m, region, at, pfn, write, protect):
        return OK
    map_page(m, at, pfn, write, protect)
    return OK


@kernel
def page_is_there(m, at, write):
    """Whether the page that was waited for can be used now, which sets the bits that this does."""
    word = pte(m)[at]
    if not word & PTE_PRESENT or (write and word < 0):
        return False
    pte(m)[at] = word | PTE_YOUNG | (PTE_DIRTY if write else 0)
    return True


@rare
@kernel
def settled(m, t, region, at, write):
    """Wait while a mover has the page of word `at`, serve its hint fault: whether the access is served by then."""
    while not is_plain(pte(m)[at]):
        if is_migration_entry(pte(m)[at]):
            task_count(m)[t].minor_faults += 1
            wait_on_entry(m, at)
        else:
            hint_fault(m, t, region, at, write)
        if page_is_there(m, at, write):
            return True
        count_fault(m, t)
    return False


@kernel
def handle_mm_fault(m, t, region, at, index, write):
    """A page fault at page-table word `at` (handle_pte_fault); `index`: its slot in the page cache of a mapped file."""
    kind = regions(m)[region].kind
    count_fault(m, t)
    folios = kind == REGION_ANON and thp_settings(m).enabled
    if folios:
        mmap_read_lock(m, t)
        served = huge_fault(m, t, region, at, write)
        if served != FALLBACK:
            return served
    if not ensure_table(m, t, at):
        return OUT_OF_MEMORY
    word = pte(m)[at]
    if not is_plain(word):
        if settled(m, t, region, at, write):
            return OK
        word = pte(m)[at]
    if kind == REGION_MMAP and word & PTE_PRESENT and cache(m)[index] > 0:
        may_store(m, regions(m)[region].file, index)
        word = pte(m)[at]
    if word & PTE_PRESENT:
        return write_protected(m, t, region, at)
    if kind == REGION_MMAP:
        return map_file(m, t, region, at, index, write)
    if word:
        return swap_in(m, t, region, at, (word >> PTE_SHIFT) - 1, write)
    if folios:
        served = folio_fault(m, t, region, at, write)
        if served != FALLBACK:
            return served
    if fault_settings(m).zero_page and not write:
        return map_zero_page(m, t, at)
    return first_touch(m, t, at, write)


@hook
def access(m, t, region, page, write):
    """Serve one access of task `t` to page `page` of its address space that its page table could not."""
    r = regions(m)[region]
    if r.kind == REGION_SLAB:
        return slab_access(m, t, region, page, write)
    if r.kind == REGION_HUGETLB:
        count_fault(m, t)
        return hugetlb_fault(m, t, region, page, write)
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
    page_fault_user(m, page * PAGE, USER | (WRITING if write else 0) | (PROTECTION if maps(pte(m)[at]) else 0))
    # The multi-generational LRU takes no hint from mappings advised random or sequential (lru_gen_enter_fault).
    current(m).in_lru_fault = 1 if lru_settings(m).lru_gen and r.advice == ADVICE_NORMAL else 0
    served = handle_mm_fault(m, t, region, at, index, write)
    current(m).in_lru_fault = 0
    return served
