"""Morris' elementary effects: which parameters matter at all, at a few cells each.

Morris, Factorial sampling plans for preliminary computational experiments, Technometrics 33(2), 1991; mu* is of
Campolongo, Cariboni and Saltelli, Environmental Modelling & Software 22(10), 2007.
"""

import numpy as np
from numpy.typing import NDArray

from mmrun.model.core.frozen import frozen

Floats = NDArray[np.float64]


@frozen
class Influence:
    """A parameter's elementary effects, each the metric's change over the parameter's whole range."""

    mu: float
    """Their mean: the direction."""
    mu_star: float
    """Mean of their absolute values: how much it matters."""
    sigma: float
    """Their standard deviation: how far the effect depends on where one is."""


def trajectories(count: int, levels: int, dimensions: int, seed: int) -> Floats:
    """Paths through the grid of `levels` (even) values a parameter, shape (count, dimensions + 1, dimensions).

    Each starts at a random point of the grid; each step moves one parameter, in random order, by
    levels / (2 (levels - 1)), with which every value of the grid is as likely as any other.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    delta = levels / (2 * (levels - 1))
    paths = np.empty((count, dimensions + 1, dimensions))
    for path in paths:
        low = random.integers(levels // 2, size=dimensions) / (levels - 1)
        upwards = random.random(dimensions) < 0.5
        path[:] = np.where(upwards, low, low + delta)
        for step, moved in enumerate(random.permutation(dimensions)):
            path[step + 1 :, moved] = low[moved] + delta * upwards[moved]
    return paths


def influences(paths: Floats, values: Floats) -> list[Influence]:
    """The influence of each parameter, in order.

    `paths` as of `trajectories`, where the steps may be of other lengths, as rounding makes them; `values` are the
    metric's at the points, shape (count, dimensions + 1). `sigma` is NaN with a single trajectory.
    """
    steps, changes = np.diff(paths, axis=1), np.diff(values, axis=1)
    moved = np.abs(steps).argmax(axis=2)
    effects = changes / np.take_along_axis(steps, moved[..., None], axis=2)[..., 0]
    ordered = np.take_along_axis(effects, moved.argsort(axis=1), axis=1)
    sigma = ordered.std(axis=0, ddof=1) if len(ordered) > 1 else np.full(ordered.shape[1], np.nan)
    columns = zip(ordered.mean(axis=0), np.abs(ordered).mean(axis=0), sigma, strict=True)
    return [Influence(float(mu), float(mu_star), float(spread)) for mu, mu_star, spread in columns]
