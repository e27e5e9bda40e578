"""Swap readahead since 4.14: a window around the faulting address that adapts to hits, if no swap area rotates.

Pages = hits + 2, rounded up to a power of two, at most 1 << page_cluster and never less than half the last window;
without hits one page, or two when the fault is next to the page last found or read. A single area that is not known to
be solid-state (a rotating disk, a USB stick, a file on NFS) makes all of them be read by slot, as before 4.14.
"""

from mmrun.model.core.jit import hook
from mmrun.model.mm.swap.readahead import window_by_address, window_by_slot
from mmrun.model.mm.swap.state import swap_settings

SOURCE = "mm/swap_state.c: __swapin_nr_pages, swap_vma_ra_win, swap_use_vma_readahead, 6.18"
BY_VMA = True


@hook
def swap_window(m, region, at, slot):
    return window_by_address(m, region, at) if swap_settings(m).swap_by_vma else window_by_slot(m, slot)
