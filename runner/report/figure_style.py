"""How figures look: sizes of print, type of at least 7 pt, colours that colour-blind readers tell apart.

Never colour alone: every colour comes with a hatch, a marker and a dash of its own. Yardsticks are black or grey.
"""

from collections.abc import Collection, Sequence
from typing import Any

from mmrun.model.core.frozen import frozen

# Okabe and Ito's blue, vermilion, green and pink with Tol's indigo and wine: all at least 3:1 on white, and apart from
# each other also without red or green cones.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#332288", "#CC79A7", "#882255")
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++", "oooo")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (4, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (8, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)
GREYS = ("#000000", "#757575")
STROKES = ("x", "+", "1", "2")  # markers of yardsticks: strokes, where what is measured has areas
YARDSTICK_DASHES: tuple[Any, ...] = ((0, (5, 2)), (0, (2, 2)), (0, (7, 2, 1.5, 2)), (0, (1.2, 1.8)))
MAX_LINES = 6  # more in one panel cannot be told apart by a legend
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


@frozen
class Look:
    """How one line, or one group of bars or dots, is drawn. `width`: of its line, in points."""

    colour: str
    marker: str
    dash: Any
    hatch: str
    width: float
    yardstick: bool = False


def looks(lines: Sequence[str], yardsticks: Collection[str] = ()) -> list[Look]:
    """A look for each line, different for two dozen of them; where lines lie on each other, the lower one is wider."""
    found, ordinary, grey = [], 0, 0
    for line in lines:
        found.append(_yardstick(grey) if line in yardsticks else _ordinary(ordinary))
        grey, ordinary = grey + (line in yardsticks), ordinary + (line not in yardsticks)
    return found


def _ordinary(i: int) -> Look:
    return Look(colour(i), marker(i), dash(i), hatch(i), max(0.8, 1.5 - 0.14 * i))


def _yardstick(i: int) -> Look:
    dashes = YARDSTICK_DASHES[i % len(YARDSTICK_DASHES)]
    return Look(GREYS[i % len(GREYS)], STROKES[i % len(STROKES)], dashes, hatch(i), 0.8, yardstick=True)


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
