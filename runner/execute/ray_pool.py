"""Cells on Ray: batches as streaming tasks, results back as each cell ends, losses told to the driver.

Ray's own retries are off: it would run a whole batch again, while the driver knows which of its cells are done.
"""

import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mmrun.model.core.kept import Unusable
from mmrun.runner.execute.batches import Batch
from mmrun.runner.execute.ray_messages import Ended, Group, Sent, Stranded
from mmrun.runner.execute.ray_nodes import Nodes, first_line, off
from mmrun.runner.execute.shipped import Catalogue, localised, paths_of
from mmrun.runner.execute.spawned import Gone
from mmrun.runner.execute.warm import warm_once
from mmrun.runner.execute.work import Finished, Job, run_job

GROUP_SECONDS = 0.1  # cells shorter than this come back several at a time
POLL_SECONDS = 0.2
LOOK_SECONDS = 2.0  # between looks at the nodes
PARTING_SECONDS = 10.0  # in which Ray tells of the tasks of a node that it has found dead, or their last results come
SIGN_OF_LIFE = 30.0  # seconds within which a living Ray runs an empty task


def run_batch(api: str, jobs: tuple[Job, ...], files: dict[str, Any], warm: bool) -> Iterator[str | list[Finished]]:
    """In a worker: run the jobs in order, yield what is finished at least every GROUP_SECONDS or cell.

    The first thing yielded is the node, which says that the batch has begun.
    """
    yield importlib.import_module("ray").get_runtime_context().get_node_id()
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


def nothing() -> None:
    """In a worker: show that tasks run."""


@dataclass
class Task:
    """A batch that Ray has: begun on `node`, or to begin on a good node that is not `barred`."""

    number: int
    memory: int
    barred: frozenset[str]
    node: str = ""


class RayPool:
    """Runs batches on the Ray that this process is connected to; `cells` None where it is private.

    `look` says what is wrong with Ray itself, '' for nothing.
    """

    def __init__(self, api: str, cells: list[Any] | None, look: Callable[[], str]) -> None:
        self.ray = importlib.import_module("ray")
        self.api, self.look = api, look
        self.shared = cells is None  # every worker sees the driver's files and kernel cache
        self.catalogue = Catalogue()
        self.nodes = Nodes(api, cells, self.catalogue)
        self.live: dict[Any, Task] = {}
        self.task = self.ray.remote(num_returns="streaming", max_retries=0, num_cpus=1)(run_batch)
        self.sign = self.ray.remote(num_cpus=0, max_retries=0)(nothing)
        self.looked = -LOOK_SECONDS

    def submit(self, sent: Sent) -> None:
        """Give Ray a batch."""
        task = Task(sent.number, sent.batch.memory, self.nodes.barred())
        options: dict[str, Any] = {"memory": task.memory}
        if task.barred:
            options["label_selector"] = off(task.barred)
        jobs, files = sent.batch.jobs, self.files(sent.batch)
        self.live[self.task.options(**options).remote(self.api, jobs, files, not self.shared)] = task

    def files(self, batch: Batch) -> dict[str, Any]:
        """What a worker needs to find the batch's files; nothing where it shares the driver's disk."""
        if self.shared:
            return {}
        module = importlib.import_module(self.api)
        return self.catalogue.entries({path for job in batch.jobs for path in paths_of(job.cell, module)})

    def poll(self) -> Iterator[Any]:
        """What has happened within POLL_SECONDS, as messages for the driver."""
        if time.monotonic() - self.looked > LOOK_SECONDS:
            self.looked = time.monotonic()
            yield from self.nodes.look()
            yield from self.stranded()
        ready, _ = self.ray.wait(list(self.live), num_returns=1, timeout=POLL_SECONDS) if self.live else ([], [])
        for stream in ready:
            try:
                group = self.ray.get(next(stream))
            except StopIteration:
                yield Ended(self.live.pop(stream).number)
            except Exception as error:  # of Ray, of the cell's files, of what is installed where the task ran
                yield self.loss(self.live.pop(stream).number, error)
            else:
                if isinstance(group, str):
                    self.live[stream].node = group
                else:
                    yield Group(self.live[stream].number, group)

    def stranded(self) -> Iterator[Stranded | Ended]:
        """Batches that wait for nodes which are gone or good no more, or ran on one that is dead: Ray may keep them."""
        for stream, task in list(self.live.items()):
            if task.node:
                lost = self.nodes.gone(task.node) > PARTING_SECONDS
                end: Stranded | Ended = Ended(task.number, "the node has died", counted=False)
            else:
                lost = not self.nodes.takes(task.barred, task.memory)
                end = Stranded(task.number)
            if lost:
                del self.live[stream]
                self.ray.cancel(stream)
                yield end

    def loss(self, number: int, error: Exception) -> Ended:
        """What the end of a task means: an attempt of its cells, if Ray itself is well."""
        errors = self.ray.exceptions
        if isinstance(error, errors.LocalRayletDiedError):
            raise Gone("Ray's raylet on this machine has died") from error
        if lost := self.look():
            raise Gone(lost)
        self.looked = -LOOK_SECONDS  # nodes may have gone
        if isinstance(error, errors.NodeDiedError):
            return Ended(number, first_line(error), counted=False)
        if isinstance(error, OSError | MemoryError) and not isinstance(error, Unusable):
            return Ended(number, first_line(error))
        if isinstance(error, errors.WorkerCrashedError | errors.OutOfMemoryError):
            self.see_it_work()
            return Ended(number, first_line(error))
        self.nodes.doubt()
        return Ended(number, first_line(error), counted=False)

    def see_it_work(self) -> None:
        """Raise Gone unless Ray still runs tasks."""
        try:
            self.ray.get(self.sign.remote(), timeout=SIGN_OF_LIFE)
        except self.ray.exceptions.RayError as error:
            raise Gone(f"Ray runs no tasks any more ({first_line(error)})") from error
