"""What a trace looks like: footprint, read/write mix, LRU miss curve, working set over time."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from mmrun.model.core.frozen import frozen
from mmrun.model.library.single import compiled
from mmrun.model.trace.dense import Numbering
from mmrun.model.trace.format import TraceError, content_digest
from mmrun.model.trace.reader import Accesses, Trace
from mmrun.model.trace.reuse import ReuseDistances

POINTS = 25  # of the printed miss curve
WINDOWS = 100  # of the working set over time
MOST_WINDOWS = 1 << 22
FEW_PAGES = 1 << 22  # up to here a header's number of pages is believed, beyond they are counted before memory is taken
MOST_PAGES = 1 << 26  # touched; describing them takes 80 bytes each


@frozen
class Description:
    """A described trace. `misses[c]`: misses of an exact LRU memory of c pages. `working_set`: one row a window of

    accesses: first access, distinct pages, distinct pages written, pages never touched before (int64 [windows, 4]).
    """

    path: str
    digest: str
    made: dict[str, Any]
    encodings: dict[str, str]
    npages: int
    touched: int
    written: int
    accesses: int
    writes: int
    accesses_by_task: list[int]
    misses: np.ndarray
    window: int
    working_set: np.ndarray

    def sizes(self) -> list[int]:
        """Memory sizes at which the miss curve is shown: evenly spaced on a log scale, in pages."""
        if self.touched == 0:
            return []
        return [int(size) for size in np.unique(np.geomspace(1, self.touched, POINTS).round())]

    def miss_ratio(self, pages: int) -> float:
        """Share of accesses that miss in an exact LRU memory of `pages` pages."""
        return float(self.misses[min(pages, self.misses.size - 1)] / max(self.accesses, 1))

    def plain(self) -> dict[str, Any]:
        """Everything as JSON-ready values, curves at the shown points."""
        return {
            "path": self.path,
            "digest": self.digest,
            "made": self.made,
            "encodings": self.encodings,
            "npages": self.npages,
            "touched_pages": self.touched,
            "written_pages": self.written,
            "accesses": self.accesses,
            "writes": self.writes,
            "write_ratio": self.writes / max(self.accesses, 1),
            "accesses_by_task": self.accesses_by_task,
            "lru": [
                {"pages": size, "misses": int(self.misses[size]), "miss_ratio": self.miss_ratio(size)}
                for size in self.sizes()
            ],
            "window_accesses": self.window,
            "working_set": [
                dict(zip(("access", "pages", "written_pages", "new_pages"), map(int, row), strict=True))
                for row in self.working_set
            ],
        }


def describe(trace: Trace, window: int | None = None) -> Description:
    """Read a trace and describe it; `window`: accesses a row of the working set (default: a hundredth of all).

    Memory follows the trace's pages, not its length. Raises TraceError when the trace is damaged or its header does
    not tell the truth, ValueError for a window too small.
    """
    window = window or max(1, -(-trace.accesses // WINDOWS))
    if (count := max(1, -(-trace.accesses // window))) > MOST_WINDOWS:
        raise ValueError(f"windows of {window:,} accesses are {count:,} rows; at most {MOST_WINDOWS:,}")
    pages, numbered = _pages(trace)
    reuse = ReuseDistances(pages)
    seen = np.full((2, pages), -1, dtype=np.int64)  # last window in which a page was touched, written
    rows = np.zeros((count, 4), dtype=np.int64)
    rows[:, 0] = np.arange(count) * window
    by_task = np.zeros(trace.tasks, dtype=np.int64)
    done = 0
    for page, write, task in _verified(trace):
        at = page if numbered is None else numbered.number(page.astype(np.int64))
        reuse.feed(at)
        _count(at, write, done, window, seen, rows)
        by_task += np.bincount(task, minlength=trace.tasks) if task is not None else page.size
        done += page.size
    touched, written = (int(np.count_nonzero(kind >= 0)) for kind in seen)
    encodings = {name: section.encoding for name, section in trace.header.sections.items()}
    return Description(
        str(trace.path), trace.digest, trace.meta, encodings, trace.npages, touched, written, trace.accesses,
        trace.header.writes, by_task.tolist(), reuse.misses(), window, rows,
    )  # fmt: skip


def _pages(trace: Trace) -> tuple[int, Numbering | None]:
    """How many pages to make room for, and their dense numbers where the header has more than it can be believed."""
    if trace.npages <= FEW_PAGES:
        return trace.npages, None
    numbering = Numbering()
    for page, _, _ in trace.blocks():
        numbering.number(page.astype(np.int64))
        if numbering.count > MOST_PAGES:
            raise TraceError(f"{trace.path}: more than {MOST_PAGES:,} pages are touched, too many to describe")
    return numbering.count, numbering


def _verified(trace: Trace) -> Iterator[Accesses]:
    """The blocks of a trace; TraceError at the end when its writes or its digest are not what the header claims."""
    hashes = {name: hashlib.sha256() for name in trace.header.sections}
    writes = 0
    for page, write, task in trace.blocks():
        writes += int(np.count_nonzero(write))
        packed = np.packbits(write, bitorder="little")
        for name, column in (("page", page), ("write", packed), ("task", task)):
            if column is not None:
                hashes[name].update(column.tobytes())
        yield page, write, task
    found = content_digest(trace.npages, trace.accesses, {name: hash.hexdigest() for name, hash in hashes.items()})
    if (writes, found) != (trace.header.writes, trace.digest):
        raise TraceError(f"{trace.path}: its header claims another number of writes or another digest: forged")


@compiled
def _count(page, write, done, window, seen, rows):
    """Account one block: distinct, written and new pages a window."""
    for k in range(page.size):
        at = (done + k) // window
        p = page[k]
        if seen[0, p] != at:
            rows[at, 3] += seen[0, p] < 0
            rows[at, 1] += 1
            seen[0, p] = at
        if write[k] and seen[1, p] != at:
            rows[at, 2] += 1
            seen[1, p] = at
