"""Events by which a task advises the kernel about its memory: one 64-bit integer each, in numpy arrays."""

from typing import TYPE_CHECKING

from mmrun.model.core.events import OP_SHIFT, check_argument

if TYPE_CHECKING:
    import numpy as np

MADVISE_HUGE, MADVISE_PAGEOUT, MADVISE_COLLAPSE = 206, 207, 208
AGAINST_BIT = 1 << 39
COUNT_SHIFT, MOST_PAGES = 30, 1024  # of a range: first page, then pages - 1


def madvise_huge(page: int, against: bool = False) -> "np.ndarray":
    """One event: the region that holds `page` is advised MADV_HUGEPAGE, or `against` it MADV_NOHUGEPAGE."""
    return _event(page | (AGAINST_BIT if against else 0), MADVISE_HUGE)


def madvise_collapse(page: int) -> "np.ndarray":
    """One event: the range of 2 MiB that holds `page` is collapsed if it can be (MADV_COLLAPSE, 6.1)."""
    return _event(page, MADVISE_COLLAPSE)


def madvise_pageout(first: int, count: int) -> "np.ndarray":
    """Events that send `count` pages from `first` on to swap (MADV_PAGEOUT, 5.4), 1024 at most each."""
    import numpy as np

    starts = range(first, first + count, MOST_PAGES)
    parts = [_event(at | min(MOST_PAGES, first + count - at) - 1 << COUNT_SHIFT, MADVISE_PAGEOUT) for at in starts]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _event(argument: int, operation: int) -> "np.ndarray":
    import numpy as np

    check_argument(argument, "page that is advised on")
    return np.array([argument | operation << OP_SHIFT], dtype=np.int64)
