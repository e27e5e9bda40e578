"""Sobol's indices by SciPy: the share of the metric's variance that a parameter makes alone, and with all others.

Estimators of Saltelli et al., Computer Physics Communications 181(2), 2010 (`scipy.stats.sobol_indices`).
"""

import warnings
from typing import Any

import numpy as np

from mmrun.model.core.frozen import frozen
from mmrun.runner.sense.morris import Floats

Interval = tuple[float, float]
RESAMPLES = 1000


@frozen
class Share:
    """A parameter's indices with their bootstrap intervals of 95 %; NaN where nothing varies."""

    first: float
    first_interval: Interval
    total: float
    total_interval: Interval


def points(samples: int, dimensions: int, seed: int) -> Floats:
    """The design in the unit cube, shape (dimensions + 2, samples, dimensions): A, B, then A with one column of B."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(2 * dimensions, scramble=True, rng=np.random.default_rng(seed))
    both = sequence.random_base2(samples.bit_length() - 1)
    a, b = both[:, :dimensions], both[:, dimensions:]
    mixed = np.repeat(a[None], dimensions, axis=0)
    for column in range(dimensions):
        mixed[column, :, column] = b[:, column]
    return np.concatenate([a[None], b[None], mixed])


def shares(values: Floats, seed: int) -> list[Share]:
    """The indices of each parameter; `values` are the metric's at `points`, shape (dimensions + 2, samples)."""
    from scipy.stats import sobol_indices

    nothing = (np.nan, np.nan)
    if np.ptp(values) == 0:
        return [Share(np.nan, nothing, np.nan, nothing)] * (len(values) - 2)
    mixed = values[2:, None]
    if len(mixed) == 1:  # whose interval SciPy cannot make alone
        mixed = np.repeat(mixed, 2, axis=0)
    given: Any = {"f_A": values[:1], "f_B": values[1:2], "f_AB": mixed}
    found = sobol_indices(func=given, n=values.shape[1], rng=np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a parameter that changes nothing has no interval: NaN says so
        spread = found.bootstrap(n_resamples=RESAMPLES)
    first, total = spread.first_order.confidence_interval, spread.total_order.confidence_interval
    columns = (found.first_order, first.low, first.high, found.total_order, total.low, total.high)
    rows = np.stack([np.ravel(column) for column in columns], axis=1).tolist()
    return [
        Share(s, (s_low, s_high), t, (t_low, t_high)) for s, s_low, s_high, t, t_low, t_high in rows[: len(values) - 2]
    ]
