"""The strip beside a panel for what has no value: a row for each reason, and in it a marker in each place without one.

So a lost cell is named in its place, no word lies on data, and no marker can be taken for a measured one.
"""

from collections.abc import Sequence
from typing import Any

from mmrun.runner.report.captions import OTHERS
from mmrun.runner.report.plots import SHARE, Panel, box, stand_in
from mmrun.runner.report.sweep_facts import MEANING
from mmrun.runner.report.table_notes import FATES

ROW = 0.15  # inches: a line of 7 pt
GAP = 0.03  # inches between panel and strip
SHADE = "#ededed"
SPACING = 4.6  # points between markers of one place


def reasons(panels: Sequence[Panel]) -> list[str]:
    """The words of all places without a value, in the order of the rows."""
    order = [*(word for word, _ in FATES.values()), *OTHERS, *MEANING]
    met = {point.word for panel in panels for point in panel.points.values() if point.word}
    return sorted(met, key=lambda word: (order.index(word) if word in order else -1, word))


def lost_strip(ax: Any, panel: Panel, words: Sequence[str], kind: str, *, labelled: bool) -> Any:
    """Below the panel, a row for each of `words`; returns the strip's axes, which now carry the ticks along x.

    `kind`: how the panel is drawn; `labelled`: whether the words are printed, at the left.
    """
    strip = ax.inset_axes((0, -1, 1, 1), facecolor=SHADE)  # until the locator knows how tall the panel is
    strip.sharex(ax)
    strip.set_xscale(ax.get_xscale())
    strip.margins(x=ax.margins()[0])
    strip.set_axes_locator(lambda *_: _beside(ax, len(words), below=True))
    strip.set_ylim(len(words) - 0.5, -0.5)
    strip.set_yticks(range(len(words)), words if labelled else [""] * len(words))
    _mark(strip, panel, words, kind)
    strip.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", which="both", labelbottom=False, length=0)
    return strip


def lost_column(ax: Any, panel: Panel, words: Sequence[str]) -> Any:
    """The same to the right of a panel whose labels stand down its side; the words stand upright below."""
    strip = ax.inset_axes((1, 0, 1, 1), facecolor=SHADE)
    strip.sharey(ax)
    strip.set_axes_locator(lambda *_: _beside(ax, len(words), below=False))
    strip.set_xlim(-0.5, len(words) - 0.5)
    strip.set_xticks(range(len(words)), words, rotation=90)
    _mark(strip, panel, words, "dots")
    strip.tick_params(axis="both", length=0, labelleft=False)
    return strip


def _beside(ax: Any, rows: int, *, below: bool) -> Any:
    """The strip's place in the figure: as many inches as its rows take, along the panel as it is now."""
    from matplotlib.transforms import Bbox

    box, (width, height) = ax.get_position(), ax.figure.get_size_inches()
    if below:
        return Bbox.from_extents(box.x0, box.y0 - (GAP + rows * ROW) / height, box.x1, box.y0 - GAP / height)
    return Bbox.from_extents(box.x1 + GAP / width, box.y0, box.x1 + (GAP + rows * ROW) / width, box.y1)


def _mark(strip: Any, panel: Panel, words: Sequence[str], kind: str) -> None:
    """A mark in each place without a value, as the legend has it: where its bar or marker would stand."""
    for j, x in enumerate(panel.xs):
        for row, word in enumerate(words):
            lost = [i for i, line in enumerate(panel.lines) if panel.at_place(line, x).word == word]
            for rank, i in enumerate(lost):
                at = panel.slot(i, SHARE[kind])[j] if SHARE[kind] else panel.at[j]
                side = 0 if SHARE[kind] else (rank - (len(lost) - 1) / 2) * SPACING
                if kind == "bars":
                    box(strip, at, row, SHARE[kind] / len(panel.lines), panel.looks[i])
                else:
                    x_at, y_at = (row, at) if kind == "dots" else (at, row)
                    stand_in(strip, x_at, y_at, side, panel.looks[i])
    for spine in strip.spines.values():
        spine.set_visible(False)
    strip.grid(False)
    for edge in range(1, len(words)):
        (strip.axvline if kind == "dots" else strip.axhline)(edge - 0.5, color="white", linewidth=0.8)
