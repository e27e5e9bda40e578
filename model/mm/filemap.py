"""The page cache: adding pages, reading ahead, read() and write() of whole pages (mm/filemap.c, mm/readahead.c).

A file is a run of slots in the `cache` table. A slot holds its frame + 1, or, negative, the shadow of the page that was
evicted from it. Readahead state belongs to the region (an open file).
"""

from model.block.disk import read_pages
from model.jit import cache, caller, files, frames, kernel, memcgs, on_disk, regions, tasks, xanode
from model.layout import NONE
from model.mm.buddy import free_frame
from model.mm.calls import CALL_READ, CALL_WRITE, call_begins
from model.mm.dirty import set_dirty
from model.mm.extents import block_of
from model.mm.lru import lru_add, mark_accessed
from model.mm.memcontrol import kmem_group, stat_updated, uncharge
from model.mm.state import ADVICE_RANDOM, ADVICE_SEQUENTIAL, DIRTY, HELD, READAHEAD, WRITEBACK

refault = caller("refault")
charged_frame = caller("charged_frame")
kernel_frame = caller("kernel_frame")
XARRAY_NODE_BYTES = 584  # struct xa_node (576) and its object's cgroup pointer (8)
MMAP_LOTSAMISS = 100


@kernel
def charge_bytes(m, t, nbytes):
    """Charge a small kernel object; a page is charged when the group's byte stock runs out. 0 = no memory."""
    group = memcgs(m)[kmem_group(m, t)]
    while group.kmem_stock < nbytes:
        if kernel_frame(m, t) == NONE:
            return 0
        group.kmem_stock += 4096
    group.kmem_stock -= nbytes
    return 1


@kernel
def add_to_cache(m, t, file, index, for_write):
    """A new page-cache page at slot `index` of `file`, on its way to the lists; NONE when out of memory.

    A page that comes back is tested for refault, unless it is about to be overwritten (filemap_add_folio).
    """
    entries = cache(m)
    pfn = charged_frame(m, t)
    if pfn == NONE:
        return NONE
    if not xanode(m)[index >> 6]:
        if not charge_bytes(m, t, XARRAY_NODE_BYTES):
            uncharge(m, tasks(m)[t].memcg)
            free_frame(m, m.clock.cpu, pfn)
            return NONE
        xanode(m)[index >> 6] = 1
    page, shadow = frames(m)[pfn], entries[index]
    page.owner, page.slot = index, file
    entries[index] = pfn + 1
    files(m)[file].nr_cached += 1
    m.zones[page.zone].nr_file += 1
    stat_updated(m, page.memcg, 4)
    if shadow < 0 and not for_write:
        refault(m, pfn, shadow)
    lru_add(m, pfn)
    return pfn


@kernel
def in_hole(m, file, index):
    """Whether the page at slot `index` was never written to its sparse file, so that there is nothing to read."""
    return files(m)[file].sparse and not on_disk(m)[index >> 6] >> (index & 63) & 1


@kernel
def add_run(m, t, file, first, end, mark, stop):
    """Bring the absent pages of slots `first` to `end` - 1 into the cache; (pages to read, slot it stopped at).

    The page at slot `mark` gets the readahead mark. It stops when memory runs out, and, if `stop`, at a page that is
    cached already, which is noticed only when the page meant to take its place has been charged.
    """
    entries, f = cache(m), frames(m)
    fresh = 0
    for index in range(first, end):
        if entries[index] > 0:
            if not stop:
                continue
            pfn = charged_frame(m, t)
            if pfn != NONE:
                uncharge(m, tasks(m)[t].memcg)
                free_frame(m, m.clock.cpu, pfn)
            return fresh, index
        pfn = add_to_cache(m, t, file, index, False)
        if pfn == NONE:
            return fresh, index if stop else end
        fresh += 0 if in_hole(m, file, index) else 1
        if index == mark:
            f[pfn].state |= READAHEAD
    return fresh, end


@kernel
def submit_read(m, file, index, fresh):
    """Read `fresh` new pages of the file, from slot `index` on, in one request; when the data is there."""
    disk = files(m)[file].disk
    m.vm.readahead += max(0, fresh - 1)
    if fresh == 0 or disk == NONE:
        return m.clock.now
    m.vm.pgpgin += fresh
    m.clock.now += m.cfg.io_path
    return read_pages(m, disk, m.clock.now, fresh, block_of(m, file, index))


