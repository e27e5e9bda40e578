"""A program's own pages, its stack and buffers: touches of them are put between those of the task's stream."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def with_own(events: "Iterator[np.ndarray]", page: int, count: int, every: int) -> "Iterator[np.ndarray]":
    """The stream's chunks; before its first event and after every `every` more, `count` pages from `page` on are
    written."""
    import numpy as np

    from mmrun.model.core.events import touches

    own, passed = touches(page + np.arange(count), np.ones(count, dtype=bool)), 0
    for chunk in events:
        where = np.arange(-passed % every, len(chunk), every)
        passed += len(chunk)
        yield np.insert(chunk, np.repeat(where, count), np.tile(own, where.size))
