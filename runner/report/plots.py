"""Drawing one panel of a figure: bars, points, lines, dots, heat map. Points come with intervals and replicates.

What has no value is in no panel but in the strip beside it (`lost_strip`); in a heat map it is a word. Functions take a
matplotlib `Axes` first and never import matplotlib's state machine.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmrun.model.core.frozen import frozen
from mmrun.runner.report.figure_style import Look

BAND = "#f4f4f4"  # behind every other group
SIDE = 2.4  # points between lines that share a place
SCATTER, COLUMNS = 1.7, 5  # points between replicates that would cover each other, and how many stand side by side
SHARE = {"bars": 0.82, "points": 0.82, "lines": 0.0, "dots": 0.7}  # of a group's room, for lines side by side


@frozen
class Point:
    """A value with its interval, already in the unit of the axis; without a value, the word to print in its place.

    `replicates` are shown as small dots where one number does not tell how they lie, without `value` where they have
    more than one mode. `alone`: one run of a cell that is random.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    word: str = ""
    replicates: tuple[float, ...] = ()
    alone: bool = False


@frozen
class Panel:
    """The points of one panel by (line label, x label).

    `lines` and `xs` are the labels in order, `looks` those of the lines, `at` the places of xs; `unity`: what the line
    at 1 stands for, if ratios have one.
    """

    lines: Sequence[str]
    looks: Sequence[Look]
    xs: Sequence[str]
    at: Sequence[float]
    points: Mapping[tuple[str, str], Point]
    unity: str = ""

    def at_place(self, line: str, x: str) -> Point:
        """The point there; an empty one if the panel has none."""
        return self.points.get((line, x), Point(None))

    def row(self, line: str) -> list[Point]:
        """The points of one line."""
        return [self.at_place(line, x) for x in self.xs]

    def room(self, ax: Any, share: float) -> float:
        """About how many points of print a line has for itself in each group, across the panel."""
        columns = ax.get_subplotspec().get_gridspec().ncols
        return 72 * 0.75 * ax.figure.get_figwidth() / columns * share / len(self.xs) / len(self.lines)

    def slot(self, i: int, share: float) -> np.ndarray:
        """Places of line i beside the others in each group, all of which take `share` of the room."""
        return np.asarray(self.at) + (i - (len(self.lines) - 1) / 2) * share / len(self.lines)


def bars(ax: Any, panel: Panel) -> None:
    """Grouped bars with error bars, from 0: never on a logarithmic axis, where a length means nothing."""
    width = SHARE["bars"] / len(panel.lines)
    for i, (line, look) in enumerate(zip(panel.lines, panel.looks, strict=True)):
        row, at = panel.row(line), panel.slot(i, SHARE["bars"])
        heights = [p.value or 0.0 for p in row]
        drawn = ax.bar(at, heights, width * 0.9, label=line, **_filled(look))
        for patch in (patch for patch, point in zip(drawn.patches, row, strict=True) if point.alone):
            patch.set_facecolor("white")
        _error_bars(ax, at, row, "black", ax.transData)
        _replicates(ax, at, row, "black", ax.transData, panel.room(ax, SHARE["bars"]))
    _groups(ax, panel, "x")


def points(ax: Any, panel: Panel) -> None:
    """Markers with error bars, side by side in each group."""
    for i, (line, look) in enumerate(zip(panel.lines, panel.looks, strict=True)):
        row, at = panel.row(line), panel.slot(i, SHARE["points"])
        _error_bars(ax, at, row, look.colour, ax.transData)
        _replicates(ax, at, row, look.colour, ax.transData, panel.room(ax, SHARE["points"]))
        _markers(ax, at, row, look, ax.transData, label=line, joined=False)
    _groups(ax, panel, "x")


