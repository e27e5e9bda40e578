"""What all figures are drawn on: canvas, size of panels, legend, files."""

import re
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from mmrun.model.core.frozen import frozen
from mmrun.runner.report.figure_style import WIDTHS
from mmrun.runner.report.report_block import Figure, as_tuple
from mmrun.runner.store.store import own_directory, replacing

PANEL_HEIGHT = 1.75  # inches
CHARACTER = 0.068  # inches, of 8 pt


@frozen
class Drawn:
    """A figure on disk: its files, and the sentences that belong under it."""

    name: str
    title: str
    notes: list[str]
    files: list[Path]


def save(canvas: Any, stem: Path) -> list[Path]:
    """Write the drawing beside `stem` as PDF and PNG, without dates or versions of programs in them."""
    own_directory(stem.parent)
    pdf, png = stem.with_name(stem.name + ".pdf"), stem.with_name(stem.name + ".png")
    with replacing(pdf) as file:
        canvas.savefig(file, format="pdf", metadata={"CreationDate": None, "Producer": None, "Creator": "mmrun"})
    with replacing(png) as file:
        canvas.savefig(file, format="png", metadata={"Software": None})
    return [pdf, png]


def new_canvas(
    width: str, shape: tuple[int, int], panel_height: float = PANEL_HEIGHT, *, shared: bool = True
) -> tuple[Any, Any]:
    """A figure of that printed width and its (rows, columns) array of panels, with common axes if `shared`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(WIDTHS[width], 0.45 + panel_height * shape[0]), layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas, canvas.subplots(*shape, squeeze=False, sharex=shared, sharey=shared)


def legend(canvas: Any, ax: Any, title: str, width: float, own: dict[str, Any] | None = None) -> None:
    """One legend for all panels above them, in as many columns as fit; `own`: handles in place of the drawn ones."""
    handles, labels = ax.get_legend_handles_labels()
    handles = [(own or {}).get(label, handle) for label, handle in zip(labels, handles, strict=True)]
    if len(labels) > 1:
        columns = next((n for n in range(len(labels), 1, -1) if _legend_width(labels, n) < width - 0.2), 1)
        canvas.legend(handles, labels, loc="outside upper center", ncols=columns, title=title, title_fontsize=7)


def _legend_width(labels: Sequence[str], columns: int) -> float:
    """About how many inches a legend of so many columns takes, filled column by column."""
    rows = -(-len(labels) // columns)
    return sum(max(map(len, labels[i : i + rows])) * 0.056 + 0.55 for i in range(0, len(labels), rows))


def fitted(text: str, inches: float) -> str:
    """The text in as many lines as it takes to keep within that length at 8 pt.

    `axis =` stays together; a name too long for a line breaks after `_` or `.`.
    """
    whole, width = text.replace(" = ", "\N{NO-BREAK SPACE}= "), max(8, int(inches / CHARACTER))
    if max(map(len, whole.split(" "))) > width:
        whole = re.sub(r"(?<=[_.])", "\v", whole)
    lines = textwrap.wrap(whole, width, break_long_words=False, replace_whitespace=False)
    return "\n".join(lines).replace("\v", "") or text


def panel_title(parts: Sequence[str], inches: float) -> str:
    """`axis = label` for each facet: in one line if they fit, else a line each."""
    whole = ", ".join(parts)
    return whole if len(whole) * CHARACTER <= inches else "\n".join(fitted(part, inches) for part in parts)


def fit_xticks(ax: Any, at: Sequence[float], labels: Sequence[str], inches: float, *, shown: bool = True) -> None:
    """Labels at their places along an axis of that length: level if they do not touch, else slanted, else upright.

    Where even upright ones would touch, the later one is left out; its tick stays.
    """
    to_axes = (ax.transScale + ax.transLimits).transform
    places = [float(to_axes((x, ax.get_ylim()[0]))[0]) * inches for x in at]
    steps = [b - a for a, b in pairwise(places)]
    wide = [0.056 * len(label) + 0.06 for label in labels]
    ax.set_xticks(at, labels)
    ax.tick_params(axis="x", which="both", labelbottom=shown, **({} if shown else {"length": 0}))
    if all(step >= (a + b) / 2 for step, (a, b) in zip(steps, pairwise(wide), strict=True)):
        return
    slant = 30 if min(steps) >= 0.24 else 90
    keep, last = [], -1.0
    for place, label in zip(places, labels, strict=True):
        keep.append(label if place - last >= 0.125 else "")
        last = place if keep[-1] else last
    ax.set_xticks(at, keep)
    ax.tick_params(axis="x", rotation=slant)
    for text in ax.get_xticklabels():
        text.set_horizontalalignment("right" if slant == 30 else "center")
        text.set_rotation_mode("anchor" if slant == 30 else "default")


def log_ticks(axis: Any) -> None:
    """Plain numbers along a logarithmic axis, as many as its span needs: 20, 50, 100 or powers of ten alone."""
    import math

    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    subs = (1.0,) if decades > 3 else (1.0, 3.0) if decades > 1.6 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=subs) if decades > 0.7 else MaxNLocator(4))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axis.set_minor_formatter(NullFormatter())


def _plain(value: float) -> str:
    """`1,000`, `0.03`; a power of ten beyond a million and below a thousandth."""
    if not value or 1e-3 <= abs(value) < 1e6:
        return f"{value:,g}"
    digits, power = f"{value:.0e}".split("e")
    return f"${'' if digits == '1' else digits + chr(92) + 'cdot '}10^{{{int(power)}}}$"


def panel_width(width: str, columns: int, taken: float = 0.7) -> float:
    """Inches across one of `columns` panels, `taken` being what labels and colour bar need."""
    return (WIDTHS[width] - taken) / columns


def facets_of(figure: Figure) -> tuple[str, ...]:
    """The axes that split the figure."""
    return tuple(as_tuple(figure.facets))
