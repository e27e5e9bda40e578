"""A model of known results and duration for tests of the runner: what it does stands in its only task's parameters.

Parameters of the stream: `seconds` to sleep, `beside`: the same where no Ray runs the cell, `burn` seconds of CPU,
`fail` and `unreadable` messages to raise, `file` to read, `samples` rows of series, `crash_once` a path: the first
process to create it dies, `crash` the process dies always, `log` a path that gets a line per run, `bytes` of memory it
says it needs.

Compiling kernels ends when the file exists that FAKE_WARM_UNTIL names in the environment, if it names one.
"""

import hashlib
import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from mmrun.model.description import Cell, Machine, Node, Stream, Task


@dataclass(frozen=True)
class Outcome:
    metrics: dict[str, Any]
    series: dict[str, np.ndarray] = field(default_factory=dict)
    misses: np.ndarray | None = None
    kills: list[list[str]] = field(default_factory=list)
    death: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)


def params(cell: Cell) -> dict[str, Any]:
    return cell.tasks["t"].stream.params


def simulate(cell: Cell, *, check: bool = False, record_misses: bool = False) -> Outcome:
    given = params(cell)
    if "log" in given:
        with open(given["log"], "a") as log:
            log.write(f"{given['x']} {cell.replicate} {os.getpid()}\n")
    crash(given)
    time.sleep(given.get("seconds" if "ray" in sys.modules else "beside", given.get("seconds", 0)))
    burn(given.get("burn", 0))
    if "unreadable" in given:
        raise OSError(given["unreadable"])
    if "fail" in given:
        raise ValueError(given["fail"])
    text = Path(given["file"]).read_text() if "file" in given else ""
    seed = hashlib.sha256(f"{given['x']} {cell.replicate} {cell.kernel} {text}".encode()).digest()
    count = given.get("samples", 0)
    rng = np.random.default_rng(list(seed))
    series = {"access": np.arange(count), "time_ns": np.arange(count) * 10, "pgfault": rng.integers(0, 99, count)}
    metrics = {"outcome": "ok", "misses": np.int64(int.from_bytes(seed[:4], "little")), "miss_ratio": rng.random()}
    return Outcome(metrics, series if count else {})


def crash(given: dict[str, Any]) -> None:
    if "crash" in given:
        os._exit(9)
    if "crash_once" in given and not os.path.exists(given["crash_once"]):
        Path(given["crash_once"]).touch()
        os._exit(9)


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        sum(range(1000))


def memory_bytes(cell: Cell) -> int:
    return params(cell).get("bytes", 1 << 20)


def warm(cell: Cell | None, progress: Any = None) -> float:
    awaited = os.environ.get("FAKE_WARM_UNTIL")
    while awaited and not os.path.exists(awaited):
        time.sleep(0.05)
    return 0.0


def fingerprint(cell: Cell | None = None) -> str:
    files = "".join(Path(path).read_text() for path in trace_paths(cell)) if cell else ""
    return hashlib.sha256((os.environ.get("FAKE_MODEL", "") + files).encode()).hexdigest()


def trace_paths(cell: Cell) -> list[str]:
    return [params(cell)["file"]] if "file" in params(cell) else []


@dataclass(frozen=True)
class PlannedCell:
    key: str
    axes: dict[str, Any]
    cell: Cell
    replicate: int
    random: bool = True


def planned(x: int, replicate: int = 0, memory: int = 1 << 30, **given: Any) -> PlannedCell:
    """A cell of the fake; its key covers everything but where it writes its log."""
    task = Task(stream=Stream(kind="fake", params={"x": x, **given}))
    cell = Cell(kernel="3.1", machine=Machine(nodes=(Node(memory=memory),)), tasks={"t": task}, replicate=replicate)
    identity = replace(cell, tasks={"t": replace(task, stream=Stream(kind="fake", params={"x": x, **visible(given)}))})
    return PlannedCell(hashlib.sha256(repr(identity).encode()).hexdigest()[:20], {"x": x}, cell, replicate)


def visible(given: dict[str, Any]) -> dict[str, Any]:
    hidden = ("log", "crash_once", "seconds", "beside", "burn")
    return {name: value for name, value in given.items() if name not in hidden}


def make_plan(cells: list[PlannedCell]) -> SimpleNamespace:
    """What the runner reads of a plan."""
    return SimpleNamespace(name="fake", config=Path("fake.yaml"), cells=tuple(cells), experiment=None)


def grid(count: int, replicates: int = 2, **given: Any) -> SimpleNamespace:
    """`count` values of x, each with so many replicates."""
    return make_plan([planned(x, replicate, **given) for x in range(count) for replicate in range(replicates)])
