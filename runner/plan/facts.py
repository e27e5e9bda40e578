"""What the plan of a sweep tells its report beyond the cells: see `mmrun.runner.report.sweep_facts`."""

from collections.abc import Sequence

from mmrun.model import registry
from mmrun.model.description import Cell
from mmrun.runner.config.cells import Cells
from mmrun.runner.config.experiment import Experiment
from mmrun.runner.config.problems import Problems
from mmrun.runner.plan.axes import Label, label_text
from mmrun.runner.plan.sweep import Dropped
from mmrun.runner.report.sweep_facts import Absence, Factorial, SweepFacts

Planned = Sequence[tuple[dict[str, Label], Cell | None]]


def facts_of(
    experiment: Experiment, dropped: Sequence[Dropped], planned: Planned, design: Factorial | None
) -> SweepFacts:
    """The facts of a sweep whose filters `dropped` rows and left the `planned` ones; `design` of its factorial."""
    return SweepFacts(tuple(_absence(experiment, each) for each in dropped), _yardsticks(planned), design)


def _absence(experiment: Experiment, dropped: Dropped) -> Absence:
    """What a filter of the sweep took out, and what the model would have had against the first such cell."""
    problems = Problems()
    Cells(problems).cell(experiment.tree, dropped.row or {})
    match, unless = (
        {axis: sorted(labels) for axis, labels in part.items()} for part in (dropped.match, dropped.unless or {})
    )
    return Absence(match, unless, next((error.message for error in problems.errors), ""))


def _yardsticks(planned: Planned) -> dict[str, list[str]]:
    """Axis -> labels all of whose cells run a yardstick, where the axis has other labels too."""
    kinds: dict[str, dict[str, set[bool]]] = {}
    for axes, cell in planned:
        chosen = cell.policy.get("lru") if cell is not None else None
        is_one = False
        if chosen is not None and chosen.file is None:
            is_one = "YARDSTICK" in registry.variant_info("lru", chosen.variant).constants
        for axis, label in axes.items():
            kinds.setdefault(axis, {}).setdefault(label_text(label), set()).add(is_one)
    found = {axis: [label for label, seen in labels.items() if seen == {True}] for axis, labels in kinds.items()}
    return {axis: labels for axis, labels in found.items() if labels and len(labels) < len(kinds[axis])}
