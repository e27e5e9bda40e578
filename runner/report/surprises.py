"""Pairs that surprise: whose interaction is significant and as large as to change what one would say of a factor alone.

A pair surprises if one factor's effect turns round with the other (both signs beyond their intervals), or if the effect
of both together differs from the sum of their effects alone by at least half of the larger one of these, and by 2 %.
"""

import math

import numpy as np

from mmrun.model.core.frozen import frozen
from mmrun.runner import metrics
from mmrun.runner.report.contrasts import errors
from mmrun.runner.report.effects import Effect, Measured, OfMetric, Term

LEVEL = 0.05  # of corrected p
SHARE = 0.5  # of the larger effect alone
LEAST = math.log(1.02)  # on the scale of ratios


@frozen
class Surprise:
    """A pair and what it does to a metric, as printed. `alone`: each factor with the other at its first level."""

    metric: str
    effect: Effect
    alone: tuple[float, float]
    expected: float
    together: float
    kind: str
    turns: tuple[str, ...]
    """Factors whose effect has another sign with the other one than without."""


def surprises(measured: Measured) -> list[Surprise]:
    """Every surprising pair, the strongest of each metric first; pairs that share a contrast are not judged."""
    found = []
    for of in measured.metrics:
        by_term = {effect.term.factors: effect for effect in of.effects}
        pairs = [effect for effect in of.effects if len(effect.term.factors) == 2 and not effect.term.alike]
        pairs = [effect for effect in pairs if effect.p_holm < LEVEL]
        for pair in sorted(pairs, key=lambda effect: -abs(effect.contrast)):
            mains = [by_term.get((factor,)) for factor in pair.term.factors]
            if all(main is not None and not main.term.alike for main in mains):
                one = _judged(measured, of, pair, [main for main in mains if main])
                found += [one] if one else []
    return found


def _judged(measured: Measured, of: OfMetric, pair: Effect, mains: list[Effect]) -> Surprise | None:
    """The pair if it surprises."""
    c, (a, b) = pair.contrast, (main.contrast for main in mains)
    alone, ratio = (a - c, b - c), measured.spec.scale == "ratio"
    turned = [main.term.factors[0] for main in mains if _turns(measured, of, pair.term, main.term)]
    large = abs(2 * c) >= max(SHARE * max(map(abs, alone)), LEAST if ratio else 0.0)
    if not turned and not large:
        return None
    shown = [math.exp(each) if ratio else each for each in (*alone, sum(alone), a + b)]
    return Surprise(of.metric, pair, (shown[0], shown[1]), shown[2], shown[3], _kind(of.metric, c), tuple(turned))


def _kind(name: str, contrast: float) -> str:
    """What they do to each other, in the direction in which the metric is better."""
    better = metrics.metric(name).better
    more = "more" if contrast > 0 else "less"
    helps = {"higher": contrast > 0, "lower": contrast < 0}.get(better)
    return f"{more} than both alone" if helps is None else "help each other" if helps else "hinder each other"


def _turns(measured: Measured, of: OfMetric, pair: Term, main: Term) -> bool:
    """Whether a factor's effect has one sign with the other at its first level and another sign at its second."""
    rows = [term.sign * of.by_replicate[term.row] for term in (main, pair)]
    both = np.array([rows[0] - rows[1], rows[0] + rows[1]])
    means, half = both.mean(axis=-1), errors(both, of.by_replicate, parts=2).half_width(measured.spec.confidence)
    beyond = np.abs(means) > half
    return bool(beyond.all() and means[0] * means[1] < 0)
