"""Swap readahead of 3.14 to 4.13, and later on rotating disks: the aligned block around the slot, its size by hits.

Pages follow the rule of the later variant; adjacent means the neighbouring slot. The kernel counts hits for all swap
areas together, the model by region.
"""

from mmrun.model.core.jit import hook
from mmrun.model.mm.swap.state import swap_settings
from mmrun.model.mm.swap.swap import window as answer
from mmrun.model.mm.swap.variants.swap_readahead.adaptive import window
from mmrun.model.mm.task.state import regions

SOURCE = "mm/swap_state.c: swapin_nr_pages, swapin_readahead, 3.15"
BY_VMA = False


@hook
def swap_window(m, region, at, slot):
    r = regions(m)[region]
    adjacent = slot == r.swap_prev + 1 or slot == r.swap_prev - 1
    count = window(r.swap_hits, adjacent, r.swap_win, 1 << swap_settings(m).page_cluster)
    r.swap_hits, r.swap_win, r.swap_prev = 0, count, slot
    return answer(slot & ~(count - 1), count)
