"""Processes beside the driver: one compiles the kernels, then all run cells until Ray is up.

Ray needs seconds to start; a small sweep is over by then, and no core stands idle in a large one. They give way to
Ray's own processes, so that it starts no later for them.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any, NamedTuple

from mmrun.model.description import Cell
from mmrun.runner.execute.batches import Batch, Queue
from mmrun.runner.execute.ray_cluster import environment, thread_caps
from mmrun.runner.execute.warm import warm_once
from mmrun.runner.execute.work import Finished, message, run_job

NICE = 5


class Said(NamedTuple):
    """A sentence of the process for the user."""

    text: str


class HeadStart:
    """One process. `cells` name the kernels it compiles first; none: it runs cells at once."""

    def __init__(self, api: str, cells: list[Cell]) -> None:
        spawn = get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=serve, args=(api, cells, theirs), daemon=True, name="head-start")
        with deaf(), without_main(), environment(thread_caps()):
            self.process.start()
        theirs.close()
        self.current: Batch | None = None
        self.alive = True

    def warm(self, seconds: float, say: Callable[[str], None]) -> str | None:
        """Wait that long at most for the kernels: None, or how compiling ended ('' where all went well)."""
        answer = self._answer(seconds)
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
            self._send(self.current.jobs[0])

    def poll(self, queue: Queue) -> Iterator[list[Finished]]:
        """What has finished; a cell the process died on goes back into the queue."""
        answer = None if self.current is None else self._answer(0)
        if answer is None:
            return
        assert self.current is not None
        batch, self.current = self.current, None
        yield queue.lost(batch, set(), answer) if isinstance(answer, str) else [answer]

    def stop(self) -> None:
        """End the process without waiting for the cell it may be running."""
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def _send(self, job: Any) -> None:
        try:
            self.pipe.send(job)
        except OSError:
            self.alive = False

    def _answer(self, seconds: float) -> Any:
        """The process's next answer, a sentence if something went wrong, None after `seconds` of silence."""
        try:
            return self.pipe.recv() if self.pipe.poll(seconds) else None
        except (EOFError, OSError):
            self.alive = False
            return "the process ended"


@contextmanager
def deaf() -> Iterator[None]:
    """What starts meanwhile ignores SIGINT: Ctrl-C is the driver's to handle. Only a main thread can arrange that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, interrupt)


@contextmanager
def without_main() -> Iterator[None]:
    """What starts meanwhile does not run the user's script again, as multiprocessing would have it do."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def serve(api: str, cells: list[Cell], pipe: Connection) -> None:
    """In the process: compile, then answer every job with what came of it, until the driver is gone."""
    os.nice(NICE)
    if cells:
        pipe.send(attempt(warm_once, api, cells, lambda text: pipe.send(Said(text))))
    while True:
        try:
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
    except Exception as error:
        return message(error)
