"""What all figures are drawn on: canvas, size of panels, legend, files."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrun.runner.report.figure_style import WIDTHS
from mmrun.runner.report.report_block import Figure, as_tuple
from mmrun.runner.store.store import own_directory, replacing

PANEL_HEIGHT = 1.75  # inches


@dataclass(frozen=True)
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


def new_canvas(width: str, shape: tuple[int, int], panel_height: float = PANEL_HEIGHT) -> tuple[Any, Any]:
    """A figure of that printed width and its (rows, columns) array of panels, with common axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(WIDTHS[width], 0.45 + panel_height * shape[0]), layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas, canvas.subplots(*shape, squeeze=False, sharex=True, sharey=True)


def legend(canvas: Any, ax: Any, title: str, width: float) -> None:
    """One legend for all panels above them, in as many columns as fit."""
    handles, labels = ax.get_legend_handles_labels()
    if len(labels) > 1:
        longest = max(map(len, labels)) * 0.055 + 0.5
        columns = max(1, min(len(labels), int(width / longest)))
        canvas.legend(handles, labels, loc="outside upper center", ncols=columns, title=title, title_fontsize=7)


def fitted(text: str, inches: float) -> str:
    """The text in as many lines as it takes to keep within that length at 8 pt.

    `= label` stays together; a name too long for a line breaks after `_` or `.`.
    """
    whole, width = text.replace(" = ", " =\N{NO-BREAK SPACE}"), max(8, int(inches / 0.068))
    if max(map(len, whole.split(" "))) > width:
        whole = re.sub(r"(?<=[_.])", "\v", whole)
    lines = textwrap.wrap(whole, width, break_long_words=False, replace_whitespace=False)
    return "\n".join(lines).replace("\v", "") or text


def panel_width(width: str, columns: int, taken: float = 0.7) -> float:
    """Inches across one of `columns` panels, `taken` being what labels and colour bar need."""
    return (WIDTHS[width] - taken) / columns


def facets_of(figure: Figure) -> tuple[str, ...]:
    """The axes that split the figure."""
    return tuple(as_tuple(figure.facets))
