"""Small cells for tests of the model, and a way to run them that keeps the machine for a look inside."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np

from mmrun.model import api, registry, results
from mmrun.model.build import Built, build, expand
from mmrun.model.core.codes import BROKEN
from mmrun.model.core.events import ARG_MASK, OP_SHIFT, WRITE, touches
from mmrun.model.core.record import NONE
from mmrun.model.description import (
    Cell,
    Disk,
    Link,
    Machine,
    Mempolicy,
    Node,
    Region,
    Sampling,
    Stream,
    SwapTarget,
    Task,
    Variant,
)
from mmrun.model.hooks import HOOK_INDEX, HOOKS
from mmrun.model.mm.task.state import PTE_FRAME, PTE_PRESENT, PTE_SHIFT
from mmrun.model.units import MiB
from mmrun.model.workloads import Opened

ERAS = ("3.1", "3.15", "4.19", "5.8", "5.15", "6.18")
GENERATIONS = ("6.1+mglru", "6.18+mglru")  # eras whose lists are neither active nor inactive
ANON, FILE, READ = Region(), Region(kind="file"), Region(kind="file", access="read")
ZRAM = {"zram": SwapTarget(kind="zram", size=64 * MiB)}
OWN_CPUS = {"sched": Variant(variant="own-cpu")}  # tasks run at the same time, however many CPUs there are
Events = Sequence[int] | np.ndarray


@dataclass
class Run:
    """A finished run: its outcome, its machine, and what the probe saw at every sample."""

    outcome: api.Outcome
    built: Built
    seen: list[Any] = field(default_factory=list)

    @property
    def metrics(self) -> dict[str, Any]:
        return self.outcome.metrics

    @property
    def m(self) -> Any:
        return self.built.memory.m

    def node_of(self, page: int, task: int = 0) -> int | None:
        """Node of the frame that page `page` of a task is mapped to, None when it is not mapped."""
        pfn = mapped_frame(self.built, page, task)
        return None if pfn is None else int(self.built.memory.table("frames")["node"][pfn])


def machine(*mib: int, cpus: int = 1, **more: Any) -> Machine:
    """A machine with a node of each size; `cpus` on every node."""
    return Machine(nodes=tuple(Node(memory=size * MiB, cpus=cpus) for size in mib), **more)


def with_swap(kind: str, size: int) -> dict[str, Any]:
    """The parts of a machine that a swap area of `size` bytes of a kind needs."""
    if kind == "none":
        return {}
    if kind == "zram":
        return {"swap": {"s": SwapTarget(kind="zram", size=size)}}
    over = {} if kind == "partition" else {"link": "l"}
    return {
        "disks": {"d": Disk()},
        "links": {"l": Link()},
        "swap": {"s": SwapTarget(kind=kind, size=size, disk="d", **over)},
    }


def given(*regions: Region, stays: bool = True, **more: Any) -> Task:
    """A task whose events the test hands to `run`; what it has mapped is there to look at when they are over."""
    return Task(stream=Stream(kind="given"), memory=regions or (ANON,), stays=stays, **more)


def one(kernel: str, host: Machine, *regions: Region, mempolicy: Mempolicy | None = None, **more: Any) -> Cell:
    """A cell with the single task `t`."""
    group = {"cgroup": "g"} if more.get("cgroups") else {}
    return Cell(
        kernel=kernel, machine=host, tasks={"t": given(*regions, mempolicy=mempolicy or Mempolicy(), **group)}, **more
    )


def reads(pages: Events) -> np.ndarray:
    """Events that read the pages."""
    return touches(np.asarray(pages, dtype=np.int64), np.zeros(len(pages), dtype=bool))


def writes(pages: Events) -> np.ndarray:
    """Events that write the pages."""
    return touches(np.asarray(pages, dtype=np.int64), np.ones(len(pages), dtype=bool))


def run(
    cell: Cell,
    streams: Mapping[str, np.ndarray | Sequence[np.ndarray]] | np.ndarray | None = None,
    *,
    footprint: int | None = None,
    probe: Callable[[Built], Any] | None = None,
    check: bool = True,
    record_misses: bool = False,
) -> Run:
    """Simulate and keep the machine. `streams`: chunks of events by task name (or those of task `t`).

    `probe` looks at the machine at every sample of the cell; what it answers is in `Run.seen`.
    """
    kept: list[Built] = []
    seen: list[Any] = []
    by_name = {"t": streams} if isinstance(streams, np.ndarray) else streams
    queue = iter(list(expand(cell)) * 2)

    def opened(stream: Stream, rng: np.random.Generator) -> Opened:
        assert by_name is not None
        events = by_name[next(queue)]
        chunks = [events] if isinstance(events, np.ndarray) else list(events)
        touched = [chunk[chunk >> OP_SHIFT <= WRITE] & ARG_MASK for chunk in chunks]
        last = max((int(pages.max()) for pages in touched if len(pages)), default=0)
        return Opened(iter(chunks), max(last + 1, footprint or 0))

    def keep(*args: Any) -> Built:
        kept.append(build(*args))
        return kept[-1]

    def take(samples: results.Samples) -> None:
        whole(samples)
        if probe:
            seen.append(probe(samples.built))

    whole = results.Samples.take
    with ExitStack() as stack:
        stack.enter_context(patch.object(api, "build", keep))
        stack.enter_context(patch.object(results.Samples, "take", take))
        if by_name is not None:
            stack.enter_context(patch.object(api.workloads, "open_stream", opened))
        outcome = api.simulate(cell, check=check, record_misses=record_misses)
    return Run(outcome, kept[0], seen)


def run_twice(cell: Cell, streams: Mapping[str, np.ndarray], footprint: int) -> None:
    """A random cell goes through under all laws, somebody gets somewhere, and a second run has the same numbers."""
    done, again = (run(cell, streams, footprint=footprint, check=True) for _ in range(2))
    assert done.metrics["accesses"] or done.metrics["outcome"] == "oom"
    assert again.metrics == done.metrics


def machine_of(cell: Cell, pages: int = 64) -> Built:
    """The cell's machine before its first event; every task has `pages` pages."""
    cell = registry.resolve(cell)
    return build(cell, dict.fromkeys(expand(cell), pages))


def call(built: Built, hook: str, *args: int) -> int:
    """Call a hook that does not sleep through the machine's table, as kernels do."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * HOOKS[hook])
    address = int(built.memory.m.hooks[HOOK_INDEX[hook]])
    answer = int(kind(address)(built.memory.record.ctypes.data, *args))
    assert built.memory.m.broken == 0, BROKEN[int(built.memory.m.broken)]
    return answer


def mapped_frame(built: Built, page: int, task: int = 0) -> int | None:
    """Frame that page `page` of a task is mapped to, None when it is not mapped."""
    word = int(built.memory.table("pte")[int(built.memory.table("tasks")[task].pte_start) + page])
    return (word >> PTE_SHIFT) & PTE_FRAME if word & PTE_PRESENT else None


def on_list(built: Built, lv: int, lru: int) -> list[int]:
    """Frames on a list of a lruvec, newest first."""
    frames, at, found = built.memory.table("frames"), int(built.memory.table("lruvecs")[lv].lists[lru].head), []
    while at != NONE:
        found.append(at)
        at = int(frames["next"][at])
    return found


def sampled(accesses: int = 1) -> Sampling:
    """A sample every so many accesses."""
    return Sampling(accesses=accesses)
