"""A built table laid out for reading: numbers under headings with units, marks for lost runs, notes on method.

What Markdown and LaTeX print alike; they differ in syntax only.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from mmrun.model.core.frozen import frozen
from mmrun.runner.report.stats import MIN_N, Estimate
from mmrun.runner.report.table_notes import lost_runs, named, notes
from mmrun.runner.report.tables import Entry, TableModel
from mmrun.runner.report.words import Scale, p_text, scale_for, significant

NOTHING = "–"
SURE = {"exact": "exact", "single": "n = 1", "fixed": "not random"}  # in place of an interval
SINGLE = "n = 1: a single run of a cell that draws random numbers"
FIXED = "nothing in the cell draws random numbers: one run is all there is"
WIDE = "replicates spread too wide for an interval of their mean: ask for the geometric mean or the median"
NEAR_ZERO = "the baseline may well be 0: no interval, no test"
FEW = "too few replicates for an interval"
MAX_COLUMNS = 13  # a printed page holds about this many


@frozen
class Shown:
    """What stands in one place: a number to align, or text in its stead, and the letters of its notes."""

    number: str = ""
    text: str = ""
    marks: str = ""


@frozen
class Column:
    """A printed column. `heads`: one text per heading level, outermost first."""

    heads: tuple[str, ...]
    kind: Literal["number", "text"]


@frozen
class Sheet:
    """A table ready to print. `notes` are sentences on n and method; `marks` explains the letters.

    `panels`: ranges of columns printed as tables of their own, one below the other, where all side by side would be
    too wide.
    """

    name: str
    title: str
    row_heads: tuple[str, ...]
    row_labels: list[tuple[str, ...]]
    columns: list[Column]
    body: list[list[Shown]]
    panels: list[range]
    notes: list[str]
    marks: list[tuple[str, str]]


@dataclass
class Marks:
    """Letters for footnotes, one per distinct sentence, in order of appearance."""

    letters: dict[str, str] = field(default_factory=dict)
    singles: bool = True
    """Whether to mark single runs: where all are, the notes say so once."""
    beside: bool = False
    """Whether a column of intervals says what draws no random numbers."""

    def letter(self, sentence: str) -> str:
        """The letter of the sentence."""
        if sentence not in self.letters:
            n = len(self.letters)
            self.letters[sentence] = ("" if n < 26 else chr(96 + n // 26)) + chr(97 + n % 26)
        return self.letters[sentence]


Part = tuple[str, Literal["number", "text"], Callable[[Entry | None], Shown]]


def lay_out(model: TableModel) -> Sheet:
    """Format every entry and say how the numbers came about."""
    hows = {entry.estimate.how for entry in model.entries.values()} - {"none"}
    marks = Marks(singles=len(hows) > 1, beside="interval" in model.show)
    parts = {name: _parts(model, name, marks) for name in model.metrics}
    plan = [(name, key, part) for name in model.metrics for key in model.columns for part in parts[name]]
    groups = [f"{name} {key}" for name, key, _ in plan]
    body = [_once([_shown(model, row, key, name, part) for name, key, part in plan], groups) for row in model.rows]
    return Sheet(
        name=model.spec.name, title=model.title,
        row_heads=tuple(model.words.axis(axis) for axis in model.row_axes),
        row_labels=[tuple(map(model.words.label, row)) for row in model.rows],
        columns=[Column(_heads(model, name, key, part[0]), part[1]) for name, key, part in plan],
        body=body, panels=_panels([name for name, _, _ in plan], len(model.row_axes)), notes=notes(model),
        marks=[(letter, text) for text, letter in marks.letters.items()],
    )  # fmt: skip


def _shown(model: TableModel, row: tuple[str, ...], key: tuple[str, ...], name: str, part: Part) -> Shown:
    """A part of an entry; where there is none, why."""
    entry = model.entries.get((row, key, name))
    why = model.absent.get((row, key)) if entry is None else None
    return Shown(text=why[0]) if why else part[2](entry)


def _panels(metrics: list[str], labels: int) -> list[range]:
    """One range of all columns if they fit a page, else one for each metric."""
    if len(metrics) + labels <= MAX_COLUMNS:
        return [range(len(metrics))]
    starts = [i for i, name in enumerate(metrics) if i == 0 or name != metrics[i - 1]]
    return [range(start, end) for start, end in zip(starts, [*starts[1:], len(metrics)], strict=True)]


def _heads(model: TableModel, name: str, key: tuple[str, ...], part: str) -> tuple[str, ...]:
    unit = scale_for(name, model.values(name)).unit
    metric = model.words.metric(name) + (f" ({unit})" if unit and model.show != ("ratio",) else "")
    if {*model.show} <= {"excess", "n"} and not _holds_baseline(model, key):
        metric = f"{model.words.metric(name)}, % above {model.words.against(model.baseline)}"
    labels = [model.words.choice({axis: label}) for axis, label in zip(model.column_axes, key, strict=True)]
    return (metric, *labels, *((part,) if len(model.show) > 1 or "ratio" in model.show else ()))


def _own_column(model: TableModel) -> bool:
    """Whether the baseline stands in columns of its own, under a heading with its unit, and not among the others."""
    return set(model.baseline) <= set(model.column_axes)


def _holds_baseline(model: TableModel, key: tuple[str, ...]) -> bool:
    """Whether a column is the baseline's own."""
    labels = dict(zip(model.column_axes, key, strict=True))
    return all(labels.get(axis) == label for axis, label in model.baseline.items())


