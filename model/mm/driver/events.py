"""Events that ask for buffers, let pages go and pin them: one 64-bit integer each, in numpy arrays.

Buffers are numbered from 0 within a task. A range of pages is at most 1024.
"""

from typing import TYPE_CHECKING, Any

from mmrun.model.core.events import OP_SHIFT, check_argument
from mmrun.model.mm.page.flags import MOVABLE, RECLAIMABLE, UNMOVABLE

if TYPE_CHECKING:
    import numpy as np

ALLOC_BUFFER, FREE_BUFFER, DONTNEED, PIN, PIN_LONGTERM, UNPIN, SLEEP_UNTIL = 210, 211, 212, 213, 214, 215, 218
NUMBER_BITS = 16  # of an ALLOC_BUFFER's argument: number, then order, migratetype, effort, and whether it is marked
ORDER_SHIFT, TYPE_SHIFT, EFFORT_SHIFT, MARK_SHIFT = 16, 20, 22, 25
COUNT_SHIFT, MOST_PAGES = 30, 1024  # of a range: first page, then pages - 1

EFFORTS = ("kernel", "noretry", "retry-mayfail", "nowait", "atomic", "none", "local")
"""What is done for a buffer: reclaim and compact, once, as long as there is progress; wake the daemons; that and go
below the watermark; nothing at all; compact once on the preferred node, waking nobody."""
TYPES = {"unmovable": UNMOVABLE, "movable": MOVABLE, "reclaimable": RECLAIMABLE}


def alloc_buffers(
    numbers: Any, order: Any = 0, kind: str = "unmovable", effort: str = "kernel", marked: Any = False
) -> "np.ndarray":
    """One event a number: a buffer of 2^order frames. `marked`: it can be migrated (a movable driver page)."""
    import numpy as np

    numbers, order, marked = (np.asarray(value, dtype=np.int64) for value in (numbers, order, marked))
    check_argument(int(numbers.max(initial=0)) << OP_SHIFT - NUMBER_BITS, "number of a buffer, shifted,")
    asked = numbers | order << ORDER_SHIFT | TYPES[kind] << TYPE_SHIFT | EFFORTS.index(effort) << EFFORT_SHIFT
    return asked | marked << MARK_SHIFT | ALLOC_BUFFER << OP_SHIFT


def free_buffers(numbers: Any) -> "np.ndarray":
    """One event a number: the buffer is given back; nothing where there is none."""
    import numpy as np

    return np.asarray(numbers, dtype=np.int64) | FREE_BUFFER << OP_SHIFT


def _ranges(pages: Any, operation: int) -> "np.ndarray":
    """One event for each run of consecutive pages, at most `MOST_PAGES` long."""
    import numpy as np

    pages = np.asarray(pages, dtype=np.int64)
    if not len(pages):
        return pages
    run = np.cumsum(np.diff(pages, prepend=pages[0] - 1) != 1)
    first = np.searchsorted(run, run)  # where its run begins
    starts = np.flatnonzero((np.arange(len(pages)) - first) % MOST_PAGES == 0)
    count = np.diff(np.append(starts, len(pages)))
    return pages[starts] | (count - 1) << COUNT_SHIFT | operation << OP_SHIFT


def dontneed(pages: Any) -> "np.ndarray":
    """madvise(MADV_DONTNEED): the pages, in ascending order, are unmapped, anonymous ones freed."""
    return _ranges(pages, DONTNEED)


def pin(pages: Any, longterm: bool = False) -> "np.ndarray":
    """The pages are brought in and pinned: for a moment (vmsplice, O_DIRECT), or `longterm` (FOLL_LONGTERM)."""
    return _ranges(pages, PIN_LONGTERM if longterm else PIN)


def unpin(pages: Any) -> "np.ndarray":
    """What was pinned of the pages is let go."""
    return _ranges(pages, UNPIN)


def sleep_until(at: Any) -> "np.ndarray":
    """The task sleeps until `at`, ns after its start; not at all if that has passed."""
    import numpy as np

    at = np.atleast_1d(np.asarray(at, dtype=np.int64))
    check_argument(int(at.max(initial=0)), "time to sleep until in ns")
    return at | SLEEP_UNTIL << OP_SHIFT
