"""Effects and surprising pairs laid out for reading, and as CSV."""

import csv
import io
from collections.abc import Sequence

from mmrun.runner import metrics
from mmrun.runner.report.contrasts import LEAST
from mmrun.runner.report.effects import Effect, Measured, Term
from mmrun.runner.report.report_block import as_tuple
from mmrun.runner.report.sheets import MAX_COLUMNS, Column, Sheet, Shown
from mmrun.runner.report.surprises import LEVEL, Surprise
from mmrun.runner.report.sweep_facts import FULL_DESIGN, Factorial
from mmrun.runner.report.words import Scale, Words, p_text, scale_for

HEAD = (
    "term", "factor", "other", "alike", "metric", "unit", "better", "scale", "confidence", "runs", "resolution", "n",
    "effect", "low", "high", "contrast", "error", "freedom", "p", "p_holm",
)  # fmt: skip
SURPRISE_HEAD = (
    "factor", "other", "metric", "scale", "alone_factor", "alone_other", "expected", "together", "interaction", "low",
    "high", "p_holm", "kind", "turns",
)  # fmt: skip
RATIO = Scale(1.0, "", 3)
RATIOS = (
    "Of a factor: ratio of the metric at its second level to that at its first, geometric mean over all others. Of a "
    "pair: how many times as large either's ratio is when the other is at its second level."
)
SPREAD = "Student's t on contrasts by replicate, with the larger of their own spread and that of all others"
LENTH = "Lenth's pseudo standard error of all contrasts, most of which are taken to be noise"
DIFFERENCES = (
    "Of a factor: the metric at its second level less that at its first, mean over all others. Of a pair: by how much "
    "either's difference changes when the other goes to its second level."
)


def title_of(measured: Measured, words: Words) -> str:
    """The caption's first sentence."""
    if measured.spec.title:
        return measured.spec.title.rstrip(".")
    return words.title(as_tuple(measured.spec.metrics), (), "by factors and pairs of them")


def effects_sheet(measured: Measured, words: Words) -> Sheet:
    """A row for each factor and each pair that is to be printed; value, interval and p of each metric."""
    shown = [i for i, term in enumerate(measured.terms) if _printed(measured, i, term)]
    level = f"{measured.spec.confidence * 100:g} %"
    columns: list[Column] = []
    body: list[list[Shown]] = [[] for _ in shown]
    for of in measured.metrics:
        scale = _scale(measured, of.metric, [effect.value for effect in of.effects])
        head = words.metric(of.metric) + (f" ({scale.unit})" if scale.unit else "")
        what = "ratio" if measured.spec.scale == "ratio" else "difference"
        columns += [Column((head, what), "number"), Column((head, level), "text"), Column((head, "p"), "text")]
        for row, i in zip(body, shown, strict=True):
            row += _parts(of.effects[i], scale)
    fits = len(columns) < MAX_COLUMNS
    panels = [range(len(columns))] if fits else [range(i, i + 3) for i in range(0, len(columns), 3)]
    return Sheet(
        name=measured.spec.name, title=title_of(measured, words), row_heads=("effect",),
        row_labels=[(term_text(measured.terms[i], words),) for i in shown], columns=columns, body=body, panels=panels,
        notes=notes(measured, words, len(shown)), marks=[],
    )  # fmt: skip


def _printed(measured: Measured, i: int, term: Term) -> bool:
    """Whether a term is printed: factors always, pairs as the block says."""
    if len(term.factors) == 1 or measured.spec.pairs == "all":
        return True
    return any(of.effects[i].p_holm < LEVEL for of in measured.metrics)


def _scale(measured: Measured, metric: str, values: Sequence[float]) -> Scale:
    return RATIO if measured.spec.scale == "ratio" else scale_for(metric, values)


def _parts(effect: Effect, scale: Scale) -> list[Shown]:
    """Value, interval and p of an effect."""
    bounds = f"[{scale.text(effect.low)}, {scale.text(effect.high)}]" if effect.error else "exact"
    return [Shown(number=scale.text(effect.value)), Shown(text=bounds), Shown(text=p_text(effect.p_holm))]


def term_text(term: Term, words: Words) -> str:
    """A term in print: `lru × swappiness`, with what has the same contrast."""
    named = " × ".join(map(words.axis, term.factors))
    alike = [f" {'+' if sign > 0 else '-'} {' × '.join(map(words.axis, factors))}" for sign, factors in term.alike]
    return named + "".join(alike)


