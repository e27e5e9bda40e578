"""The `sense:` block of an experiment: the metric, the parameters with their ranges, and how many cells to spend.

sense:
  metric: {metric: task.reader.elapsed_ns, of: {kernel: "6.18"}, over: {kernel: "3.1"}}
  cell: {swap: ssd}
  parameters: {machine.costs.lru_lock: {low: 10ns, high: 80ns, scale: log}, vm.swappiness: {low: 0, high: 100}}
  morris: {trajectories: 10, levels: 4}
  sobol: {samples: 64, of: 4}
"""

from collections.abc import Iterator
from typing import Annotated

from mmrun.model.core.frozen import frozen
from mmrun.model.rules.bounds import Range as Within
from mmrun.model.rules.record import Fault, Record
from mmrun.runner.config.fields import Reader
from mmrun.runner.config.problems import Problems, suggest
from mmrun.runner.config.trees import without
from mmrun.runner.config.yaml_nodes import Item, Mapping, Scalar
from mmrun.runner.plan.axes import head, refused
from mmrun.runner.plan.sampling import BOUNDS, Range, read_range

KEYS = ("metric", "cell", "parameters", "morris", "sobol")
RATIO = ("metric", "of", "over")


@frozen(kw_only=True)
class Morris(Record):
    """How parameters are screened."""

    trajectories: Annotated[int, Within(ge=2, le=1000)] = 10
    """Paths through the grid, each of one point more than there are parameters."""
    levels: Annotated[int, Within(ge=2, le=64)] = 4
    """Values a parameter takes; even."""

    def faults(self) -> Iterator[Fault]:
        """An odd grid, whose values would not be equally likely."""
        if self.levels % 2:
            yield Fault(("levels",), f"{self.levels} levels", "an even number: 4 is usual")


@frozen(kw_only=True)
class Sobol(Record):
    """How the variance is shared out among the parameters that the screening found to matter most."""

    samples: Annotated[int, Within(ge=2, le=65536)]
    """Base samples, a power of two; the design has (parameters + 2) times as many points."""
    of: Annotated[int, Within(ge=1, le=64)] = 4
    """How many parameters, those of the largest mu*; the others stay at the cell's own values."""

    def faults(self) -> Iterator[Fault]:
        """Samples of which the sequence is not balanced."""
        if self.samples & (self.samples - 1):
            below = 1 << (self.samples.bit_length() - 1)
            yield Fault(("samples",), f"{self.samples} samples", f"a power of two: {below} or {2 * below}")


@frozen
class Block:
    """The block as read. `of` and `over` are None for a metric that is no ratio."""

    metric: Scalar
    cell: Mapping | None
    of: Mapping | None
    over: Mapping | None
    names: Mapping
    """The parameters as written, for their places."""
    ranges: dict[str, Range]
    morris: Morris
    sobol: Sobol | None


def read_block(item: Item, problems: Problems) -> Block | None:
    """The block, or None with the reasons in `problems`."""
    if not isinstance(item, Mapping):
        problems.add(item.place, "`sense` is a mapping", "write sense: {metric: ..., parameters: {...}}")
        return None
    before = len(problems)
    unknown(item, KEYS, problems)
    metric, of, over = read_metric(item, problems)
    names = item.get("parameters")
    ranges = read_parameters(item, problems)
    reader = Reader(problems)
    morris = reader.read(item.items["morris"], Morris) if "morris" in item.items else Morris()
    sobol = reader.read(item.items["sobol"], Sobol) if "sobol" in item.items else None
    cell = labels(item, "cell", problems)
    if len(problems) > before or metric is None or morris is None or not isinstance(names, Mapping):
        return None
    return Block(metric, cell, of, over, names, ranges, morris, sobol)


def unknown(item: Mapping, keys: tuple[str, ...], problems: Problems) -> None:
    """Note keys that nobody reads."""
    for key in item.items:
        if key not in keys:
            problems.add(item.keys[key], f"unknown key `{key}`", suggest(key, keys))


def read_metric(item: Mapping, problems: Problems) -> tuple[Scalar | None, Mapping | None, Mapping | None]:
    """The metric's name, and the two sides where it is a ratio."""
    part = item.get("metric")
    if isinstance(part, Mapping):
        unknown(part, RATIO, problems)
        for key in ("of", "over"):
            if key not in part.items:
                problems.add(part.place, f"a ratio needs `{key}`", f'write {key}: {{kernel: "6.18"}}')
        name, _, _ = read_metric(without(part, *RATIO[1:]), problems)
        return name, labels(part, "of", problems), labels(part, "over", problems)
    if isinstance(part, Scalar) and isinstance(part.value, str):
        return part, None, None
    if part is None or not refused(part):
        fix = "write metric: elapsed_ns, or {metric: ..., of: {...}, over: {...}}"
        problems.add(part.place if part else item.place, "`metric` is a metric's name", fix)
    return None, None, None


def labels(item: Mapping, key: str, problems: Problems) -> Mapping | None:
    """The labels or values under a key; None where there are none."""
    part = item.get(key)
    if part is None or isinstance(part, Mapping):
        return part
    if not refused(part):
        problems.add(part.place, f"`{key}` maps axes to labels, or paths to values", f'write {key}: {{kernel: "6.18"}}')
    return None


def read_parameters(item: Mapping, problems: Problems) -> dict[str, Range]:
    """The range of each parameter."""
    part = item.get("parameters")
    if not isinstance(part, Mapping) or not part.items:
        fix = "write parameters: {vm.swappiness: {low: 0, high: 100}}"
        problems.add(part.place if part else item.place, "`parameters` maps paths to ranges", fix)
        return {}
    found = {}
    for name, span in part.items.items():
        good = head(name, part.keys[name], problems)
        if not isinstance(span, Mapping):
            if not refused(span):
                problems.add(span.place, f"`{name}` needs a range", "write {low: 1, high: 9}")
            continue
        unknown(span, BOUNDS, problems)
        one = read_range(span, problems)
        if one and good:
            found[name] = one
    return found
