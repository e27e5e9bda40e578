"""The page cache: adding pages, reading ahead, read() and write() of whole pages (mm/filemap.c, mm/readahead.c).

A file is a run of slots in the `cache` table. A slot holds its frame + 1, or, negative, the shadow of the page that was
evicted from it. Readahead state belongs to the region (an open file).
"""

from mmrun.model.block.serving import read_pages
from mmrun.model.core.accounting import FILE, begins, ends, memstall_was
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current, io_sleep_until
from mmrun.model.core.state import turn
from mmrun.model.machine.state import costs
from mmrun.model.mm.fault.kmem import charge_bytes
from mmrun.model.mm.lru.lru import lru_add, mark_accessed
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.memcg.memcontrol import mod_state, uncharge
from mmrun.model.mm.memcg.stats import NR_FILE_PAGES
from mmrun.model.mm.page.buddy import free_frame
from mmrun.model.mm.page.flags import DIRTY, FILE_PAGE, LOCKED, READAHEAD, WRITEBACK
from mmrun.model.mm.page.gfp import GFP_HIGHUSER_MOVABLE, WRITE
from mmrun.model.mm.page.mempolicy import NO_INTERLEAVE_INDEX
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.task.state import (
    ADVICE_RANDOM,
    ADVICE_SEQUENTIAL,
    cache,
    fault_settings,
    filemap_count,
    files,
    regions,
    tasks,
    xanode,
)
from mmrun.model.mm.writeback.dirty import set_dirty
from mmrun.model.mm.writeback.extents import block_of
from mmrun.model.mm.writeback.page_wait import wait_on_page_locked
from mmrun.model.mm.writeback.read_io import await_read, read_sent
from mmrun.model.mm.writeback.state import on_disk
from mmrun.model.psi.state import psi_settings

refault = caller("refault")
charged_frame = caller("charged_frame")
XARRAY_NODE_BYTES = 584  # struct xa_node (576) and its object's cgroup pointer (8)
MMAP_LOTSAMISS = 100
EXISTS = NONE - 1  # EEXIST


@kernel
def discard(m, pfn):
    """Give back a charged page for which there is no use after all."""
    uncharge(m, frames(m)[pfn].memcg)
    frames(m)[pfn].state = 0
    free_frame(m, turn(m).cpu, pfn)


@kernel
def add_to_cache(m, t, file, index, gfp):
    """A new page-cache page at slot `index` of `file`, on its way to the lists; NONE when out of memory.

    EXISTS when somebody else has added one while this task slept for memory. A page that comes back is tested for
    refault, unless it is about to be overwritten (filemap_add_folio).
    """
    entries = cache(m)
    pfn = charged_frame(m, t, gfp, NO_INTERLEAVE_INDEX)
    if pfn == NONE:
        return NONE
    if entries[index] <= 0 and not xanode(m)[index >> 6]:
        if not charge_bytes(m, t, XARRAY_NODE_BYTES):
            discard(m, pfn)
            return NONE
        xanode(m)[index >> 6] = 1
    if entries[index] > 0:
        discard(m, pfn)
        return EXISTS
    page, shadow = frames(m)[pfn], entries[index]
    page.owner, page.slot, page.kind = index, file, FILE_PAGE
    entries[index] = pfn + 1
    files(m)[file].nr_cached += 1
    zones(m)[page.zone].nr_file += 1
    mod_state(m, page.memcg, NR_FILE_PAGES, 1)
    if shadow < 0 and not gfp & WRITE:
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
    In the kernel: page_cache_ra_unbounded.
    """
    entries, f, fresh = cache(m), frames(m), 0
    for index in range(first, end):
        if entries[index] > 0 and not stop:
            continue
        pfn = add_to_cache(m, t, file, index, GFP_HIGHUSER_MOVABLE)
        if pfn == EXISTS and not stop:
            continue
        if pfn >= EXISTS:
            return fresh, index if stop else end
        if not in_hole(m, file, index):
            fresh += 1
            await_read(m, pfn)
        if index == mark:
            f[pfn].state |= READAHEAD
    return fresh, end


@kernel
def submit_read(m, file, index, end, fresh):
    """Read `fresh` new pages of the file, from slot `index` on and before `end`, in one request."""
    disk = files(m)[file].disk
    filemap_count(m).readahead += max(0, fresh - 1)
    if fresh == 0:
        return
    done = began = m.now
    if disk != NONE:
        filemap_count(m).pgpgin += fresh
        m.now += costs(m).io_path
        done = read_pages(m, disk, m.now, fresh, block_of(m, file, index))
    refaulted = read_sent(m, file, index, end, done)
    if refaulted and psi_settings(m).psi_file_read:
        memstall_was(m, m.now - began)


@kernel
def read_one(m, t, file, index):
    """Read the page at slot `index` alone."""
    submit_read(m, file, index, index + 1, add_run(m, t, file, index, index + 1, NONE, False)[0])


@kernel
def read_window(m, t, region, file):
    """Bring the region's readahead window into the cache (page_cache_ra_order).

    The page `ra_async` before its end gets the readahead mark. A file whose folios may be large is first filled up to a
    page that is cached already, then the rest is (do_page_cache_ra).
    """
    r = regions(m)[region]
    eof, start = files(m)[file].start + files(m)[file].npages, r.ra_start
    index, end, fresh, ahead = start, r.ra_start + r.ra_count, 0, r.ra_async
    if fault_settings(m).readahead_by_order:
        fresh, index = add_run(m, t, file, index, min(end, eof), end - ahead, True)
        if index == min(end, eof):
            submit_read(m, file, start, index, fresh)
            return
    last = min(end, eof)
    mark = last - ahead if ahead <= last - index else NONE
    submit_read(m, file, start, last, fresh + add_run(m, t, file, index, last, mark, False)[0])


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

    In the kernel: ondemand_readahead.
    """
    r, start = regions(m)[region], files(m)[file].start
    if r.readahead <= 1 or r.advice == ADVICE_RANDOM:
        read_one(m, t, file, index)
        return
    r.ra_start, r.ra_order = index, 0
    if index == start or 1 <= index - r.prev_page <= 2:
        r.ra_count = initial_window(wanted, r.readahead)
        r.ra_async = r.ra_count - wanted if r.ra_count > wanted else r.ra_count >> 1
        read_window(m, t, region, file)
        return
    run = run_before(m, file, index, r.readahead)
    if run <= wanted:
        end = min(index + wanted, start + files(m)[file].npages)
        submit_read(m, file, index, end, add_run(m, t, file, index, end, NONE, False)[0])
        return
    if index - run == start:
        run *= 2
    r.ra_count, r.ra_async = min(run + wanted, r.readahead), 1
    read_window(m, t, region, file)


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
    if fault_settings(m).readahead_by_order:
        end_on_boundary(m, region, file)
    r.ra_async = r.ra_count
    read_window(m, t, region, file)


