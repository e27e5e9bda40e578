"""Running one cell, in whatever process: the driver, the head-start process or a Ray worker.

`api` is the name of the module that offers `simulate`, `memory_bytes`, `warm` and `fingerprint`, as `mmrun.model.api`
does.
"""

import importlib
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, NamedTuple

from mmrun.model.core.frozen import frozen
from mmrun.model.description import Cell
from mmrun.runner.execute.shipped import replaced
from mmrun.runner.store.records import Record, cell_dict, encode

MODEL = "mmrun.model.api"


@frozen
class Job:
    """A cell to run, with what its record says besides the results."""

    key: str
    axes: dict[str, Any]
    replicate: int
    cell: Cell
    fingerprint: str
    model: str
    memory: int
    """Bytes the run needs, rounded up to a class (`memory_class`)."""
    copies: dict[str, str] = field(default_factory=dict)
    """Files that `cell` names instead of what the experiment names: outside policies, copied when the sweep began."""


class Finished(NamedTuple):
    """A cell that has an outcome: its encoded record and what the driver wants to know without decoding it."""

    key: str
    status: str
    error: str
    seconds: float
    data: bytes


def run_job(api: str, job: Job, cell: Cell | None = None) -> Finished:
    """Run the job's cell, or `cell`: the same with paths that hold on this node.

    Whatever the model raises becomes a failed record, except OSError and MemoryError (a file that is not there, memory
    that ran out), which are raised: another try may not meet them.
    """
    module = importlib.import_module(api)
    started, wall, cpu = time.time(), time.perf_counter(), time.process_time()
    try:
        outcome = module.simulate(cell or job.cell)
        if changed := otherwise(module, job, cell or job.cell):
            results: dict[str, Any] = {"status": "failed", "error": changed}
        else:
            results = {"status": "ok", "metrics": outcome.metrics, "series": outcome.series}
            results["kills"], results["death"] = outcome.kills, outcome.death
            results["changes"] = outcome.changes
    except (OSError, MemoryError):
        raise
    except Exception as error:
        results = {"status": "failed", "error": message(error)}
    seconds = time.perf_counter() - wall
    provenance = {
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "started": started,
        "finished": started + seconds,
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    return finished(job, results, provenance)


def otherwise(module: Any, job: Job, cell: Cell) -> str:
    """What here is not as the driver found it when the sweep began, so that the result is of something else."""
    if module.fingerprint(None) != job.model:
        return "model code, numba, llvmlite or numpy are others here than when the sweep began"
    return "" if module.fingerprint(cell) == job.fingerprint else "a trace changed while the sweep ran"


def finished(job: Job, results: dict[str, Any], provenance: dict[str, Any]) -> Finished:
    """The job's outcome with its record encoded, in which files are called what the experiment calls them."""
    originals = {copy: path for path, copy in job.copies.items()}
    for copy, path in originals.items():
        if "error" in results:
            results["error"] = results["error"].replace(copy, path)
    if originals:
        provenance["policies"] = {path: Path(copy).parent.name for path, copy in job.copies.items()}
    record = Record(
        key=job.key,
        axes=job.axes,
        replicate=job.replicate,
        fingerprint=job.fingerprint,
        model=job.model,
        cell=cell_dict(replaced(job.cell, originals)),
        provenance=provenance,
        **results,
    )
    try:
        data = encode(record)
    except ValueError as error:  # more than would be read back
        return finished(job, {"status": "failed", "error": message(error)}, provenance)
    return Finished(job.key, record.status, record.error, provenance.get("seconds", 0.0), data)


def given_up(job: Job, reason: str) -> Finished:
    """The failed record of a cell that could not be run at all."""
    return finished(job, {"status": "failed", "error": reason}, {"finished": time.time(), "host": socket.gethostname()})


def message(error: BaseException) -> str:
    """One line that says what went wrong: the exception's type and words."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def memory_class(size: int) -> int:
    """`size` rounded up to one of few values (1, 1.5, 2, 3, 4, ... times 64 MiB), so that tasks share workers."""
    unit = 64 << 20
    while unit < size:
        if unit * 3 // 2 >= size:
            return unit * 3 // 2
        unit *= 2
    return unit


def make_jobs(planned: Any, api: str, fingerprint: Any, copies: Mapping[str, str] | None = None) -> list[Job]:
    """One job per distinct key of the planned cells, in their order, which read copies where there are any."""
    module = importlib.import_module(api)
    model = fingerprint(None)
    jobs: dict[str, Job] = {}
    for item in planned:
        if item.key not in jobs:
            memory = memory_class(module.memory_bytes(item.cell))
            named = {variant.file for variant in item.cell.policy.values() if variant.file}
            own = {path: (copies or {})[path] for path in sorted(named & (copies or {}).keys())}
            jobs[item.key] = Job(
                item.key, dict(item.axes), item.replicate, replaced(item.cell, own) if own else item.cell,
                fingerprint(item.cell), model, memory, own,
            )  # fmt: skip
    return list(jobs.values())
