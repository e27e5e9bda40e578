"""How figures look: sizes of print, type of at least 7 pt, colours that colour-blind readers tell apart.

Never colour alone: every colour comes with a hatch, a marker and a dash of its own.
"""

from collections.abc import Sequence
from typing import Any

# Okabe and Ito's palette, darkest first so that few lines stay apart in grey print too; yellow, weakest on paper, last.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#000000", "#F0E442")
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++", "oooo")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (4, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (8, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)
WIDTHS = {"column": 3.4, "page": 7.0}  # inches

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans", "font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8, "xtick.labelsize": 7,
    "ytick.labelsize": 7, "legend.fontsize": 7, "axes.linewidth": 0.6, "xtick.major.width": 0.6,
    "ytick.major.width": 0.6, "xtick.minor.width": 0.4, "ytick.minor.width": 0.4, "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True,
    "grid.color": "#d0d0d0", "grid.linewidth": 0.4, "axes.axisbelow": True, "lines.linewidth": 1.2,
    "lines.markersize": 4, "hatch.linewidth": 0.5, "legend.frameon": False, "legend.handlelength": 2.4,
    "figure.constrained_layout.h_pad": 0.03, "figure.constrained_layout.w_pad": 0.03, "pdf.fonttype": 42,
    "figure.dpi": 100, "savefig.dpi": 300, "mathtext.default": "regular", "axes.formatter.use_mathtext": True,
}  # fmt: skip


def colour(i: int) -> str:
    """The i-th colour."""
    return COLOURS[i % len(COLOURS)]


def hatch(i: int) -> str:
    """The i-th hatch; out of step with the colours from the second round on."""
    return HATCHES[(i + i // len(HATCHES)) % len(HATCHES)]


def marker(i: int) -> str:
    """The i-th marker."""
    return MARKERS[(i + i // len(MARKERS)) % len(MARKERS)]


def dash(i: int) -> Any:
    """The i-th dash pattern."""
    return DASHES[i % len(DASHES)]


def grid_shape(panels: Sequence[Sequence[str]], width: float) -> tuple[int, int]:
    """Rows and columns of panels: the facets' own if two axes split the figure, else as many a row as fit legibly."""
    across, down = len(panels[0]), len(panels[1])
    if down > 1:
        return down, across
    columns = min(across, max(1, round(width / 1.75)))
    rows = -(-across // columns)
    return rows, -(-across // rows)
