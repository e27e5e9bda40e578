"""Migration entries: page-table words of a page on its way, on which whoever touches it waits (remove_migration_ptes).

A word that is not present but young is one: `pfn << 3 | PTE_YOUNG`, write-protected as the word was, with PTE_DIRTY if
it was young. That it was dirty is known to the frame by then.
"""

from mmrun.model.core.accounting import MIGRATION, begins, ends
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, wait
from mmrun.model.core.state import turn
from mmrun.model.machine.state import geometry
from mmrun.model.mm.lru.rmap import last_mapping_gone
from mmrun.model.mm.lru.rmap_file import count_mapped, pages_mapped, region_word
from mmrun.model.mm.lru.rmap_folio import drop_entry, is_huge_mapped, mark, mark_dirty, pte_frame, unmark
from mmrun.model.mm.memcg.memcontrol import mod_state
from mmrun.model.mm.memcg.stats import NR_ANON_MAPPED
from mmrun.model.mm.migrate.state import migration_count, migration_settings, migrations
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER as PMD_ORDER
from mmrun.model.mm.page.flags import ANON, DIRTY, MOVING
from mmrun.model.mm.page.folio import folio_of, nr_pages
from mmrun.model.mm.page.state import frames, page_waits
from mmrun.model.mm.task.state import (
    NOBODY,
    PTE_DIRTY,
    PTE_PRESENT,
    PTE_SHIFT,
    PTE_WRPROTECT,
    PTE_YOUNG,
    files,
    pte,
    regions,
    tasks,
)
from mmrun.model.mm.task.words import is_hint, is_migration_entry, maps, stored_through
from mmrun.model.mm.writeback.page_wait import PAGE_WAIT_TABLE_SIZE


@kernel
def migration_entry(word):
    """The entry for a word that maps a frame (make_writable_migration_entry and its like); a hint is never writable."""
    read_only = PTE_WRPROTECT if is_hint(word) else word & PTE_WRPROTECT
    return read_only | pte_frame(word) << PTE_SHIFT | PTE_YOUNG | (PTE_DIRTY if word & PTE_YOUNG else 0)


@kernel
def task_of_word(m, at):
    """The task whose page table has word `at`: tables are laid end to end."""
    low, high = 0, geometry(m).nr_tasks - 1
    while low < high:
        middle = (low + high + 1) // 2
        if tasks(m)[middle].pte_start <= at:
            low = middle
        else:
            high = middle - 1
    return low


@kernel
def _to_be_flushed(m, c, at):
    """Call `c` must flush the CPU that may hold word `at` in its TLB (set_tlb_ubc_flush_pending)."""
    cpu = tasks(m)[task_of_word(m, at)].cpu
    migrations(m)[c].unflushed = 1
    if cpu != turn(m).cpu:
        migrations(m)[c].cpus[cpu >> 5] |= 1 << (cpu & 31)


@kernel
def flush_tlb(m, c):
    """Flush what call `c` has unmapped from all TLBs that may hold it (try_to_unmap_flush, flush_tlb_page)."""
    call, others = migrations(m)[c], 0
    if not call.unflushed:
        return
    for word in range(len(call.cpus)):
        left = call.cpus[word]
        for bit in range(32):
            others += left >> bit & 1
        call.cpus[word] = 0
    call.unflushed = 0
    migration_count(m).migrate_flushes += 1
    migration_count(m).migrate_ipis += others
    own = migration_settings(m)
    m.now += own.tlb_shootdown + own.tlb_ipi * others if others else own.tlb_flush_page


@kernel
def _entry_instead(m, c, pfn, at):
    """Word `at`, which maps frame `pfn` or a part of it, becomes a migration entry (try_to_migrate_one)."""
    table = pte(m)
    word = table[at]
    if stored_through(word):
        page = frames(m)[pfn]
        if page.state & ANON or files(m)[page.slot].disk != NONE:
            mark_dirty(m, pfn)
    table[at] = migration_entry(word)
    drop_entry(m, at)
    _to_be_flushed(m, c, at)


@kernel
def _unmap_anon(m, c, pfn):
    """The words of an anonymous folio: one for each of its pages that is still mapped.

    Those of a huge page that were one entry will be one again: its second frame keeps that (set_pmd_migration_entry).
    """
    table, first, gone = pte(m), frames(m)[pfn].owner, 0
    if frames(m)[pfn].order == PMD_ORDER:
        frames(m)[pfn + 1].slot = is_huge_mapped(m, first)
        if is_huge_mapped(m, first):
            unmark(m, pfn, first)
    for i in range(nr_pages(m, pfn)):
        if maps(table[first + i]) and pte_frame(table[first + i]) == pfn + i:
            _entry_instead(m, c, pfn, first + i)
            gone += 1
    return gone


