"""The two ways to run a queue of cells, behind one function: in this process, or on Ray.

Both yield groups of finished cells as they come, in any order; closing the generator stops what still runs.
"""

import importlib
import os
import time
from collections.abc import Generator, Iterator
from typing import Protocol

from runner.batches import Queue
from runner.head_start import HeadStart
from runner.ray_cluster import Cluster
from runner.ray_pool import RayPool
from runner.warm import representatives
from runner.work import Finished, message, run_job

TICK = 0.2  # seconds between looks at several sources
NOTICEABLE = 5.0  # seconds of compiling that are worth a word


class Watch(Protocol):
    """Who is told how it goes (`runner.progress`)."""

    def say(self, text: str) -> None:
        """A sentence for the user."""

    def running(self, cells: int) -> None:
        """That many cells are in flight."""


def local(queue: Queue, api: str, watch: Watch) -> Generator[list[Finished], None, None]:
    """One cell after the other in this process; kernels compile as they are met."""
    importlib.import_module(api)
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
    """On a private Ray of `workers` CPUs (default: all), or on the cluster at `address`, at most `workers` at once."""
    cells = representatives(job.cell for job in queue.pending)
    cluster = Cluster(address, workers or cores())
    head = HeadStart(api, cells)
    try:
        yield from compile_kernels(watch, cluster, head)
        yield from until_ready(queue, watch, cluster, head)
        if queue or head.running():
            pool = RayPool(cluster, api, workers)
            if address:
                pool.warm_nodes(cells, watch.say)
            yield from fan_out(queue, watch, pool, head)
            pool.cancel()
    finally:
        head.stop()
        cluster.stop()


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


def until_ready(queue: Queue, watch: Watch, cluster: Cluster, head: HeadStart) -> Iterator[list[Finished]]:
    """Run cells in the head-start process until Ray takes tasks or nothing is left."""
    while not cluster.ready() and (queue or head.running()):
        head.feed(queue)
        watch.running(head.running())
        if not head.running():
            cluster.wait(TICK)
        for group in head.poll(queue, TICK):
            yield learn(queue, group)


def fan_out(queue: Queue, watch: Watch, pool: RayPool, head: HeadStart) -> Iterator[list[Finished]]:
    """Run what is left on Ray, and take what the head-start process still has in hand."""
    while queue or pool.live or head.running():
        for group in pool.submit(queue):
            yield learn(queue, group)
        watch.running(pool.running() + head.running())
        if pool.live:
            for group in pool.poll(queue):
                yield learn(queue, group)
        for group in head.poll(queue, 0 if pool.live else TICK):
            yield learn(queue, group)


def learn(queue: Queue, group: list[Finished]) -> list[Finished]:
    """The group, its costs noted for the size of later batches."""
    for item in group:
        queue.measured(item.seconds)
    return group


def cores() -> int:
    """CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
