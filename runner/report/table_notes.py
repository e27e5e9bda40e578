"""The sentences under a table: n, intervals, what ratios compare with, the test and its correction, lost runs."""

from collections import Counter
from collections.abc import Collection, Iterable

from mmrun.runner.report.intervals import MAX_EXACT_SUBSETS
from mmrun.runner.report.observations import Fate
from mmrun.runner.report.report_block import as_tuple
from mmrun.runner.report.stats import How, least_tested, smallest_p
from mmrun.runner.report.sweep_facts import MEANING, NOT_THERE
from mmrun.runner.report.tables import Entry, TableModel
from mmrun.runner.report.words import p_text

FATES: dict[Fate, tuple[str, str]] = {
    "failed": ("failed", "failed"),
    "oom": ("OOM", "ran out of memory"),
    "died": ("died", "died of a deadlock or livelock"),
    "stale": ("stale", "of an older model, policy or configuration"),
    "missing": ("not run", "not run yet"),
    "undefined": ("undef.", "without a defined value"),
}
ENDED: tuple[Fate, ...] = ("oom", "died")  # before their time, but with what they had reached
INTERVALS: dict[How, str] = {  # in the order in which captions name them
    "t": "Student's t",
    "skewed t": "Student's t, corrected for skew",
    "order": "order statistics",
    "flips": "sign flips",
    "fieller": "Fieller's, of a ratio of means",
}
SHAPES: dict[How, str] = {
    "single": "n = 1: a single run of a cell that draws random numbers; another seed gives another number.",
    "fixed": "not random: nothing in the cell draws random numbers, one run is all there is.",
    "modes": "k × v, l × w: the replicates fall into modes, k of them about v and l about w; no mean tells of both.",
}
CENTRES = {"mean": "geometric mean", "geometric": "geometric mean", "median": "median"}


def notes(model: TableModel, interval: str | None = "[low, high]", span: str = "low … high") -> list[str]:
    """Sentences on n, intervals, comparison, correction, and runs that are not in the numbers.

    `interval` and `span` are how intervals and ranges look there; None: there are none.
    """
    entries = model.entries.values()
    pool = as_tuple(model.spec.pool)
    statistic = {"geometric": "Geometric mean"}.get(model.spec.statistic, model.spec.statistic.capitalize())
    over, n = " and ".join(map(model.words.axis, pool)), n_text(entries, "cell" if pool else "replicate")
    sentences = [
        f"{statistic} of {n}." if n.startswith("n = ") else f"{n[0].upper()}{n[1:]}.",
        *([f"Over {over}: the mean of each cell's replicates counts once."] if pool else []),
        *(_interval_notes(model, interval, span) if interval and {"interval", "ratio"} & {*model.show} else []),
        *_shape_notes(hows_of(model), model.show),
    ]
    if model.baseline:
        sentences += _comparison_notes(model)
    return [*sentences, *lost_notes(model), *absent_notes(model)]


def absent_notes(model: TableModel) -> list[str]:
    """What the words mean that stand where the sweep has no cell."""
    whys = dict.fromkeys(why for _, why in model.absent.values() if why)
    because = f" ({'; '.join(whys)})" if whys else ""
    words = {word for word, _ in model.absent.values()}
    return [f"{word}: {MEANING[word]}{because if word == NOT_THERE else ''}." for word in MEANING if word in words]


def hows_of(model: TableModel) -> set[How]:
    """How the numbers that are printed came about."""
    shown = {*model.show}
    values = {entry.estimate.how for entry in model.entries.values()} if shown & {"value", "interval"} else set()
    ratios = {entry.ratio.how for entry in model.entries.values() if entry.ratio}
    return values | (ratios if shown & {"ratio", "excess", "p"} else set())


def n_text(entries: Iterable[Entry], what: str) -> str:
    """`n = 5 to 6 replicates`, or that there is one run a cell and why."""
    entries = list(entries)
    counts = sorted({e.estimate.n for e in entries if e.estimate.n and (e.random or e.estimate.n > 1)})
    if not counts:
        fixed = any(entry.estimate.n for entry in entries)
        return "one run a cell: none draws random numbers" if fixed else f"no completed {what}"
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"n = {span} {what}{'s' if counts[-1] > 1 else ''}"


