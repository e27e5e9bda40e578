"""When two runs come apart: the shortest stretch of their work in which half of a difference arises.

Both see the same accesses. So the n-th access of one is compared with the n-th of the other, at whatever time it came;
only where they did not make as many is it the same share of both runs.
"""

from collections.abc import Mapping

import numpy as np

from mmrun.model.core.frozen import frozen

POINTS = 128
"""Into how many steps the work is cut."""
HALF = 0.5
Series = Mapping[str, np.ndarray]


@frozen
class Moment:
    """A stretch of work, when it was in both runs (ns), and which `change` of the `whole` difference arises there.

    `accesses`: from which to which; None where the runs made unlike numbers: then it is the same share of both.
    """

    column: str
    accesses: tuple[int, int] | None
    here: tuple[int, int]
    base: tuple[int, int]
    change: float
    whole: float


def moment(column: str, here: Series, base: Series) -> Moment | None:
    """Where the column's difference arises (of `time_ns`: by which the same access came later); None where it has none.

    Series begin at 0 by themselves.
    """
    if column not in here or column not in base or not len(here[column]) or not len(base[column]):
        return None
    alike = here["access"][-1] == base["access"][-1] > 0
    if column == "time_ns" and not alike:
        return None
    by = "access" if alike else "time_ns"
    grids = [np.linspace(0, int(side[by][-1]), POINTS + 1) for side in (here, base)]
    difference = _at(grids[0], here, by, column) - _at(grids[1], base, by, column)
    whole = float(difference[-1])
    if not whole:
        return None
    begin, end = _shortest(difference / whole)
    times = [_at(grid[[begin, end]], side, by, "time_ns") for grid, side in zip(grids, (here, base), strict=True)]
    stretches = [(int(first), int(last)) for first, last in times]
    accesses = (int(grids[0][begin]), int(grids[0][end])) if alike else None
    change = float(difference[end] - difference[begin])
    return Moment(column, accesses, stretches[0], stretches[1], change, whole)


def _at(grid: np.ndarray, series: Series, by: str, column: str) -> np.ndarray:
    x = np.concatenate([[0], series[by]]).astype(float)
    return np.interp(grid, x, np.concatenate([[0], series[column]]).astype(float))


def _shortest(share: np.ndarray) -> tuple[int, int]:
    """The shortest stretch in which half of the whole arises; of those alike the one with most."""
    for length in range(1, len(share)):
        grown = share[length:] - share[:-length]
        if grown.max() >= HALF:
            begin = int(np.argmax(grown))
            return begin, begin + length
    return 0, len(share) - 1
