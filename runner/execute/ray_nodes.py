"""The nodes of a joined cluster: each compiles the kernels before it gets cells, and is left out if it cannot."""

import importlib
import time
from collections.abc import Iterator
from typing import Any

from mmrun.runner.execute.ray_messages import Dead, Size
from mmrun.runner.execute.shipped import Catalogue, localised, paths_of
from mmrun.runner.execute.spawned import Said
from mmrun.runner.execute.warm import warm_once
from mmrun.runner.execute.work import Job, given_up

NODE = "ray.io/node-id"  # a label that Ray gives every node
RETURN_SECONDS = 300.0  # for a cluster that has lost its last node to get another


class Nodes:
    """What is known of the living nodes. `cells` None: a private Ray, whose only node is this machine, made ready."""

    def __init__(self, api: str, cells: list[Any] | None, catalogue: Catalogue) -> None:
        self.ray = importlib.import_module("ray")
        self.api, self.cells, self.catalogue = api, cells, catalogue
        self.alive: dict[str, Any] = {}
        self.asked: dict[Any, str] = {}
        self.seen: set[str] = set()
        self.good: set[str] = set()
        self.bad: dict[str, str] = {}
        self.size = Size(0, 0, 0, 0)
        self.there: dict[str, float] = {}  # when a node was last alive
        self.inhabited = time.monotonic()

    def look(self) -> Iterator[Any]:
        """Messages about nodes that have come, gone, become ready or turned out to be useless."""
        self.alive = {
            node["NodeID"]: node
            for node in self.ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
        }  # fmt: skip
        self.there |= dict.fromkeys(self.alive, time.monotonic())
        new = self.alive.keys() - self.good - self.bad.keys() - set(self.asked.values())
        if self.cells is None:
            self.good |= new
        elif new:
            if first := new - self.seen:
                yield Said(f"compiling kernels on {len(first)} node{'s' * (len(first) > 1)} (once per machine)")
            self.seen |= new
            self._ask(new)
        yield from self._answers()
        size = self._size()
        if size != self.size:
            self.size = size
            yield size
        if not self.alive:
            yield from self._none()
            return
        self.inhabited = time.monotonic()
        if not self.asked and not size.cpus:
            yield Dead("no node of the cluster can run cells")

    def doubt(self) -> None:
        """A task failed in a way that no cell can be blamed for: ask every node again."""
        if self.cells is not None:
            self.good.clear()

    def barred(self) -> frozenset[str]:
        """The nodes that are to get no cells."""
        return frozenset(self.alive.keys() - self.good)

    def takes(self, barred: frozenset[str], memory: int) -> bool:
        """Whether some good node takes a task that was kept off these nodes and needs so much memory."""
        usable = (self.alive[node]["Resources"] for node in self.alive.keys() & self.good - barred)
        return any(memory <= node.get("memory", 0) for node in usable)

    def gone(self, node: str) -> float:
        """For how many seconds a node has been dead; 0 for one that is alive, or was never seen to be."""
        return 0.0 if node in self.alive else time.monotonic() - self.there.get(node, time.monotonic())

    def _none(self) -> Iterator[Dead]:
        """The end of a cluster that has lost its last node, unless another one joins in time."""
        if self.seen and time.monotonic() - self.inhabited > RETURN_SECONDS:
            yield Dead(f"the cluster has had no node with a CPU for {RETURN_SECONDS:.0f} s")

    def _ask(self, nodes: set[str]) -> None:
        assert self.cells is not None
        affinity = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        task = self.ray.remote(num_cpus=1, max_retries=0)(warm_with_files)
        module = importlib.import_module(self.api)
        files = self.catalogue.entries({path for cell in self.cells for path in paths_of(cell, module)})
        for node in nodes:
            here = task.options(scheduling_strategy=affinity(node, soft=False))
            self.asked[here.remote(self.api, self.cells, files)] = node

    def _answers(self) -> Iterator[Said]:
        while self.asked:
            ready, _ = self.ray.wait(list(self.asked), num_returns=1, timeout=0)
            if not ready:
                return
            node = self.asked.pop(ready[0])
            try:
                self.ray.get(ready[0])
                self.good.add(node)
            except Exception as error:  # of Ray, of what is installed there, of compiling
                if node in self.alive:
                    self.bad[node] = first_line(error)
                    where = self.alive[node].get("NodeManagerAddress", node)
                    yield Said(f"node {where} ({node[:8]}) is left out, it cannot run cells: {self.bad[node]}")

    def _size(self) -> Size:
        usable = [self.alive[node]["Resources"] for node in self.alive.keys() & self.good]
        memory = [node.get("memory", 0) for node in usable]
        cpus = sum(int(node["CPU"]) for node in usable)
        return Size(len(usable), cpus, sum(memory), max(memory, default=0))


def off(nodes: frozenset[str]) -> dict[str, str]:
    """The label selector that keeps a task off these nodes; nothing where there are none."""
    return {NODE: f"!in({','.join(sorted(nodes))})"} if nodes else {}


def warm_with_files(api: str, cells: list[Any], files: dict[str, Any]) -> float:
    """In a worker: compile for the given cells, and make a record: no package may be lacking when it counts."""
    seconds = warm_once(api, [localised(cell, files) for cell in cells])
    for cell in cells[:1]:
        given_up(Job("", {}, 0, cell, "", "", 0), "a rehearsal")
    return seconds


def first_line(error: BaseException) -> str:
    """What a Ray error says, without the remote traceback that its later lines are."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BaseException) and cause is not error:
        return f"{type(cause).__name__}: {' '.join(str(cause).split())}"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
