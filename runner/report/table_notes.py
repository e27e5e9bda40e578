"""The sentences under a table: n, intervals, what ratios compare with, the test and its correction, lost runs."""

from collections import Counter
from collections.abc import Collection, Iterable

from mmrun.runner.report.observations import Fate
from mmrun.runner.report.report_block import as_tuple
from mmrun.runner.report.stats import MAX_EXACT_FLIPS, MIN_BOOTSTRAP, RESAMPLES, smallest_p
from mmrun.runner.report.tables import Entry, TableModel
from mmrun.runner.report.words import p_text

FATES: dict[Fate, tuple[str, str]] = {
    "failed": ("failed", "failed"),
    "oom": ("OOM", "ran out of memory"),
    "stale": ("stale", "of an older model, policy or configuration"),
    "missing": ("not run", "not run yet"),
    "undefined": ("undef.", "without a defined value"),
}


def notes(model: TableModel, interval: str | None = "[low, high]", span: str = "low … high") -> list[str]:
    """Sentences on n, intervals, comparison, correction, and runs that are not in the numbers.

    `interval` and `span` are how bootstrap intervals and ranges look there; None: there are none.
    """
    entries = model.entries.values()
    hows = {entry.estimate.how for entry in entries} | {entry.ratio.how for entry in entries if entry.ratio}
    pool = as_tuple(model.spec.pool)
    sentences = [
        f"{model.spec.statistic.capitalize()} of {_n_text(entries, 'run' if pool else 'replicate')}.",
        *([f"Over {' and '.join(map(model.words.axis, pool))}: each cell counts like a replicate."] if pool else []),
        *(_interval_notes(model, hows, interval, span) if interval and {"interval", "ratio"} & {*model.show} else []),
    ]
    if model.baseline:
        sentences += _comparison_notes(model)
    lost = ", ".join(f"{model.fates[f]} {words}" for f, (_, words) in FATES.items() if model.fates[f])
    if lost:
        sentences.append(f"Of {model.fates.total()} runs {lost}: not in the numbers, shown where they are missing.")
    return sentences


def _n_text(entries: Iterable[Entry], what: str) -> str:
    counts = sorted({entry.estimate.n for entry in entries if entry.estimate.n})
    if not counts:
        return f"no completed {what}"
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"n = {span} {what}{'s' if counts[-1] > 1 else ''}"


def _interval_notes(model: TableModel, hows: Collection[str], interval: str, span: str) -> list[str]:
    level, kind = f"{model.spec.confidence * 100:g} %", "BCa" if model.spec.statistic == "mean" else "percentile"
    sentences = []
    if "bca" in hows or "percentile" in hows:
        sentences.append(f"{interval}: {level} {kind} bootstrap interval ({RESAMPLES:,} resamples), each on its own.")
    if "range" in hows:
        sentences.append(f"{span}: smallest to largest, n being below {MIN_BOOTSTRAP}.")
    if "exact" in hows:
        sentences.append("exact: identical in every replicate.")
    if "single" in hows:
        sentences.append("n = 1: no interval.")
    if "fixed" in hows:
        sentences.append("not random: nothing in the cell draws random numbers, one run is all there is.")
    if "modes" in hows:
        sentences.append(
            "6 × 7, 2 × 98: the replicates fall into modes, so many near each value; no mean tells of both."
        )
    return sentences


def _comparison_notes(model: TableModel) -> list[str]:
    centre = "geometric mean" if model.spec.statistic == "mean" else "median"
    base = model.words.choice(model.baseline)
    sentences = [f"Ratio to {base}: {centre} of the ratios paired by replicate, all else equal."]
    if "excess" in model.show:
        sentences = [f"Under {base} its own value; elsewhere percent above it ({centre} of paired ratios)."]
    pairs = [entry.ratio.n for entry in model.entries.values() if entry.ratio and entry.ratio.p is not None]
    if "p" not in model.show:
        return sentences
    if not pairs:
        return [*sentences, f"No test: that takes {MIN_BOOTSTRAP} pairs that differ."]
    exact = "exact " if max(pairs) <= MAX_EXACT_FLIPS else ""
    name = f"{exact}sign-flip test" if model.spec.test == "sign-flip" else "paired t-test"
    sentences.append(f"p: {name} on log ratios, Holm-corrected over the {model.tests} tests of this table.")
    least = min(1.0, smallest_p(max(pairs), model.spec.test) * model.tests)
    if least > 0.05:
        sentences.append(f"With n = {max(pairs)} the smallest corrected p is {p_text(least)}: read the intervals.")
    return sentences


def lost_runs(fates: Counter[Fate]) -> str:
    """`1 of 5 failed, 2 of 5 ran out of memory`; empty if every run has a value."""
    total = fates.total()
    return ", ".join(f"{fates[fate]} of {total} {words}" for fate, (_, words) in FATES.items() if fates[fate])
