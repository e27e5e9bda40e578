"""Figures of counters, or of what derives from them, over time: mean of the replicates, their range as a band."""

from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from mmrun.runner.metrics import columns_of, value
from mmrun.runner.report.canvas import (
    PANEL_HEIGHT,
    Drawn,
    facets_of,
    fitted,
    legend,
    log_ticks,
    new_canvas,
    panel_title,
    panel_width,
    save,
)
from mmrun.runner.report.captions import meanings
from mmrun.runner.report.direct_labels import label_ends
from mmrun.runner.report.figure_style import MAX_LINES, STYLE, WIDTHS, Look, grid_shape
from mmrun.runner.report.observations import Runs, fate
from mmrun.runner.report.panels import looks_of
from mmrun.runner.report.report_block import Figure, ReportBlock, as_tuple, label_text
from mmrun.runner.report.table_notes import FATES
from mmrun.runner.report.words import Scale, Words, scale_for

GRID = 240  # points per line: finer than the eye sees at the printed width


def draw_series(figure: Figure, block: ReportBlock, cells: Runs, series: Runs, out: Path) -> Drawn:
    """Write the figure of `series`; `cells` are all runs. Raises ValueError if the series lacks its columns."""
    runs = series.where(figure.where)
    x = figure.x or "time_ns"
    for column in (x, *columns_of(figure.y), *(["time_ns"] if figure.rate else [])):
        if runs.rows and column not in runs.rows[0]:
            raise ValueError(f"figure {figure.name}: the stored series has no column {column!r}")
    runs = Runs(runs.axes, [row if figure.y in row else row | {figure.y: derived(figure.y, row)} for row in runs.rows])
    words = Words(block.labels, tuple(series.axes))
    import matplotlib

    with matplotlib.rc_context(STYLE):
        canvas, absent = _draw(figure, block, cells.where(figure.where), runs, x, words)
        files = save(canvas, out / figure.name)
    axes = (*facets_of(figure), *((figure.line,) if figure.line else ()))
    title = figure.title.rstrip(".") or words.title(
        [figure.y], axes, "per second over time" if figure.rate else "over time"
    )
    return Drawn(figure.name, title, [*_caption(runs), *absent], files)


def _caption(runs: Runs) -> list[str]:
    """What lines and bands are, and n."""
    counts = sorted({len(rows) for rows in runs.by_cell().values()}) or [0]
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    if counts[-1] == 1:
        return ["Lines: n = 1, a single run each, without a band." + _unrandom(runs)]
    return [f"Lines: mean of n = {span} replicates; bands: smallest to largest, over the time that all of them cover."]


def _unrandom(runs: Runs) -> str:
    """The sentence on runs in which nothing is random; empty if any is, or if nobody knows."""
    fixed = bool(runs.rows) and not any(row.get("random", True) for row in runs.rows)
    return " Nothing in these cells is random, one run is all there is." if fixed else ""


def without_series(
    figure: Figure, cells: Runs, chosen: dict[str, str], lines: Sequence[str]
) -> tuple[dict[str, list[str]], list[str]]:
    """Why these lines have no series in the panel of the `chosen` labels: word -> lines, and the model's reasons."""
    fixed = {axis: label_text(as_tuple(one)[0]) for axis, one in figure.where.items() if len(as_tuple(one)) == 1}
    found: dict[str, list[str]] = {}
    reasons = []
    for line in lines:
        labels = {**fixed, **chosen, **({figure.line: line} if figure.line else {})}
        met = Counter(fate(row)[0] for row in cells.where(dict(labels)).rows)
        word, why = " / ".join(FATES[one][0] for one in FATES if met[one]) or "not sampled", ""
        if not met:
            word, why = cells.facts.why_absent(labels)
        found.setdefault(word, []).append(line)
        reasons += [why] if why else []
    return found, reasons


def derived(name: str, row: dict[str, Any]) -> np.ndarray:
    """A metric computed sample by sample from the counters of a series; not a number where it is undefined."""
    used = {column: row[column] for column in columns_of(name)}
    samples = ({column: values[i] for column, values in used.items()} for i in range(len(next(iter(used.values())))))
    found = (value(name, sample) for sample in samples)
    return np.array([np.nan if number is None else number for number in found])


