"""Swap readahead to 3.13: the aligned block of 1 << page_cluster slots around the faulting one, used slots only.

Until 3.3 it ends at the first free slot on either side.
"""

from mmrun.model.core.jit import hook
from mmrun.model.core.parameters import parameters
from mmrun.model.mm.swap.readahead import block_around
from mmrun.model.mm.swap.state import swap_settings, swapmap
from mmrun.model.mm.swap.swap import window

SOURCE = "mm/swapfile.c: valid_swaphandles, 3.1"
BY_VMA = False
PARAMS = {
    "over_holes": (False, "flag", "read on behind a free slot", "mm: make swapin readahead skip over holes, 3.4"),
}

params = parameters("swap_readahead", PARAMS, 330)


@hook
def swap_window(m, region, at, slot):
    used = swapmap(m)
    first, last = block_around(m, slot, 1 << swap_settings(m).page_cluster)
    if params(m).over_holes:
        return window(first, last - first)
    begin, end = slot, slot + 1
    while end < last and used[end]:
        end += 1
    while begin > first and used[begin - 1]:
        begin -= 1
    return window(begin, end - begin)
