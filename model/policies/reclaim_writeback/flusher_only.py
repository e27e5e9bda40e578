"""Reclaim writes no file pages: a dirty one is marked, sent to the active list, and the disk's flusher is woken.

When its write ends, the page goes to the inactive tail and is freed at once.
"""

from model.jit import files, frames, hook
from model.mm.flusher import wake_flusher
from model.mm.state import ACTIVATE, RECLAIM

SOURCE = "mm/vmscan.c: shrink_folio_list, 6.18"


@hook
def pageout_file(m, pfn, s):
    page = frames(m)[pfn]
    page.state |= RECLAIM
    m.vm.nr_vmscan_immediate_reclaim += 1
    wake_flusher(m, files(m)[page.slot].disk)
    return ACTIVATE
