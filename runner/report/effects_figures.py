"""Figures of effects: a half-normal plot of all contrasts, and a matrix of factors and pairs, a panel a metric."""

from pathlib import Path
from typing import Any

import numpy as np

from mmrun.runner.report.canvas import Drawn, fitted, new_canvas, panel_title, panel_width, save
from mmrun.runner.report.contrasts import margin, pseudo_error
from mmrun.runner.report.effects import Effect, Measured, OfMetric, Term
from mmrun.runner.report.effects_sheets import title_of
from mmrun.runner.report.figure_style import COLOURS, GREYS, STYLE
from mmrun.runner.report.surprises import LEVEL
from mmrun.runner.report.words import Words

ACROSS, MATRICES = 3, 2  # panels a row
LINE = 0.07  # of a panel's height that a name takes
SATURATED = 0.5  # the contrast from which the matrix has its darkest colours, where effects are that large


def half_normal(measured: Measured, words: Words, out: Path) -> Drawn:
    """Write the half-normal plot: absolute contrasts over the quantiles with which noise would lie along a line."""
    import matplotlib

    stem = f"{measured.spec.name}-half-normal"
    with matplotlib.rc_context(STYLE):
        canvas, axs = _grid(measured, words, 1.9, ACROSS, shared=False)
        for ax, of in zip(axs, measured.metrics, strict=False):
            _half_normal_panel(ax, measured, of)
        canvas.supxlabel("half-normal quantile", fontsize=8)
        canvas.supylabel("absolute contrast" + _logarithmic(measured), fontsize=8)
        files = save(canvas, out / stem)
    notes = [
        f"Points: all {len(measured.metrics[0].by_replicate)} contrasts of the design, means of n = "
        f"{measured.replicates} replicates; {_letters(measured, words)}.",
        "Filled: factors and pairs significant after Holm's correction, named where there is room; grey: three factors "
        "and more. Line: what noise of Lenth's pseudo standard error (PSE) would give; dashes: its margin of "
        "error.",
    ]
    return Drawn(stem, f"{title_of(measured, words)}: half-normal plot", notes, files)


def pairs_matrix(measured: Measured, words: Words, out: Path) -> Drawn:
    """Write the matrix: factors on the diagonal, pairs below it, what each does to the metric in percent."""
    import matplotlib

    stem = f"{measured.spec.name}-pairs"
    with matplotlib.rc_context(STYLE):
        canvas, axs = _grid(measured, words, 2.4, MATRICES, shared=True)
        for ax, of in zip(axs, measured.metrics, strict=False):
            _matrix_panel(ax, measured, of)
        files = save(canvas, out / stem)
    what = "percent" if measured.spec.scale == "ratio" else "of the largest of the metric, in percent"
    notes = [
        f"On the diagonal what a factor changes, below it what a pair changes beyond both alone, {what}; orange: more, "
        f"purple: less; blank: not significant after Holm's correction. {_letters(measured, words)}."
    ]
    return Drawn(stem, f"{title_of(measured, words)}: factors and pairs", notes, files)


