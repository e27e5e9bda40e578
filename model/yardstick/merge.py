"""Several tasks' streams as one, for policies that know neither tasks nor time.

Each task touches a page every `period` nanoseconds (its load latency and think time) and pauses where its stream says
it computes; the merged stream has all touches in the order of these times, ties in the order of the tasks. Events that
touch no page (fsync, a mount) are left out and take no time. Faults take none either: a yardstick answers what is
missed, not how long it takes, and the order must not depend on the policy, so that all policies see the same stream.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from mmrun.model.core.events import ARG_MASK, COMPUTE, OP_SHIFT, READ, WRITE
from mmrun.model.core.frozen import frozen

Touches = tuple[np.ndarray, np.ndarray]  # page numbers of the machine, write flags


@frozen
class Source:
    """A task's stream of events, and where its pages are among the machine's.

    Pages from `first[k]` up to `first[k + 1]` of the task are the machine's pages from `base[k]` on; regions that share
    a file share a base.
    """

    events: Iterable[np.ndarray]
    first: Sequence[int] = (0,)
    base: Sequence[int] = (0,)
    start: int = 0
    period: int = 1


class _Timed:
    """One source's next touches with their times."""

    def __init__(self, source: Source):
        self.chunks = iter(source.events)
        self.source, self.now = source, source.start
        self.first, self.base = np.asarray(source.first, np.int64), np.asarray(source.base, np.int64)
        self.time = self.page = np.empty(0, np.int64)
        self.write = np.empty(0, np.bool_)

    def fill(self) -> bool:
        """Have at least one touch ready; False when the stream has ended."""
        while len(self.time) == 0:
            chunk = next(self.chunks, None)
            if chunk is None:
                return False
            op, argument = chunk >> OP_SHIFT, chunk & ARG_MASK
            touched = (op == READ) | (op == WRITE)
            ends = self.now + np.cumsum(np.where(op == COMPUTE, argument, touched * self.source.period))
            self.now = int(ends[-1]) if len(ends) else self.now
            page = argument[touched]
            region = np.searchsorted(self.first, page, side="right") - 1
            self.page = page - self.first[region] + self.base[region]
            self.time, self.write = ends[touched], op[touched] == WRITE
        return True

    def take(self, until: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Remove and return the touches up to time `until`."""
        n = int(np.searchsorted(self.time, until, side="right"))
        taken = self.time[:n], self.page[:n], self.write[:n]
        self.time, self.page, self.write = self.time[n:], self.page[n:], self.write[n:]
        return taken


def merged(sources: Sequence[Source]) -> Iterator[Touches]:
    """Chunks of (page, write) of all sources in time order; holds at most a chunk of each."""
    live = [_Timed(source) for source in sources]
    while live := [source for source in live if source.fill()]:
        # Nothing that is not here yet can come before the earliest end of what is here.
        horizon = min(int(source.time[-1]) for source in live)
        time, page, write = (np.concatenate(column) for column in zip(*(s.take(horizon) for s in live), strict=True))
        order = np.argsort(time, kind="stable")
        yield page[order], write[order]
