"""Cells on Ray: batches as streaming tasks, results back as each cell ends, lost workers' cells sent again.

Ray's own retries are off: it would run a whole batch again, while the driver knows which of its cells are done.
"""

import importlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from mmrun.runner.execute.batches import Batch, Queue
from mmrun.runner.execute.ray_cluster import Cluster
from mmrun.runner.execute.shipped import Catalogue, localised, paths_of
from mmrun.runner.execute.warm import warm_once
from mmrun.runner.execute.work import Finished, Job, given_up, message, run_job

GROUP_SECONDS = 0.1  # cells shorter than this come back several at a time
POLL_SECONDS = 0.2
FOREVER = 10**9


def run_batch(api: str, jobs: tuple[Job, ...], files: dict[str, Any], warm: bool) -> Iterator[list[Finished]]:
    """In a worker: run the jobs in order, yield what is finished at least every GROUP_SECONDS or cell."""
    if warm:
        warm_once(api, [localised(job.cell, files) for job in jobs])
    group: list[Finished] = []
    since = time.monotonic()
    for job in jobs:
        try:
            group.append(run_job(api, job, localised(job.cell, files)))
        except (OSError, MemoryError):
            yield group
            raise
        if time.monotonic() - since >= GROUP_SECONDS:
            yield group
            group, since = [], time.monotonic()
    if group:
        yield group


class RayPool:
    """Runs a queue on a started cluster."""

    def __init__(self, cluster: Cluster, api: str, workers: int | None) -> None:
        import ray

        self.ray = ray
        self.api = api
        self.shared = cluster.address is None  # every worker sees the driver's files and kernel cache
        self.cap = workers or FOREVER
        self.catalogue = Catalogue()
        self.live: dict[Any, tuple[Batch, set[str]]] = {}
        self.task = ray.remote(num_returns="streaming", max_retries=0, num_cpus=1)(run_batch)
        self.looked = -FOREVER * 1.0
        self.refresh()

    def refresh(self) -> None:
        """Look at the cluster's size again, every few seconds: nodes come and go."""
        if time.monotonic() - self.looked < 5:
            return
        self.looked = time.monotonic()
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        self.cpus = max(1, int(sum(node.get("CPU", 0) for node in nodes)))
        self.largest = max((node.get("memory", 0) for node in nodes), default=0)

    def warm_nodes(self, cells: list[Any], say: Callable[[str], None]) -> None:
        """Compile the kernels once on every node that has its own cache."""
        strategy = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        nodes = [node["NodeID"] for node in self.ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
        task = self.ray.remote(num_cpus=1, max_retries=1)(warm_with_files)
        files = self.catalogue.entries({path for cell in cells for path in self.paths(cell)})
        references = [
            task.options(scheduling_strategy=strategy(node, soft=True)).remote(self.api, cells, files) for node in nodes
        ]
        say(f"compiling kernels on {len(nodes)} node{'s' if len(nodes) != 1 else ''} (once per machine)")
        self.ray.wait(references, num_returns=len(references))

    def paths(self, cell: Any) -> list[str]:
        """Files the cell reads."""
        return paths_of(cell, importlib.import_module(self.api))

    def workers(self) -> int:
        """Tasks that can run at once."""
        return min(self.cap, self.cpus)

    def submit(self, queue: Queue) -> Iterator[list[Finished]]:
        """Keep every worker busy, with a batch waiting where that cannot exceed `--workers`."""
        spare = 1 if self.cpus <= self.cap else 0
        while queue and len(self.live) < self.workers() + spare:
            batch = queue.take(self.workers())
            if batch.memory > self.largest:
                yield [given_up(job, too_large(batch.memory, self.largest)) for job in batch.jobs]
                continue
            task = self.task.options(memory=batch.memory)
            self.live[task.remote(self.api, batch.jobs, self.files(batch), not self.shared)] = (batch, set())

    def files(self, batch: Batch) -> dict[str, Any]:
        """What a worker needs to find the batch's files; nothing where it shares the driver's disk."""
        if self.shared:
            return {}
        return self.catalogue.entries({path for job in batch.jobs for path in self.paths(job.cell)})

    def running(self) -> int:
        """Cells in flight, at most one a worker."""
        return min(len(self.live), self.workers())

    def poll(self, queue: Queue) -> Iterator[list[Finished]]:
        """What has finished within POLL_SECONDS, with lost cells put back into the queue."""
        ready, _ = self.ray.wait(list(self.live), num_returns=1, timeout=POLL_SECONDS)
        for stream in ready:
            batch, done = self.live[stream]
            try:
                group = self.ray.get(next(stream))
            except StopIteration:
                del self.live[stream]
                self.refresh()
                yield queue.lost(batch, done, "the task ended early") if len(done) < len(batch.jobs) else []
            except (self.ray.exceptions.RayError, OSError, MemoryError) as error:
                del self.live[stream]
                yield queue.lost(batch, done, first_line(error))
            else:
                done.update(item.key for item in group)
                yield group

    def cancel(self) -> None:
        """Stop what runs, at once."""
        for stream in self.live:
            self.ray.cancel(stream, force=True)
        self.live.clear()


def warm_with_files(api: str, cells: list[Any], files: dict[str, Any]) -> float:
    """In a worker: compile for the given cells."""
    return warm_once(api, [localised(cell, files) for cell in cells])


def too_large(needed: int, largest: float) -> str:
    """Why a cell cannot be placed."""
    return f"needs {needed / 2**30:.1f} GiB of memory; the largest node offers {largest / 2**30:.1f} GiB"


def first_line(error: BaseException) -> str:
    """What a Ray error says, without the remote traceback that its later lines are."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BaseException):
        return message(cause)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
