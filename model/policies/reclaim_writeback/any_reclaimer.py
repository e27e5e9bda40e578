"""Whoever reclaims writes the dirty file page it meets (3.1: kswapd and direct reclaim alike).

Direct reclaim leaves a page alone while its disk's queue is congested. Each page is a write of its own; only pages that
happen to be adjacent on the disk merge in the reclaimer's plug.
"""

from model.jit import files, frames, hook, kernel
from model.mm.dirty import start_write
from model.mm.pageout import may_write_to_queue, plug
from model.mm.state import KEEP, RECLAIM

SOURCE = "mm/vmscan.c: pageout, shrink_page_list, shrink_zone, 3.1"


@kernel
def write_page(m, s, pfn):
    """Start writing one dirty page, to be reclaimed as soon as that is done (pageout)."""
    m.clock.now += m.cfg.io_path
    start_write(m, pfn)
    frames(m)[pfn].state |= RECLAIM
    m.vm.nr_vmscan_write += 1
    plug(m, s, pfn)


@hook
def pageout_file(m, pfn, s):
    if may_write_to_queue(m, s, files(m)[frames(m)[pfn].slot].disk):
        write_page(m, s, pfn)
    return KEEP


@hook
def all_dirty(m, s):
    return 0
