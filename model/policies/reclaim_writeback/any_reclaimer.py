"""Whoever reclaims writes the dirty file page it meets, one page a request (3.1: kswapd and direct reclaim alike)."""

from model.block.completions import submit
from model.block.disk import write_pages
from model.jit import files, frames, hook
from model.mm.flusher import start_write
from model.mm.state import KEEP, RECLAIM

SOURCE = "mm/vmscan.c: pageout, shrink_page_list, 3.1"


@hook
def pageout_file(m, pfn, s):
    page = frames(m)[pfn]
    m.clock.now += m.cfg.io_path
    done = write_pages(m, files(m)[page.slot].disk, m.clock.now, 1)
    start_write(m, pfn)
    page.state |= RECLAIM
    submit(m, pfn, done)
    m.vm.nr_vmscan_write += 1
    return KEEP
