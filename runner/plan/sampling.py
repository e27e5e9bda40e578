"""`sample:` in a sweep: points drawn from ranges and lists of values, evenly spread or at random.

sample: {method: lhs, n: 64, seed: 1, axes: {vm.swappiness: {low: 0, high: 100},
         machine.costs.swap_path: {low: 1us, high: 50us, scale: log}, kernel: ["3.1", "6.18"]}}
"""

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal

import mmrun.model.rules.bounds
from mmrun.model.core.frozen import frozen
from mmrun.model.units import PAGE
from mmrun.runner.config import units
from mmrun.runner.config.fields import Reader
from mmrun.runner.config.problems import Place, Problems, suggest
from mmrun.runner.config.trees import without
from mmrun.runner.config.yaml_nodes import Item, Mapping, Scalar, Sequence
from mmrun.runner.plan.axes import Assignment, Level, head, read_axis, refused

if TYPE_CHECKING:
    import numpy as np

MAX_POINTS = 100_000
BOUNDS = ("low", "high", "scale")


@frozen(kw_only=True)
class Settings:
    """How points are drawn."""

    method: Literal["lhs", "sobol", "random"]
    """`lhs`: Latin hypercube; `sobol`: scrambled Sobol sequence, best with n a power of two; `random`: independent."""
    n: Annotated[int, mmrun.model.rules.bounds.Range(ge=1, le=MAX_POINTS)]
    """Number of points."""
    seed: int = 0
    """Seed of the draw; the same seed gives the same points."""


@frozen
class Range:
    """Numbers between two bounds, of one unit ("" for plain numbers), spread evenly or by their logarithm."""

    low: Fraction
    high: Fraction
    unit: str
    log: bool
    whole: bool
    step: int
    place: Place

    def at(self, share: float) -> Scalar:
        """The value at a share (0 to 1) of the range, as it would be written."""
        low, high = float(self.low), float(self.high)
        value = low * (high / low) ** share if self.log else low + (high - low) * share
        if not self.whole:
            text = f"{value:.6g}" if not self.unit else f"{value * 100:.4g}%"
            number = float(text) if not self.unit else text
            return Scalar(self.place, number, text)
        count = min(max(round(value / self.step) * self.step, int(self.low)), int(self.high))
        if self.unit:
            return Scalar(self.place, units.show(count, self.unit), units.show(count, self.unit))
        return Scalar(self.place, count, str(count))


def read_sample(item: Item, problems: Problems) -> list[dict[str, Level]]:
    """The rows of a `sample:` block, or nothing with the reasons in `problems`."""
    if not isinstance(item, Mapping):
        problems.add(item.place, "`sample` is a mapping", "write {method: lhs, n: 64, axes: {...}}")
        return []
    before = len(problems)
    axes = item.get("axes")
    settings = Reader(problems).read(without(item, "axes"), Settings)
    if not isinstance(axes, Mapping):
        where = axes.place if axes else item.place
        problems.add(where, "`axes` of the sample is required", "write axes: {path: {low: 1, high: 9}}")
        return []
    spread = {name: read_spread(name, axes, problems) for name in axes.items}
    if len(problems) > before or settings is None:
        return []
    points = draw(settings, len(spread))
    rows = []
    for point in points:
        columns = zip(spread.items(), point, strict=True)
        rows.append(
            {name: level_at(name, axes.keys[name], what, float(share)) for (name, what), share in columns if what}
        )
    return rows


def read_spread(name: str, axes: Mapping, problems: Problems) -> Range | tuple[Level, ...] | None:
    """What one sampled axis ranges over: the levels of a list, or a range."""
    item, place = axes.items[name], axes.keys[name]
    if isinstance(item, Sequence) or (isinstance(item, Mapping) and not set(item.items) & set(BOUNDS)):
        axis = read_axis(name, place, item, problems)
        return axis.levels if axis else None
    if not isinstance(item, Mapping):
        if not refused(item):
            problems.add(item.place, f"axis `{name}` needs a list, or a range", "write {low: 1, high: 9}")
        return None
    head(name, place, problems)
    for key in item.items:
        if key not in BOUNDS:
            problems.add(item.keys[key], f"unknown key `{key}`", suggest(key, BOUNDS))
    return read_range(item, problems)


def read_range(item: Mapping, problems: Problems) -> Range | None:
    """A range from its bounds; both have one unit."""
    low, high, scale = (item.get(key) for key in BOUNDS)
    if not isinstance(low, Scalar) or not isinstance(high, Scalar):
        problems.add(item.place, "a range has `low` and `high`", "write {low: 1, high: 9}")
        return None
    if refused(low) or refused(high):
        return None
    log = isinstance(scale, Scalar) and scale.value == "log"
    if scale is not None and not log and not (isinstance(scale, Scalar) and scale.value == "linear"):
        problems.add(scale.place, "`scale` is linear or log", "leave it out for linear")
    first, last = bound(low, problems), bound(high, problems)
    if first is None or last is None:
        return None
    unit = first[1] or last[1]
    if first[1] != last[1] and 0 not in (first[0], last[0]):
        problems.add(high.place, "`low` and `high` have different units", "write both in one kind of unit")
    elif first[0] >= last[0]:
        problems.add(high.place, f"`high` ({high.text}) is not above `low` ({low.text})", "swap them")
    elif log and first[0] <= 0:
        problems.add(low.place, "a logarithmic range starts above 0", "raise `low`")
    else:
        whole = unit in ("bytes", "ns", "bytes/s") or (
            not unit and all(isinstance(end.value, int) for end in (low, high))
        )
        step = PAGE if unit == "bytes" and not (first[0] % PAGE or last[0] % PAGE) else 1
        return Range(first[0], last[0], unit, log, whole, step, item.place)
    return None


def bound(item: Scalar, problems: Problems) -> tuple[Fraction, str] | None:
    """The value of a bound and the base unit it is in."""
    if isinstance(item.value, int | float) and not isinstance(item.value, bool):
        return Fraction(str(item.value)), ""
    for unit in units.UNITS:
        try:
            return units.parse_exact(item.value, unit), unit
        except units.UnitError:
            continue
    problems.add(item.place, f"`{item.text[:40]}` is neither a number nor a quantity", "examples: 10, 4GiB, 20us, 25%")
    return None


def draw(settings: Settings, dimensions: int) -> "np.ndarray":
    """`n` points in the unit cube, shape (n, dimensions)."""
    import numpy as np

    if settings.method == "random":
        return np.random.Generator(np.random.PCG64(settings.seed)).random((settings.n, dimensions))
    from scipy.stats import qmc

    if settings.method == "lhs":
        return qmc.LatinHypercube(dimensions, seed=settings.seed).random(settings.n)
    sequence = qmc.Sobol(dimensions, scramble=True, seed=settings.seed)
    return sequence.random_base2(max(0, math.ceil(math.log2(settings.n))))[: settings.n]


def level_at(name: str, place: Place, what: Range | tuple[Level, ...], share: float) -> Level:
    """The level of an axis at a share of its range."""
    if isinstance(what, tuple):
        return what[min(int(share * len(what)), len(what) - 1)]
    item = what.at(share)
    assert isinstance(item.value, str | int | float)
    return Level(item.value, (Assignment(tuple(name.split(".")), item, place),), item.place)
