"""With what the experiment's own report compares a cell."""

from collections.abc import Iterator

from mmrun.runner.compare.source import Source, named
from mmrun.runner.config.problems import ConfigErrors
from mmrun.runner.plan.select import Named
from mmrun.runner.report.report_block import Figure, Table, as_tuple, label_text


def metric_of(source: Source, run: Named) -> str:
    """The first metric that a table of the report shows of a cell; its run time where none does."""
    shown = (table for table in source.report.tables if _within(table, run))
    return next((as_tuple(table.metrics)[0] for table in shown), "elapsed_ns")


def baseline_of(source: Source, run: Named, metric: str) -> list[Named]:
    """The baseline of the first table or figure that has one for this cell, those of the metric first; [] if none has.

    A cell that is a baseline itself has none there.
    """
    everything: tuple[Table | Figure, ...] = (*source.report.tables, *source.report.figures)
    items = [item for item in everything if item.baseline and _within(item, run)]
    items.sort(key=lambda item: metric not in as_tuple(item.metrics if isinstance(item, Table) else item.y))
    for item in items:
        labels = ",".join(f"{axis}={label_text(as_tuple(label)[0])}" for axis, label in item.baseline.items())
        try:
            found = named(source, labels, [run])
        except ConfigErrors:
            continue
        if found and found[0].axes != run.axes:
            return found
    return []


def suggestions(source: Source, run: Named) -> Iterator[str]:
    """Cells that differ from this one in one label, by that label."""
    for row in source.rows():
        other = row[0].axes
        apart = [axis for axis in other if label_text(other[axis]) != label_text(run.axes.get(axis))]
        if len(apart) == 1:
            yield f"{apart[0]}={label_text(other[apart[0]])}"


def _within(item: Table | Figure, run: Named) -> bool:
    return all(
        label_text(run.axes.get(axis)) in map(label_text, as_tuple(labels)) for axis, labels in item.where.items()
    )
