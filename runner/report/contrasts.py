"""Contrasts of a two-level design: a factor's mean at its second level less that at its first, with its error.

A replicate is a block: it has every run of the design, with the same random streams, so what it adds to all runs is in
no contrast. The error of one is the larger of its own spread over replicates and of what all other contrasts of the
design have, with the degrees of freedom of the one taken. The own spread alone holds but takes many replicates; that of
all fails where an effect itself differs by replicate. Below four replicates spreads tell nothing: there the error is
Lenth's, from contrasts of which most are taken to be noise. docs/statistics.md has how often each holds.

Arrays have contrasts, or runs, first and replicates last; `benchmarks/effects.py` measures these very functions.
"""

import numpy as np

from mmrun.model.core.frozen import frozen

LEAST = 4  # replicates from which their spread is the error
PSE, TRIM = 1.5, 2.5  # Lenth, Quick and easy analysis of unreplicated factorials, Technometrics 31, 1989


@frozen
class Errors:
    """Standard errors of contrasts' means and their degrees of freedom."""

    error: np.ndarray
    freedom: np.ndarray

    def half_width(self, confidence: float) -> np.ndarray:
        """Half of the interval around each mean."""
        from scipy.stats import t

        return t.ppf((1 + confidence) / 2, self.freedom) * self.error

    def p(self, means: np.ndarray) -> np.ndarray:
        """Two-sided p that each is 0; 1 and 0 where nothing varies."""
        from scipy.stats import t

        with np.errstate(divide="ignore", invalid="ignore"):
            found = 2 * t.sf(np.abs(means) / self.error, self.freedom)
        return np.where(self.error > 0, found, np.where(means == 0, 1.0, 0.0))


def all_columns(basic: np.ndarray) -> np.ndarray:
    """The signs of every contrast of a design, shape (runs - 1, runs), from those of its basic factors."""
    columns = np.ones((1, basic.shape[1]), dtype=np.int8)
    for signs in basic.astype(np.int8):
        columns = np.concatenate([columns, columns * signs])
    return columns[1:]


def contrasts(columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Contrasts by replicate of values by run and replicate."""
    return (2 / columns.shape[1]) * (columns.astype(float) @ values)


def pseudo_error(means: np.ndarray) -> float:
    """Lenth's pseudo standard error of contrasts of which most are taken to be noise."""
    sizes = np.abs(means)
    first = PSE * float(np.median(sizes))
    near = sizes[sizes < TRIM * first]
    return PSE * float(np.median(near)) if near.size else first


def errors(chosen: np.ndarray, every: np.ndarray, parts: int = 1) -> Errors:
    """The errors of the means of the chosen contrasts, each a sum of `parts` of all those of the design."""
    n, count = chosen.shape[-1], len(chosen)
    if n < LEAST:
        means = every.mean(axis=-1)
        return Errors(np.full(count, pseudo_error(means) * parts**0.5), np.full(count, len(means) / 3))
    own, spread = np.var(chosen, axis=-1, ddof=1), np.var(every, axis=-1, ddof=1)
    rest = len(every) - parts
    if rest < 1:
        return Errors(np.sqrt(own / n), np.full(count, n - 1.0))
    others = np.maximum(np.sum(spread) - own, 0.0) / rest if parts == 1 else parts * np.mean(spread)
    larger = own > others
    freedom = np.where(larger, n - 1.0, (n - 1.0) * rest)
    return Errors(np.sqrt(np.where(larger, own, others) / n), freedom)


def margin(means: np.ndarray, confidence: float) -> float:
    """Lenth's margin of error: beyond it lies what is unlikely to be noise, one contrast taken by itself."""
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, len(means) / 3)) * pseudo_error(means)
