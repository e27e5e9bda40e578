"""What a trace looks like: footprint, read/write mix, LRU miss curve, working set over time."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmrun.model.library.single import compiled
from mmrun.model.trace.reader import Trace
from mmrun.model.trace.reuse import ReuseDistances

POINTS = 25  # of the printed miss curve
WINDOWS = 100  # of the working set over time


@dataclass(frozen=True)
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
    """Read a trace once and describe it; `window`: accesses a row of the working set (default: a hundredth of all).

    Memory follows the trace's pages, not its length. Raises TraceError when the trace is damaged.
    """
    window = window or max(1, -(-trace.accesses // WINDOWS))
    reuse = ReuseDistances(trace.npages)
    seen = np.full((2, trace.npages), -1, dtype=np.int64)  # last window in which a page was touched, written
    rows = np.zeros((max(1, -(-trace.accesses // window)), 4), dtype=np.int64)
    rows[:, 0] = np.arange(len(rows)) * window
    by_task = np.zeros(trace.tasks, dtype=np.int64)
    done = 0
    for page, write, task in trace.blocks():
        reuse.feed(page)
        _count(page, write, done, window, seen, rows)
        by_task += np.bincount(task, minlength=trace.tasks) if task is not None else page.size
        done += page.size
    touched, written = (int(np.count_nonzero(kind >= 0)) for kind in seen)
    encodings = {name: section.encoding for name, section in trace.header.sections.items()}
    return Description(
        str(trace.path), trace.digest, trace.meta, encodings, trace.npages, touched, written, trace.accesses,
        trace.header.writes, by_task.tolist(), reuse.misses(), window, rows,
    )  # fmt: skip


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
