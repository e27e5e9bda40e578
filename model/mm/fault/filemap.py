"""read() and write() of whole pages, and what faults share with them (mm/filemap.c)."""

from mmrun.model.block.state import disks
from mmrun.model.core.accounting import FILE, begins, ends
from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current, io_sleep_until
from mmrun.model.core.state import turn
from mmrun.model.fs.vfs.ledger import stored
from mmrun.model.machine.state import costs
from mmrun.model.mm.fault.page_cache import add_to_cache
from mmrun.model.mm.fault.readahead import read_one, sync_readahead, use_marked
from mmrun.model.mm.lru.lru import mark_accessed
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.page.flags import DIRTY, LOCKED, MOVING
from mmrun.model.mm.page.folio import folio_of, nr_pages
from mmrun.model.mm.page.gfp import GFP_HIGHUSER_MOVABLE, WRITE
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import cache, fault_settings, files, regions, tasks
from mmrun.model.mm.writeback.dirty import set_dirty
from mmrun.model.mm.writeback.page_wait import wait_for_stable_page, wait_on_page_locked

write_begin = caller("write_begin")
write_end = caller("write_end")


@kernel
def wait_for_data(m, t, index):
    """Task `t` sleeps until the cached page at slot `index` is read, and not being moved; 1 when it had to.

    In the kernel: folio_wait_locked.
    """
    pfn = folio_of(m, cache(m)[index] - 1)
    if not frames(m)[pfn].state & (LOCKED | MOVING):
        return 0
    wait_on_page_locked(m, pfn, FILE)
    return 1


@kernel
def wait_until(m, t, done):
    """Task `t` sleeps until what it reads past the page cache is there."""
    if done > m.now:
        begins(m, FILE)
        io_sleep_until(m, done)
        ends(m, FILE)


@kernel
def read_page(m, t, file, index):
    """Readahead may have ended before the page it was for: read it alone then, and wait. 0 = out of memory."""
    if cache(m)[index] <= 0:
        read_one(m, t, file, index, 0)
    if cache(m)[index] <= 0:
        return 0
    wait_for_data(m, t, index)
    return 1


@kernel
def dirty(m, pfn, file):
    """A file page was written; without a device behind the file there is nothing to write it back to."""
    if files(m)[file].disk == NONE:
        return
    task = tasks(m)[turn(m).task]
    if frames(m)[pfn].state & DIRTY:
        task.redirtied += 1
    else:
        set_dirty(m, pfn, file)
    task.balance_wb = files(m)[file].wb + 1
    if disks(m)[files(m)[file].disk].journal:
        stored(m, frames(m)[pfn].owner, nr_pages(m, pfn))


@kernel
def has_journal(m, file):
    """Whether a store to the file concerns a journal."""
    return files(m)[file].disk != NONE and disks(m)[files(m)[file].disk].journal > 0


@kernel
def must_hold_still(m, file):
    """Whether pages of the file may not be written to while they are on their way to the disk."""
    return files(m)[file].disk != NONE and disks(m)[files(m)[file].disk].stable > 0


@kernel
def file_at(m, region, index):
    """The file of the region's page at slot `index`: regions of many files have them one behind the other."""
    r = regions(m)[region]
    return r.file + (index - files(m)[r.file].start) // r.file_pages if r.file_pages else r.file


@kernel
def _new_for_write(m, t, file, index):
    """A page that write() fills whole, nothing of it read; 0 = out of memory."""
    me, disk = current(m), files(m)[file].disk
    me.backing_dev = disk + 1 if disk != NONE else 0
    added = add_to_cache(m, t, file, index, GFP_HIGHUSER_MOVABLE | WRITE)
    me.backing_dev = 0
    return added != NONE


@rare
@kernel
def _use_marked(m, t, region, file, index):
    """read() comes to a cached page: its folio may have the readahead mark. It asks for all from where that begins."""
    pfn = folio_of(m, cache(m)[index] - 1)
    first = frames(m)[pfn].owner
    use_marked(m, t, region, file, first, pfn, index + 1 - first)


@rare
@kernel
def _went_on(m, region, file, pfn, index):
    """Whether read() goes on in the folio that it has read from last, which counts as used once (pos_same_folio)."""
    last, order = regions(m)[region].prev_page, int(frames(m)[pfn].order) if fault_settings(m).marks_by_folio else 0
    begin = files(m)[file].start
    return index - begin >> order == last - begin >> order


@kernel
def read_or_write(m, t, region, index, write):
    """One read() or write() of a whole page. 0: cached; 1: it was absent; -1: out of memory.

    In the kernel: filemap_read, generic_perform_write.
    """
    r, entries = regions(m)[region], cache(m)
    file = file_at(m, region, index)
    m.now += costs(m).syscall + costs(m).copy_page
    journalled = write and has_journal(m, file)
    if journalled:
        write_begin(m, file, index)
    absent, large = entries[index] <= 0, files(m)[file].max_order
    if absent and write:
        if not _new_for_write(m, t, file, index):
            if journalled:
                write_end(m, file, index, 0)
            return -1
    elif absent:
        sync_readahead(m, t, region, file, index, 1)
        if not read_page(m, t, file, index):
            return -1
    elif not write:
        if large:
            _use_marked(m, t, region, file, index)
        else:
            use_marked(m, t, region, file, index, entries[index] - 1, 1)
    pfn = folio_of(m, entries[index] - 1) if large else entries[index] - 1
    if write or frames(m)[pfn].state & LOCKED:  # only reading needs no lock
        wait_for_data(m, t, index)
    pfn = folio_of(m, entries[index] - 1) if large else entries[index] - 1
    if write and must_hold_still(m, file):
        wait_for_stable_page(m, pfn)
    went_on = _went_on(m, region, file, pfn, index) if large else index == r.prev_page
    if write:
        dirty(m, pfn, file)
        if journalled:
            write_end(m, file, index, 1)
    if lru_settings(m).writes_activate if write else not went_on:
        mark_accessed(m, pfn)
    r.prev_page = index
    return 1 if absent else 0
