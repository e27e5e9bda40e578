"""The two ways to run a queue of cells, behind one function: in this process, or on Ray.

Both yield groups of finished cells as they come, in any order; closing the generator stops what still runs. Cells run
as nice as the command was started, whoever runs them.
"""

import time
from collections.abc import Generator, Iterator
from multiprocessing.connection import wait
from typing import Any, Protocol

from mmrun.model.core.cpus import cores
from mmrun.runner.execute.batches import Queue
from mmrun.runner.execute.head_start import HeadStart, physical_memory
from mmrun.runner.execute.ray_address import Unreachable, named, reach
from mmrun.runner.execute.ray_process import RayProcess, too_large
from mmrun.runner.execute.spawned import Gone
from mmrun.runner.execute.warm import representatives, warm_once
from mmrun.runner.execute.work import Finished, given_up, message, run_job

TICK = 0.2  # seconds between looks at several sources
MOST_HELPERS = 4  # each holds a model of its own in memory
NOTICEABLE = 5.0  # seconds of compiling that are worth a word
LIVES = 3  # Rays in a row that may die without having finished a cell
GRACE = 0.3  # seconds in which a signal that killed Ray arrives here, too


class Watch(Protocol):
    """Who is told how it goes (`mmrun.runner.execute.progress`)."""

    def say(self, text: str) -> None:
        """A sentence for the user."""

    def running(self, cells: int) -> None:
        """That many cells are in flight."""


def local(queue: Queue, api: str, watch: Watch) -> Generator[list[Finished], None, None]:
    """One cell after the other in this process."""
    warm_once(api, representatives(job.cell for job in queue.pending), watch.say)
    while queue:
        batch = queue.take_one()
        watch.running(1)
        try:
            group = [run_job(api, batch.jobs[0])]
        except (OSError, MemoryError) as error:
            group = queue.lost(batch, set(), message(error))
        yield learn(queue, group)


def on_ray(
    queue: Queue, api: str, watch: Watch, *, address: str | None = None, workers: int | None = None
) -> Generator[list[Finished], None, None]:
    """On a private Ray of `workers` CPUs (default: all), or on the cluster at `address`, at most `workers` at once.

    While a private Ray starts, processes beside it compile the kernels and run the first cells; should it die time and
    again, they run the rest. Raises Unreachable when nothing runs cells any more, Unusable where the kernel cache is.
    """
    if address:
        reach(address)
    crew = Crew(queue, api, watch, address, workers)
    try:
        crew.start()
        yield from crew.compile()
        while queue or crew.running():
            try:
                yield from crew.turn()
            except Gone as error:
                crew.lose_ray(str(error))
    finally:
        crew.stop()


class Crew:
    """Ray and the processes beside it, at work on one queue."""

    def __init__(self, queue: Queue, api: str, watch: Watch, address: str | None, workers: int | None) -> None:
        self.queue, self.api, self.watch, self.address, self.workers = queue, api, watch, address, workers
        self.cells = representatives(job.cell for job in queue.pending)
        self.lives = LIVES
        self.ray: RayProcess | None = None
        self.heads: list[HeadStart] = []

    def start(self) -> None:
        """Start everybody; on a cluster there is nobody beside Ray."""
        self.start_ray()
        count = 0 if self.address else max(1, min(self.workers or cores(), len(self.queue), MOST_HELPERS))
        for number in range(count):
            self.heads.append(HeadStart(self.api, [] if number else self.cells))

    def start_ray(self) -> None:
        """Start or join Ray, in a process of its own."""
        self.ray = RayProcess(self.address, self.api, self.cells, self.workers or cores(), self.workers)

    def compile(self) -> Iterator[list[Finished]]:
        """Wait for the kernels of this machine. Yields nothing but turns."""
        if not self.heads:
            return
        started = time.monotonic()
        while (outcome := self.heads[0].warm(TICK, self.watch.say)) is None:
            yield []
        seconds = time.monotonic() - started
        if outcome:
            self.watch.say(f"kernels could not be compiled ahead: {outcome}")
        elif seconds > NOTICEABLE:
            self.watch.say(f"kernels ready after {seconds:.0f} s; they are kept for later runs on this machine")

    def turn(self) -> Iterator[list[Finished]]:
        """Hand out cells and take what has finished within TICK. Raises Gone when Ray has died."""
        if self.ray is not None:
            yield from self.ray.feed(self.queue)
        if self.ray is None or not self.ray.ready():
            for head in self.heads:
                head.feed(self.queue)
        if self.ray is None:
            yield from self.alone()
        self.watch.running(self.running())
        wait(self.pipes(), TICK)
        for head in self.heads:
            for group in head.poll(self.queue):
                yield learn(self.queue, group)
        if self.ray is not None:
            for group in self.ray.poll(self.queue, self.watch.say):
                yield learn(self.queue, group)

    def alone(self) -> Iterator[list[Finished]]:
        """Without Ray: replace processes that have died, give up what is too large for this machine."""
        for number, head in enumerate(self.heads):
            if not head.alive and not head.running():
                if not head.greeted:
                    raise Unreachable("neither Ray nor processes beside it can be started on this machine")
                head.stop()
                self.heads[number] = HeadStart(self.api, [])
        if self.queue and not self.running() and self.queue.pending[0].memory >= physical_memory():
            job = self.queue.take_one().jobs[0]
            yield [given_up(job, too_large(job.memory, physical_memory()))]

    def lose_ray(self, why: str) -> None:
        """Ray has died: say so and start another one, or go on without. Raises Unreachable for a lost cluster."""
        assert self.ray is not None
        time.sleep(GRACE)
        ray, self.ray = self.ray, None
        again = ray.take_back(self.queue)
        ray.stop()
        self.lives = LIVES - 1 if ray.finished else self.lives - 1
        lost = f"{why}; finished cells are kept, {again} in flight run again"
        if self.address:
            if (not ray.finished and not self.lives) or not ray.joined:
                raise Unreachable(
                    f"no Ray cluster at {named(self.address)}: {why}; this machine has to be a "
                    "node of it, with the same Ray and Python"
                )
            reach(self.address)
            self.watch.say(f"{lost}: joining the cluster again")
        elif not self.lives:
            self.watch.say(f"{lost}, from now on without Ray, in {len(self.heads)} processes")
            return
        else:
            self.watch.say(f"{lost}: starting Ray again")
        self.start_ray()

    def running(self) -> int:
        """Cells in flight."""
        return sum(head.running() for head in self.heads) + (self.ray.running() if self.ray is not None else 0)

    def pipes(self) -> list[Any]:
        """Whoever may have something to say."""
        found = [head.pipe for head in self.heads if head.running() or (head.alive and not head.greeted)]
        return [*found, self.ray.pipe] if self.ray is not None else found

    def stop(self) -> None:
        """End everybody."""
        for head in self.heads:
            head.stop()
        if self.ray is not None:
            self.ray.stop()


def learn(queue: Queue, group: list[Finished]) -> list[Finished]:
    """The group, its costs noted for the size of later batches."""
    for item in group:
        queue.measured(item.seconds)
    return group
