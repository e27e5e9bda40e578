"""Running one cell here, or a sweep."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from mmrun.errors import ConfigError, Problem, RunError
from mmrun.given import Config
from mmrun.model.description import Cell
from mmrun.plans import Plan, Where, plan
from mmrun.runner.plan.axes import Label
from mmrun.runs import Runs, load

LOG = logging.getLogger("mmrun")


@dataclass(frozen=True, eq=False)
class Result(Mapping[str, int | float | str]):
    """What one cell counted, as a mapping from metric to value: `result["pgmajfault"]`, `dict(result)`.

    Counters have the kernel's names and count events or pages, times end in `_ns`; derived metrics (`miss_ratio`,
    `elapsed_s`) are found by name too, though not listed. `outcome` is "ok", "oom" where the OOM killer
    ended a task, or "died" where nobody could go on (`death`).
    """

    metrics: dict[str, int | float | str]
    series: dict[str, Any] = field(default_factory=dict, repr=False)
    """Sampled counters: name -> array with one entry a sample (`time_ns`, `access`, counters since the start); empty
    unless the experiment has `sampling`."""
    axes: dict[str, Label] = field(default_factory=dict)
    cell: Cell | None = field(default=None, repr=False)
    """What was run."""
    kills: list[list[str]] = field(default_factory=list, repr=False)
    """The lines of each report of the out-of-memory killer, of the first few in full."""
    death: list[str] = field(default_factory=list, repr=False)
    """Of a machine that died: who waited for whom, in sentences."""
    changes: list[str] = field(default_factory=list, repr=False)
    """A line for each write of the cell's timeline."""

    def __getitem__(self, name: str) -> int | float | str:
        if name in self.metrics:
            return self.metrics[name]
        from mmrun.runner import metrics

        value = metrics.value(name, self.metrics)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)


def run(
    config: Config | Plan | Cell,
    where: Where | None = None,
    *,
    replicate: int | None = None,
    seed: str | None = None,
    check: bool = False,
) -> Result:
    """Run one cell in this process. The first run on a machine compiles the model's kernels, which takes minutes.

    `where` chooses it among the cells of a sweep by axis and label (`{"vm.swappiness": 60}`); more than one that fits
    is a ConfigError, replicates apart: number `replicate` is run, 0 by default, also one that the experiment does not
    plan. `seed` names other random streams. `check` verifies conservation as it runs, several times slower.

    ConfigError: the experiment is wrong. RunError: the model stopped; the text says where.
    """
    if isinstance(config, Cell):
        described, axes = config, dict[str, Label]()
    else:
        found = config if isinstance(config, Plan) else plan(config)
        described, axes = _only(found, where)
    described = replace(described, replicate=described.replicate if replicate is None else replicate)
    described = replace(described, seed=described.seed if seed is None else seed)
    return _simulated(described, axes, check)


def _only(found: Plan, where: Where | None) -> tuple[Cell, dict[str, Label]]:
    """The cell that a choice leaves, as its first replicate."""
    cells = found.where(where)
    rows = list({tuple(map(str, each.axes.values())): each for each in reversed(cells)}.values())
    if len(rows) != 1:
        said = "no cell is" if not rows else f"{len(rows)} cells are"
        open_axes = [axis for axis, labels in found.axes.items() if len(labels) > 1 and axis not in (where or {})]
        fix = f"name a label of {', '.join(open_axes)}" if open_axes else "name labels that occur together"
        raise ConfigError([Problem(None, 0, 0, f"{said} at these labels", fix, "where")])
    return rows[0].cell, rows[0].axes


def _simulated(described: Cell, axes: dict[str, Label], check: bool) -> Result:
    from mmrun.model import api, registry
    from mmrun.model.core.guard import ModelError
    from mmrun.runner.store.records import plain

    try:
        resolved = registry.resolve(described)
    except ValueError as error:
        raise ConfigError([Problem(None, 0, 0, str(error))]) from error
    try:
        outcome = api.simulate(resolved, check=check)
    except (ModelError, ValueError) as error:
        raise RunError(str(error)) from error
    metrics = {name: plain(value) for name, value in outcome.metrics.items()}
    return Result(metrics, dict(outcome.series), axes, resolved, outcome.kills, outcome.death, outcome.changes)


def sweep(
    config: Config | Plan,
    out: str | PathLike[str] | None = None,
    *,
    executor: Literal["ray", "local"] = "ray",
    workers: int | None = None,
    address: str | None = None,
    keep_stale: bool = False,
    keep_failed: bool = False,
    force: bool = False,
    report: bool = False,
    quiet: bool = True,
) -> Runs:
    """Run every cell that has no result of it as it is now in `out` (default `results/<name>`), and read all results.

    `executor`: Ray on this machine, or on the cluster at `address`, with at most `workers` cells at once (default:
    every CPU); "local" runs one cell after the other in this process. `keep_stale` leaves cells whose result is of an
    older model, policy, trace or configuration (they have no numbers then, and status "stale"), `keep_failed` those
    that failed; `force` computes every cell again. `report` writes tables and figures beside the results,
    `quiet=False` shows progress on stderr. What is worth a word goes to the logger "mmrun".

    Cells that fail do not raise: `runs.failed` has them. An interrupted sweep raises KeyboardInterrupt and keeps what
    has finished; the same call goes on. ConfigError, RunError (another sweep writes to `out`, no cluster).
    """
    from mmrun.runner.execute.execute import Options

    planned = (config if isinstance(config, Plan) else plan(config)).planned
    target = planned.out if out is None else Path(out)
    planned = replace(planned, out=target)
    options = Options(
        executor=executor, workers=workers, address=address, keep_stale=keep_stale, keep_failed=keep_failed,
        force=force, quiet=quiet, signals=False,
    )  # fmt: skip
    planned = _replicated(planned, options)
    if report:
        from mmrun.runner.report.renewed import renewed
        from mmrun.runner.report.report import ReportError

        try:
            renewed(target, planned)
        except ReportError as error:
            LOG.warning("%s", error)
    return load(target)


def _replicated(planned: Any, options: Any) -> Any:
    """Run a plan, and more replicates as long as its intervals ask for them; the plan as it was in the end."""
    from mmrun.runner.execute.execute import run_sweep
    from mmrun.runner.execute.ray_address import Unreachable
    from mmrun.runner.plan.replication import extended
    from mmrun.runner.store.store import Busy, Store

    try:
        ran = run_sweep(planned, planned.out, options, LOG.warning).ran
        while (longer := extended(planned, Store(planned.out))) is not None:
            planned = longer
            ran = run_sweep(planned, planned.out, options, LOG.warning, before=ran).ran
    except (Busy, Unreachable) as error:
        raise RunError(str(error)) from error
    return planned
