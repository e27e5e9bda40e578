"""Cutting a window out of a trace, and merging traces into one of several tasks."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mmrun.model.trace.dense import Numbering
from mmrun.model.trace.format import MAX_PAGES, MAX_TASKS, Header, TraceError
from mmrun.model.trace.reader import Trace
from mmrun.model.trace.writer import LEVEL, TraceWriter

Chunk = tuple[np.ndarray, np.ndarray, np.ndarray]  # page (int64), write (bool), task (int64)
Progress = Callable[[int], None]


def cut(
    trace: Trace, out: str | Path, begin: int = 0, end: int | None = None, *, tasks: Sequence[int] = (),
    renumber: bool = False, level: int = LEVEL, raw: bool = False, progress: Progress = lambda _: None,
) -> Header:  # fmt: skip
    """Write accesses `begin` to `end` - 1 (None: to the last) to `out`; of `tasks` alone where any are named.

    Pages keep their numbers and the address space its size, unless `renumber` numbers them by first touch; tasks keep
    theirs. Bounded memory. Raises ValueError for a window or a task that the trace has not, TraceError.
    """
    end = trace.accesses if end is None else end
    if not 0 <= begin < end <= trace.accesses:
        raise ValueError(f"{trace.path} has accesses 0 to {trace.accesses:,}; {begin:,} to {end:,} is no window of it")
    if absent := [task for task in tasks if not 0 <= task < trace.tasks]:
        raise ValueError(f"{trace.path} holds tasks 0 to {trace.tasks - 1}, not {absent[0]}")
    made = {"by": "mmrun trace cut", "from": begin, "to": end, "of": trace.meta, "digest": trace.digest}
    made |= {"tasks": list(tasks)} if tasks else {}
    numbering = Numbering()
    with TraceWriter(out, made, level=level, raw=raw) as writer:
        for page, write, task in _window(_chunks(trace), begin, end):
            kept = np.isin(task, tasks) if tasks else slice(None)
            writer.append(numbering.number(page[kept]) if renumber else page[kept], write[kept], task[kept])
            progress(writer.accesses)
        if writer.accesses == 0:
            raise TraceError(f"{trace.path}: no access of the window is of the tasks named")
        return writer.close(None if renumber else trace.npages)


def _chunks(trace: Trace) -> Iterator[Chunk]:
    for page, write, task in trace.blocks():
        yield page.astype(np.int64), write, np.zeros(page.size, np.int64) if task is None else task.astype(np.int64)


def _window(chunks: Iterator[Chunk], begin: int, end: int) -> Iterator[Chunk]:
    at = 0
    for page, write, task in chunks:
        of = slice(max(0, begin - at), max(0, end - at))
        at += page.size
        if of.start < page.size:
            yield page[of], write[of], task[of]
        if at >= end:
            return


def merge(
    traces: Sequence[Trace], out: str | Path, *, turn: int = 1000, shared: bool = False,
    level: int = LEVEL, raw: bool = False, progress: Progress = lambda _: None,
) -> Header:  # fmt: skip
    """Write all `traces` as one, their tasks numbered on: in turns of `turn` accesses, so often that all end together.

    Their pages are laid one behind the other, or with `shared` are the same where their numbers are. Bounded memory.
    Raises ValueError where that makes too many pages or tasks, TraceError.
    """
    pages = [0 if shared else sum(trace.npages for trace in traces[:at]) for at in range(len(traces))]
    tasks = [sum(trace.tasks for trace in traces[:at]) for at in range(len(traces))]
    npages = max(first + trace.npages for first, trace in zip(pages, traces, strict=True))
    if npages > MAX_PAGES or tasks[-1] + traces[-1].tasks > MAX_TASKS:
        raise ValueError(f"together they have more than {MAX_PAGES:,} pages or {MAX_TASKS:,} tasks")
    made = {"by": "mmrun trace merge", "turn": turn, "shared": shared,
            "of": [{"made": trace.meta, "digest": trace.digest} for trace in traces]}  # fmt: skip
    sources = [_Turns(_chunks(trace), turn) for trace in traces]
    length = [max(1, -(-trace.accesses // turn)) for trace in traces]
    waiting = [(0.5 / turns, at) for at, turns in enumerate(length)]  # the middle of each one's next turn
    heapq.heapify(waiting)
    with TraceWriter(out, made, level=level, raw=raw) as writer:
        while waiting:
            due, at = heapq.heappop(waiting)
            chunk = sources[at].next()
            if chunk is None:
                continue
            page, write, task = chunk
            writer.append(page + pages[at], write, task + tasks[at])
            heapq.heappush(waiting, (due + 1 / length[at], at))
            progress(writer.accesses)
        return writer.close(npages)


class _Turns:
    """A trace handed out in turns."""

    def __init__(self, chunks: Iterator[Chunk], turn: int) -> None:
        self.chunks, self.turn = chunks, turn
        self.held: Chunk = (np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0, np.int64))

    def next(self) -> Chunk | None:
        """The accesses of the next turn; None when there are no more."""
        while self.held[0].size < self.turn:
            following = next(self.chunks, None)
            if following is None:
                break
            page, write, task = (np.concatenate(pair) for pair in zip(self.held, following, strict=True))
            self.held = page, write, task
        page, write, task = self.held
        self.held = page[self.turn :], write[self.turn :], task[self.turn :]
        return (page[: self.turn], write[: self.turn], task[: self.turn]) if page.size else None
