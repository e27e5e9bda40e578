"""The two ways to run a queue of cells, behind one function: in this process, or on Ray.

Both yield groups of finished cells as they come, in any order; closing the generator stops what still runs.
"""

import os
import time
from collections.abc import Generator, Iterator
from multiprocessing.connection import wait
from typing import Protocol

from mmrun.runner.execute.batches import Queue
from mmrun.runner.execute.head_start import HeadStart
from mmrun.runner.execute.ray_cluster import Cluster
from mmrun.runner.execute.ray_pool import RayPool
from mmrun.runner.execute.warm import representatives, warm_once
from mmrun.runner.execute.work import Finished, message, run_job

TICK = 0.2  # seconds between looks at several sources
MOST_HELPERS = 4  # each holds a model of its own in memory
NOTICEABLE = 5.0  # seconds of compiling that are worth a word


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

    While a private Ray starts, processes beside it compile the kernels and run the first cells.
    """
    cells = representatives(job.cell for job in queue.pending)
    cluster = Cluster(address, workers or cores())
    heads: list[HeadStart] = []
    done = False
    try:
        if not address:
            heads += [HeadStart(api, cells if first else []) for first in helpers(queue, workers)]
            yield from compile_kernels(watch, cluster, heads[0])
        yield from until_ready(queue, watch, cluster, heads)
        if queue or running(heads):
            pool = RayPool(cluster, api, workers)
            if address:
                pool.warm_nodes(cells, watch.say)
            yield from fan_out(queue, watch, pool, heads)
            pool.cancel()
        done = True
    finally:
        for head in heads:
            head.stop()
        cluster.stop(wait=not done)


def helpers(queue: Queue, workers: int | None) -> list[bool]:
    """One entry for each head-start process, true for the one that compiles."""
    count = max(1, min(workers or cores(), len(queue), MOST_HELPERS))
    return [number == 0 for number in range(count)]


def compile_kernels(watch: Watch, cluster: Cluster, head: HeadStart) -> Iterator[list[Finished]]:
    """Wait for the kernels of this machine. Yields nothing but turns."""
    started = time.monotonic()
    while (outcome := head.warm(TICK, watch.say)) is None:
        cluster.ready()
        yield []
    seconds = time.monotonic() - started
    if outcome:
        watch.say(f"kernels could not be compiled ahead: {outcome}")
    elif seconds > NOTICEABLE:
        watch.say(f"kernels ready after {seconds:.0f} s; they are kept for later runs on this machine")


def until_ready(queue: Queue, watch: Watch, cluster: Cluster, heads: list[HeadStart]) -> Iterator[list[Finished]]:
    """Run cells in the head-start processes until Ray takes tasks or nothing is left."""
    while not cluster.ready() and (queue or running(heads)):
        for head in heads:
            head.feed(queue)
        watch.running(running(heads))
        if not running(heads):
            cluster.wait(TICK)
        yield from collect(queue, heads, TICK)


def fan_out(queue: Queue, watch: Watch, pool: RayPool, heads: list[HeadStart]) -> Iterator[list[Finished]]:
    """Run what is left on Ray, and take what the head-start processes still have in hand."""
    while queue or pool.live or running(heads):
        for group in pool.submit(queue):
            yield learn(queue, group)
        watch.running(pool.running() + running(heads))
        if pool.live:
            for group in pool.poll(queue):
                yield learn(queue, group)
        yield from collect(queue, heads, 0 if pool.live else TICK)


def collect(queue: Queue, heads: list[HeadStart], seconds: float) -> Iterator[list[Finished]]:
    """What head-start processes have finished within that time."""
    wait([head.pipe for head in heads if head.running()], seconds)
    for head in heads:
        for group in head.poll(queue):
            yield learn(queue, group)


def running(heads: list[HeadStart]) -> int:
    """Cells in flight in head-start processes."""
    return sum(head.running() for head in heads)


def learn(queue: Queue, group: list[Finished]) -> list[Finished]:
    """The group, its costs noted for the size of later batches."""
    for item in group:
        queue.measured(item.seconds)
    return group


def cores() -> int:
    """CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
