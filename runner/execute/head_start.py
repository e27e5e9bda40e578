"""Processes beside the driver: one compiles the kernels, then all run cells until Ray is up.

Ray needs seconds to start; a small sweep is over by then, and no core stands idle in a large one. Should Ray fail for
good, they run the rest.
"""

import os
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from mmrun.model.core.kept import Unusable
from mmrun.model.description import Cell
from mmrun.runner.execute.batches import Batch, Queue
from mmrun.runner.execute.spawned import Said, spawned
from mmrun.runner.execute.warm import warm_once
from mmrun.runner.execute.work import Finished, message, run_job


class Greeting(NamedTuple):
    """The process is there and can import what it needs."""


class HeadStart:
    """One process. `cells` name the kernels it compiles first; none: it runs cells at once."""

    def __init__(self, api: str, cells: list[Cell]) -> None:
        self.process, self.pipe = spawned("head-start", serve, api, cells)
        self.current: Batch | None = None
        self.alive, self.greeted = True, False

    def warm(self, seconds: float, say: Callable[[str], None]) -> str | None:
        """Wait that long at most for the kernels: None, or how compiling ended ('' where all went well).

        Raises Unusable where the kernel cache is.
        """
        answer = self._answer(seconds)
        if isinstance(answer, Unusable):
            raise answer
        if isinstance(answer, Said):
            say(answer.text)
            return None
        return None if answer is None else answer if isinstance(answer, str) else ""

    def running(self) -> int:
        """Cells in flight."""
        return int(self.current is not None)

    def feed(self, queue: Queue) -> None:
        """Give the process a cell if it is idle and the cell fits this machine's memory."""
        if self.alive and self.current is None and queue and queue.pending[0].memory < physical_memory():
            self.current = queue.take_one()
            try:
                self.pipe.send(self.current.jobs[0])
            except OSError:
                self.alive = False

    def poll(self, queue: Queue) -> Iterator[list[Finished]]:
        """What has finished; a cell the process died on goes back into the queue. Raises Unusable as `warm` does."""
        answer = self._answer(0)
        if answer is None or self.current is None:
            return
        batch, self.current = self.current, None
        if isinstance(answer, Unusable):
            raise answer
        lost = isinstance(answer, str)
        yield queue.lost(batch, set(), answer, counted=self.greeted) if lost else [answer]

    def stop(self) -> None:
        """End the process without waiting for the cell it may be running."""
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def _answer(self, seconds: float) -> Any:
        """The process's next answer, a sentence if something went wrong, None after `seconds` of silence."""
        if not self.alive and self.current is None:
            return None
        try:
            answer = self.pipe.recv() if self.pipe.poll(seconds) else None
        except (EOFError, OSError):
            self.alive = False
            return "the process ended"
        if isinstance(answer, Greeting):
            self.greeted = True
            return None
        return answer


def serve(pipe: Connection, api: str, cells: list[Cell]) -> None:
    """In the process: compile, then answer every job with what came of it, until the driver is gone."""
    try:
        pipe.send(Greeting())
        if cells:
            pipe.send(attempt(warm_once, api, cells, lambda text: pipe.send(Said(text))))
        while True:
            job = pipe.recv()
            pipe.send(attempt(run_job, api, job))
    except (EOFError, OSError):
        return


def physical_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def attempt(function: Any, *arguments: Any) -> Any:
    """The function's value, or a sentence for what it raised."""
    try:
        return function(*arguments)
    except Unusable as error:
        return error
    except Exception as error:
        return message(error)
