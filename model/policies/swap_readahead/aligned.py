"""Swap readahead of 3.1: the aligned block of 1 << page_cluster slots around the faulting one, used slots only."""

from model.jit import hook
from model.mm.swap import window as answer
from model.state.swap import swap_settings

SOURCE = "mm/swapfile.c: valid_swaphandles, 3.1"
BY_VMA = False


@hook
def swap_window(m, region, at, slot):
    count = 1 << swap_settings(m).page_cluster
    return answer(slot - slot % count, count)
