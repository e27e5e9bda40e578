"""`factorial:` in a sweep: two-level designs over factors, each an axis of two levels, the baseline first.

factorial: {resolution: V, factors: {vm.swappiness: [60, 0], lru: {old: {policy.lru: split}, new: null}}}

Of all designs with so few runs the one of least aberration is taken (`mmrun.runner.plan.aberration`). The first row has
every factor at its baseline.
"""

from typing import Annotated, Literal

from mmrun.model.core.frozen import frozen
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record
from mmrun.runner.config.fields import Reader
from mmrun.runner.config.problems import Problems
from mmrun.runner.config.trees import without
from mmrun.runner.config.yaml_nodes import Item, Mapping
from mmrun.runner.plan.aberration import FULL, MOST_FACTORS, Fraction, minimum_aberration, smallest
from mmrun.runner.plan.axes import Axis, Level, label_text, read_axis
from mmrun.runner.report.sweep_facts import FULL_DESIGN, LETTERS, Factorial

ROMAN = ("III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
LOWEST = 3  # the resolution ROMAN begins with
Row = dict[str, Level]


@frozen(kw_only=True)
class Design(Record):
    """Which of a factorial's combinations are run. One of the two is enough."""

    resolution: Literal["III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"] | None = None
    """The least resolution: with V no main effect and no pair of factors is mixed up with another one."""
    runs: Annotated[int, Range(ge=4, le=1 << MOST_FACTORS)] | None = None
    """Number of runs, a power of two; left out: as few as the resolution takes."""


def read_factorial(item: Item, problems: Problems) -> tuple[list[Row], Factorial] | None:
    """The rows of a `factorial:` block and what its design is, or None with the reasons in `problems`."""
    if not isinstance(item, Mapping):
        problems.add(item.place, "`factorial` is a mapping", "write {resolution: V, factors: {...}}")
        return None
    before = len(problems)
    settings = Reader(problems).read(without(item, "factors"), Design) if len(item.items) > 1 else Design()
    axes = read_factors(item, problems)
    if len(problems) > before or settings is None:
        return None
    fraction = fitting(settings, len(axes), item, problems)
    if fraction is None:
        return None
    rows = [
        {axis.name: axis.levels[level] for axis, level in zip(axes, fraction.levels(run), strict=True)}
        for run in range(fraction.runs)
    ]
    return rows, described(fraction, axes)


def read_factors(item: Mapping, problems: Problems) -> list[Axis]:
    """The factors, as axes of two levels."""
    part = item.get("factors")
    if not isinstance(part, Mapping):
        where = part.place if part else item.place
        problems.add(where, "`factors` of the factorial is required", "write factors: {path: [baseline, other], ...}")
        return []
    found = []
    for name, levels in part.items.items():
        axis = read_axis(name, part.keys[name], levels, problems)
        if axis is not None and len(axis.levels) != 2:
            what = f"factor `{name}` has {len(axis.levels)} levels"
            problems.add(axis.place, what, "name two: the baseline, then what it is changed to")
        found += [axis] if axis else []
    if not 2 <= len(part.items) <= MOST_FACTORS:
        problems.add(part.place, f"a factorial of {len(part.items)} factors", f"name 2 to {MOST_FACTORS}")
    return found


def fitting(settings: Design, factors: int, item: Mapping, problems: Problems) -> Fraction | None:
    """The design that is asked for; None, with what would do, where there is none."""
    wanted = ROMAN.index(settings.resolution) + LOWEST if settings.resolution else LOWEST
    if settings.runs is None:
        if settings.resolution is None:
            problems.add(item.place, "`resolution` or `runs` is required", "write resolution: V")
            return None
        return smallest(factors, wanted)
    place, runs = item.items["runs"].place, settings.runs
    if runs & (runs - 1):
        below = 1 << (runs.bit_length() - 1)
        problems.add(place, f"{runs} runs", f"a power of two: {below} or {2 * below}")
        return None
    if runs > 1 << factors:
        problems.add(place, f"{runs} runs of {factors} factors", f"all combinations are {1 << factors}")
        return None
    found = minimum_aberration(factors, runs.bit_length() - 1)
    if found is None or (found.resolution != FULL and found.resolution < wanted):
        least = smallest(factors, wanted)
        reach = f"reach resolution {roman(found.resolution)}" if found else "are too few"
        lower = f", or resolution: {roman(found.resolution)}" if found and settings.resolution else ""
        problems.add(place, f"{runs} runs of {factors} factors {reach}", f"write runs: {least.runs}{lower}")
        return None
    return found


def roman(resolution: int) -> str:
    """A resolution as it is written; II and below there is none of."""
    return ROMAN[resolution - LOWEST] if resolution else FULL_DESIGN


def described(fraction: Fraction, axes: list[Axis]) -> Factorial:
    """What a report and a manifest say of the design."""
    spelt = ["".join(LETTERS[i] for i in word) for word in fraction.words()]
    labels = [[label_text(level.label) for level in axis.levels] for axis in axes]
    return Factorial([axis.name for axis in axes], labels, fraction.runs, roman(fraction.resolution), spelt)