def _parts(model: TableModel, name: str, marks: Marks) -> list[Part]:
    scale = scale_for(name, model.values(name))
    ratios = [e.ratio.value for k, e in model.entries.items() if k[2] == name and e.ratio and e.ratio.value]
    digits = max(2, min(4, significant(sorted(ratios)[len(ratios) // 2], 4))) if ratios else 3
    unity = Scale(1.0, "", digits)
    confidence = f"{model.spec.confidence * 100:g} %"
    parts: dict[str, list[Part]] = {
        "value": [("value", "number", lambda entry: _value(entry, scale, marks))],
        "interval": [(confidence, "text", lambda entry: _interval(entry, scale, marks))],
        "ratio": [
            ("ratio", "number", lambda entry: _ratio(entry, unity, marks)),
            (confidence, "text", lambda entry: _ratio_interval(entry, unity, marks)),
        ],
        "excess": [("above, %", "number", lambda entry: _excess(entry, scale, marks, _own_column(model)))],
        "p": [("p", "text", _p)],
        "n": [("n", "number", _n)],
    }
    return [part for shown in model.show for part in parts[shown]]


def _once(row: list[Shown], names: list[str]) -> list[Shown]:
    """A row in which a word that stands for a missing number is said once a metric, not again in its other parts."""
    found: list[Shown] = []
    for i, shown in enumerate(row):
        first = names.index(names[i])
        said = i > first and not shown.number and shown.text != NOTHING and shown.text == row[first].text
        found.append(Shown() if said else shown)
    return found


def _value(entry: Entry | None, scale: Scale, marks: Marks) -> Shown:
    if entry is None:
        return Shown(text=NOTHING)
    value, modes = entry.estimate.value, entry.estimate.how == "modes"
    if value is None and not modes:
        return Shown(text=reason(entry))
    lost = lost_runs(entry.fates)
    letters = marks.letter(lost) if lost else ""
    if value is None:
        return Shown(text=modes_text(entry.estimate, scale), marks=letters)
    told = {"single": SINGLE, "fixed": "" if marks.beside else FIXED}.get(entry.estimate.how)
    if told and marks.singles:
        letters = ",".join(filter(None, [letters, marks.letter(told)]))
    return Shown(number=scale.text(value), marks=letters)


def modes_text(estimate: Estimate, scale: Scale) -> str:
    """The modes of replicates in place of a value, with digits enough to tell them apart: `6 × 7,440, 2 × 98,000`."""
    while len({scale.text(mode.value) for mode in estimate.modes}) < len(estimate.modes):
        scale = replace(scale, decimals=scale.decimals + 1)
    return ", ".join(f"{mode.count} × {scale.text(mode.value)}" for mode in estimate.modes) or "modes"


def reason(entry: Entry) -> str:
    """Why an entry has no value, in the words of a table cell: OOM, failed, stale, not run, undef."""
    return named(entry.fates) or NOTHING


def _interval(entry: Entry | None, scale: Scale, marks: Marks) -> Shown:
    if entry is None or entry.estimate.value is None:
        return _value(entry, scale, marks)
    return _bounds(entry.estimate, scale, marks)


def _bounds(estimate: Estimate, scale: Scale, marks: Marks) -> Shown:
    if estimate.how in SURE:
        return Shown(text=SURE[estimate.how])
    if estimate.how == "wide":
        return Shown(text="wide", marks=marks.letter(WIDE))
    if estimate.low is None or estimate.high is None:
        return Shown(text="none", marks=marks.letter(NEAR_ZERO if estimate.n >= MIN_N else FEW))
    bounds = scale.text(estimate.low), scale.text(estimate.high)
    return Shown(text=f"{bounds[0]} … {bounds[1]}" if estimate.how == "range" else f"[{bounds[0]}, {bounds[1]}]")


def _ratio(entry: Entry | None, scale: Scale, marks: Marks) -> Shown:
    if entry is None or (entry.ratio is None and not entry.is_baseline):
        return Shown(text=NOTHING)
    if entry.ratio is None:
        return Shown(text="base")
    ratio = entry.ratio
    if ratio.how == "modes":
        return Shown(text=modes_text(ratio, scale))
    if ratio.value is None:
        return Shown(text=no_ratio(entry))
    letters = []
    if entry.random and ratio.n < entry.units:
        lost = f", of the baseline {lost_runs(entry.base_fates)}" if lost_runs(entry.base_fates) else ""
        letters.append(marks.letter(f"{ratio.n} of {entry.units} pairs{lost}"))
    elif entry.units < entry.fates.total() and (lost_runs(entry.fates) or lost_runs(entry.base_fates)):
        letters.append(marks.letter(lost_runs(entry.fates) or f"of the baseline {lost_runs(entry.base_fates)}"))
    if ratio.basis == "ratio of means":
        letters.append(marks.letter("some replicates are 0: ratio of the means, p from the differences"))
    if ratio.how == "single" and marks.singles:
        letters.append(marks.letter(SINGLE))
    return Shown(number=scale.text(ratio.value), marks=",".join(letters))


def no_ratio(entry: Entry) -> str:
    """Why an entry has no ratio: what became of its own runs, else of the baseline's."""
    if entry.estimate.n == 0:
        return reason(entry)
    if entry.ratio is not None and entry.ratio.n:
        return "undef." if entry.ratio.flags else "base 0"
    return f"base {named(entry.base_fates)}" if named(entry.base_fates) else "no base"


def _excess(entry: Entry | None, scale: Scale, marks: Marks, own_column: bool) -> Shown:
    if entry is not None and entry.is_baseline:
        own = _value(entry, scale, marks)
        return (
            own if own_column or not own.number else replace(own, number="", text=f"{own.number} {scale.unit}".strip())
        )
    if entry is not None and entry.ratio is not None and entry.ratio.how == "modes":
        return Shown(text=", ".join(f"{m.count} × {_percent(m.value)}" for m in entry.ratio.modes) or "modes")
    shown = _ratio(entry, Scale(1.0, "", 3), marks)
    if not shown.number or entry is None or entry.ratio is None or entry.ratio.value is None:
        return shown
    return Shown(number=_percent(entry.ratio.value), marks=shown.marks)


def _percent(ratio: float) -> str:
    above = (ratio - 1) * 100
    return f"{above:.1f}" if abs(above) < 100 else f"{above:.0f}"


def _ratio_interval(entry: Entry | None, scale: Scale, marks: Marks) -> Shown:
    if entry is not None and entry.is_baseline:
        return Shown()
    if entry is None or entry.ratio is None or entry.ratio.value is None:
        return _ratio(entry, scale, marks)
    return _bounds(entry.ratio, scale, marks)


def _p(entry: Entry | None) -> Shown:
    ratio = entry.ratio if entry else None
    if entry is None or entry.is_baseline or ratio is None:
        return Shown(text=NOTHING if entry is None else "")
    if ratio.p_holm is not None:
        return Shown(text=p_text(ratio.p_holm))
    if ratio.value is None:
        return Shown(text="modes" if ratio.how == "modes" else no_ratio(entry))
    return Shown(text="" if ratio.how in ("exact", "fixed") else "no test")


def _n(entry: Entry | None) -> Shown:
    return Shown(text=NOTHING) if entry is None else Shown(number=str(entry.estimate.n))


def decimals_of(column: list[Shown]) -> tuple[int, int]:
    """Largest number of digits before and after the point in a number column."""
    numbers = [shown.number.lstrip("<>-") for shown in column if shown.number]
    whole = max((len(n.partition(".")[0]) for n in numbers), default=1)
    return whole, max((len(n.partition(".")[2]) for n in numbers), default=0)
