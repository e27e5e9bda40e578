"""Effects of a sweep's factorial: of each factor alone and of each pair, from complete designs only.

On a logarithmic scale: a main effect is the ratio of the metric with the factor at its second level to that at its
first, a geometric mean over all levels of the others. A pair's is how many times as large either factor's ratio is when
the other is at its second level; 1 where both together do what each does alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from mmrun.model.core.frozen import frozen
from mmrun.runner.report.contrasts import all_columns, contrasts, errors
from mmrun.runner.report.observations import Runs, fate
from mmrun.runner.report.report_block import Effects, as_tuple
from mmrun.runner.report.stats import holm
from mmrun.runner.report.sweep_facts import Factorial

SHOWN = 40  # lost runs that are named


class Incomplete(Exception):
    """Runs of the design without a number, a line each, or no design at all."""

    def __init__(self, what: str, lines: Sequence[str] = ()) -> None:
        self.lines = list(lines)
        super().__init__(what)


@frozen
class Term:
    """A factor, or a pair of them. `row` of its contrast among all, `sign` of its column there.

    `alike`: what has the same contrast, as factors with a sign; the effect is that of all of them together.
    """

    factors: tuple[str, ...]
    row: int
    sign: int
    alike: tuple[tuple[int, tuple[str, ...]], ...] = ()


@frozen
class Effect:
    """The effect of a term on a metric, as printed: a ratio or a difference."""

    term: Term
    value: float
    low: float
    high: float
    contrast: float
    error: float
    freedom: float
    p: float
    p_holm: float = 1.0


@frozen
class OfMetric:
    """All effects on a metric. `by_replicate`: every contrast of the design, shape (runs - 1, replicates)."""

    metric: str
    by_replicate: np.ndarray
    effects: tuple[Effect, ...]

    @property
    def means(self) -> np.ndarray:
        """The contrasts' means."""
        found: np.ndarray = self.by_replicate.mean(axis=-1)
        return found


@frozen
class Measured:
    """The effects of an `effects` item; `tests` is the size of the Holm family."""

    spec: Effects
    design: Factorial
    replicates: int
    terms: tuple[Term, ...]
    metrics: tuple[OfMetric, ...]
    tests: int


def measure(spec: Effects, runs: Runs) -> Measured:
    """Estimate the effects. Raises `Incomplete` where a run of the design has no number."""
    design = runs.facts.factorial
    if design is None:
        raise Incomplete("there is no `factorial` in this sweep")
    runs = runs.where(spec.where)
    names = as_tuple(spec.metrics)
    signs, values = _values(spec, names, design, runs)
    columns = all_columns(signs[: design.runs.bit_length() - 1])
    terms = tuple(_terms(design, signs, columns))
    found = [_of_metric(spec, name, contrasts(columns, each), terms) for name, each in values.items()]
    found = _corrected(found)
    tests = len(found) * len(terms)
    replicates = max(each.by_replicate.shape[-1] for each in found)
    return Measured(spec, design, replicates, terms, tuple(found), tests)


