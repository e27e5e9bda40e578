"""What stands under a figure: which way is better, what its marks are, n, intervals, and what has no value and why."""

from collections.abc import Collection, Sequence

from mmrun.runner import metrics
from mmrun.runner.report.figure_style import MAX_LINES
from mmrun.runner.report.plots import Panel
from mmrun.runner.report.report_block import Figure, as_tuple
from mmrun.runner.report.sheets import no_ratio, reason
from mmrun.runner.report.stats import Estimate
from mmrun.runner.report.sweep_facts import MEANING, NOT_THERE
from mmrun.runner.report.table_notes import FATES, interval_words, lost_notes, lost_runs
from mmrun.runner.report.tables import Entry, TableModel

MARKS = {"bars": "Bars", "points": "Markers", "lines": "Markers", "dots": "Markers", "heatmap": "Fields"}
NONPOSITIVE = "≤ 0"
OTHERS = {
    NONPOSITIVE: "beyond what a logarithmic axis can show",
    "no base": "the baseline has no value",
    "base 0": "the baseline is 0",
    **{f"base {word}": f"the baseline {text}" for word, text in FATES.values()},
}
MANY = 8  # partly lost cells that are named one by one


def caption(figure: Figure, kind: str, model: TableModel, panels: Sequence[Panel], reasons: Sequence[str]) -> list[str]:
    """The sentences. `kind`: how it was drawn; `reasons`: why the model has no such cells, where places are n/a."""
    shown = [_estimate(entry, figure) for entry in model.entries.values()]
    better = metrics.metric(figure.y).better
    sentences = [
        *([f"{better.capitalize()} is better."] if better != "none" else []),
        f"{MARKS[kind]}: {_what(figure, model, shown)}.",
        *_pooled(figure, model),
        *(["In each group from left to right as in the legend."] if crowded(kind, panels) else []),
        *(_intervals(figure, shown) if kind != "heatmap" else []),
        *_shapes(kind, shown, panels),
        *_lost(model, panels, reasons),
    ]
    return [*sentences, *_partly_lost(model)]


def crowded(kind: str, panels: Sequence[Panel]) -> bool:
    """Whether so many bars or markers stand in each group that their order must help to tell them apart."""
    return kind in ("bars", "points") and len(panels[0].lines) > MAX_LINES


def _estimate(entry: Entry, figure: Figure) -> Estimate:
    return entry.ratio if figure.baseline and entry.ratio is not None else entry.estimate


def _what(figure: Figure, model: TableModel, shown: Sequence[Estimate]) -> str:
    """What a mark is the value of, and n."""
    counts = sorted({estimate.n for estimate in shown if estimate.n and estimate.how != "fixed"})
    if not counts and any(estimate.n for estimate in shown):
        counts = [1]
    ratio = f"ratio to {model.words.against(model.baseline)}, all else equal" if figure.baseline else ""
    if not counts:
        return f"{ratio or 'values'}; no completed run"
    if counts == [1]:
        return f"{ratio}, one run each (n = 1)" if ratio else "one run each (n = 1)"
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    what = f"n = {span} {'cells' if figure.pool else 'replicates'}"
    if not ratio:
        return f"{'geometric mean' if figure.statistic == 'geometric' else figure.statistic} of {what}"
    centre = "median" if figure.statistic == "median" else "geometric mean"
    return f"{ratio}: {centre} of the ratios paired by replicate, {what}"


def _pooled(figure: Figure, model: TableModel) -> list[str]:
    pool = as_tuple(figure.pool)
    over = " and ".join(map(model.words.axis, pool))
    return [f"Over {over}: the mean of each cell's replicates counts once."] if pool else []


def _intervals(figure: Figure, shown: Sequence[Estimate]) -> list[str]:
    if not figure.interval:
        return []
    drawn = {estimate.how for estimate in shown if estimate.low is not None}
    methods = interval_words(drawn)
    kinds = [f"{figure.confidence * 100:g} % interval ({methods}), each on its own"] if methods else []
    kinds += ["smallest to largest value where n is too small for an interval"] if "range" in drawn else []
    below = "y" in figure.log and any(estimate.low is not None and estimate.low <= 0 for estimate in shown)
    foot = " One that ends at the foot of the axis goes on to 0 or below." if below else ""
    return [f"Error bars: {'; '.join(kinds)}.{foot}"] if kinds else []


def _shapes(kind: str, shown: Sequence[Estimate], panels: Sequence[Panel]) -> list[str]:
    """What single runs, runs without randomness, equal replicates and replicates in several modes look like."""
    hows = {estimate.how for estimate in shown}
    flagged = {flag for estimate in shown for flag in estimate.flags}
    sentences = []
    if "modes" in hows and kind == "heatmap":
        sentences.append("Modes: the replicates fall into groups that no mean describes.")
    elif flagged & {"modes", "outlier"}:
        sentences.append("Small circles: every replicate, where they fall into groups that no mean describes.")
    if kind != "heatmap" and any(
        p.replicates and p.value is not None for panel in panels for p in panel.points.values()
    ):
        sentences.append("Small circles around a mean: its replicates, which differ by factors: no interval.")
    if "single" in hows:
        mark = {"bars": "White bars", "heatmap": "*"}.get(kind, "Open markers")
        sentences.append(f"{mark}: n = 1, a single run of a cell that draws random numbers, no interval.")
    if "fixed" in hows:
        which = "Nothing in these cells is" if hows <= {"fixed", "none"} else "No error bar: nothing in the cell is"
        sentences.append(f"{which} random, one run is all there is.")
    if "exact" in hows and kind != "heatmap":
        sentences.append("No error bar of several replicates: they are identical.")
    return sentences


def _lost(model: TableModel, panels: Sequence[Panel], reasons: Sequence[str]) -> list[str]:
    """The words in places without a value, and how many runs were lost."""
    return lost_notes(model) + meanings({point.word for panel in panels for point in panel.points.values()}, reasons)


def meanings(words: Collection[str], reasons: Sequence[str]) -> list[str]:
    """What the words mean that stand in empty places; `reasons` of those that are n/a."""
    because = f" ({'; '.join(reasons)})" if reasons else ""
    known = MEANING | {NOT_THERE: MEANING[NOT_THERE] + because} | OTHERS
    found = [f"{word}: {text}" for word, text in known.items() if word in words]
    return [f"{'; '.join(found)}."] if found else []


def _partly_lost(model: TableModel) -> list[str]:
    """Cells whose value lacks some of its runs; a table marks them, a figure names them below."""
    partly = [
        f"{model.words.choice(dict(zip(model.row_axes, row, strict=True)))}: {lost_runs(entry.fates)}"
        for (row, _, _), entry in model.entries.items()
        if entry.estimate.n and lost_runs(entry.fates)
    ]
    more = [f"and {len(partly) - MANY} more cells"] if len(partly) > MANY else []
    return [f"Incomplete: {'; '.join([*partly[:MANY], *more])}."] if partly else []


def why_lost(entry: Entry) -> str:
    """The word where a figure has no value for a cell."""
    if entry.estimate.value is None:
        return reason(entry)
    return no_ratio(entry)