def _draw(figure: Figure, block: ReportBlock, cells: Runs, runs: Runs, x: str, words: Words) -> tuple[Any, list[str]]:
    """The canvas, and what the words on it mean."""
    facets = facets_of(figure)
    grid = [_labels(cells, runs, axis) for axis in facets] + [[""]] * (2 - len(facets))
    shape = grid_shape(grid, WIDTHS[figure.width])
    canvas, axs = new_canvas(figure.width, shape)
    scales = [scale_for(name, [float(np.nanmax(np.abs(row[name]))) for row in runs.rows]) for name in (x, figure.y)]
    if figure.rate:
        scales[1] = Scale(scales[1].factor, f"{scales[1].unit}/s", scales[1].decimals)
    lines = _labels(cells, runs, figure.line) if figure.line else [""]
    drawn = dict(zip(lines, looks_of(figure, block, cells.facts, lines), strict=True))
    panels, room = [(across, down) for down in grid[1] for across in grid[0]], panel_width(figure.width, shape[1])
    places, absent, because = {}, dict[str, None](), dict[str, None]()
    for i, key in enumerate(panels):
        chosen, place = dict(zip(facets, key, strict=False)), divmod(i, shape[1])
        there = runs.where(dict(chosen))
        places[place] = _panel(axs[place], figure, there, drawn, x, words, scales)
        lost = [line for line in lines if not (there.where({figure.line: line}) if figure.line else there).rows]
        parts = [words.choice({axis: label}) for axis, label in chosen.items()]
        found, reasons = without_series(figure, cells, chosen, lost if cells.rows else [])
        named = [fitted(f"{', '.join(map(words.label, found[word]))}: {word}".lstrip("–: "), room) for word in found]
        axs[place].set_title("\n".join([*([panel_title(parts, room)] if parts else []), *named]))
        absent |= dict.fromkeys(found)
        because |= dict.fromkeys(reasons)
    for place in product(range(shape[0]), range(shape[1])):
        axs[place].set_visible(place in places)
    for letter, axis in (("x", axs[0, 0].xaxis), ("y", axs[0, 0].yaxis)):
        if letter in figure.log:
            log_ticks(axis)
    _finish(figure, canvas, axs, places, len(lines), x, scales, words)
    return canvas, meanings(absent, list(because))


def _finish(
    figure: Figure, canvas: Any, axs: Any, places: dict[Any, Any], lines: int, x: str, scales: list[Scale], words: Words
) -> None:
    """Names of the axes, and of the lines: in a legend, or at their ends where there are many."""
    xname = {"time_ns": "simulated time", "access": "accesses"}.get(x, words.metric(x))
    canvas.supxlabel(_with_unit(xname, scales[0]), fontsize=8)
    canvas.supylabel(fitted(_with_unit(words.metric(figure.y), scales[1]), canvas.get_figheight() - 0.45), fontsize=8)
    if lines > MAX_LINES:
        for place, ends in places.items():
            label_ends(axs[place], ends, PANEL_HEIGHT - 0.55)
    else:
        legend(canvas, axs[0, 0], words.axis(figure.line) if figure.line else "", WIDTHS[figure.width])


def _labels(cells: Runs, runs: Runs, axis: str) -> list[str]:
    """Labels of the axis among all cells, also of those without a series."""
    return [key[0] for key in Runs(runs.axes, [*cells.rows, *runs.rows]).keys((axis,))]


def _with_unit(name: str, scale: Scale) -> str:
    return f"{name} ({scale.unit})" if scale.unit else name


def _panel(
    ax: Any, figure: Figure, runs: Runs, looks: dict[str, Look], x: str, words: Words, scales: list[Scale]
) -> list[tuple[str, Look, float, float]]:
    """One panel, with the lines of the whole figure so that one looks alike wherever it occurs; returns their ends."""
    if "x" in figure.log:
        ax.set_xscale("log")
    if "y" in figure.log:
        ax.set_yscale("log")
    ends = []
    for i, (line, look) in enumerate(looks.items()):
        rows = runs.where({figure.line: line}).rows if figure.line else runs.rows
        every = (i * GRID // (8 * len(looks)), GRID // 8)
        style = {"color": look.colour, "linestyle": look.dash, "linewidth": look.width, "marker": look.marker}
        style |= {"markevery": every, "markersize": 3.5, "label": words.label(line) if line else ""}
        style |= {"markeredgewidth": 0.8 if look.yardstick else 0}
        if not rows:
            ax.plot([], [], **style)  # the legend is made from any panel
            continue
        at, curves = resample(rows, x, figure.y, figure.rate)
        at, curves = at / scales[0].factor, curves / scales[1].factor
        mean = curves.mean(axis=0)
        ax.plot(at, mean, **style)
        if len(rows) > 1:
            ax.fill_between(at, curves.min(axis=0), curves.max(axis=0), color=look.colour, alpha=0.2, linewidth=0)
        known = np.flatnonzero(np.isfinite(mean))
        if known.size:
            ends.append((words.label(line), look, float(at[known[-1]]), float(mean[known[-1]])))
    return ends


def resample(rows: list[dict[str, Any]], x: str, y: str, rate: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The rows' curves on one grid over the stretch they share: x (GRID,) and y (len(rows), GRID).

    `rate`: the change of y per second of simulated time.
    """
    curves = [_curve(row, x, y, rate) for row in rows]
    start, end = max(at[0] for at, _ in curves), min(at[-1] for at, _ in curves)
    grid = np.linspace(start, max(start, end), GRID)
    return grid, np.array([np.interp(grid, at, values) for at, values in curves])


def _curve(row: dict[str, Any], x: str, y: str, rate: bool) -> tuple[np.ndarray, np.ndarray]:
    """x and y of one run; as a rate, the mean slope between samples at their middle."""
    at, values = np.asarray(row[x], dtype=float), np.asarray(row[y], dtype=float)
    if not rate or len(at) < 2:
        return at, values * 0 if rate else values
    seconds = np.diff(np.asarray(row["time_ns"], dtype=float)) / 1e9
    slopes = np.divide(np.diff(values), seconds, out=np.zeros(len(seconds)), where=seconds > 0)
    return (at[1:] + at[:-1]) / 2, slopes