@kernel
def mmap_readahead(m, t, region, file, index):
    """A mapped page is absent: read around it, or one page when readahead does not pay (do_sync_mmap_readahead)."""
    r = regions(m)[region]
    if r.readahead <= 1 or r.advice == ADVICE_RANDOM:
        read_one(m, t, file, index)
        return
    if r.advice == ADVICE_SEQUENTIAL:
        sync_readahead(m, t, region, file, index, r.readahead)
        return
    r.mmap_miss = min(r.mmap_miss + 1, 10 * MMAP_LOTSAMISS)
    if r.mmap_miss > MMAP_LOTSAMISS:
        read_one(m, t, file, index)
        return
    r.ra_start, r.ra_order = max(files(m)[file].start, index - r.readahead // 2), 0
    r.ra_count, r.ra_async = r.readahead, r.readahead // 4
    read_window(m, t, region, file)


@kernel
def use_marked(m, t, region, file, index, pfn, wanted):
    """Clear the readahead mark of a page in use and read on behind it; 1 when it had one."""
    page = frames(m)[pfn]
    if not page.state & READAHEAD or page.state & WRITEBACK:
        return 0
    page.state &= ~READAHEAD
    page.pins += 1
    async_readahead(m, t, region, file, index, wanted)
    page.pins -= 1
    return 1


@kernel
def wait_for_data(m, t, index):
    """Task `t` sleeps until the cached page at slot `index` has been read; 1 when it had to (folio_wait_locked)."""
    pfn = cache(m)[index] - 1
    if not frames(m)[pfn].state & LOCKED:
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
        read_one(m, t, file, index)
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


@kernel
def read_or_write(m, t, region, index, write):
    """One read() or write() of a whole page. 0: cached; 1: it was absent; -1: out of memory.

    In the kernel: filemap_read, generic_perform_write.
    """
    r, entries = regions(m)[region], cache(m)
    file = file_at(m, region, index)
    m.now += costs(m).syscall + costs(m).copy_page
    absent = entries[index] <= 0
    if absent and write:
        if not _new_for_write(m, t, file, index):
            return -1
    elif absent:
        sync_readahead(m, t, region, file, index, 1)
        if not read_page(m, t, file, index):
            return -1
    elif not write:
        use_marked(m, t, region, file, index, entries[index] - 1, 1)
    wait_for_data(m, t, index)
    pfn = entries[index] - 1
    if write:
        dirty(m, pfn, file)
    if lru_settings(m).writes_activate if write else index != r.prev_page:
        mark_accessed(m, pfn)
    r.prev_page = index
    return 1 if absent else 0