def _grid(measured: Measured, words: Words, tall: float, most: int, *, shared: bool) -> tuple[Any, list[Any]]:
    """A canvas of a page's width with a titled panel for each metric, at most so many side by side."""
    count = len(measured.metrics)
    columns = min(count, most)
    rows = -(-count // columns)
    canvas, axs = new_canvas("page" if columns > 1 else "column", (rows, columns), tall, shared=shared)
    flat = list(axs.flat)
    for ax in flat[count:]:
        ax.set_visible(False)
    room = panel_width("page" if columns > 1 else "column", columns)
    for ax, of in zip(flat, measured.metrics, strict=False):
        ax.set_title(fitted(panel_title([words.metric(of.metric)], room), room))
    return canvas, flat


def _letters(measured: Measured, words: Words) -> str:
    return ", ".join(f"{measured.design.letter(factor)} {words.axis(factor)}" for factor in measured.design.levels)


def _logarithmic(measured: Measured) -> str:
    return " (natural logarithm)" if measured.spec.scale == "ratio" else ""


def _half_normal_panel(ax: Any, measured: Measured, of: OfMetric) -> None:
    from scipy.stats import halfnorm

    means = of.means
    order = np.argsort(np.abs(means))
    at = np.empty(len(means))
    at[order] = halfnorm.ppf((np.arange(len(means)) + 0.5) / len(means))
    terms = {effect.term.row: effect for effect in of.effects}
    rest = [row for row in range(len(means)) if row not in terms]
    low = [row for row, effect in terms.items() if not _significant(effect)]
    high = sorted((row for row in terms if row not in low), key=lambda row: -abs(means[row]))
    for rows, face, edge in ((rest, "#d0d0d0", "#d0d0d0"), (low, "none", COLOURS[0]), (high, COLOURS[1], COLOURS[1])):
        ax.scatter(at[rows], np.abs(means[rows]), s=7, facecolors=face, edgecolors=edge, linewidths=0.6, zorder=3)
    error = pseudo_error(means)
    top = float(at.max())
    ax.plot([0, top], [0, error * top], color=GREYS[1], linewidth=0.8)
    ax.axhline(margin(means, measured.spec.confidence), color=GREYS[1], linewidth=0.6, linestyle=(0, (4, 2)))
    _names(ax, measured, [(at[row], abs(float(means[row])), terms[row].term) for row in high])
    ax.set_xlim(0, top * 1.08)
    ax.set_ylim(0, float(np.abs(means).max()) * 1.12 or 1.0)


def _names(ax: Any, measured: Measured, points: list[tuple[float, float, Term]]) -> None:
    """Letters to the left of points, where those above leave room."""
    step, last = max((y for _, y, _ in points), default=0.0) * LINE, float("inf")
    for x, y, term in points:
        if y <= last - step:
            text = "".join(map(measured.design.letter, term.factors))
            ax.annotate(text, (x, y), xytext=(x - 0.1, y), fontsize=7, ha="right", va="center")
            last = y


def _significant(effect: Effect) -> bool:
    return effect.p_holm < LEVEL


def _matrix_panel(ax: Any, measured: Measured, of: OfMetric) -> None:
    from matplotlib.colors import Normalize

    names = list(measured.design.levels)
    count = len(names)
    field = np.full((count, count), np.nan)
    largest = max(abs(effect.contrast) for effect in of.effects) or 1.0
    most = min(SATURATED, largest) if measured.spec.scale == "ratio" else largest
    for effect in of.effects:
        places = sorted(names.index(factor) for factor in effect.term.factors)
        row, column = places[-1], places[0]
        if _significant(effect):
            field[row, column] = effect.contrast * len(places)
            text = _percent(measured, effect, largest)
            colour = "white" if abs(field[row, column]) > 0.6 * most else "black"
            ax.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
    ax.imshow(field, cmap="PuOr_r", norm=Normalize(-most, most), aspect="auto")
    for i in range(count):
        for j in range(i + 1, count):
            ax.add_patch(_blank(j, i))
    letters = [measured.design.letter(name) for name in names]
    ax.set_xticks(range(count), letters)
    ax.set_yticks(range(count), letters)
    ax.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    ax.grid(visible=False)
    ax.grid(visible=True, which="minor")
    ax.tick_params(which="both", length=0, labelbottom=True, labelleft=True)


def _blank(column: int, row: int) -> Any:
    """What hides the half of the matrix that would say everything twice."""
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="white", edgecolor="white", linewidth=1.0, zorder=4)


def _percent(measured: Measured, effect: Effect, largest: float) -> str:
    """What stands in a field: `+12`, or `×3` where a ratio is large or small."""
    if measured.spec.scale == "difference":
        return f"{100 * effect.value / largest:+.0f}"
    if 0.5 <= effect.value < 2:
        return f"{100 * (effect.value - 1):+.0f}"
    large = effect.value if effect.value >= 2 else 1 / effect.value
    return ("×" if effect.value >= 2 else "÷") + (f"{large:.2g}" if large < 100 else ">99")
