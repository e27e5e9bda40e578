"""A sweep, from a plan to merged tables: what is missing is run, each result is durable before it counts."""

import importlib
import importlib.metadata
import json
import os
import platform
import signal
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Literal

from mmrun.model.core.frozen import frozen
from mmrun.model.description import Cell
from mmrun.runner.execute.batches import Queue
from mmrun.runner.execute.progress import Progress, Silent
from mmrun.runner.execute.work import MODEL, make_jobs
from mmrun.runner.report.report import manifest_part
from mmrun.runner.store.shelf import Shelf
from mmrun.runner.store.states import State, states
from mmrun.runner.store.store import Store

PACKAGES = ("mmrun", "numpy", "numba", "scipy", "pyarrow", "ray")


@frozen
class Options:
    """How to run a sweep; none of it changes a result."""

    executor: Literal["ray", "local"] = "ray"
    workers: int | None = None
    address: str | None = None
    keep_stale: bool = False
    """Whether cells whose result is of an older model, policy, trace or configuration are left as they are."""
    keep_failed: bool = False
    """Whether cells that failed are left as they are."""
    force: bool = False
    """Whether every cell is computed again, also those that are done."""
    batch_seconds: float = 2.0
    max_failures: int | None = None
    """How many cells may fail before the rest is not run; None: any number."""
    api: str = MODEL
    quiet: bool = False
    """Whether nothing is said while it runs."""
    signals: bool = True
    """Whether SIGINT and SIGTERM are handled here; else a KeyboardInterrupt is whoever calls' own affair."""

    def wants(self, state: str) -> bool:
        """Whether a cell in this state is computed."""
        kept = {"done", *(["stale"] if self.keep_stale else []), *(["failed"] if self.keep_failed else [])}
        return self.force or state not in kept


@frozen
class Result:
    """How a sweep ended: cells run now and, over the whole plan, cells by state."""

    ran: int
    counts: dict[str, int]
    states: dict[str, State]
    stopped: bool = False
    """Whether cells were left because too many had failed."""

    def stale_reasons(self) -> list[tuple[str, int]]:
        """Why cells are stale, with their number, most frequent first."""
        return Counter(state.reason for state in self.states.values() if state.state == "stale").most_common()


def run_sweep(plan: Any, out: Path, options: Options, warn: Callable[[str], None], before: int = 0) -> Result:
    """Run what the store lacks, then merge; `before` counts cells run ahead of these.

    Raises KeyboardInterrupt (the sweep can be resumed), `store.Busy`, `ray_address.Unreachable`.
    """
    from mmrun.runner.store.merge import identity_of, merge
    from mmrun.runner.store.policies import keep

    store = Store(out, warn)
    fingerprint = fingerprints(options.api)
    with store.locked(), interruptible() if options.signals else nullcontext():
        shelf = Shelf(store, (cell.key for cell in plan.cells), metrics=True)
        known = states(plan.cells, shelf, fingerprint)
        todo = [cell for cell in plan.cells if options.wants(known[cell.key].state)]
        swept = manifest(plan, options.api, fingerprint)
        store.write_manifest(swept)
        jobs = make_jobs(todo, options.api, fingerprint, keep(out, todo))
        ran, stopped = 0, False
        if jobs:
            with (Silent if options.quiet else Progress)(len(jobs)) as watch:
                stopped = run_jobs(shelf, jobs, options, watch)
                ran = watch.done
            if gone := shelf.recheck():
                warn(f"{out}: {gone} records were removed by somebody meanwhile; the same command runs them again")
            known = states(plan.cells, shelf, fingerprint)
        merge(plan, shelf, known, identity_of(swept))
        shelf.remember()
    return Result(before + ran, dict(Counter(state.state for state in known.values())), known, stopped)


def run_jobs(shelf: Shelf, jobs: list[Any], options: Options, watch: Progress) -> bool:
    """Run the jobs; every group is written before it is counted. Whether it stopped because too many failed."""
    queue = Queue(jobs, options.batch_seconds)
    with closing(start(queue, options, watch)) as groups:
        for group in groups:
            if group:
                shelf.store.put((item.key, item.data) for item in group)
                for item in group:
                    shelf.add(item.data)
                failed = [item for item in group if item.status == "failed"]
                watch.finished(len(group) - len(failed), len(failed))
                if (
                    failed
                    and options.max_failures
                    and watch.failed >= options.max_failures
                    and watch.done < watch.total
                ):
                    left = watch.total - watch.done
                    watch.say(f"stopped after {watch.failed} failed, {left} not run; the last: {failed[-1].error}")
                    return True
    return False


def start(queue: Queue, options: Options, watch: Progress) -> Generator[Any, None, None]:
    """The generator of the chosen executor."""
    from mmrun.runner.execute import executors

    if options.executor == "local":
        return executors.local(queue, options.api, watch)
    return executors.on_ray(queue, options.api, watch, address=options.address, workers=options.workers)


def fingerprints(api: str = MODEL) -> Callable[[Cell | None], str]:
    """`fingerprint` of the model, computed once for all cells that read the same files."""
    module = importlib.import_module(api)
    known: dict[Any, str] = {}

    def fingerprint(cell: Cell | None) -> str:
        files = None if cell is None else (*module.trace_paths(cell), *variant_files(cell))
        if files not in known:
            known[files] = module.fingerprint(cell)
        return known[files]

    return fingerprint


def variant_files(cell: Cell) -> list[str]:
    """Outside variant files, with the axis each stands on."""
    return [f"{axis}={variant.file}" for axis, variant in sorted(cell.policy.items()) if variant.file]


def manifest(plan: Any, api: str, fingerprint: Callable[[Cell | None], str]) -> dict[str, Any]:
    """What was swept, for people and for `mmrun status`."""
    module = importlib.import_module(api)
    traces = sorted({path for cell in plan.cells for path in module.trace_paths(cell.cell)})
    policies = sorted({v.file for cell in plan.cells for v in cell.cell.policy.values() if v.file})
    return {
        "name": plan.name,
        "config": str(plan.config),
        "resolved": resolved(plan),
        "axes": list(plan.cells[0].axes) if plan.cells else [],
        "cells": [{"key": cell.key, "axes": cell.axes, "replicate": cell.replicate} for cell in plan.cells],
        "seeds": sorted({cell.cell.seed for cell in plan.cells}),
        "traces": {path: file_digest(path) for path in traces},
        "policies": {path: file_digest(path) for path in policies},
        "fingerprint": fingerprint(None),
        "versions": {"python": platform.python_version(), **versions()},
        **manifest_part(plan),
    }


def resolved(plan: Any) -> Any:
    """The experiment as read, with its includes, in JSON's terms."""
    from mmrun.runner.config.trees import to_plain
    from mmrun.runner.store.records import plain

    if plan.experiment is None:
        return None
    return json.loads(json.dumps(to_plain(plan.experiment.tree), default=plain))


def file_digest(path: str) -> str:
    """SHA-256 of a file's contents, of a policy its digest, '' where it cannot be read."""
    from mmrun.runner.execute.shipped import digest_now

    return digest_now(path) or ""


@cache
def versions() -> dict[str, str]:
    """Version of every package that has a part in the results; packages that are absent are left out."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt once; a second one ends the process at once.

    SIGHUP does nothing where it was ignored, as `nohup` has it.
    """

    def first(number: int, frame: Any) -> None:
        for name in names:
            signal.signal(name, lambda number, frame: os._exit(130))
        raise KeyboardInterrupt

    hangup = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else []
    names = (signal.SIGINT, signal.SIGTERM, *hangup)
    before = {name: signal.signal(name, first) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
