"""Belady's OPT in one pass, without looking ahead.

OPT evicts the page whose next use is farthest away. Which page that is lies in the future; whether *this access* hits
does not. Between two touches of a page, at positions p < i, the access at i hits exactly if the page was kept over the
open interval (p, i). At any time one frame holds the page touched then and capacity - 1 frames hold kept pages, so the
hits are a largest set of such intervals that never overlap more than capacity - 1 deep. Greedy by right end finds it:
take the intervals as they end (that is, as the accesses come) and put each on a machine that has been free since its
left end, the one that became free last; if there is none, the page cannot have been kept and the access misses.

    position   1 2 3 4 5 6        capacity 2, one machine
    page       a b c b a c        b (2,4): machine free since 0, kept, free again since 3
                                  a (1,5): free since 3 > 1: miss.  c (3,6): free since 3: kept

"Free since" are marks on the positions before accesses that hit, at most one a position. The latest mark at or before p
is a predecessor query under deletions, which a union-find answers: a position without a mark points to its left
neighbour. Position 0 stands for the machines not used yet. An access next to its page's previous one needs no machine.

Which pages survive the end is not determined by the misses; as OPT may evict any page that is never used again, we say
that of those the least recently used leaves first. That fixes the write-backs.

When the log of positions is full, only marks and latest touches of pages keep theirs, in order.
State: 4 B a page; 8 B for each of 4 x (pages + frames) positions, at least 32 MiB.
"""

import numpy as np

from mmrun.model.core.jit import kernel
from mmrun.model.core.prefetch import AHEAD, prefetch
from mmrun.model.yardstick.base import CHUNK, MAX_POSITION, MISSES, NONE, OWN, WRITEBACKS, Yardstick, grown
from mmrun.model.yardstick.result import Result

UNUSED = OWN  # machines that never held a page
MIN_LOG = 1 << 22


class Opt(Yardstick):
    """The page whose next use is farthest in the future leaves; of those never used again, the least recently used."""

    def __init__(self, capacity: int):
        super().__init__(capacity)
        self.count[UNUSED] = capacity - 1
        self.log = np.zeros(MIN_LOG, dtype=np.int32)
        self.mark = np.zeros(MIN_LOG, dtype=np.int32)
        self.head = 1
        self.last = np.empty(0, dtype=np.int32)

    def _grow(self) -> None:
        self.last = grown(self.last, self.npages, NONE)

    def _touch(self, page: np.ndarray, write: np.ndarray) -> None:
        if self.head + CHUNK > len(self.log):
            self.head = compact(self.log, self.head, self.mark, self.last)
            needed = min(MAX_POSITION, 4 * (self.npages + self.capacity))
            if max(needed, self.head + CHUNK) > len(self.log):
                self.log = grown(self.log, max(needed, self.head + CHUNK), 0)
                self.mark = grown(self.mark, len(self.log), 0)
        stop = self.head + len(page)
        self.log[self.head : stop] = page
        touch(self.log, self.head, stop, write, self._missed, self.mark, self.last, self.count)
        self.head = stop

    def result(self) -> Result:
        """The counts so far, as if the stream ended here."""
        result = super().result()
        touched = self.last[self.last != NONE]
        dead = len(touched) - self.capacity
        if dead > 0:
            result.writebacks += int(np.sum(np.partition(touched, dead - 1)[:dead] & 1))
        return result


@kernel
def latest_mark(mark, at):
    """The last marked position at or before `at`, 0 if there is none; shortens the path it walked."""
    while mark[at] != at:
        mark[at] = mark[mark[at]]
        at = mark[at]
    return at


@kernel
def touch(log, start, stop, write, missed, mark, last, count):
    """Touch the pages in log[start:stop]. `last`: (position << 1 | dirty) of a page's latest touch."""
    unused, misses, writebacks = count[UNUSED], 0, 0
    for i in range(start, stop):
        page = log[i]
        prefetch(last, log[min(i + 2 * AHEAD, stop - 1)])
        prefetch(mark, last[log[min(i + AHEAD, stop - 1)]] >> 1)
        word = last[page]
        dirty = word & 1
        kept = word != NONE and word >> 1 == i - 1
        mark[i - 1] = max(i - 2, 0)
        if word != NONE and not kept:
            free = latest_mark(mark, word >> 1)
            kept = free > 0 or unused > 0
            if free > 0:
                mark[free] = free - 1
            elif kept:
                unused -= 1
            if kept:
                mark[i - 1] = i - 1
        if not kept:
            misses += 1
            writebacks += dirty if word != NONE else 0
            dirty = 0
        missed[i - start] = not kept
        last[page] = i << 1 | dirty | write[i - start]
    count[UNUSED] = unused
    count[MISSES] += misses
    count[WRITEBACKS] += writebacks


@kernel
def compact(log, stop, mark, last):
    """Renumber the marks and the latest touches of pages from 1 on, in order; the new end of the log."""
    new = 1
    for i in range(1, stop):
        page = log[i]
        word = last[page]
        live = word >> 1 == i
        marked = mark[i] == i and i < stop - 1
        if live or marked:
            if live:
                last[page] = new << 1 | (word & 1)
            log[new] = page
            mark[new] = new if marked else new - 1
            new += 1
    return new
