"""Exact LRU without a list: the access log is the recency list.

A linked list pays three random writes a hit to move a page to the front. Here the log of accesses is kept as it is, in
order, and a table holds for every resident page the position of its latest entry:

        log    ... c a b c d c a          last[a] = 6, last[b] = 2, last[c] = 5, last[d] = 4
    position       0 1 2 3 4 5 6          the entries 0, 1 and 3 are stale

Entry i is live when it is its page's latest. The least recently used page is the page of the oldest live entry, so a
victim is found by walking from the old end over stale entries; the walk passes each entry once, hence costs O(1) an
access. A hit is one table look-up. When the log is full, its live entries (at most one a frame) move to the front.

State: 4 B a page and 16 B a frame (at least 16 MiB) for the log.
"""

import numpy as np

from mmrun.model.core.jit import kernel
from mmrun.model.core.prefetch import AHEAD, prefetch
from mmrun.model.yardstick.base import CHUNK, MAX_POSITION, MISSES, NONE, OWN, RESIDENT, WRITEBACKS, Yardstick, grown

TAIL = OWN
LOG_ENTRIES_A_FRAME = 4
MIN_LOG = 1 << 22


class ExactLRU(Yardstick):
    """The page touched longest ago leaves."""

    def __init__(self, capacity: int):
        super().__init__(capacity)
        length = min(MAX_POSITION, max(MIN_LOG, LOG_ENTRIES_A_FRAME * capacity))
        self.log = np.empty(length, dtype=np.int32)
        self.head = 0
        self.last = np.empty(0, dtype=np.int32)

    def _grow(self) -> None:
        self.last = grown(self.last, self.npages, NONE)

    def _touch(self, page: np.ndarray, write: np.ndarray) -> None:
        if self.head + CHUNK > len(self.log):
            self.head = compact(self.log, self.head, self.last, self.count)
        stop = self.head + len(page)
        self.log[self.head : stop] = page
        touch(self.log, self.head, stop, write, self._missed, self.last, self.capacity, self.count)
        self.head = stop


@kernel
def touch(log, start, stop, write, missed, last, capacity, count):
    """Touch the pages in log[start:stop]. `last`: (position << 1 | dirty) of a resident page, else NONE."""
    tail, resident, misses, writebacks = count[TAIL], count[RESIDENT], 0, 0
    for i in range(start, stop):
        page = log[i]
        prefetch(last, log[min(i + AHEAD, stop - 1)])
        word = last[page]
        if word != NONE:
            last[page] = i << 1 | (word & 1) | write[i - start]
            missed[i - start] = False
            continue
        missed[i - start] = True
        misses += 1
        if resident < capacity:
            resident += 1
        else:
            while last[log[tail]] >> 1 != tail:
                tail += 1
                prefetch(last, log[min(tail + AHEAD, i)])
            victim = log[tail]
            writebacks += last[victim] & 1
            last[victim] = NONE
            tail += 1
        last[page] = i << 1 | write[i - start]
    count[TAIL], count[RESIDENT] = tail, resident
    count[MISSES] += misses
    count[WRITEBACKS] += writebacks


@kernel
def compact(log, stop, last, count):
    """Move the live entries to the front of the log, in order; the new end of the log."""
    new = 0
    for i in range(count[TAIL], stop):
        page = log[i]
        word = last[page]
        if word >> 1 == i:
            last[page] = new << 1 | (word & 1)
            log[new] = page
            new += 1
    count[TAIL] = 0
    return new
