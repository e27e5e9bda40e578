"""Folding a stream of memory accesses into page accesses.

An access is dropped when its page is among the last `window` distinct pages accessed. The first write to a page that
was recorded as read is never lost: it turns the record into a write when that is the latest one (always so with a
window of 1: consecutive accesses of a page become one, a write if any of them was) and is a record of its own
otherwise. When a page leaves the window, the latest access of those in it that were recorded before it though used
after it is recorded too, where it was, so that in the records as well it is the one not used for longest. By that an
exact LRU memory of `window` pages fetches and evicts the same pages in the same order, and one of more pages misses
exactly as often: what lies below the window in the LRU stack is ordered by what left it (S. F. Kaplan, Y. Smaragdakis,
P. R. Wilson, Flexible reference trace reduction for VM simulations, ACM TOMACS 13(1), 2003).
"""

import numpy as np

from mmrun.model.library.single import compiled

NONE = -1


class Folder:
    """The state of folding: feed chunks with `fold`, take the last records with `finish`."""

    def __init__(self, window: int = 1) -> None:
        if not 1 <= window <= 1024:
            raise ValueError(f"the fold window must lie between 1 and 1024 pages, not {window}")
        kind = [("page", "i8"), ("dirty", "?"), ("used", "i8"), ("noted", "i8")]  # latest access and record, by number
        self._recent = np.zeros(window, dtype=kind)  # pages, the latest first
        self._recent["page"] = NONE
        self._held = np.zeros(4 * window + 4, dtype=[("time", "i8"), ("page", "i8"), ("write", "?")])
        self._count = np.zeros(2, dtype=np.int64)  # records held, accesses seen

    def fold(self, page: np.ndarray, write: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Records (page int64, write bool) that are final after these accesses."""
        room = page.size + self._held.size
        out_page, out_write = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.bool_)
        count = _fold(page, write, self._recent, self._held, self._count, out_page, out_write)
        return out_page[:count], out_write[:count]

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """The records still held back."""
        held = self._held[: self._count[0]]
        self._count[0] = 0
        return held["page"].copy(), held["write"].copy()


@compiled
def _hold(held, count, time, p, w):
    """Hold a record back, in order of time."""
    at = count[0]
    while at > 0 and held[at - 1].time > time:
        held[at].time, held[at].page, held[at].write = held[at - 1].time, held[at - 1].page, held[at - 1].write
        at -= 1
    held[at].time, held[at].page, held[at].write = time, p, w
    count[0] += 1


@compiled
def _release(held, count, before, out_page, out_write, done):
    """Hand out records from before a time: nothing is put between them any more. How many there are now."""
    first = 0
    while first < count[0] and held[first].time < before:
        out_page[done], out_write[done] = held[first].page, held[first].write
        done += 1
        first += 1
    for at in range(first, count[0] if first else 0):
        to = held[at - first]
        to.time, to.page, to.write = held[at].time, held[at].page, held[at].write
    count[0] -= first
    return done


@compiled
def _leave(recent, held, count):
    """The last page of the window leaves it."""
    last = recent.size - 1
    for j in range(last):
        if recent[j].noted < recent[last].noted:
            _hold(held, count, recent[j].used, recent[j].page, False)
            recent[j].noted = recent[j].used


@compiled
def _enter(recent, at, p):
    """Put page `p`, which was at `at` or nowhere, first; whether it was there."""
    found, last = at < recent.size, recent.size - 1
    dirty, noted = found and recent[at].dirty, recent[at].noted if found else 0
    for j in range(min(at, last), 0, -1):
        to = recent[j]
        to.page, to.dirty, to.used, to.noted = (
            recent[j - 1].page, recent[j - 1].dirty, recent[j - 1].used, recent[j - 1].noted,
        )  # fmt: skip
    recent[0].page, recent[0].dirty, recent[0].noted = p, dirty, noted
    return found


@compiled
def _fold(page, write, recent, held, count, out_page, out_write):
    done, last = 0, recent.size - 1
    for i in range(page.size):
        p, w = page[i], write[i]
        at = 0
        while at < recent.size and recent[at].page != p:
            at += 1
        if at > last and recent[last].page != NONE:
            _leave(recent, held, count)
        found = _enter(recent, at, p) if at else True
        count[1] += 1
        recent[0].used = count[1]
        if not found and recent[last].page != NONE:
            done = _release(held, count, recent[last].used, out_page, out_write, done)
        if found and (recent[0].dirty or not w):
            continue
        recent[0].dirty = w
        if found and count[0] and held[count[0] - 1].page == p:
            held[count[0] - 1].write = True
            continue
        _hold(held, count, count[1], p, w)
        recent[0].noted = count[1]
    return done