def _values(
    spec: Effects, names: Sequence[str], design: Factorial, runs: Runs
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The signs of factors by run, and each metric by run and replicate, on the scale that effects add up on."""
    cells: dict[tuple[str, ...], dict[int, dict]] = {}
    for row in runs.rows:
        cells.setdefault(runs.key(row, list(design.levels)), {})[int(row["replicate"])] = row
    if len(cells) != design.runs:
        raise Incomplete(f"{len(cells)} of the {design.runs} runs of the design are in the sweep")
    wanted = sorted({replicate for cell in cells.values() for replicate in cell})
    lines = list(_lost(spec, names, design, cells, wanted))
    if lines:
        raise Incomplete(f"{len(lines)} runs have no number, so there are no effects", lines)
    signs = np.array([[1 if key[i] == levels[1] else -1 for key in cells]
                      for i, levels in enumerate(design.levels.values())])  # fmt: skip
    found = {}
    for name in names:
        rows = [[_number(spec, name, cell, replicate) for replicate in wanted] for cell in cells.values()]
        found[name] = np.log(rows) if spec.scale == "ratio" else np.array(rows, dtype=float)
    return signs, found


def _lost(spec: Effects, names: Sequence[str], design: Factorial, cells: dict, wanted: Sequence[int]) -> Iterator[str]:
    """A line for every run that has no number, or none that has a logarithm."""
    for key, cell in cells.items():
        where = ", ".join(f"{factor}={label}" for factor, label in zip(design.levels, key, strict=True))
        for replicate in wanted:
            row = _row(cell, replicate)
            if row is None:
                yield f"{where}, replicate {replicate}: missing"
                continue
            for name in names:
                became, number = fate(row, name, spec.count_oom)
                if number is None:
                    why = row.get("error") or row.get("stale") or (f"no {name}" if became == "undefined" else "")
                    yield f"{where}, replicate {replicate}: {became}{f' ({why})' if why else ''}"
                    break
                if spec.scale == "ratio" and number <= 0:
                    yield f"{where}, replicate {replicate}: no ratio of {name}, which is {number:g}: scale: difference"
                    break


def _row(cell: dict[int, dict], replicate: int) -> dict | None:
    """The run of a replicate; one without randomness stands for all."""
    alone = len(cell) == 1 and not next(iter(cell.values())).get("random", True)
    return next(iter(cell.values())) if alone else cell.get(replicate)


def _number(spec: Effects, name: str, cell: dict[int, dict], replicate: int) -> float:
    number = fate(_row(cell, replicate) or {}, name, spec.count_oom)[1]
    assert number is not None
    return number


def _terms(design: Factorial, signs: np.ndarray, columns: np.ndarray) -> Iterator[Term]:
    """Factors, then pairs; those with one contrast are one term, named after the first."""
    rows = {column.tobytes(): (i, 1) for i, column in enumerate(columns)}
    rows |= {(-column).tobytes(): (i, -1) for i, column in enumerate(columns)}
    of = dict(zip(design.levels, signs.astype(np.int8), strict=True))
    found: dict[int, Term] = {}
    for factors in [*combinations(of, 1), *combinations(of, 2)]:
        row, sign = rows[np.prod([of[factor] for factor in factors], axis=0, dtype=np.int8).tobytes()]
        if row in found:
            first = found[row]
            found[row] = replace(first, alike=(*first.alike, (sign * first.sign, factors)))
        else:
            found[row] = Term(factors, row, sign)
    yield from found.values()


def _of_metric(spec: Effects, name: str, every: np.ndarray, terms: Sequence[Term]) -> OfMetric:
    """The effects on one metric, before correction."""
    chosen = np.array([term.sign * every[term.row] for term in terms])
    found, means = errors(chosen, every), chosen.mean(axis=-1)
    half, p = found.half_width(spec.confidence), found.p(means)
    lists = (each.tolist() for each in (means, half, found.error, found.freedom, p))
    effects = tuple(_effect(spec, term, *numbers) for term, *numbers in zip(terms, *lists, strict=True))
    return OfMetric(name, every, effects)


def _effect(spec: Effects, term: Term, mean: float, half: float, error: float, freedom: float, p: float) -> Effect:
    """One effect as it is printed."""
    value, low, high = (printed(spec, term, at) for at in (mean, mean - half, mean + half))
    return Effect(term, value, low, high, mean, error, freedom, p)


def printed(spec: Effects, term: Term, contrast: float) -> float:
    """An effect from its contrast: of a pair that is half of the change of one factor's effect by the other."""
    whole = contrast * len(term.factors)
    return math.exp(whole) if spec.scale == "ratio" else whole


def _corrected(found: Sequence[OfMetric]) -> list[OfMetric]:
    """The effects with p corrected by Holm over all of them."""
    adjusted = iter(holm([effect.p for each in found for effect in each.effects]))
    return [
        replace(each, effects=tuple(replace(effect, p_holm=next(adjusted) or 0.0) for effect in each.effects))
        for each in found
    ]
