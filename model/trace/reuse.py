"""Exact LRU miss curve of a page stream, in one pass (Olken's tree of last accesses, kept in a Fenwick tree).

The reuse distance of an access is the number of distinct pages touched since the last access to its page, that page
included: an LRU memory of at least that many pages keeps it. Time is counted in slots; when they run out, the live
ones are moved to the front, so memory follows the number of pages, not the length of the trace.
"""

import numpy as np

from mmrun.model.library.single import compiled

NEVER = -1


class ReuseDistances:
    """Counts reuse distances; feed it chunks of pages below `npages`."""

    def __init__(self, npages: int) -> None:
        slots = max(4 * npages, 1 << 12)
        self.histogram = np.zeros(npages + 1, dtype=np.int64)  # [distance]; [0] counts first touches
        self._last = np.full(npages, NEVER, dtype=np.int64)  # slot of each page's last access
        self._page_at = np.full(slots, NEVER, dtype=np.int64)  # the page whose last access a slot holds
        self._tree = np.zeros(slots + 1, dtype=np.int32)  # Fenwick tree over live slots
        self._state = np.zeros(2, dtype=np.int64)  # next slot, pages seen

    def feed(self, pages: np.ndarray) -> None:
        """Take the next accesses (page numbers, [n])."""
        _feed(pages, self.histogram, self._last, self._page_at, self._tree, self._state)

    def misses(self) -> np.ndarray:
        """Misses of an LRU memory of c pages for c = 0 .. npages, int64 [npages + 1]."""
        return self.histogram.sum() - np.cumsum(np.concatenate(([0], self.histogram[1:])))


@compiled
def _add(tree, slot, amount):
    i = slot + 1
    while i < tree.size:
        tree[i] += amount
        i += i & -i


@compiled
def _live_up_to(tree, slot):
    """Live slots 0 .. slot."""
    i, total = slot + 1, 0
    while i > 0:
        total += tree[i]
        i -= i & -i
    return total


@compiled
def _compact(last, page_at, tree):
    """Move live slots to the front in order; the number of them."""
    live = 0
    for slot in range(page_at.size):
        page = page_at[slot]
        if page != NEVER:
            page_at[slot] = NEVER
            page_at[live] = page
            last[page] = live
            live += 1
    tree[:] = 0
    for i in range(1, tree.size):
        tree[i] += 1 if i <= live else 0
        parent = i + (i & -i)
        if parent < tree.size:
            tree[parent] += tree[i]
    return live


@compiled
def _feed(pages, histogram, last, page_at, tree, state):
    for k in range(pages.size):
        page = np.int64(pages[k])
        if state[0] == page_at.size:
            state[0] = _compact(last, page_at, tree)
        slot = last[page]
        if slot == NEVER:
            histogram[0] += 1
            state[1] += 1
        else:
            histogram[state[1] - _live_up_to(tree, slot) + 1] += 1
            _add(tree, slot, -1)
            page_at[slot] = NEVER
        _add(tree, state[0], 1)
        page_at[state[0]] = page
        last[page] = state[0]
        state[0] += 1
