"""Ray in a process of its own, as the driver sees it.

Ray may abort the process that it lives in, wait for ever for somebody who does not answer, or print its stacks. Here it
can do all that without harm: the driver, which owns the queue and the results, ends the process and starts another.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from mmrun.runner.execute.batches import Batch, Queue
from mmrun.runner.execute.guard import end_all
from mmrun.runner.execute.ray_cluster import short_directory, start_guard
from mmrun.runner.execute.ray_messages import Dead, Ended, Group, Sent, Size, Stranded
from mmrun.runner.execute.ray_serve import serve
from mmrun.runner.execute.spawned import Gone, Said, spawned
from mmrun.runner.execute.work import Finished, given_up

START_SECONDS = 120.0  # for Ray to start or to be joined
FOREVER = 10**9


class RayProcess:
    """Ray, started (`address` None) with `cpus` CPUs, or joined, where `cap` limits the cells at once.

    `cells` name the kernels that a joined cluster's nodes compile.
    """

    def __init__(self, address: str | None, api: str, cells: list[Any], cpus: int, cap: int | None = None) -> None:
        self.address = address
        self.cap = cap or FOREVER
        self.size = Size(0, 0, 0, 0)
        self.live: dict[int, tuple[Batch, set[str]]] = {}
        self.numbers = count()
        self.started, self.joined = time.monotonic(), False
        self.finished = 0
        self.directory = tempfile.mkdtemp(prefix="mmrun-ray-", dir=short_directory())
        self.guard = start_guard(self.directory)
        self.process, self.pipe = spawned("ray", serve, address, self.directory, api, cells, cpus)

    def ready(self) -> bool:
        """Whether it takes cells."""
        return self.size.cpus > 0

    def workers(self) -> int:
        """Cells that can run at once."""
        return min(self.cap, self.size.cpus)

    def running(self) -> int:
        """Cells in flight, at most one a worker."""
        return min(len(self.live), self.workers())

    def feed(self, queue: Queue) -> Iterator[list[Finished]]:
        """Keep every worker busy, with a batch waiting where that cannot exceed the cap."""
        spare = 1 if self.size.cpus <= self.cap else 0
        while self.ready() and queue and len(self.live) < self.workers() + spare:
            batch = queue.take(self.workers())
            if batch.memory > self.size.largest:
                yield [given_up(job, too_large(batch.memory, self.size.largest)) for job in batch.jobs]
                continue
            number = next(self.numbers)
            self.live[number] = batch, set()
            try:
                self.pipe.send(Sent(number, batch))
            except OSError as error:
                raise Gone("the process that owns Ray has ended") from error

    def poll(self, queue: Queue, say: Callable[[str], None]) -> Iterator[list[Finished]]:
        """What has come from Ray, with lost cells put back into the queue. Raises Gone."""
        while (message := self._next()) is not None:
            match message:
                case Said(text):
                    say(text)
                case Size():
                    self.size, self.joined = message, True
                case Group(number, items):
                    self.live[number][1].update(item.key for item in items)
                    self.finished += len(items)
                    yield items
                case Ended(number, reason, counted):
                    batch, done = self.live.pop(number)
                    if len(done) < len(batch.jobs):
                        yield queue.lost(batch, done, reason or "the task ended early", counted=counted)
                case Stranded(number):
                    queue.put_back(self.live.pop(number)[0])
                case Dead(text):
                    raise Gone(text)
        if not self.joined and time.monotonic() - self.started > START_SECONDS:
            raise Gone(f"no answer within {START_SECONDS:.0f} s")

    def _next(self) -> Any:
        try:
            return self.pipe.recv() if self.pipe.poll(0) else None
        except (EOFError, OSError):
            return Dead("the process that owns Ray has ended")

    def take_back(self, queue: Queue) -> int:
        """Put what was in flight back into the queue, as if it had never been sent; how many cells that are."""
        before = len(queue)
        for batch, done in self.live.values():
            queue.lost(batch, done, "", counted=False)
        self.live.clear()
        return len(queue) - before

    def stop(self) -> None:
        """End it and, of a private Ray, everything; a joined cluster sees that its driver is gone."""
        self.process.kill()
        self.process.join()
        self.pipe.close()
        end_all(self.directory)
        self.guard.kill()
        self.guard.communicate()


def too_large(needed: int, largest: float) -> str:
    """Why a cell cannot be placed."""
    return f"needs {needed / 2**30:.1f} GiB of memory; the largest node offers {largest / 2**30:.1f} GiB"
