"""How much swap readahead reads: the rule of the window, and what it is told by hits (mm/swap_state.c).

Hits are counted, and the last place is kept, for each mapping where readahead goes by address, and for all areas
together where it goes by slot.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.page.flags import READAHEAD
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.swap.state import swap_count, swap_ra, swap_settings, swaps
from mmrun.model.mm.swap.swap import area_of, window
from mmrun.model.mm.task.state import regions

HITS_MAX = 63  # SWAP_RA_HITS_MAX
ORDER_CEILING = 5  # SWAP_RA_ORDER_CEILING


@kernel
def nr_pages(hits, adjacent, last, largest):
    """Pages to read, from the hits of the last window, whether the fault is adjacent, and the last window's size.

    In the kernel: __swapin_nr_pages.
    """
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


@kernel
def block_around(m, slot, count):
    """(first, end) of the aligned block of `count` slots of its area around a slot."""
    a = swaps(m)[area_of(m, slot)]
    first = slot - (slot - a.first) % count
    return first, min(first + count, a.first + a.nslots)


@kernel
def window_by_slot(m, slot):
    """The aligned block around the slot, its size by hits (swapin_nr_pages)."""
    ra, largest = swap_ra(m), 1 << swap_settings(m).page_cluster
    if largest == 1:
        return window(slot, 1)
    count = nr_pages(ra.hits, slot == ra.prev + 1 or slot == ra.prev - 1, ra.win, largest)
    if ra.hits == 0:  # hits tell enough: only without them is the place looked at, and kept
        ra.prev = slot
    ra.hits, ra.win = 0, count
    first, end = block_around(m, slot, count)
    return window(first, end - first)


@kernel
def window_by_address(m, region, at):
    """The pages around page-table word `at`: from there on or up to there where faults go so (swap_vma_ra_win)."""
    r, largest = regions(m)[region], 1 << min(swap_settings(m).page_cluster, ORDER_CEILING)
    if largest == 1:
        return window(at, 1)
    forward, backward = at == r.swap_prev + 1, at == r.swap_prev - 1
    count = nr_pages(r.swap_hits, forward or backward, r.swap_win, largest)
    r.swap_hits, r.swap_win, r.swap_prev = 0, count, at
    return window(at if forward else at - count + 1 if backward else at - (count - 1) // 2, count)


@kernel
def found_in_cache(m, region, at, pfn):
    """A fault finds its page in the swap cache: a hit if it was read ahead, and where its mapping is used now.

    In the kernel: lookup_swap_cache of 4.14, swap_update_readahead.
    """
    page, r, hit = frames(m)[pfn], regions(m)[region], 0
    if page.state & READAHEAD and swap_settings(m).swapin_marked:
        page.state &= ~READAHEAD
        swap_count(m).swap_ra_hit += 1
        hit = 1
    if swap_settings(m).swap_by_vma:
        r.swap_hits, r.swap_prev = min(r.swap_hits + hit, HITS_MAX), at
    else:
        swap_ra(m).hits += hit
