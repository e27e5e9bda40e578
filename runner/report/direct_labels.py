"""Names beside the ends of lines, where a panel has more of them than a legend can tell apart."""

from collections.abc import Sequence
from typing import Any

from mmrun.runner.report.figure_style import Look
from mmrun.runner.report.plots import Panel

LINE = 8.4 / 72  # inches from one name to the next


def names_width(names: Sequence[str]) -> float:
    """Inches that names beside a panel take."""
    return 0.056 * max(map(len, names)) + 0.25


def direct_labels(ax: Any, panel: Panel, inches: float) -> None:
    """Name each line of the panel beside its last point; `inches`: height of the panel."""
    ends = []
    for line, look in zip(panel.lines, panel.looks, strict=True):
        known = [(x, p.value) for x, p in zip(panel.at, panel.row(line), strict=True) if p.value is not None]
        if known:
            ends.append((line, look, *known[-1]))
    label_ends(ax, ends, inches)


def label_ends(ax: Any, ends: Sequence[tuple[str, Look, float, float]], inches: float) -> None:
    """Write each (name, look, x, y) right of the axes at the height of y, or next to it where names would touch."""
    if not ends:
        return
    ax.figure.get_layout_engine().set(w_pad=0.06)  # so that names keep off the next panel
    to_axes = (ax.transScale + ax.transLimits).transform
    placed = sorted(((float(to_axes((x, y))[1]), name, look, x, y) for name, look, x, y in ends), key=lambda e: e[:2])
    heights = spread([height for height, *_ in placed], LINE / inches)
    for height, (_, name, look, x, y) in zip(heights, placed, strict=True):
        arrow = {
            "arrowstyle": "-",
            "color": look.colour,
            "linewidth": 0.7,
            "shrinkA": 0,
            "shrinkB": 2,
            "relpos": (0, 0.5),
        }
        where = {"xycoords": "data", "textcoords": ax.transAxes, "fontsize": 7, "va": "center", "ha": "left"}
        ax.annotate(name, (x, y), (1.06, height), arrowprops=arrow, annotation_clip=False, **where)


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Rising heights moved as little as need be to lie `gap` apart, within 0 and 1 as far as there is room."""
    groups = [[height, 1] for height in heights]  # centre and number of names that stand together
    i = 0
    while i + 1 < len(groups):
        (low, below), (high, above) = groups[i], groups[i + 1]
        if high - low < gap * (below + above) / 2 - 1e-12:
            groups[i : i + 2] = [[(low * below + high * above) / (below + above), below + above]]
            i = max(0, i - 1)
        else:
            i += 1
    found = [centre + (k - (count - 1) / 2) * gap for centre, count in groups for k in range(int(count))]
    found = [max(height, k * gap) for k, height in enumerate(found)]  # not below 0, and not above 1 if there is room
    room = max(1.0, (len(found) - 1) * gap)
    return [min(height, room - (len(found) - 1 - k) * gap) for k, height in enumerate(found)]