def notes(measured: Measured, words: Words, shown: int) -> list[str]:
    """Sentences on what an effect is, the design, intervals and the test."""
    spec, n = measured.spec, measured.replicates
    found = [RATIOS if spec.scale == "ratio" else DIFFERENCES, *design_words(measured.design, words)]
    of = f"n = {n} replicates, each a block" if n > 1 else "One replicate"
    found.append(f"{of}. Intervals: {SPREAD if n >= LEAST else LENTH}; each on its own.")
    pairs = sum(len(term.factors) == 2 for term in measured.terms)
    hidden = len(measured.terms) - shown
    left = f" {hidden} of {pairs} pairs, significant for no metric, are left out." if hidden else ""
    return [*found, f"p: Holm-corrected over the {measured.tests} effects of this table.{left}"]


def design_words(design: Factorial, words: Words) -> list[str]:
    """What was run of all combinations, and what cannot be told apart."""
    count = len(design.levels)
    if design.resolution == FULL_DESIGN:
        return [f"All {design.runs} combinations of {count} factors."]
    letters = ", ".join(f"{design.letter(factor)} {words.axis(factor)}" for factor in design.levels)
    spelt = ", ".join(design.words[:8]) + (f" and {len(design.words) - 8} more" if len(design.words) > 8 else "")
    return [
        f"{design.runs} of {1 << count} combinations of {count} factors, the design of least aberration: resolution "
        f"{design.resolution}, words {spelt} ({letters})."
    ]


def effects_csv(measured: Measured) -> str:
    """One line per term and metric, full precision."""
    rows = []
    for of in measured.metrics:
        known = metrics.metric(of.metric)
        for effect in of.effects:
            letters = ["".join(map(measured.design.letter, factors)) for factors in _all(effect.term)]
            alike = " ".join(f"{'+' if sign > 0 else '-'}{''.join(map(measured.design.letter, factors))}"
                             for sign, factors in effect.term.alike)  # fmt: skip
            rows.append([
                letters[0], *_two(effect.term.factors), alike, of.metric, known.unit, known.better, measured.spec.scale,
                measured.spec.confidence, measured.design.runs, measured.design.resolution, measured.replicates,
                *map(_exact, (effect.value, effect.low, effect.high, effect.contrast, effect.error, effect.freedom,
                              effect.p, effect.p_holm)),
            ])  # fmt: skip
    return _csv(HEAD, rows)


def _all(term: Term) -> list[tuple[str, ...]]:
    return [term.factors, *(factors for _, factors in term.alike)]


def _two(factors: Sequence[str]) -> tuple[str, str]:
    return factors[0], factors[1] if len(factors) > 1 else ""


def surprises_sheet(measured: Measured, found: Sequence[Surprise], words: Words) -> Sheet:
    """A row for each surprising pair."""
    heads = ("first alone", "second alone", "both, expected", "both", "interaction")
    ratio = measured.spec.scale == "ratio"
    columns = [Column((head,), "number") for head in heads]
    columns += [Column((head,), "text") for head in (f"{measured.spec.confidence * 100:g} %", "p", "they")]
    body = []
    for each in found:
        numbers = (*each.alone, each.expected, each.together)
        scale = RATIO if ratio else scale_for(each.metric, numbers)
        unit = "" if ratio else scale.unit
        turns = f"; turns round: {', '.join(map(words.axis, each.turns))}" if each.turns else ""
        last = [*_parts(each.effect, scale), Shown(text=each.kind + turns + (f" ({unit})" if unit else ""))]
        body.append([*(Shown(number=scale.text(number)) for number in numbers), *last])
    return Sheet(
        name=f"{measured.spec.name}-surprises", title=f"{title_of(measured, words)}: pairs that surprise",
        row_heads=("pair", "metric"),
        row_labels=[(term_text(each.effect.term, words), words.metric(each.metric)) for each in found],
        columns=columns, body=body, panels=[range(len(columns))], notes=[surprising(ratio)], marks=[],
    )  # fmt: skip


def surprising(ratio: bool) -> str:
    """When a pair surprises, and what its numbers are."""
    least, centre, both = (" and by 2 %", "Geometric means", "multiplied") if ratio else ("", "Means", "added")
    return (
        f"A significant pair (corrected p < {LEVEL:g}) of which one factor's effect turns round with the other, or "
        f"whose effect together differs from that of both alone by at least half of the larger one{least}. Alone: with "
        f"the other at its first level; expected: both alone, {both}. {centre} over all other factors."
    )


def surprises_csv(measured: Measured, found: Sequence[Surprise]) -> str:
    """One line per surprising pair, full precision."""
    rows = [
        [*each.effect.term.factors, each.metric, measured.spec.scale, *map(_exact, (
            *each.alone, each.expected, each.together, each.effect.value, each.effect.low, each.effect.high,
            each.effect.p_holm)), each.kind, " ".join(each.turns)]
        for each in found
    ]  # fmt: skip
    return _csv(SURPRISE_HEAD, rows)


def _csv(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()


def _exact(number: float) -> str:
    return repr(float(number))