@kernel
def _unmap_file(m, c, pfn):
    """The words of a file's folio, in every mapping of the file."""
    table, page, gone = pte(m), frames(m)[pfn], 0
    region = files(m)[page.slot].first_region
    while region != NONE:
        for i in range(nr_pages(m, pfn)):
            at = region_word(m, region, page.owner + i)
            if at != NONE and maps(table[at]) and pte_frame(table[at]) == pfn + i:
                _entry_instead(m, c, pfn, at)
                gone += 1
        region = regions(m)[region].next_of_file
    return gone


@kernel
def try_to_migrate(m, c, pfn):
    """Put migration entries in place of all words that map folio `pfn`, for call `c`; dirty bits go to the frame."""
    page = frames(m)[pfn]
    if page.mapcount == 0:
        return
    if page.state & ANON:
        gone = _unmap_anon(m, c, pfn)
        mod_state(m, page.memcg, NR_ANON_MAPPED, -gone)
        page.mapcount -= gone
        return
    if page.order:
        count_mapped(m, pfn, -pages_mapped(m, pfn))
    page.mapcount -= _unmap_file(m, c, pfn)
    if page.mapcount == 0 and not page.order:
        last_mapping_gone(m, pfn)


@kernel
def _map_again(m, at, pfn, protect):
    """Word `at`, a migration entry, maps frame `pfn`, write-protected as before and young if it was.

    Until 6.0 it is old (remove_migration_pte).
    """
    table = pte(m)
    word = table[at]
    young = PTE_YOUNG if word & PTE_DIRTY and migration_settings(m).entries_keep_young else 0
    table[at] = (PTE_WRPROTECT if protect else word & PTE_WRPROTECT) | pfn << PTE_SHIFT | PTE_PRESENT | young


@kernel
def _is_entry_of(m, at, pfn):
    word = pte(m)[at]
    return is_migration_entry(word) and pte_frame(word) == pfn


@kernel
def remove_migration_ptes(m, old, new):
    """The migration entries of folio `old` map folio `new`, which may be the same."""
    page, found = frames(m)[new], 0
    before = pages_mapped(m, new) if page.order and not page.state & ANON else 0
    if page.state & ANON:
        if 0 <= page.owner < len(pte(m)):
            for i in range(nr_pages(m, new)):
                if _is_entry_of(m, page.owner + i, old + i):
                    _map_again(m, page.owner + i, new + i, False)
                    found += 1
            if page.order == PMD_ORDER and frames(m)[old + 1].slot:
                frames(m)[old + 1].slot = 0
                if found == nr_pages(m, new):
                    mark(m, new, page.owner)
    else:
        # It may have been written meanwhile, which protects pages from stores that nobody would notice (folio_mkclean).
        clean = files(m)[page.slot].disk != NONE and not page.state & DIRTY
        region = files(m)[page.slot].first_region
        while region != NONE:
            for i in range(nr_pages(m, new)):
                at = region_word(m, region, page.owner + i)
                if at != NONE and _is_entry_of(m, at, old + i):
                    _map_again(m, at, new + i, clean)
                    found += 1
            region = regions(m)[region].next_of_file
    if page.state & ANON:
        mod_state(m, page.memcg, NR_ANON_MAPPED, found)
    elif page.order:
        count_mapped(m, new, pages_mapped(m, new) - before)
    elif found and page.mapcount == 0:
        count_mapped(m, new, 1)
    page.mapcount += found


@kernel
def has_entries(m, pfn):
    """Whether a word waits for an anonymous folio, which is unmapped."""
    page = frames(m)[pfn]
    found = 0
    if page.owner != NOBODY:
        for i in range(nr_pages(m, pfn)):
            found += _is_entry_of(m, page.owner + i, pfn + i)
    return found > 0


@kernel
def wait_on_migration(m, pfn):
    """Sleep until a frame's mover is done with it, or somebody else has woken its waiters (migration_entry_wait).

    Until 4.20 with a reference to the page, for which its migration fails if it was not copied yet.
    """
    if not frames(m)[pfn].state & MOVING:
        return
    refers = migration_settings(m).waiters_refer
    migration_count(m).migrate_waits += 1
    begins(m, MIGRATION)
    frames(m)[pfn].pins += refers
    wait(m, page_waits(m)[pfn % PAGE_WAIT_TABLE_SIZE], FOREVER)
    frames(m)[pfn].pins -= refers
    ends(m, MIGRATION)


@kernel
def wait_on_entry(m, at):
    """Sleep until page-table word `at` is no migration entry any more."""
    while is_migration_entry(pte(m)[at]):
        wait_on_migration(m, folio_of(m, pte_frame(pte(m)[at])))
