"""What a report prints in place of names: axes, labels, metrics, and numbers in the unit that suits their column."""

import math
from collections.abc import Iterable, Mapping, Sequence

from mmrun.model.core.frozen import frozen
from mmrun.runner import metrics

COUNT_STEPS = ((1e9, "10⁹ "), (1e6, "10⁶ "), (1e3, "10³ "), (1.0, ""))
STEPS: dict[str, tuple[tuple[float, str], ...]] = {
    "ns": ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")),
    "bytes": ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")),
    "1/s": ((1e9, "10⁹/s"), (1e6, "10⁶/s"), (1e3, "10³/s"), (1.0, "1/s")),
    "1": ((1.0, ""),),
    "s": ((1.0, "s"),),
}
MAX_DECIMALS = 6
OWNED = ("tasks", "cgroups", "slab")  # paths that name a thing and then what of it
MEMORY_FILES = ("max", "high", "low", "min")


@frozen
class Scale:
    """How the numbers of one column are printed: divided by `factor`, with `decimals` after the point, in `unit`."""

    factor: float
    unit: str
    decimals: int

    def text(self, number: float) -> str:
        """The number as printed; one too small for the column is `<` its last digit, never a false zero."""
        return decimal(number / self.factor, self.decimals)


@frozen
class Words:
    """Print names: `labels` of the report block first; a path says what of which thing it is, or else is shortened to
    the shortest dotted ending that tells axes apart."""

    labels: Mapping[str, str]
    axes: tuple[str, ...]

    def axis(self, name: str) -> str:
        """The axis in print: `cgroups.g.max` is `memory.max of g`."""
        if name in self.labels:
            return self.labels[name]
        parts = name.split(".")
        if parts[0] in OWNED and len(parts) > 2:
            what = " ".join(parts[2:])
            return f"{'memory.' if what in MEMORY_FILES and parts[0] == 'cgroups' else ''}{what} of {parts[1]}"
        endings = (".".join(parts[-n:]) for n in range(1, len(parts) + 1))
        alone = (end for end in endings if sum(a == end or a.endswith("." + end) for a in self.axes) <= 1)
        return next(alone, name)

    def label(self, text: str) -> str:
        """The label of an axis in print; a cell without that axis gets a dash."""
        return self.labels.get(text, text) or "–"

    def metric(self, name: str) -> str:
        """The metric in print, without its unit: `fsync_p99_ns` is `fsync p99`; a kernel's counter keeps its name."""
        return self.labels.get(name) or metrics.metric(name).label

    def against(self, baseline: Mapping[str, str]) -> str:
        """A baseline in words: `kernel 3.1`, `local (mempolicy mode of db)`, alone if the report has a word for it."""
        return ", ".join(self._one(axis, label) for axis, label in baseline.items())

    def _one(self, axis: str, label: str) -> str:
        name, text = self.axis(axis), self.label(label)
        if label in self.labels:
            return text
        return f"{text} ({name})" if " " in name else f"{name} {text}"

    def title(self, names: Sequence[str], axes: Sequence[str], between: str = "") -> str:
        """A caption: the metrics, and the axes they are shown by; a kernel counter keeps its small first letter."""
        first = self.metric(names[0])
        text = ", ".join([first if "_" in first else first[:1].upper() + first[1:], *map(self.metric, names[1:])])
        by = ", ".join(map(self.axis, axes))
        return " ".join(filter(None, [text, between, f"by {by}" if by else ""]))

    def choice(self, chosen: Mapping[str, str]) -> str:
        """`axis = label, axis = label`."""
        return ", ".join(f"{self.axis(axis)} = {self.label(label)}" for axis, label in chosen.items())


def scale_for(name: str, numbers: Iterable[float]) -> Scale:
    """The unit and decimals in which these values of the metric read best, by the median of their sizes."""
    metric = metrics.metric(name)
    sizes = sorted(abs(x) for x in numbers if x and math.isfinite(x))
    typical = sizes[len(sizes) // 2] if sizes else 1.0
    counted = "" if metric.unit in ("count", metric.label) else metric.unit
    steps = STEPS.get(metric.unit) or tuple((factor, f"{prefix}{counted}".strip()) for factor, prefix in COUNT_STEPS)
    factor, unit = next((step for step in steps if typical >= step[0]), steps[-1])
    if factor == 1.0 and all(float(x).is_integer() for x in sizes):
        return Scale(factor, unit, 0)
    return Scale(factor, unit, significant(typical / factor, metric.digits))


def significant(typical: float, digits: int) -> int:
    """Decimals that show `digits` significant digits of a typical value."""
    return min(MAX_DECIMALS, max(0, digits - 1 - math.floor(math.log10(typical))))


def decimal(number: float, decimals: int) -> str:
    """Fixed-point text; a number that would print as zero without being zero prints as `<0.01`."""
    text = f"{number:.{decimals}f}"
    if number != 0 and float(text) == 0:
        return f"<{10**-decimals:.{decimals}f}" if number > 0 else f">-{10**-decimals:.{decimals}f}"
    return f"{0:.{decimals}f}" if float(text) == 0 else text


def p_text(p: float) -> str:
    """A p-value with three decimals, or `<0.001`; 1 is 1."""
    return "<0.001" if p < 0.001 else "1" if p >= 0.9995 else f"{p:.3f}"
