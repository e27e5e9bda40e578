"""The dirty and writeback states of file pages, and all that counts them (mm/page-writeback.c, fs/fs-writeback.c).

`dirty_tags` counts the dirty pages of every 64 page-cache slots, as the tags of the page cache's tree do, so that a
flusher passes over clean stretches.
"""

from model.actors import schedule
from model.jit import cache, dirty_tags, files, frames, kernel, pte, regions, wbs
from model.layout import NONE
from model.mm.inodes import B_DIRTY, add_inode, has_dirty_io
from model.mm.rmap import pte_frame, region_word
from model.mm.state import DIRTY, PTE_DIRTY, PTE_PRESENT, PTE_WRPROTECT, WRITEBACK

CENTISECOND = 10_000_000


@kernel
def mark_inode_dirty(m, file):
    """A page of the file became dirty: a clean file joins its wb, whose flusher looks at it within five seconds."""
    f = files(m)[file]
    if f.on:
        return
    resting = not has_dirty_io(m, f.wb) and not wbs(m)[f.wb].running
    f.dirtied_when = m.clock.now
    add_inode(m, file, B_DIRTY)
    if resting and m.cfg.dirty_writeback_centisecs:
        schedule(m, m.cfg.flusher_slot + f.wb, m.clock.now + m.cfg.dirty_writeback_centisecs * CENTISECOND)


@kernel
def _count(m, pfn, file, pages):
    m.vm.nr_dirty += pages
    m.zones[frames(m)[pfn].zone].nr_file_dirty += pages
    wbs(m)[files(m)[file].wb].nr_reclaimable += pages
    files(m)[file].nr_dirty += pages
    dirty_tags(m)[frames(m)[pfn].owner >> 6] += pages


@kernel
def set_dirty(m, pfn, file):
    """A clean page of a file on a disk becomes dirty (account_page_dirtied)."""
    frames(m)[pfn].state |= DIRTY
    m.vm.nr_dirtied += 1
    wbs(m)[files(m)[file].wb].nr_dirtied += 1
    _count(m, pfn, file, 1)
    mark_inode_dirty(m, file)


@kernel
def write_protect(m, pfn):
    """Take the dirty bits from a file page's mappings, so that the next store is noticed (folio_mkclean)."""
    table, page = pte(m), frames(m)[pfn]
    region = files(m)[page.slot].first_region
    while region != NONE and page.mapcount:
        at = region_word(m, region, page.owner)
        if at != NONE and table[at] & PTE_PRESENT and pte_frame(table[at]) == pfn:
            table[at] = (table[at] & ~PTE_DIRTY) | PTE_WRPROTECT
        region = regions(m)[region].next_of_file


@kernel
def start_write(m, pfn):
    """Turn a dirty file page into one under writeback (clear_page_dirty_for_io, set_page_writeback)."""
    page = frames(m)[pfn]
    write_protect(m, pfn)
    page.state = (page.state & ~DIRTY) | WRITEBACK
    _count(m, pfn, page.slot, -1)
    m.vm.nr_writeback += 1
    m.zones[page.zone].nr_writeback += 1
    wbs(m)[files(m)[page.slot].wb].nr_writeback += 1
    files(m)[page.slot].nr_writeback += 1


@kernel
def end_write(m, pfn, failed):
    """The write of a file page has ended (end_page_writeback); one that failed stays dirty and taints its file."""
    page = frames(m)[pfn]
    file = page.slot
    page.state &= ~WRITEBACK
    m.vm.nr_writeback -= 1
    m.zones[page.zone].nr_writeback -= 1
    wb = wbs(m)[files(m)[file].wb]
    wb.nr_writeback -= 1
    files(m)[file].nr_writeback -= 1
    if failed:
        files(m)[file].error += 1
        m.vm.writeback_errors += 1
        if not page.state & DIRTY:
            page.state |= DIRTY
            _count(m, pfn, file, 1)
            mark_inode_dirty(m, file)
        return
    m.vm.nr_written += 1
    wb.nr_written += 1


@kernel
def next_dirty(m, index, stop):
    """First page-cache slot from `index` on, before `stop`, of a dirty page that is not being written; NONE if none."""
    tags, entries, f = dirty_tags(m), cache(m), frames(m)
    while index < stop:
        if tags[index >> 6] == 0:
            index = (index | 63) + 1
            continue
        pfn = entries[index] - 1
        if pfn >= 0 and f[pfn].state & (DIRTY | WRITEBACK) == DIRTY:
            return index
        index += 1
    return NONE


@kernel
def dirty_run(m, index, most):
    """How many pages from slot `index` on, at most `most`, are dirty and not being written."""
    entries, f = cache(m), frames(m)
    count = 0
    while count < most:
        pfn = entries[index + count] - 1
        if pfn < 0 or f[pfn].state & (DIRTY | WRITEBACK) != DIRTY:
            break
        count += 1
    return count
