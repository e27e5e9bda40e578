"""Drawing one panel of a figure: bars, lines, dots, heat map. Points come with intervals and with the reason they lack.

Functions take a matplotlib `Axes` first and never import matplotlib's state machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmrun.runner.report.figure_style import colour, dash, hatch, marker


@dataclass(frozen=True)
class Point:
    """A value with its interval, already in the unit of the axis; without a value, the word to print in its place."""

    value: float | None
    low: float | None = None
    high: float | None = None
    word: str = ""


@dataclass(frozen=True)
class Panel:
    """The points of one panel by (line label, x label).

    `lines` and `xs` are the labels in order, `at` the places of xs; `unity`: draw a line at 1, the baseline of ratios.
    """

    lines: Sequence[str]
    xs: Sequence[str]
    at: Sequence[float]
    points: Mapping[tuple[str, str], Point]
    unity: bool = False

    def row(self, line: str) -> list[Point]:
        """The points of one line; None-valued where the sweep has no cell."""
        return [self.points.get((line, x), Point(None)) for x in self.xs]


def bars(ax: Any, panel: Panel, log: bool = False) -> None:
    """Grouped bars with error bars; a lost cell shows its word where its bar would stand."""
    width = 0.82 / len(panel.lines)
    for i, line in enumerate(panel.lines):
        row = panel.row(line)
        at = np.asarray(panel.at) + (i - (len(panel.lines) - 1) / 2) * width
        heights = [p.value or 0.0 for p in row]
        style = {"facecolor": colour(i), "edgecolor": "black", "hatch": hatch(i), "linewidth": 0.5}
        ax.bar(at, heights, width * 0.94, label=line, **style)
        _error_bars(ax, at, row, color="black")
        for x, point in zip(at, row, strict=True):
            if point.word:
                _word_on_floor(ax, x, point)
    ax.grid(False, axis="x")
    if panel.unity:
        ax.axhline(1, color="black", linewidth=0.6, zorder=0.9)
    if log:
        ax.set_yscale("log")


def lines(ax: Any, panel: Panel, log: bool = False) -> None:
    """Lines with markers and error bars over a quantity or over ordered labels; gaps where a value is missing."""
    for i, line in enumerate(panel.lines):
        row = panel.row(line)
        values = [np.nan if p.value is None else p.value for p in row]
        ax.plot(panel.at, values, color=colour(i), linestyle=dash(i), marker=marker(i), label=line, markeredgewidth=0)
        _error_bars(ax, np.asarray(panel.at), row, color=colour(i))
        for x, point in zip(panel.at, row, strict=True):
            if point.word:
                _word_on_floor(
                    ax, x, point, shift=9 * (i - (len(panel.lines) - 1) / 2), symbol=marker(i), edge=colour(i)
                )
    if panel.unity:
        ax.axhline(1, color="black", linewidth=0.6, zorder=0.9)
    if log:
        ax.set_yscale("log")


def dots(ax: Any, panel: Panel, log: bool = False) -> None:
    """Dots on horizontal rules, one per x label from top to bottom; lines told apart by marker and a small shift."""
    step = 0.6 / max(1, len(panel.lines))
    for i, line in enumerate(panel.lines):
        at = np.arange(len(panel.xs)) + (i - (len(panel.lines) - 1) / 2) * step
        row = panel.row(line)
        values = [np.nan if p.value is None else p.value for p in row]
        ax.plot(values, at, linestyle="none", color=colour(i), marker=marker(i), label=line, markeredgewidth=0)
        known = [j for j, p in enumerate(row) if p.value is not None and p.low is not None and p.high is not None]
        spans = [[row[j].low for j in known], [row[j].high for j in known]]
        ax.hlines(at[known], *spans, color=colour(i), linewidth=0.9)
        for y, point in zip(at, row, strict=True):
            if point.word:
                side = ax.get_yaxis_transform()
                ax.plot([0], [y], marker=marker(i), transform=side, mfc="white", mec=colour(i), clip_on=False)
                ax.annotate(
                    point.word, (0, y), (5, 0), xycoords=side, textcoords="offset points", va="center", fontsize=7
                )
    ax.set_yticks(range(len(panel.xs)), panel.xs)
    ax.set_ylim(len(panel.xs) - 0.5, -0.5)
    ax.grid(True, axis="y")
    if panel.unity:
        ax.axvline(1, color="black", linewidth=0.6, zorder=0.9)
    if log:
        ax.set_xscale("log")


def heatmap(ax: Any, panel: Panel, norm: Any, cmap: str, text: Any) -> Any:
    """A matrix of `lines` down and `xs` across; every field carries its number, a lost one its word, hatched."""
    grid = np.array([[np.nan if p.value is None else p.value for p in panel.row(line)] for line in panel.lines])
    image = ax.imshow(np.ma.masked_invalid(grid), norm=norm, cmap=cmap, aspect="auto")
    for i, line in enumerate(panel.lines):
        for j, point in enumerate(panel.row(line)):
            if point.word:
                frame = {"facecolor": "#eeeeee", "edgecolor": "#999999", "hatch": "////", "linewidth": 0}
                ax.add_patch(_rectangle(j - 0.5, i - 0.5, **frame))
            red, green, blue, _ = image.cmap(image.norm(point.value)) if point.value is not None else (1, 1, 1, 1)
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            words = (point.word or "–") if point.value is None else text(point.value)
            ax.text(j, i, words, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    ax.set_yticks(range(len(panel.lines)), panel.lines)
    ax.set_xticks(range(len(panel.xs)), panel.xs)
    ax.tick_params(length=0)
    ax.grid(False)
    for edge in range(1, max(len(panel.lines), len(panel.xs))):
        if edge < len(panel.lines):
            ax.axhline(edge - 0.5, color="white", linewidth=1)
        if edge < len(panel.xs):
            ax.axvline(edge - 0.5, color="white", linewidth=1)
    return image


def _rectangle(x: float, y: float, **style: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), 1, 1, **style)


def _error_bars(ax: Any, at: np.ndarray, row: Sequence[Point], color: str) -> None:
    known = [j for j, p in enumerate(row) if p.value is not None and p.low is not None and p.high is not None]
    if not known:
        return
    low, high = (np.array([getattr(row[j], side) for j in known], dtype=float) for side in ("low", "high"))
    ax.vlines(at[known], low, high, color=color, linewidth=0.9)  # drawn as it is: BCa need not hold its own estimate
    for ends in (low, high):
        ax.plot(at[known], ends, linestyle="none", marker="_", markersize=3.5, markeredgewidth=0.7, color=color)


def _word_on_floor(ax: Any, x: float, point: Point, shift: float = 0, symbol: str = "", edge: str = "black") -> None:
    """The word of a lost cell upright on the x axis, `shift` points aside, above its line's marker if it has one."""
    from matplotlib.transforms import ScaledTranslation

    where = ax.get_xaxis_transform() + ScaledTranslation(shift / 72, 3 / 72, ax.figure.dpi_scale_trans)
    if symbol:
        ax.plot([x], [0], marker=symbol, transform=where, markerfacecolor="white", markeredgecolor=edge, clip_on=False)
    style = {"rotation": 90, "ha": "center", "va": "bottom", "fontsize": 7}
    ax.annotate(point.word, (x, 0), (0, 4 if symbol else 0), xycoords=where, textcoords="offset points", **style)
