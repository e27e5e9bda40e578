"""Swap readahead of 3.14 to 4.13, and later where an area rotates: the aligned block around the slot, its size by hits.

Pages follow the rule of the later variant; adjacent means the slot next to the last one without hits.
"""

from mmrun.model.core.jit import hook
from mmrun.model.mm.swap.readahead import window_by_slot

SOURCE = "mm/swap_state.c: swapin_nr_pages, swapin_readahead, 3.15"
BY_VMA = False


@hook
def swap_window(m, region, at, slot):
    return window_by_slot(m, slot)
