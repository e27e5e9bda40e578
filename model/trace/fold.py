"""Folding a stream of memory accesses into page accesses.

An access is dropped when its page is among the last `window` distinct pages accessed. The first write to a page that
was recorded as read is never lost: it turns the record into a write when that is the latest one (always so with a
window of 1: consecutive accesses of a page become one, a write if any of them was) and is a record of its own
otherwise. A larger window acts like a fully associative TLB of that many entries in front of the recorder: what any
memory much larger than the window sees stays the same, the trace becomes many times shorter.
"""

import numpy as np

from mmrun.model.library.single import compiled

NONE = -1


class Folder:
    """The state of folding: feed chunks with `fold`, take the last record with `finish`."""

    def __init__(self, window: int = 1) -> None:
        if not 1 <= window <= 1024:
            raise ValueError(f"the fold window must lie between 1 and 1024 pages, not {window}")
        self._recent = np.full(window, NONE, dtype=np.int64)  # pages, the latest first
        self._dirty = np.zeros(window, dtype=np.bool_)  # whether a write to them has been recorded
        self._held = np.array([NONE, 0], dtype=np.int64)  # the latest record, page and write, not yet handed out

    def fold(self, page: np.ndarray, write: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Records (page int64, write bool) that are final after these accesses."""
        out_page, out_write = np.empty(page.size, dtype=np.int64), np.empty(page.size, dtype=np.bool_)
        count = _fold(page, write, self._recent, self._dirty, self._held, out_page, out_write)
        return out_page[:count], out_write[:count]

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """The record still held back, if any."""
        last = self._held[:1] if self._held[0] != NONE else self._held[:0]
        return last.copy(), self._held[1 : 1 + last.size] != 0


@compiled
def _fold(page, write, recent, dirty, held, out_page, out_write):
    count = 0
    for i in range(page.size):
        p, w = page[i], write[i]
        at = 0
        while at < recent.size and recent[at] != p:
            at += 1
        found = at < recent.size
        was_dirty = found and dirty[at]
        for j in range(min(at, recent.size - 1), 0, -1):
            recent[j], dirty[j] = recent[j - 1], dirty[j - 1]
        recent[0], dirty[0] = p, was_dirty or w
        if found and (was_dirty or not w):
            continue
        if found and held[0] == p:
            held[1] = 1
            continue
        if held[0] != NONE:
            out_page[count], out_write[count] = held[0], held[1] != 0
            count += 1
        held[0], held[1] = p, w
    return count