def lines(ax: Any, panel: Panel) -> None:
    """Lines with markers and error bars over a quantity or over ordered labels; gaps where a value is missing."""
    from matplotlib.transforms import ScaledTranslation

    for i, (line, look) in enumerate(zip(panel.lines, panel.looks, strict=True)):
        side = (i - (len(panel.lines) - 1) / 2) * min(SIDE, 12 / len(panel.lines))
        where = ax.transData + ScaledTranslation(side / 72, 0, ax.figure.dpi_scale_trans)
        row, at = panel.row(line), np.asarray(panel.at)
        _error_bars(ax, at, row, look.colour, where)
        _replicates(ax, at, row, look.colour, where, SCATTER * COLUMNS)
        _markers(ax, at, row, look, where, label=line, joined=True)
    ax.margins(x=0.1)
    if panel.unity:
        unity(ax.axhline, panel.unity)


def dots(ax: Any, panel: Panel) -> None:
    """Values along x, labels down the side, first on top; lines told apart by marker and a small shift."""
    for i, (line, look) in enumerate(zip(panel.lines, panel.looks, strict=True)):
        row, at = panel.row(line), panel.slot(i, SHARE["dots"])
        _error_bars(ax, at, row, look.colour, ax.transData, upright=False)
        _replicates(ax, at, row, look.colour, ax.transData, SCATTER, upright=False)
        _markers(ax, at, row, look, ax.transData, label=line, joined=False, upright=False)
    ax.set_yticks(panel.at, panel.xs)
    _groups(ax, panel, "y")
    ax.set_ylim(len(panel.xs) - 0.5, -0.5)


def heatmap(ax: Any, panel: Panel, norm: Any, cmap: str, text: Any) -> Any:
    """A matrix of `lines` down and `xs` across; every field carries its number, a lost one its word, hatched."""
    grid = np.array([[np.nan if p.value is None else p.value for p in panel.row(line)] for line in panel.lines])
    image = ax.imshow(np.ma.masked_invalid(grid), norm=norm, cmap=cmap, aspect="auto")
    for i, line in enumerate(panel.lines):
        for j, point in enumerate(panel.row(line)):
            if point.value is None:
                _hatched(ax, j - 0.5, i - 0.5)
            red, green, blue, _ = image.cmap(image.norm(point.value)) if point.value is not None else (1, 1, 1, 1)
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            words = (point.word or "modes") if point.value is None else text(point.value) + "*" * point.alone
            plate = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
            box = {"bbox": plate} if point.value is None else {}
            ax.text(j, i, words, ha="center", va="center", fontsize=7, color="white" if dark else "black", **box)
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


def unity(axline: Any, label: str) -> None:
    """The line at 1 of ratios, in the legend under the name of the baseline."""
    axline(1, color="#555555", linewidth=0.7, zorder=0.9, label=label)


def stand_in(ax: Any, x: float, y: float, aside: float, look: Look) -> None:
    """The line's marker at a place where nothing is measured, moved by `aside` points."""
    from matplotlib.transforms import ScaledTranslation

    style = {"color": look.colour, "marker": look.marker, "markersize": 3.6, "clip_on": False}
    drawn = ax.plot([x], [y], linestyle="none", markeredgewidth=0.8 if look.yardstick else 0, **style)
    _moved(ax.transData + ScaledTranslation(aside / 72, 0, ax.figure.dpi_scale_trans), drawn)


def box(ax: Any, x: float, y: float, width: float, look: Look) -> None:
    """The same for a bar: a short piece of it."""
    ax.bar([x], [0.5], width * 0.9, bottom=[y - 0.25], **_filled(look))


def swatch(look: Look) -> Any:
    """What stands for bars of that look in a legend, however many of them are white."""
    from matplotlib.patches import Patch

    return Patch(**_filled(look))


def _filled(look: Look) -> dict[str, Any]:
    return {"facecolor": tint(look.colour), "edgecolor": look.colour, "hatch": look.hatch, "linewidth": 0.7}


def tint(colour: str) -> tuple[float, ...]:
    """The colour thinned with white, so that a hatch and an error bar show on it."""
    from matplotlib.colors import to_rgb

    return tuple(0.45 * part + 0.55 for part in to_rgb(colour))


