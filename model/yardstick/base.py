"""What the yardsticks share: streams arrive in chunks of any length, kernels see bounded buffers of one type.

Page numbers go into an int32 buffer before a kernel reads them. The copy costs far less than the table look-ups, keeps
one compiled version for every source (memory-mapped, unsigned, 64-bit), and is the place where numbers are checked.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from mmrun.model.yardstick.result import Result

CHUNK = 1 << 17  # accesses a kernel call
NONE = -1
MAX_POSITION = 1 << 30  # in a log; shares an int32 with a dirty bit
MAX_PAGES = MAX_POSITION // 2 - CHUNK  # pages or frames, so that a log holds one entry of each, and a chunk

# Counters common to all kernels; the rest of the array belongs to the policy.
MISSES, WRITEBACKS, RESIDENT, OWN = 0, 1, 2, 3


class Yardstick(ABC):
    """A replacement policy over `capacity` frames. Page tables grow with the largest page number seen."""

    def __init__(self, capacity: int):
        if not 1 <= capacity <= MAX_PAGES:
            raise ValueError(f"a yardstick needs between 1 and {MAX_PAGES} frames, not {capacity}")
        self.capacity = capacity
        self.npages = 0
        self.accesses = 0
        self.count = np.zeros(8, dtype=np.int64)
        self._no_writes = np.zeros(CHUNK, dtype=np.bool_)
        self._missed = np.zeros(CHUNK, dtype=np.bool_)

    def feed(self, page: np.ndarray, write: np.ndarray | None = None, record: bool = False) -> np.ndarray | None:
        """Touch `page` in order (`write`: which of the touches dirty the page); with `record`, which of them missed."""
        bits = np.empty(len(page), dtype=np.bool_) if record else None
        for start in range(0, len(page), CHUNK):
            part = page[start : start + CHUNK]
            self._make_room(part)
            dirty = self._no_writes if write is None else np.ascontiguousarray(write[start : start + CHUNK], np.bool_)
            self._touch(part, dirty if dirty.flags.writeable else dirty.copy())
            self.accesses += len(part)
            if bits is not None:
                bits[start : start + CHUNK] = self._missed[: len(part)]
        return bits

    def result(self) -> Result:
        """The counts so far."""
        return Result(self.accesses, int(self.count[MISSES]), int(self.count[WRITEBACKS]))

    def _make_room(self, page: np.ndarray) -> None:
        """Grow the page tables to hold every number in `page`."""
        low, high = int(page.min()), int(page.max())
        if low < 0 or high >= MAX_PAGES:
            raise ValueError(f"page numbers must lie between 0 and {MAX_PAGES - 1}, not {low if low < 0 else high}")
        if high >= self.npages:
            self.npages = max(high + 1, min(2 * self.npages, MAX_PAGES))
            self._grow()

    @abstractmethod
    def _grow(self) -> None:
        """Extend the page tables to `self.npages`."""

    @abstractmethod
    def _touch(self, page: np.ndarray, write: np.ndarray) -> None:
        """Touch at most CHUNK pages, leaving one entry each in `self._missed`."""


class Framed(Yardstick):
    """A yardstick that keeps a byte of bits a page, 0 when absent, and the page in each frame."""

    kernel: Callable[..., None]
    """Touches `pages[:n]`: (pages, n, write, missed, state, frame, count)."""

    def __init__(self, capacity: int):
        super().__init__(capacity)
        self.frame = np.zeros(capacity, dtype=np.int32)
        self.state = np.empty(0, dtype=np.int8)
        self._page = np.empty(CHUNK, dtype=np.int32)

    def _grow(self) -> None:
        self.state = grown(self.state, self.npages, 0)

    def _touch(self, page: np.ndarray, write: np.ndarray) -> None:
        self._page[: len(page)] = page
        self.kernel(self._page, len(page), write, self._missed, self.state, self.frame, self.count)


def grown(table: np.ndarray, length: int, fill: int) -> np.ndarray:
    """A longer copy of `table`, the new entries set to `fill`."""
    longer = np.full(length, fill, dtype=table.dtype)
    longer[: len(table)] = table
    return longer
