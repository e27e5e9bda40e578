"""Swap readahead since 4.14 on solid-state devices: a window around the faulting address that adapts to hits.

Pages = hits + 2, rounded up to a power of two, at most 1 << page_cluster and never less than half the last window;
without hits one page, or two when the fault is next to the previous one.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.mm.swap.state import swap_settings
from mmrun.model.mm.swap.swap import window as answer
from mmrun.model.mm.task.state import regions

SOURCE = "mm/swap_state.c: __swapin_nr_pages, swap_vma_ra_win, 6.18"
BY_VMA = True


@kernel
def window(hits, adjacent, last, largest):
    """Pages to read, from the hits of the last window, whether the fault is adjacent, and the last window's size."""
    pages = hits + 2
    if pages == 2:
        pages = 2 if adjacent else 1
    else:
        rounded = 4
        while rounded < pages:
            rounded <<= 1
        pages = rounded
    pages = min(pages, largest)
    return max(pages, last // 2)


@hook
def swap_window(m, region, at, slot):
    r = regions(m)[region]
    adjacent = at == r.swap_prev + 1 or at == r.swap_prev - 1
    count = window(r.swap_hits, adjacent, r.swap_win, 1 << swap_settings(m).page_cluster)
    forward, backward = at == r.swap_prev + 1, at == r.swap_prev - 1
    r.swap_hits, r.swap_win = 0, count
    first = at if forward else at - count + 1 if backward else at - (count - 1) // 2
    r.swap_prev = at
    return answer(first, count)