def _groups(ax: Any, panel: Panel, axis: str) -> None:
    """A band behind every other group, no grid across the groups, and the line at 1."""
    span, line = (ax.axvspan, ax.axhline) if axis == "x" else (ax.axhspan, ax.axvline)
    for i, at in enumerate(panel.at):
        if i % 2 and len(panel.lines) > 1:
            span(at - 0.5, at + 0.5, color=BAND, zorder=0, linewidth=0)
    ax.grid(False, axis=axis)
    edges = (panel.at[0] - 0.5, panel.at[-1] + 0.5)
    ax.set_xlim(*edges) if axis == "x" else ax.set_ylim(*edges)
    if panel.unity:
        unity(line, panel.unity)


def _markers(
    ax: Any, at: np.ndarray, row: Sequence[Point], look: Look, where: Any, *, label: str, joined: bool,
    upright: bool = True,
) -> None:  # fmt: skip
    """The line's markers, joined or not; open where there is only one run of a random cell."""
    values = np.array([np.nan if p.value is None else p.value for p in row], dtype=float)
    x, y = (at, values) if upright else (values, at)
    stroke = look.colour if look.yardstick else "white"
    style = {"color": look.colour, "marker": look.marker, "markeredgewidth": 0.8 if look.yardstick else 0.3}
    line = {"linestyle": look.dash, "linewidth": look.width} if joined else {"linestyle": "none"}
    _moved(where, ax.plot(x, y, label=label, markeredgecolor=stroke, **style, **line))
    for one in (j for j, point in enumerate(row) if point.alone and point.value is not None):
        face = {"markerfacecolor": "white", "markeredgecolor": look.colour, "markeredgewidth": 0.8}
        symbol = {"marker": "o", "markersize": 5} if look.yardstick else {"marker": look.marker, "markersize": 3.7}
        _moved(where, ax.plot(x[[one]], y[[one]], linestyle="none", **face, **symbol))


def _replicates(
    ax: Any, at: np.ndarray, row: Sequence[Point], color: str, where: Any, room: float, *, upright: bool = True
) -> None:
    """A small dot for every replicate of the points that show them, as many abreast as the `room` in points takes."""
    from matplotlib.transforms import ScaledTranslation

    abreast = max(1, min(COLUMNS, int(room / SCATTER)))
    for column in range(abreast):
        aside = (column - (abreast - 1) / 2) * SCATTER
        shown = np.array(
            [
                (place, value)
                for place, point in zip(at, row, strict=True)
                for value in sorted(point.replicates)[column::abreast]
            ]
        )
        if shown.size:
            x, y = shown.T if upright else shown.T[::-1]
            side = (aside / 72, 0.0) if upright else (0.0, aside / 72)
            style = {"marker": "o", "markersize": 1.9, "markeredgewidth": 0.4, "markeredgecolor": color}
            drawn = ax.plot(x, y, linestyle="none", markerfacecolor="none", zorder=2.2, **style)
            _moved(where + ScaledTranslation(side[0], side[1], ax.figure.dpi_scale_trans), drawn)


def _error_bars(ax: Any, at: np.ndarray, row: Sequence[Point], color: str, where: Any, *, upright: bool = True) -> None:
    known = [j for j, p in enumerate(row) if p.value is not None and p.low is not None and p.high is not None]
    if not known:
        return
    low, high = (np.array([getattr(row[j], side) for j in known], dtype=float) for side in ("low", "high"))
    draw = ax.vlines if upright else ax.hlines
    _moved(where, [draw(at[known], low, high, color=color, linewidth=1.0)])


def _moved(where: Any, drawn: Sequence[Any]) -> None:
    """Drawn at its place in the data first, so that limits come from the data, then moved aside."""
    for artist in drawn:
        artist.set_transform(where)


def _hatched(ax: Any, x: float, y: float) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x, y), 1, 1, facecolor="#eeeeee", edgecolor="#999999", hatch="////", linewidth=0))
