"""Asking the host for what reclaim and faults come to next, so that its cache misses pass while there is work to do.

Nothing here changes the machine but the note of how far each kind of list was looked along (`m.ahead`). A list is a
chain: a page must be there before the next one is known. So every fault, and every page of a batch, looks one page
further beyond the tail of the lists that reclaim takes from, and what the next batch takes is there when it comes.
"""

from mmrun.model.core.events import ARG_MASK, OP_SHIFT, WRITE
from mmrun.model.core.jit import kernel
from mmrun.model.core.prefetch import prefetch
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import run_settings
from mmrun.model.mm.lru.rmap import pte_frame, region_word
from mmrun.model.mm.page.flags import ANON, LRU
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.state import ahead
from mmrun.model.mm.swap.state import swapcache, swapmap
from mmrun.model.mm.task.state import (
    PTE_PRESENT,
    PTE_SHIFT,
    PTE_YOUNG,
    REGION_ANON,
    REGION_HUGETLB,
    REGION_READ,
    REGION_SLAB,
    cache,
    files,
    pte,
    regions,
    stream,
    tasks,
)
from mmrun.model.mm.task.words import is_slot

SOME, MOST = 32, 64  # pages beyond a tail
FAR, WINDOW = 4, 4  # events: from where on words are asked for, those before are there; how many at a time


@kernel
def ask_for_uses(m, pfn):
    """Ask for what a page on a list will be judged by: a word that maps it, its slot in the page cache."""
    page = frames(m)[pfn]
    if page.state & ANON:
        prefetch(pte(m), page.owner)
        return
    prefetch(cache(m), page.owner)
    if page.mapcount:
        at = region_word(m, files(m)[page.slot].first_region, page.owner)
        if at != NONE:
            prefetch(pte(m), at)


@kernel
def ask_for_neighbours(m, pfn):
    """Ask for the pages beside one that will leave its list before long."""
    page = frames(m)[pfn]
    prefetch(frames(m), page.prev)
    prefetch(frames(m), page.next)


@kernel
def ask_for_mapped(m, first, last):
    """Ask for the frames that were used through page-table words `first` to `last` - 1, unless they lie in a row."""
    words = pte(m)
    if last - first < 2 or -1 <= pte_frame(words[first + 1]) - pte_frame(words[first]) <= 1:
        return
    for at in range(first, last):
        if words[at] & PTE_PRESENT and words[at] & PTE_YOUNG:
            prefetch(frames(m), pte_frame(words[at]))


@kernel
def note_tail(m, lv, lru, tail, taken):
    """A batch has taken `taken` pages off a list, which ends with frame `tail` now."""
    a = ahead(m)[lru]
    if a.lruvec == lv + 1 and a.by > taken:
        a.by -= taken
    elif tail == NONE:
        a.lruvec, a.by = 0, MOST
    else:
        a.lruvec, a.next, a.by = lv + 1, tail, 0


@kernel
def _look(m, lru):
    """Look at one more page beyond the tail of a list. Where frames lie in a row the host sees that by itself."""
    a = ahead(m)[lru]
    pfn, page = a.next, frames(m)[a.next]
    if not page.state & LRU or page.prev == NONE:  # the end, or a page that has left the list meanwhile
        a.lruvec, a.by = 0, MOST
        return
    a.next = page.prev
    a.by += 1
    if not -1 <= page.prev - pfn <= 1:
        prefetch(frames(m), page.prev)
        ask_for_uses(m, pfn)


@kernel
def look_ahead(m, lru):
    """Reclaim of a page goes on: so does the look along its list, not far."""
    if ahead(m)[lru].by < SOME:
        _look(m, lru)


@kernel
def _look_anywhere(m):
    """Look on along every list that reclaim has taken from lately."""
    for lru in range(4):
        if ahead(m)[lru].by < MOST:
            _look(m, lru)


@kernel
def _ask_for_page(m, t, region, page):
    """An access to page `page` is near: ask for the swap slot of an absent page, the frame of one that read() finds."""
    r = regions(m)[region]
    if r.kind == REGION_ANON:
        word = pte(m)[tasks(m)[t].pte_start + page]
        if is_slot(word):
            prefetch(swapcache(m), (word >> PTE_SHIFT) - 1)
            prefetch(swapmap(m), (word >> PTE_SHIFT) - 1)
    elif r.kind == REGION_READ:
        pfn = cache(m)[files(m)[r.file].start + r.file_offset + page - r.first] - 1
        if pfn >= 0:
            prefetch(frames(m), pfn)


@kernel
def _ask_for_words(m, t, region, page):
    """Ask for the page-table word of a page that will be used, or its slot in the page cache."""
    r = regions(m)[region]
    if r.kind != REGION_READ:
        prefetch(pte(m), tasks(m)[t].pte_start + page)
    if r.kind != REGION_ANON:
        prefetch(cache(m), files(m)[r.file].start + r.file_offset + page - r.first)


@kernel
def _ask_for_events(m, t, region, first):
    """Ask for the pages of the region that are used in the events from buffer entry `first` on."""
    r, events = regions(m)[region], stream(m)
    if r.kind in (REGION_SLAB, REGION_HUGETLB):
        return
    window = 1 if r.kind == REGION_READ else WINDOW  # every read() enters the kernel, and asks for one more
    for i in range(first, first + window):
        page = events[i] & ARG_MASK
        if events[i] >> OP_SHIFT <= WRITE and r.first <= page < r.first + r.npages:
            _ask_for_page(m, t, region, page)
    for i in range(first + FAR, first + FAR + window):
        page = events[i] & ARG_MASK
        if events[i] >> OP_SHIFT <= WRITE and r.first <= page < r.first + r.npages:
            _ask_for_words(m, t, region, page)


@kernel
def look_ahead_of(m, t, region):
    """Task `t` enters the kernel for a page of the region: look at what it and reclaim come to soon.

    Not where it goes on with the next page: the host sees that by itself.
    """
    task, events, after = tasks(m)[t], stream(m), t * run_settings(m).chunk + tasks(m)[t].pos + 1
    if task.pos + FAR + WINDOW < task.filled and events[after] != events[after - 1] + 1:
        _look_anywhere(m)
        _ask_for_events(m, t, region, after)
