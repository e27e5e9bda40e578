"""Whoever reclaims writes the dirty file page it meets (3.1: kswapd and direct reclaim alike).

Each page is a write of its own; only pages that happen to be adjacent on the disk merge in the reclaimer's plug. Tasks
do not add to a full queue, except that of the disk they are writing to. What comes of it is the file system's business
(`writepage` of the disk): it writes, writes for kswapd alone, or leaves the page dirty; counted it is in any case. A
page that is being written already stays where it is.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.machine.state import costs
from mmrun.model.mm.lru.state import KEEP, RECLAIM_PAGE
from mmrun.model.mm.page.flags import RECLAIM
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.pageout import file_system_writes, may_write_to_queue
from mmrun.model.mm.reclaim.state import pageout_count, scans
from mmrun.model.mm.reclaim.tracepoints import mm_vmscan_write_folio
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.dirty import start_write
from mmrun.model.mm.writeback.plug import plug

SOURCE = "mm/vmscan.c: may_write_to_queue, pageout, shrink_page_list, 3.1"


@kernel
def write_page(m, s, pfn, verdict):
    """Ask the file system to write one dirty page, to be reclaimed as soon as that is done (pageout).

    Not one that read() or write() has used once (RECLAIM_CLEAN), nor where the reclaimer may not write.
    """
    stat, disk = scans(m)[s].batch_stat, files(m)[frames(m)[pfn].slot].disk
    if verdict != RECLAIM_PAGE or not scans(m)[s].may_enter_fs or not scans(m)[s].may_writepage:
        return
    if not may_write_to_queue(m, s, disk):
        stat.late_congested += 1
        return
    pageout_count(m).nr_vmscan_write += 1
    mm_vmscan_write_folio(m, pfn, 1)
    if scans(m)[s].kswapd:
        pageout_count(m).writepage_file_kswapd += 1
    else:
        pageout_count(m).writepage_file_direct += 1
    if file_system_writes(m, pfn, disk, scans(m)[s].kswapd):
        m.now += costs(m).io_path
        start_write(m, pfn)
        frames(m)[pfn].state |= RECLAIM
        for page in range(pfn, pfn + nr_pages(m, pfn)):
            plug(m, page)
    else:
        frames(m)[pfn].state &= ~RECLAIM  # nothing was submitted whose end would free it


@hook
def pageout_file(m, pfn, s, verdict):
    write_page(m, s, pfn, verdict)
    return KEEP


@hook
def meet_writeback(m, pfn, s):
    return KEEP


@hook
def all_dirty(m, s):
    return 0