@kernel
def read_one(m, t, file, index):
    """Read the page at slot `index` alone; when the data is there."""
    return submit_read(m, file, index, add_run(m, t, file, index, index + 1, NONE, False)[0])


@kernel
def read_window(m, t, region, file):
    """Bring the region's readahead window into the cache; when the data is there (page_cache_ra_order).

    The region remembers that as `ra_done`. The page `ra_async` before its end gets the readahead mark. A file whose
    folios may be large is first filled up to a page that is cached already, then the rest is (do_page_cache_ra).
    """
    r = regions(m)[region]
    eof = files(m)[file].start + files(m)[file].npages
    index, end, fresh = r.ra_start, r.ra_start + r.ra_count, 0
    if m.cfg.readahead_by_order:
        fresh, index = add_run(m, t, file, index, min(end, eof), end - r.ra_async, True)
        if index == min(end, eof):
            r.ra_done = submit_read(m, file, r.ra_start, fresh)
            return r.ra_done
    last = min(end, eof)
    mark = last - r.ra_async if r.ra_async <= last - index else NONE
    r.ra_done = submit_read(m, file, r.ra_start, fresh + add_run(m, t, file, index, last, mark, False)[0])
    return r.ra_done


@kernel
def initial_window(size, largest):
    """First readahead window for a read of `size` pages (get_init_ra_size)."""
    power = 1
    while power < size:
        power <<= 1
    if power <= largest // 32:
        return power * 4
    if power <= largest // 4:
        return power * 2
    return largest


@kernel
def next_window(size, largest):
    """Window that follows one of `size` pages (get_next_ra_size)."""
    if size < largest // 16:
        return 4 * size
    if size <= largest // 2:
        return 2 * size
    return largest


@kernel
def run_before(m, file, index, most):
    """Cached pages just before `index`, at most `most`: what a sequential reader would have left behind."""
    entries, first = cache(m), max(files(m)[file].start, index - most)
    at = index
    while at > first and entries[at - 1] > 0:
        at -= 1
    return index - at


@kernel
def next_absent(m, file, index, most):
    """First slot after `index` without a page, or one beyond the `most` that are looked at."""
    entries, end = cache(m), files(m)[file].start + files(m)[file].npages
    at = index + 1
    while at < min(end, index + 1 + most) and entries[at] > 0:
        at += 1
    return at


@kernel
def sync_readahead(m, t, region, file, index, wanted):
    """The page at `index` is absent, `wanted` pages are asked for: read a window (page_cache_sync_ra).

    Returns when the data is there.
    """
    r, start = regions(m)[region], files(m)[file].start
    if r.readahead <= 1 or r.advice == ADVICE_RANDOM:
        return read_one(m, t, file, index)
    r.ra_start, r.ra_order = index, 0
    if index == start or 1 <= index - r.prev_page <= 2:
        r.ra_count = initial_window(wanted, r.readahead)
        r.ra_async = r.ra_count - wanted if r.ra_count > wanted else r.ra_count >> 1
        return read_window(m, t, region, file)
    run = run_before(m, file, index, r.readahead)
    if run <= wanted:
        end = min(index + wanted, start + files(m)[file].npages)
        return submit_read(m, file, index, add_run(m, t, file, index, end, NONE, False)[0])
    if index - run == start:
        run *= 2
    r.ra_count, r.ra_async = min(run + wanted, r.readahead), 1
    return read_window(m, t, region, file)


@kernel
def end_on_boundary(m, region, file):
    """Shorten the window to end on a boundary of the next folio order."""
    r = regions(m)[region]
    largest = 0
    while r.readahead >> largest & 1 == 0:
        largest += 1
    r.ra_order += 2
    align = 1 << min(r.ra_order, largest)
    end = r.ra_start + r.ra_count - files(m)[file].start
    if end - end % align + files(m)[file].start > r.ra_start:
        r.ra_count -= end % align
    order = 0
    while r.ra_count >> order > 1:
        order += 1
    r.ra_order = min(r.ra_order, order)


