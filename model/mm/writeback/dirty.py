"""The dirty and writeback states of file pages, and all that counts them (mm/page-writeback.c, fs/fs-writeback.c).

`dirty_tags` counts the dirty pages of every 64 page-cache slots, as the tags of the page cache's tree do, so that a
flusher passes over clean stretches.
"""

from mmrun.model.block.state import DISK_NFS, disks
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import set_timeout
from mmrun.model.core.state import turn
from mmrun.model.fs.vfs.ledger import arrived, sent
from mmrun.model.machine.state import cpus, geometry
from mmrun.model.machine.timers import jiffies
from mmrun.model.mm.lru.rmap import drop_entry, pte_frame, region_word
from mmrun.model.mm.lru.rmap_file import write_protect_pages
from mmrun.model.mm.memcg.memcontrol import mod_state
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.memcg.stats import NR_FILE_DIRTY, NR_WRITEBACK
from mmrun.model.mm.page.flags import DIRTY, WRITEBACK
from mmrun.model.mm.page.folio import folio_of, nr_pages
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.task.state import PTE_DIRTY, PTE_WRPROTECT, cache, files, pte, regions, tasks
from mmrun.model.mm.task.words import keep_bits, maps
from mmrun.model.mm.writeback.extents import grow
from mmrun.model.mm.writeback.foreign_dirty import track_foreign_dirty
from mmrun.model.mm.writeback.inodes import B_DIRTY, add_inode, has_dirty_io
from mmrun.model.mm.writeback.state import (
    bdis,
    dirty_tags,
    on_disk,
    wb_domains,
    wbs,
    writeback_count,
    writeback_settings,
)
from mmrun.model.mm.writeback.tracepoints import writeback_dirty_folio, writeback_dirty_inode_enqueue
from mmrun.model.mm.writeback.wb_bandwidth import interval
from mmrun.model.mm.writeback.wb_domain import count_written

CENTISECOND = 10_000_000


@kernel
def mark_inode_dirty(m, file):
    """A page of the file became dirty: a clean file joins its wb, whose flusher looks at it within five seconds.

    In the kernel: __mark_inode_dirty.
    """
    f = files(m)[file]
    if f.on:
        return
    resting = not has_dirty_io(m, f.wb)
    f.dirtied_when = m.now
    add_inode(m, file, B_DIRTY)
    writeback_dirty_inode_enqueue(m, f.disk, file, jiffies(m), 1)
    if resting and writeback_settings(m).dirty_writeback_centisecs:
        set_timeout(m, wbs(m)[f.wb].dwork, m.now + writeback_settings(m).dirty_writeback_centisecs * CENTISECOND)


@kernel
def _count_for_groups(m, memcg, dirty, writeback):
    """Add to the counts of a group and its ancestors."""
    while memcg:
        wb_domains(m)[memcg].nr_dirty += dirty
        wb_domains(m)[memcg].nr_writeback += writeback
        memcg = memcgs(m)[memcg].parent


@kernel
def count_writeback(m, pfn, pages):
    """A page of a file or of the swap cache is being written (1), or no longer (-1) (account_page_writeback)."""
    writeback_count(m).nr_writeback += pages
    zones(m)[frames(m)[pfn].zone].nr_writeback += pages
    mod_state(m, frames(m)[pfn].memcg, NR_WRITEBACK, pages)
    if writeback_settings(m).cgroup_writeback:
        _count_for_groups(m, frames(m)[pfn].memcg, 0, pages)


@kernel
def _count_file_writeback(m, pfn, file, pages):
    """The same for a file's page; swap has no wb."""
    count_writeback(m, pfn, pages)
    wbs(m)[files(m)[file].wb].nr_writeback += pages
    files(m)[file].nr_writeback += pages


@rare
@kernel
def _tag(m, pfn, sign):
    first = frames(m)[pfn].owner
    for slot in range(first, first + nr_pages(m, pfn)):
        dirty_tags(m)[slot >> 6] += sign


@kernel
def _count(m, pfn, file, pages):
    writeback_count(m).nr_dirty += pages
    zones(m)[frames(m)[pfn].zone].nr_file_dirty += pages
    mod_state(m, frames(m)[pfn].memcg, NR_FILE_DIRTY, pages)
    wbs(m)[files(m)[file].wb].nr_reclaimable += pages
    files(m)[file].nr_dirty += pages
    if frames(m)[pfn].order:
        _tag(m, pfn, 1 if pages > 0 else -1)
    else:
        dirty_tags(m)[frames(m)[pfn].owner >> 6] += pages
    if writeback_settings(m).cgroup_writeback:
        _count_for_groups(m, frames(m)[pfn].memcg, pages, 0)


@kernel
def attach_wb(m, file, memcg):
    """The dirty pages of a clean file will be those of the group that first dirties it (inode_attach_wb)."""
    f = files(m)[file]
    local = disks(m)[f.disk].kind != DISK_NFS  # mounts charge the root
    if writeback_settings(m).cgroup_writeback and local and f.nr_dirty + f.nr_writeback == 0 and not f.on:
        f.wb = bdis(m)[wbs(m)[f.wb].bdi].first_wb + wb_domains(m)[memcg].wb


