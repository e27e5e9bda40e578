"""The strip beside a panel for what has no value: a row for each reason, and in it a marker in each place that lacks one.

So a lost cell is named in its place, no word lies on data, and no marker can be taken for a measured one.
"""

from collections.abc import Sequence
from typing import Any

from mmrun.runner.report.plots import Panel
from mmrun.runner.report.table_notes import FATES

ROW = 0.15  # inches: a line of 7 pt
SHADE = "#ededed"
ABSENT, EXCLUDED, UNSWEPT = "n/a", "excluded", "not swept"
NONPOSITIVE = "≤ 0"
OTHERS = ("no base", "base 0", NONPOSITIVE, ABSENT, EXCLUDED, UNSWEPT)
SPACING = 4.6  # points between markers of one place


def reasons(panels: Sequence[Panel]) -> list[str]:
    """The words of all places without a value, in the order of the rows."""
    order = [word for word, _ in FATES.values()] + list(OTHERS)
    met = {point.word for panel in panels for point in panel.points.values() if point.word}
    return sorted(met, key=lambda word: (order.index(word) if word in order else -1, word))


def lost_strip(ax: Any, panel: Panel, words: Sequence[str], share: float, size: float, *, labelled: bool) -> Any:
    """Below the panel, a row for each of `words`; returns the strip's axes, which now carry the ticks along x.

    `share`: the room that the lines of a group take side by side, 0 where they share one place. `size`: inches from
    bottom to top of the panel. `labelled`: whether the words are printed, at the left.
    """
    depth = len(words) * ROW / size
    strip = ax.inset_axes((0, -depth - 0.02, 1, depth), facecolor=SHADE)
    strip.sharex(ax)
    strip.set_ylim(len(words) - 0.5, -0.5)
    strip.set_yticks(range(len(words)), words if labelled else [""] * len(words))
    _mark(strip, panel, words, share, upright=True)
    strip.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", which="both", labelbottom=False, length=0)
    return strip


def lost_column(ax: Any, panel: Panel, words: Sequence[str], share: float, size: float) -> Any:
    """The same to the right of a panel whose labels stand down its side; the words stand upright below."""
    depth = len(words) * ROW / size
    strip = ax.inset_axes((1.02, 0, depth, 1), facecolor=SHADE)
    strip.sharey(ax)
    strip.set_xlim(-0.5, len(words) - 0.5)
    strip.set_xticks(range(len(words)), words, rotation=90)
    _mark(strip, panel, words, share, upright=False)
    strip.tick_params(axis="both", length=0, labelleft=False)
    return strip


def _mark(strip: Any, panel: Panel, words: Sequence[str], share: float, *, upright: bool) -> None:
    from matplotlib.transforms import ScaledTranslation

    for j, x in enumerate(panel.xs):
        for row, word in enumerate(words):
            here = [i for i, line in enumerate(panel.lines) if panel.points.get((line, x)) and
                    panel.points[line, x].word == word]  # fmt: skip
            for rank, i in enumerate(here):
                look, at = panel.looks[i], (panel.slot(i, share)[j] if share else panel.at[j])
                side = 0 if share else (rank - (len(here) - 1) / 2) * SPACING / 72
                where = strip.transData + ScaledTranslation(side, 0, strip.figure.dpi_scale_trans)
                place = ([at], [row]) if upright else ([row], [at])
                style = {"color": look.colour, "marker": look.marker, "markersize": 3.6, "linestyle": "none"}
                drawn = strip.plot(*place, markeredgewidth=0.8 if look.yardstick else 0, clip_on=False, **style)
                drawn[0].set_transform(where)
    for spine in strip.spines.values():
        spine.set_visible(False)
    strip.grid(False)
    for edge in range(1, len(words)):
        (strip.axhline if upright else strip.axvline)(edge - 0.5, color="white", linewidth=0.8)
