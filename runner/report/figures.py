"""Figures of a report as PDF and PNG, drawn from the same entries as tables; equal results give equal bytes.

matplotlib is imported where it is used, its state machine (pyplot) never.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from mmrun.runner import metrics
from mmrun.runner.report import plots
from mmrun.runner.report.canvas import PANEL_HEIGHT, Drawn, facets_of, fitted, legend, new_canvas, panel_width, save
from mmrun.runner.report.figure_style import STYLE, WIDTHS, grid_shape
from mmrun.runner.report.observations import Key, Runs
from mmrun.runner.report.plots import Panel, Point
from mmrun.runner.report.report_block import Figure, ReportBlock, Table, as_tuple
from mmrun.runner.report.series_figure import draw_series
from mmrun.runner.report.sheets import reason
from mmrun.runner.report.table_notes import lost_runs, notes
from mmrun.runner.report.tables import Entry, TableModel, build
from mmrun.runner.report.words import scale_for

QUANTITIES = ("bytes", "ns", "bytes/s", "ratio")


def draw(figure: Figure, block: ReportBlock, runs: Runs, series: Runs | None, out: Path) -> Drawn:
    """Write `<name>.pdf` and `<name>.png` into `out`. Raises ValueError for a series figure without a stored series."""
    if figure.kind == "series":
        if series is None:
            raise ValueError(f"figure {figure.name}: no cell has a series; set `sampling` in the experiment")
        return draw_series(figure, block, series, out)
    model = build(_as_table(figure), block, runs)
    import matplotlib

    with matplotlib.rc_context(STYLE):
        canvas = _draw_runs(figure, model)
        files = save(canvas, out / figure.name)
    better = metrics.metric(figure.y).better
    direction = [] if better == "none" else [f"{better.capitalize()} is better."]
    caption = notes(model, "Error bars", "Error bars") if figure.interval else notes(model, None)
    return Drawn(figure.name, model.title, [*direction, *caption, *_losses(model)], files)


def numeric(labels: Sequence[str]) -> list[float] | None:
    """The labels as numbers, or as quantities of one unit (`4GiB`, `100ns`, `25%`); None if they are words."""
    from mmrun.runner.config.units import UnitError, parse_exact

    try:
        return [float(label) for label in labels]
    except ValueError:
        pass
    for unit in QUANTITIES:
        try:
            return [float(parse_exact(label, unit)) for label in labels]
        except UnitError:
            continue
    return None


def _as_table(figure: Figure) -> Table:
    axes = (*facets_of(figure), *as_tuple(figure.line), figure.x)
    return Table(
        name=figure.name, title=figure.title, rows=axes, metrics=figure.y, baseline=figure.baseline, where=figure.where,
        pool=figure.pool, statistic=figure.statistic, confidence=figure.confidence,
        show=("ratio",) if figure.baseline else ("value", "interval"),
    )  # fmt: skip


def _draw_runs(figure: Figure, model: TableModel) -> Any:
    facets, words = facets_of(figure), model.words
    positions = [_labels(model, axis) for axis in facets]
    grid = [positions[i] if i < len(positions) else [""] for i in range(2)]
    xs = _labels(model, figure.x)
    lines = _labels(model, figure.line) if figure.line else [""]
    factor, ylabel = _y_axis(figure, model)
    width = WIDTHS[figure.width]
    shape = grid_shape(grid, width)
    tall = max(PANEL_HEIGHT, {"dots": 0.17 * len(xs), "heatmap": 0.28 * len(lines)}.get(figure.kind, 0) + 0.5)
    canvas, axs = new_canvas(figure.width, shape, tall)
    numbers = numeric(xs) if figure.kind == "lines" else None
    if numbers:  # a line follows the quantity, in whatever order the sweep names it
        numbers, xs = map(list, zip(*sorted(zip(numbers, xs, strict=True)), strict=True))
    at = numbers or [float(i) for i in range(len(xs))]
    panels = []
    for across, down in product(grid[0], grid[1]):
        key = (across, down)[: len(facets)]
        points = _points(figure, model, key, factor)
        shown = [words.label(line) if line else "" for line in lines]
        panels.append((key, Panel(shown, [words.label(x) for x in xs], at, points, unity=bool(figure.baseline))))
    _fill(figure, model, canvas, axs, panels, ylabel, bool(numbers))
    return canvas


def _fill(
    figure: Figure,
    model: TableModel,
    canvas: Any,
    axs: Any,
    panels: list[tuple[Key, Panel]],
    ylabel: str,
    numbers: bool,
) -> None:
    facets, words = facets_of(figure), model.words
    rows, columns = axs.shape
    places = [(i % rows, i // rows) if len(facets) == 2 else divmod(i, columns) for i in range(len(panels))]
    norm = _norm(figure, [panel for _, panel in panels]) if figure.kind == "heatmap" else None
    image, room = None, panel_width(figure.width, columns, 1.6 if norm else 0.7)
    for (key, panel), place in zip(panels, places, strict=True):
        ax = axs[place]
        if figure.kind == "heatmap":
            image = plots.heatmap(ax, panel, norm, "PuOr_r" if figure.baseline else "cividis", _short)
        else:
            getattr(plots, figure.kind)(ax, panel, "y" in figure.log)
        if key:
            ax.set_title(fitted(words.choice(dict(zip(facets, key, strict=True))), room))
    for place in product(range(rows), range(columns)):
        if place not in places:
            axs[place].set_visible(False)
    ylabel = fitted(ylabel, canvas.get_figheight() - 0.7)
    _label_axes(figure, model, canvas, axs, panels[0][1], ylabel, numbers)
    if image is not None:
        _colorbar(canvas, image, axs, ylabel, bool(figure.baseline))
    else:
        legend(canvas, axs[0, 0], words.axis(figure.line) if figure.line else "", WIDTHS[figure.width])


def _colorbar(canvas: Any, image: Any, axs: Any, label: str, ratio: bool) -> None:
    bar = canvas.colorbar(image, ax=axs, label=label, pad=0.02)
    bar.outline.set_linewidth(0.4)
    if ratio:
        reach = image.norm.vmax
        ticks = [reach**power for power in (-1, -0.5, 0, 0.5, 1)]
        bar.set_ticks(ticks, labels=[_short(tick) for tick in ticks])
        bar.minorticks_off()


def _label_axes(
    figure: Figure, model: TableModel, canvas: Any, axs: Any, panel: Panel, ylabel: str, numbers: bool
) -> None:
    xlabel = model.words.axis(figure.x)
    if figure.kind == "dots":
        canvas.supxlabel(ylabel, fontsize=8)
        canvas.supylabel(xlabel, fontsize=8)
        return
    canvas.supxlabel(xlabel, fontsize=8)
    canvas.supylabel(model.words.axis(figure.line) if figure.kind == "heatmap" else ylabel, fontsize=8)
    for ax in axs.flat:
        if "x" in figure.log and numbers:
            ax.set_xscale("log")
            ax.minorticks_off()
        ax.set_xticks(panel.at, panel.xs)
        slot = WIDTHS[figure.width] * 0.8 / axs.shape[1] / len(panel.xs)
        if max(map(len, panel.xs)) * 0.058 > slot:
            ax.tick_params(axis="x", rotation=30)
            for label in ax.get_xticklabels():
                label.set_horizontalalignment("right")
                label.set_rotation_mode("anchor")
        if figure.kind == "lines" and "y" not in figure.log and not figure.baseline:
            ax.set_ylim(bottom=0)


def _y_axis(figure: Figure, model: TableModel) -> tuple[float, str]:
    """What values are divided by, and the words along the axis."""
    name = model.words.metric(figure.y)
    if figure.baseline:
        return 1.0, f"{name} relative to {model.words.choice(model.baseline)}"
    scale = scale_for(figure.y, model.values(figure.y))
    return scale.factor, name + (f" ({scale.unit})" if scale.unit else "")


def _points(figure: Figure, model: TableModel, facet: Key, factor: float) -> dict[tuple[str, str], Point]:
    """The points of one panel by (line label, x label) in print."""
    words, points = model.words, {}
    for row in model.rows:
        if row[: len(facet)] == facet:
            line = words.label(row[len(facet)]) if figure.line else ""
            point = _point(model, row, factor)
            points[line, words.label(row[-1])] = point if figure.interval else replace(point, low=None, high=None)
    return points


def _point(model: TableModel, key: Key, factor: float) -> Point:
    entry = model.entries.get((key, (), model.metrics[0]))
    if entry is None:
        return Point(None)
    estimate = entry.ratio if model.baseline else entry.estimate
    if entry.is_baseline:
        return Point(1.0) if entry.estimate.value is not None else Point(None, word=reason(entry))
    if estimate is None or estimate.value is None:
        return Point(None, word=_why(entry))
    if estimate.how in ("exact", "single", "fixed") or estimate.low is None or estimate.high is None:
        return Point(estimate.value / factor)
    return Point(estimate.value / factor, estimate.low / factor, estimate.high / factor)


def _why(entry: Entry) -> str:
    if entry.estimate.value is None:
        return reason(entry)
    return "base 0" if entry.ratio and entry.ratio.basis == "undefined" else "no base"


def _losses(model: TableModel) -> list[str]:
    """Cells whose value lacks some of its runs; a table marks them, a figure names them below."""
    partial = [
        f"{model.words.choice(dict(zip(model.row_axes, row, strict=True)))} ({lost_runs(entry.fates)})"
        for (row, _, _), entry in model.entries.items()
        if entry.estimate.value is not None and lost_runs(entry.fates)
    ]
    return [f"Fewer runs in: {'; '.join(partial)}."] if partial else []


def _labels(model: TableModel, axis: str) -> list[str]:
    """Labels of the axis that occur in the figure, in the order of the sweep."""
    met = {key[model.row_axes.index(axis)] for key in model.rows}
    return [label for label in model.labels[axis] if label in met] + ([""] if "" in met else [])


def _norm(figure: Figure, panels: list[Panel]) -> Any:
    """The shades' range over all panels; ratios lie symmetrically about 1 on a logarithmic scale."""
    import math

    from matplotlib.colors import LogNorm, Normalize

    values = [p.value for panel in panels for p in panel.points.values() if p.value is not None] or [1.0]
    positive = [value for value in values if value > 0]
    if figure.baseline and positive:
        reach = max(1.01, *(max(value, 1 / value) for value in positive))
        return LogNorm(1 / reach, reach, clip=True)
    if "y" in figure.log and positive:
        return LogNorm(min(positive), max(positive) * (1 if min(positive) < max(positive) else math.e), clip=True)
    return Normalize(min(values), max(values) if max(values) > min(values) else min(values) + 1)


def _short(value: float) -> str:
    text = f"{value:#.3g}"
    return f"{value:.2g}" if "e" in text else text.rstrip(".")
