"""Pages that reclaim itself writes: whether it may, and how they leave (pageout, mm/vmscan.c; swap_writepage)."""

from mmrun.model.block.disk import write_congested
from mmrun.model.block.state import WRITEPAGE_KSWAPD, WRITEPAGE_WRITES, disks
from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.sleep import current
from mmrun.model.machine.state import costs
from mmrun.model.mm.huge.state import HUGE_ORDER, folio_sizes, thp_count
from mmrun.model.mm.memcg.memcontrol import mod_state, stat_updated
from mmrun.model.mm.memcg.state import memcg_settings
from mmrun.model.mm.memcg.stats import PSWPOUT
from mmrun.model.mm.page.flags import DIRTY, LOCKED, RECLAIM, SWAPCACHE, WRITEBACK
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.state import pageout_count, scans
from mmrun.model.mm.reclaim.tracepoints import mm_vmscan_write_folio
from mmrun.model.mm.swap.state import SWAP_NFS, SWAP_ZRAM, swap_count, swap_settings, swaps
from mmrun.model.mm.swap.swap import area_of, zram_write
from mmrun.model.mm.writeback.dirty import count_writeback
from mmrun.model.mm.writeback.page_wait import unlock_page, wait_on_page_writeback
from mmrun.model.mm.writeback.plug import plug

zswap_store = caller("zswap_store")
fs_writepage = caller("fs_writepage")
REJECT_IT, KEPT, HELD_BACK = 0, 1, 2  # zswap_store: the device is to have it; zswap has it; nobody may


@kernel
def may_write_to_queue(m, s, disk):
    """Whether the reclaimer may write: kswapd always, others to a congested queue only if they are writing to it.

    Asked for files alone: swap has a backing_dev_info of its own, which no queue ever marks congested.
    """
    return scans(m)[s].kswapd or not write_congested(m, disk) or current(m).backing_dev == disk + 1


@kernel
def file_system_writes(m, pfn, disk, kswapd):
    """Whether the file system of a disk writes a page when reclaim asks it to (a_ops->writepage)."""
    if disks(m)[disk].journal:
        return fs_writepage(m, pfn, kswapd) > 0
    reply = disks(m)[disk].writepage
    return reply == WRITEPAGE_WRITES or (reply == WRITEPAGE_KSWAPD and kswapd > 0)


@kernel
def _may_go(m, pfn):
    """Whether nobody has taken up a page of the swap cache while its reclaimer slept (__remove_mapping)."""
    page = frames(m)[pfn]
    return page.state & (SWAPCACHE | DIRTY) == SWAPCACHE and page.mapcount == 0 and page.pins == 0


@kernel
def _written(m, pfn):
    """Sleep until a page has been written; whether it may still be freed (direct_IO in swap_writepage, 3.6 to 5.18)."""
    wait_on_page_writeback(m, pfn)
    return _may_go(m, pfn)


@rare
@kernel
def count_folio_out(m, order):
    """A folio goes to swap in one piece (count_swpout_vm_event)."""
    folio_sizes(m)[order].swpout += 1
    thp_count(m).thp_swpout += 1 if order == HUGE_ORDER else 0


@rare
@kernel
def _store(m, area, pfn):
    """Zram holds the pages of a folio from now on; False when it has no memory for them all."""
    slot = frames(m)[pfn].slot - 1
    end = slot + nr_pages(m, pfn)
    while slot < end and zram_write(m, area, slot):
        slot += 1
    return slot == end


@rare
@kernel
def _send(m, pfn):
    """The pages of a large folio under writeback go to the disk's queue."""
    frames(m)[pfn + 1].slot = nr_pages(m, pfn)  # yet to be written
    for i in range(nr_pages(m, pfn)):
        plug(m, pfn + i)


@kernel
def swap_writepage(m, pfn):
    """Write a folio to its area. 1: done (zram; NFS, which is waited for to 5.18); 0: it is under writeback.

    In the kernel: __swap_writepage.
    """
    page, area, pages = frames(m)[pfn], area_of(m, frames(m)[pfn].slot - 1), nr_pages(m, pfn)
    a = swaps(m)[area]
    swap_count(m).pswpout += pages
    if memcg_settings(m).counts_swap_io:
        mod_state(m, page.memcg, PSWPOUT, pages)
    if page.order:
        count_folio_out(m, page.order)
    if a.kind == SWAP_ZRAM:
        stat_updated(m, page.memcg, 2 * pages)  # NR_WRITEBACK, there and back
        m.now += a.out_ns * pages
        if not (_store(m, area, pfn) if page.order else zram_write(m, area, page.slot - 1)):
            return 0  # it stays dirty
        page.state &= ~DIRTY
        return 1
    page.state &= ~DIRTY
    m.now += costs(m).io_path
    page.state |= WRITEBACK | RECLAIM
    count_writeback(m, pfn, pages)
    if page.order:
        _send(m, pfn)
    else:
        plug(m, pfn)
    if a.kind == SWAP_NFS and not swap_settings(m).swap_rw:
        return 1 if _written(m, pfn) else 0
    return 0


@rare
@kernel
def _kept_in_memory(m, pfn):
    """Ask zswap, which may sleep, the page locked: KEPT, HELD_BACK when nothing may be written, else REJECT_IT."""
    frames(m)[pfn].state |= LOCKED
    kept = zswap_store(m, pfn)
    if kept == KEPT:
        pageout_count(m).nr_vmscan_write += nr_pages(m, pfn)
        mm_vmscan_write_folio(m, pfn, 0)
        frames(m)[pfn].state &= ~DIRTY
    unlock_page(m, pfn, m.now)
    return kept


@kernel
def write_out(m, pfn):
    """Write a folio of the swap cache: 1 when that is done, 0 when it is under way, HELD_BACK (swap_writepage)."""
    if swap_settings(m).zswap:
        kept = _kept_in_memory(m, pfn)
        if kept != REJECT_IT:
            return kept if kept == HELD_BACK or _may_go(m, pfn) else 0
    pageout_count(m).nr_vmscan_write += nr_pages(m, pfn)
    mm_vmscan_write_folio(m, pfn, 0)
    done = swap_writepage(m, pfn)
    return done and (not swap_settings(m).zswap or _may_go(m, pfn))
