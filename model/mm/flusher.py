"""Writing dirty file pages back: one flusher a disk, woken when too much is dirty or reclaim meets dirty pages.

A step submits one run of adjacent dirty pages, at most 1 MiB, and the next step follows as soon as the disk's queue has
room (wb_writeback). Woken for the background threshold it works until less is dirty; woken by reclaim, until as many
pages are written as were dirty. What throttles the writers themselves is not modelled yet.
"""

from model.actors import NEVER, schedule
from model.block.completions import next_completion, submit
from model.block.disk import write_pages
from model.block.server import earliest
from model.jit import cache, files, frames, kernel, pte, regions, servers
from model.layout import NONE
from model.mm.page_io import finish_writes
from model.mm.rmap import drop_entry, pte_frame, region_word
from model.mm.state import DIRTY, PTE_DIRTY, PTE_PRESENT, PTE_WRPROTECT, WRITEBACK

RUN_PAGES = 256
NR_REQUESTS = 128  # BLKDEV_DEFAULT_RQ
BACKGROUND_RATIO = 10  # vm.dirty_background_ratio
THROTTLE_NS = 100_000_000  # VMSCAN_THROTTLE_WRITEBACK sleeps HZ/10 at most


@kernel
def wake_flusher(m, disk):
    """Start the disk's flusher if it rests."""
    d = m.disks[disk]
    if d.flushing == 0:
        d.flushing, d.flush_at = 1, m.clock.now + m.cfg.kswapd_wake
        schedule(m, m.cfg.flusher_slot + disk, d.flush_at)
        m.clock.wake = 1


@kernel
def flush_all(m):
    """Have every flusher write as many pages as are dirty now; one that is still at such work is left to it."""
    for disk in range(m.cfg.nr_disks):
        dirty = 0
        for file in range(m.cfg.nr_files):
            dirty += files(m)[file].nr_dirty if files(m)[file].disk == disk else 0
        if dirty and m.disks[disk].flush_left <= 0:
            m.disks[disk].flush_left = dirty
            wake_flusher(m, disk)


@kernel
def over_background(m):
    """Whether more than a tenth of dirtyable memory is dirty."""
    dirty = available = 0
    for file in range(m.cfg.nr_files):
        dirty += files(m)[file].nr_dirty
    for z in range(m.cfg.nr_zones):
        available += m.zones[z].nr_free + m.zones[z].nr_file
    return dirty > available * BACKGROUND_RATIO // 100


@kernel
def balance_dirty(m, file):
    """After a page became dirty: wake the flusher when too much is."""
    if over_background(m):
        wake_flusher(m, files(m)[file].disk)


@kernel
def write_protect(m, pfn):
    """Take the dirty bits from a file page's mappings, so that the next store is noticed (folio_mkclean)."""
    table, page = pte(m), frames(m)[pfn]
    region = files(m)[page.slot].first_region
    while region != NONE and page.mapcount:
        at = region_word(m, region, page.owner)
        if at != NONE and table[at] & PTE_PRESENT and pte_frame(table[at]) == pfn:
            table[at] = (table[at] & ~PTE_DIRTY) | PTE_WRPROTECT
            drop_entry(m, at)
        region = regions(m)[region].next_of_file


@kernel
def start_write(m, pfn):
    """Turn a dirty file page into one under writeback."""
    page = frames(m)[pfn]
    write_protect(m, pfn)
    page.state = (page.state & ~DIRTY) | WRITEBACK
    files(m)[page.slot].nr_dirty -= 1
    files(m)[page.slot].nr_writeback += 1


@kernel
def dirty_at(m, index):
    """Whether page-cache slot `index` holds a dirty page that is not being written."""
    pfn = cache(m)[index] - 1
    return pfn >= 0 and frames(m)[pfn].state & (DIRTY | WRITEBACK) == DIRTY


@kernel
def next_dirty(m, disk):
    """Next page-cache slot of a dirty page on the disk, from where the flusher stopped, wrapping once; NONE if none."""
    d = m.disks[disk]
    for turn in range(m.cfg.nr_files + 1):
        file = (d.flush_file + turn) % m.cfg.nr_files
        if files(m)[file].disk == disk and files(m)[file].nr_dirty:
            start, end = files(m)[file].start, files(m)[file].start + files(m)[file].npages
            first = max(start, d.flush_index) if turn == 0 else start
            for index in range(first, end):
                if dirty_at(m, index):
                    d.flush_file = file
                    return index
    return NONE


@kernel
def queue_has_room(m, disk):
    """When the disk's queue takes another request: at most 128 wait for its servers."""
    d = m.disks[disk]
    free_at = servers(m)[earliest(m, d.first_server, d.parallel)].free_at
    return max(m.clock.now, free_at - NR_REQUESTS // d.parallel * d.write_ns)


@kernel
def flusher_step(m, disk):
    """Write one run of dirty pages; the flusher rests when what it was asked for is written."""
    d = m.disks[disk]
    index = next_dirty(m, disk) if d.flush_left > 0 or over_background(m) else NONE
    if index == NONE:
        d.flushing = d.flush_left = 0
        return
    file = files(m)[d.flush_file]
    count = 0
    while count < RUN_PAGES and index + count < file.start + file.npages and dirty_at(m, index + count):
        count += 1
    m.clock.now += m.cfg.io_path
    done = write_pages(m, disk, m.clock.now, count)
    for i in range(index, index + count):
        pfn = cache(m)[i] - 1
        start_write(m, pfn)
        submit(m, pfn, done)
    d.flush_left -= count
    d.flush_index = index + count
    d.flush_at = queue_has_room(m, disk)


@kernel
def next_flusher(m):
    """The busy flusher whose next step is earliest, or NONE."""
    found = NONE
    for disk in range(m.cfg.nr_disks):
        if m.disks[disk].flushing and (found == NONE or m.disks[disk].flush_at < m.disks[found].flush_at):
            found = disk
    return found


@kernel
def _let_flush(m, disk):
    """The disk's flusher takes its next step, at its own time."""
    flusher_step(m, disk)
    schedule(m, m.cfg.flusher_slot + disk, m.disks[disk].flush_at if m.disks[disk].flushing else NEVER)


@kernel
def catch_up(m):
    """A reclaimer is ahead of the flushers' clocks: they do what they have done by its time, and writes end."""
    now = m.clock.now
    while True:
        disk = next_flusher(m)
        if disk == NONE or m.disks[disk].flush_at > now:
            break
        m.clock.now = m.disks[disk].flush_at
        _let_flush(m, disk)
    m.clock.now = now
    finish_writes(m)


@kernel
def throttle_on_writeback(m, pages):
    """The reclaimer sleeps until more than `pages` writes have ended, at most 100 ms; flushers work meanwhile."""
    deadline, written = m.clock.now + THROTTLE_NS, 0
    while written <= pages:
        disk = next_flusher(m)
        step = m.disks[disk].flush_at if disk != NONE else NEVER
        at = min(step, next_completion(m))
        if at > deadline:
            m.clock.now = deadline
            return
        m.clock.now = max(m.clock.now, at)
        if step <= at:
            _let_flush(m, disk)
        written += finish_writes(m)