def lost_notes(model: TableModel) -> list[str]:
    """How many runs are not in the numbers, and why."""
    counted = model.spec.count_oom
    left_out = [f"{model.fates[f]} {words}" for f, (_, words) in FATES.items() if model.fates[f] and f not in ENDED]
    if not counted:
        left_out += [f"{model.fates[f]} {FATES[f][1]}" for f in ENDED if model.fates[f]]
    sentences = []
    if left_out:
        found = ", ".join(left_out)
        sentences.append(f"Of {model.fates.total()} runs {found}: not in the numbers, named where they are missing.")
    undefined = sum(entry.fates["undefined"] for entry in model.entries.values())
    if undefined:
        total = sum(entry.fates.total() for entry in model.entries.values())
        sentences.append(f"{undefined} of {total} values are not defined in their run (undef.).")
    sentences += [
        f"{model.fates[f]} of {model.fates.total()} runs {FATES[f][1]}: counted with what they had reached."
        for f in ENDED
        if model.fates[f] and counted
    ]
    return sentences


def lost_runs(fates: Counter[Fate]) -> str:
    """`1 of 5 failed, 2 of 5 ran out of memory`; empty if every run has a value."""
    total = fates.total()
    return ", ".join(f"{fates[fate]} of {total} {words}" for fate, (_, words) in FATES.items() if fates[fate])


def named(fates: Counter[Fate]) -> str:
    """What became of runs without a value, in the words of a table cell: `OOM`, `failed / not run`; else empty."""
    return " / ".join(word for fate, (word, _) in FATES.items() if fates[fate])


def interval_words(hows: Collection[How]) -> str:
    """The methods of the intervals among `hows`, in words; empty if there are none."""
    return "; ".join(words for how, words in INTERVALS.items() if how in hows)


def _interval_notes(model: TableModel, interval: str, span: str) -> list[str]:
    shown = {*model.show}
    ratios = {entry.ratio.how for entry in model.entries.values() if entry.ratio and "ratio" in shown}
    values = {entry.estimate.how for entry in model.entries.values() if "interval" in shown}
    hows = ratios | values
    level, methods = f"{model.spec.confidence * 100:g} %", interval_words(hows)
    sentences = [f"{interval}: {level} interval ({methods}), each on its own."] if methods else []
    if "t" in hows:
        sentences.append("Student's t takes noise to be as likely above as below.")
    if "range" in hows:
        sentences.append(f"{span}: smallest to largest, n being too small for an interval.")
    return [*sentences, *(["exact: identical in every replicate."] if "exact" in hows else [])]


def _shape_notes(hows: Collection[How], shown: Collection[str]) -> list[str]:
    """What single runs, runs without randomness and replicates in several modes are, wherever they are shown."""
    return [words for how, words in SHAPES.items() if how in hows and (how != "fixed" or "interval" in shown)]


def _comparison_notes(model: TableModel) -> list[str]:
    spec, base = model.spec, model.words.against(model.baseline)
    sentences = [f"Ratio to {base}: {CENTRES[spec.statistic]} of the ratios paired by replicate, all else equal."]
    if "excess" in model.show:
        sentences = [
            f"Under {base} its own value; elsewhere percent above it ({CENTRES[spec.statistic]} of paired ratios)."
        ]
    if "p" not in model.show:
        return sentences
    ratios = [entry.ratio for entry in model.entries.values() if entry.ratio]
    if any("quiet" in ratio.flags for ratio in ratios):
        sentences.append("No test where one of two cells has next to no noise: ask for the median.")
    pairs = [ratio.n for ratio in ratios if ratio.p is not None]
    if not pairs:
        needed = least_tested(spec.statistic, spec.test, spec.confidence)
        return [*sentences, f"No test: that takes {needed} pairs that differ."]
    name = "sign test" if spec.statistic == "median" else "paired t-test"
    if spec.test == "sign-flip":
        name = f"{'exact ' if max(pairs) <= MAX_EXACT_SUBSETS else ''}sign-flip test"
    sentences.append(f"p: {name} on log ratios, Holm-corrected over the {model.tests} tests of this table.")
    least = min(1.0, smallest_p(max(pairs), spec.statistic, spec.test) * model.tests)
    if least > 0.05:
        sentences.append(f"With n = {max(pairs)} the smallest corrected p is {p_text(least)}: read the intervals.")
    return sentences
