"""Reading files ahead: windows, marked pages, who asks for how much (mm/readahead.c, do_sync_mmap_readahead).

Readahead state belongs to the region (an open file).
"""

from mmrun.model.block.serving import read_pages
from mmrun.model.block.state import disks
from mmrun.model.core.accounting import memstall_was
from mmrun.model.core.integers import ilog2
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current
from mmrun.model.machine.state import costs
from mmrun.model.mm.fault.large_folios import place_of_mark, read_folios
from mmrun.model.mm.fault.page_cache import EXISTS, add_to_cache, in_hole
from mmrun.model.mm.fault.tree_walk import next_miss, prev_miss
from mmrun.model.mm.page.flags import READAHEAD, WRITEBACK
from mmrun.model.mm.page.gfp import GFP_HIGHUSER_MOVABLE
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import (
    ADVICE_RANDOM,
    ADVICE_SEQUENTIAL,
    cache,
    fault_settings,
    filemap_count,
    files,
    regions,
)
from mmrun.model.mm.writeback.extents import block_of
from mmrun.model.mm.writeback.read_io import await_read, queue_file_read, read_sent
from mmrun.model.psi.state import psi_settings

MMAP_LOTSAMISS = 100


@kernel
def _add_pages(m, t, file, first, end, mark, stop):
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
def add_run(m, t, file, first, end, mark, stop, nofs):
    """Bring the absent pages of slots `first` to `end` - 1 into the cache; (pages to read, slot it stopped at).

    The page at slot `mark` gets the readahead mark. It stops when memory runs out, and, if `stop`, at a page that is
    cached already, which is noticed only when the page meant to take its place has been charged. `nofs`: reclaim for
    them may not enter file systems, whose shrinkers refuse then (memalloc_nofs_save).
    In the kernel: page_cache_ra_unbounded.
    """
    me = current(m)
    had = me.nofs
    me.nofs = had | nofs
    fresh, stopped = _add_pages(m, t, file, first, end, mark, stop)
    me.nofs = had
    return fresh, stopped


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
    if disk != NONE and disks(m)[disk].elevator:
        refaulted = queue_file_read(m, disk, file, index, end, fresh, block_of(m, file, index))
    else:
        if disk != NONE:
            done = read_pages(m, disk, m.now, fresh, block_of(m, file, index))
        refaulted = read_sent(m, disk, file, index, end, done)
    if refaulted and psi_settings(m).psi_file_read:
        memstall_was(m, m.now - began)


@kernel
def read_one(m, t, file, index, nofs):
    """Read the page at slot `index` alone; `nofs`: as readahead does it."""
    submit_read(m, file, index, index + 1, add_run(m, t, file, index, index + 1, NONE, False, nofs)[0])


@kernel
def read_window(m, t, region, file, order):
    """Bring the region's readahead window into the cache (page_cache_ra_order).

    The page `ra_async` before its end gets the readahead mark. A file whose folios may be large is first filled up to a
    page that is cached already, then the rest is (do_page_cache_ra). `order`: of the folio whose mark was met, or 0.
    """
    r = regions(m)[region]
    eof, start = files(m)[file].start + files(m)[file].npages, r.ra_start
    index, end, fresh, ahead, nofs = start, r.ra_start + r.ra_count, 0, r.ra_async, fault_settings(m).readahead_nofs
    if files(m)[file].max_order:
        fresh, index = read_folios(m, t, region, file, order)
        if index >= min(end, eof):
            submit_read(m, file, start, index, fresh)
            return
    elif fault_settings(m).readahead_by_order:
        fresh, index = add_run(m, t, file, index, min(end, eof), end - ahead, True, nofs)
        if index == min(end, eof):
            submit_read(m, file, start, index, fresh)
            return
    last = min(end, eof)
    mark = last - ahead if ahead <= last - index else NONE
    submit_read(m, file, start, last, fresh + add_run(m, t, file, index, last, mark, False, nofs)[0])


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
    r, start, settings = regions(m)[region], files(m)[file].start, fault_settings(m)
    if r.readahead <= 1 or r.advice == ADVICE_RANDOM:
        read_one(m, t, file, index, settings.readahead_nofs if r.readahead > 1 else settings.read_as_readahead)
        return
    r.ra_start, r.ra_order = index, 0
    if index == start or 1 <= index - r.prev_page <= 2:
        r.ra_count = initial_window(wanted, r.readahead)
        r.ra_async = r.ra_count - wanted if r.ra_count > wanted else r.ra_count >> 1
        read_window(m, t, region, file, 0)
        return
    if files(m)[file].max_order:
        run = index - 1 - prev_miss(m, file, index - 1, r.readahead)
    else:
        run = run_before(m, file, index, r.readahead)
    if run <= wanted:
        end = min(index + wanted, start + files(m)[file].npages)
        submit_read(m, file, index, end, add_run(m, t, file, index, end, NONE, False, settings.readahead_nofs)[0])
        return
    if index - run == start:
        run *= 2
    r.ra_count, r.ra_async = min(run + wanted, r.readahead), 1
    read_window(m, t, region, file, 0)


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
    r.ra_order = min(r.ra_order, ilog2(r.ra_count))


@kernel
def async_readahead(m, t, region, file, index, wanted, order):
    """A marked page was used, `wanted` pages are asked for: submit the next window (page_cache_async_ra).

    `order`: of the folio that has the mark.
    """
    r = regions(m)[region]
    if index == place_of_mark(m, file, r.ra_start + r.ra_count - r.ra_async, order):
        r.ra_start += r.ra_count
        r.ra_count = max(r.ra_count, next_window(r.ra_count, r.readahead))
    else:
        if files(m)[file].max_order:
            absent = next_miss(m, file, index + 1, r.readahead)
        else:
            absent = next_absent(m, file, index, r.readahead)
        if absent - index > r.readahead:
            return
        r.ra_start = absent
        r.ra_count = next_window(absent - index + wanted, r.readahead)
    if fault_settings(m).readahead_by_order:
        end_on_boundary(m, region, file)
    r.ra_async = r.ra_count
    read_window(m, t, region, file, order)


@kernel
def mmap_readahead(m, t, region, file, index):
    """A mapped page is absent: read around it, or one page when readahead does not pay (do_sync_mmap_readahead)."""
    r = regions(m)[region]
    if r.readahead <= 1 or r.advice == ADVICE_RANDOM:
        read_one(m, t, file, index, 0)
        return
    if r.advice == ADVICE_SEQUENTIAL:
        sync_readahead(m, t, region, file, index, r.readahead)
        return
    r.mmap_miss = min(r.mmap_miss + 1, 10 * MMAP_LOTSAMISS)
    if r.mmap_miss > MMAP_LOTSAMISS:
        read_one(m, t, file, index, 0)
        return
    r.ra_start, r.ra_order = max(files(m)[file].start, index - r.readahead // 2), 0
    r.ra_count, r.ra_async = r.readahead, r.readahead // 4
    read_window(m, t, region, file, 0)


@kernel
def use_marked(m, t, region, file, index, pfn, wanted):
    """Clear the readahead mark of a folio in use and read on behind it; 1 when it had one.

    `index`: where its use begins. `pfn`: its first frame.
    """
    page = frames(m)[pfn]
    if not page.state & READAHEAD or page.state & WRITEBACK:
        return 0
    page.state &= ~READAHEAD
    page.pins += 1
    async_readahead(m, t, region, file, index, wanted, int(page.order))
    page.pins -= 1
    return 1