@kernel
def async_readahead(m, t, region, file, index, wanted):
    """A marked page was used, `wanted` pages are asked for: submit the next window (page_cache_async_ra)."""
    r = regions(m)[region]
    if index == r.ra_start + r.ra_count - r.ra_async:
        r.ra_start += r.ra_count
        r.ra_count = max(r.ra_count, next_window(r.ra_count, r.readahead))
    else:
        absent = next_absent(m, file, index, r.readahead)
        if absent - index > r.readahead:
            return
        r.ra_start = absent
        r.ra_count = next_window(absent - index + wanted, r.readahead)
    if m.cfg.readahead_by_order:
        end_on_boundary(m, region, file)
    r.ra_async = r.ra_count
    read_window(m, t, region, file)


@kernel
def mmap_readahead(m, t, region, file, index):
    """A mapped page is absent: read around it, or one page when readahead does not pay (do_sync_mmap_readahead)."""
    r = regions(m)[region]
    if r.readahead <= 1 or r.advice == ADVICE_RANDOM:
        return read_one(m, t, file, index)
    if r.advice == ADVICE_SEQUENTIAL:
        return sync_readahead(m, t, region, file, index, r.readahead)
    r.mmap_miss = min(r.mmap_miss + 1, 10 * MMAP_LOTSAMISS)
    if r.mmap_miss > MMAP_LOTSAMISS:
        return read_one(m, t, file, index)
    r.ra_start, r.ra_order = max(files(m)[file].start, index - r.readahead // 2), 0
    r.ra_count, r.ra_async = r.readahead, r.readahead // 4
    return read_window(m, t, region, file)


@kernel
def use_marked(m, t, region, file, index, pfn, wanted):
    """Clear the readahead mark of a page in use and read on behind it; 1 when it had one.

    The page's own window may still be on its way: the task waits for it then.
    """
    page, due = frames(m)[pfn], regions(m)[region].ra_done
    if not page.state & READAHEAD or page.state & WRITEBACK:
        return 0
    page.state = (page.state & ~READAHEAD) | HELD
    async_readahead(m, t, region, file, index, wanted)
    page.state &= ~HELD
    wait_until(m, t, due)
    return 1


@kernel
def wait_until(m, t, done):
    """Task `t` sleeps until its file data is there."""
    if done > m.clock.now:
        tasks(m)[t].stat.stall_file_ns += done - m.clock.now
        m.clock.now = done


@kernel
def read_again(m, t, file, index):
    """Readahead under pressure may already have lost the page it was for: read it alone. 0 = out of memory."""
    if cache(m)[index] <= 0:
        wait_until(m, t, read_one(m, t, file, index))
    return cache(m)[index] > 0


@kernel
def dirty(m, pfn, file):
    """A file page was written; without a device behind the file there is nothing to write it back to."""
    if files(m)[file].disk == NONE:
        return
    task = tasks(m)[m.clock.task]
    if frames(m)[pfn].state & DIRTY:
        task.redirtied += 1
    else:
        set_dirty(m, pfn, file)
    task.balance_wb = files(m)[file].wb + 1


@kernel
def file_at(m, region, index):
    """The file of the region's page at slot `index`: regions of many files have them one behind the other."""
    r = regions(m)[region]
    return r.file + (index - files(m)[r.file].start) // r.file_pages if r.file_pages else r.file


@kernel
def read_or_write(m, t, region, index, write):
    """One read() or write() of a whole page. 0: cached; 1: it was absent; -1: out of memory."""
    r, entries = regions(m)[region], cache(m)
    file = file_at(m, region, index)
    call_begins(m, t, CALL_WRITE if write else CALL_READ)
    m.clock.now += m.cfg.syscall + m.cfg.copy_page
    absent = entries[index] <= 0
    if absent:
        if write:
            disk = files(m)[file].disk
            m.clock.writing_to = disk + 1 if disk != NONE else 0
            added = add_to_cache(m, t, file, index, True)
            m.clock.writing_to = 0
            if added == NONE:
                return -1
        else:
            wait_until(m, t, sync_readahead(m, t, region, file, index, 1))
            if not read_again(m, t, file, index):
                return -1
    pfn = entries[index] - 1
    if not write:
        if not absent:
            use_marked(m, t, region, file, index, pfn, 1)
        if index != r.prev_page:
            mark_accessed(m, pfn)
    else:
        dirty(m, pfn, file)
        if absent:
            mark_accessed(m, pfn)
    r.prev_page = index
    return 1 if absent else 0
