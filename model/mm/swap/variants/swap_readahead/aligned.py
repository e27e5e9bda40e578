"""Swap readahead of 3.1: the aligned block of 1 << page_cluster slots around the faulting one, used slots only."""

from mmrun.model.core.jit import hook
from mmrun.model.mm.swap.state import swap_settings
from mmrun.model.mm.swap.swap import window as answer

SOURCE = "mm/swapfile.c: valid_swaphandles, 3.1"
BY_VMA = False


@hook
def swap_window(m, region, at, slot):
    count = 1 << swap_settings(m).page_cluster
    return answer(slot - slot % count, count)
