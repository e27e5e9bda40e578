"""Checking an experiment, and what a sweep of it would run."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from mmrun.errors import ConfigError, Problem
from mmrun.given import Config, Given, experiment_of, ours
from mmrun.model.core.frozen import frozen
from mmrun.runner.config.problems import Problems, suggest
from mmrun.runner.plan.axes import Label, label_text
from mmrun.runner.plan.plan import Plan as Planned
from mmrun.runner.plan.plan import PlannedCell, checked, plan_of

Where = Mapping[str, Label | list[Label] | tuple[Label, ...]]
"""Axis -> a label or several, as a sweep writes them; `replicate` is an axis too."""


@frozen
class Plan:
    """What a sweep runs: `cells` in sweep order, replicates of a row side by side.

    A cell has `key` (names its stored record), `axes` (axis -> label), `replicate` and `cell` (the resolved
    description: machine, kernel, policy, tasks; plain dataclasses in bytes and nanoseconds).
    """

    name: str
    axes: dict[str, tuple[Label, ...]]
    """Axis -> its labels, in sweep order."""
    cells: tuple[PlannedCell, ...]
    out: Path
    """Where a sweep keeps the results unless told otherwise."""
    planned: Planned
    """The same as the command line has it."""

    def __len__(self) -> int:
        return len(self.cells)

    def where(self, wanted: Where | None = None) -> tuple[PlannedCell, ...]:
        """The cells at these labels. ConfigError for an axis or label the sweep does not have."""
        found, wrong = self.cells, list[Problem]()
        for axis, labels in (wanted or {}).items():
            texts = {label_text(label) for label in (labels if isinstance(labels, list | tuple) else (labels,))}
            if axis not in (
                known := {**self.axes, "replicate": tuple(range(1 + max(map(_replicate, self.cells), default=0)))}
            ):
                wrong.append(Problem(None, 0, 0, f"no axis `{axis}`", suggest(axis, known), "where"))
                continue
            there = set(map(label_text, known[axis]))
            wrong += [Problem(None, 0, 0, f"`{axis}` is never `{text}`", suggest(text, there), f"where.{axis}")
                      for text in sorted(texts - there)]  # fmt: skip
            found = tuple(cell for cell in found if _label(cell, axis) in texts)
        if wrong:
            raise ConfigError(wrong)
        return found


def _replicate(cell: PlannedCell) -> int:
    return cell.replicate


def _label(cell: PlannedCell, axis: str) -> str:
    return label_text(cell.replicate if axis == "replicate" else cell.axes[axis])


def check(config: Config) -> list[Problem]:
    """Everything that is wrong with an experiment (a path, or a mapping with what its file would say); [] if nothing.

    Errors come in file order, with line, column and what to write instead; those of a mapping with their key.
    """
    given = Given(Problems())
    try:
        with ours(given):
            checked(experiment_of(config, given), given.problems)
    except ConfigError as error:
        return error.problems
    return []


def plan(config: Config, out: str | PathLike[str] | None = None) -> Plan:
    """Every cell of an experiment, resolved. ConfigError has everything that is wrong with it.

    `out`: where its results are kept, by default `results/<name>` below the working directory.
    """
    given = Given(Problems())
    with ours(given):
        found = plan_of(experiment_of(config, given), given.problems, None if out is None else Path(out))
    return wrapped(found)


def wrapped(found: Planned) -> Plan:
    """A plan of the runner as ours."""
    names: dict[str, Any] = found.cells[0].axes if found.cells else {}
    axes = {name: tuple(dict.fromkeys(cell.axes[name] for cell in found.cells)) for name in names}
    return Plan(found.name, axes, found.cells, found.out, found)