@kernel
def set_dirty(m, pfn, file):
    """A clean folio of a file on a disk becomes dirty, all of it (folio_account_dirtied)."""
    pages = nr_pages(m, pfn)
    attach_wb(m, file, frames(m)[pfn].memcg)
    frames(m)[pfn].state |= DIRTY
    writeback_dirty_folio(m, files(m)[file].disk, file, frames(m)[pfn].owner - files(m)[file].start)
    writeback_count(m).nr_dirtied += pages
    wbs(m)[files(m)[file].wb].nr_dirtied += pages
    _count(m, pfn, file, pages)
    if files(m)[file].sparse:
        for slot in range(frames(m)[pfn].owner, frames(m)[pfn].owner + pages):
            on_disk(m)[slot >> 6] |= 1 << (slot & 63)
    if writeback_settings(m).cgroup_writeback and frames(m)[pfn].memcg != wbs(m)[files(m)[file].wb].memcg:
        track_foreign_dirty(m, files(m)[file].wb, frames(m)[pfn].memcg)
    if disks(m)[files(m)[file].disk].allocation:
        grow(m, file, frames(m)[pfn].owner + pages - 1)
    mark_inode_dirty(m, file)
    m.now += writeback_settings(m).dirty_page
    if turn(m).task != NONE:
        tasks(m)[turn(m).task].nr_dirtied += pages
        cpus(m)[turn(m).cpu].bdp_ratelimits += pages


@kernel
def cancel_dirty(m, pfn, file):
    """A dirty page of a file is not to be written as it is: its file system has another way for it (cancel_dirty_page).

    The file stays on its list, where its flusher finds it clean.
    """
    frames(m)[pfn].state &= ~DIRTY
    _count(m, pfn, file, -nr_pages(m, pfn))


@kernel
def write_protect(m, pfn):
    """Take the dirty bits from a file page's mappings, so that the next store is noticed (folio_mkclean)."""
    table, page = pte(m), frames(m)[pfn]
    if page.order:
        write_protect_pages(m, pfn)
        return
    region = files(m)[page.slot].first_region
    while region != NONE and page.mapcount:
        at = region_word(m, region, page.owner)
        if at != NONE and maps(table[at]) and pte_frame(table[at]) == pfn:
            table[at] = keep_bits(table[at], ~PTE_DIRTY) | PTE_WRPROTECT
            drop_entry(m, at)
        region = regions(m)[region].next_of_file


@kernel
def start_write(m, pfn):
    """Turn a dirty folio of a file into one under writeback (clear_page_dirty_for_io, set_page_writeback).

    A large one counts its pages yet to be written in its second frame.
    """
    page, pages = frames(m)[pfn], nr_pages(m, pfn)
    write_protect(m, pfn)
    page.state = (page.state & ~DIRTY) | WRITEBACK
    if disks(m)[files(m)[page.slot].disk].journal:
        sent(m, page.owner, pages)
    if page.order:
        frames(m)[pfn + 1].slot = pages
    _count(m, pfn, page.slot, -pages)
    if files(m)[page.slot].nr_writeback == 0:
        wbs(m)[files(m)[page.slot].wb].writeback_inodes += 1
    _count_file_writeback(m, pfn, page.slot, pages)


@kernel
def end_inode_writeback(m, w):
    """The last page of a file was written; with a wb's last file an estimate of bandwidth falls due (5.15)."""
    wb = wbs(m)[w]
    wb.writeback_inodes -= 1
    if writeback_settings(m).bw_on_completion and wb.writeback_inodes == 0:
        wb.bw_due = jiffies(m) + interval(geometry(m).hz)


@kernel
def end_write(m, pfn, failed):
    """The write of a file page has ended (end_page_writeback); one that failed stays dirty and taints its file.

    In the kernel: folio_end_writeback.
    """
    page, pages = frames(m)[pfn], nr_pages(m, pfn)
    file = page.slot
    page.state &= ~WRITEBACK
    _count_file_writeback(m, pfn, file, -pages)
    if files(m)[file].nr_writeback == 0:
        end_inode_writeback(m, files(m)[file].wb)
    if failed:
        files(m)[file].error += 1
        writeback_count(m).writeback_errors += 1
        if not page.state & DIRTY:
            page.state |= DIRTY
            _count(m, pfn, file, pages)
            mark_inode_dirty(m, file)
        return
    writeback_count(m).nr_written += pages
    if disks(m)[files(m)[file].disk].journal:
        arrived(m, file, page.owner, pages)
    for _ in range(pages):
        count_written(m, files(m)[file].wb)


@kernel
def next_dirty(m, index, stop, passed):
    """First page-cache slot from `index` on, before `stop`, of a dirty page in none of the states `passed`, or NONE.

    Of a large folio it is the slot where that begins, which may lie before `index`.
    """
    tags, entries, f = dirty_tags(m), cache(m), frames(m)
    while index < stop:
        if tags[index >> 6] == 0:
            index = (index | 63) + 1
            continue
        pfn = entries[index] - 1
        if pfn >= 0:
            pfn = folio_of(m, pfn)
            if f[pfn].state & (DIRTY | passed) == DIRTY:
                return f[pfn].owner
        index += 1
    return NONE


@kernel
def dirty_run(m, index, most):
    """How many pages from slot `index` on, at most `most`, are dirty and not being written."""
    entries, f = cache(m), frames(m)
    count = 0
    while count < most:
        pfn = entries[index + count] - 1
        if pfn < 0 or f[folio_of(m, pfn)].state & (DIRTY | WRITEBACK) != DIRTY:
            break
        count += 1
    return count
