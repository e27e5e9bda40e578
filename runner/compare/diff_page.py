"""What `mmrun diff` prints."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from mmrun.runner.compare.differences import Differences, Setting, Time
from mmrun.runner.compare.moved import Moved
from mmrun.runner.metrics import LABELS
from mmrun.runner.report.run_page import section, table, text
from mmrun.runner.report.stats import Estimate
from mmrun.runner.report.words import p_text

MOST_COUNTERS = 24
MS = 1e6
SURE = {"exact": "in every replicate", "single": "n = 1", "fixed": "not random", "range": "", "none": ""}


def page(found: Differences, names: tuple[str, str], most: int = MOST_COUNTERS) -> list[str]:
    """The lines, under headings; `names` of A and B."""
    heads = [f"A  {names[0]}: {', '.join(found.outcomes[1])}", f"B  {names[1]}: {', '.join(found.outcomes[0])}"]
    lines = [*heads, f"{found.pairs} pair{'s' * (found.pairs != 1)} of replicates; intervals: 95 %, of paired values"]
    lines += section("What differs, defaults of the versions filled in", settings(found.settings))
    lines += section("Where the time of tasks went, in ms", list(times(found.times)))
    shown = found.counters[:most]
    lines += section("Counters that moved most", counters(shown))
    if len(shown) < len(found.counters):
        lines.append(f"  ({len(found.counters) - len(shown)} more moved less; --all shows them)")
    return lines


def settings(found: list[Setting]) -> list[str]:
    """A line for each setting that differs."""
    rows = [[each.path, _value(each.base), _value(each.here)] for each in found]
    return _left([["", "A", "B"], *rows]) if rows else ["nothing"]


def _value(value: Any) -> str:
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _left(rows: list[list[str]]) -> list[str]:
    """Columns of texts, all to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def times(found: list[Time]) -> Iterator[str]:
    """A block for each task: its parts in both, and how they changed."""
    rows = [["", "A", "", "B", "", "B - A", "95 %"]]
    for task, parts in groupby(found, key=lambda each: each.task):
        whole, *inner = parts
        rows.append([task, *_time(whole, whole.base, whole.here)[1:]])
        rows += [_time(part, whole.base, whole.here) for part in inner]
    return iter(table(rows) if len(rows) > 1 else [])


def _time(part: Time, base: float, here: float) -> list[str]:
    label = LABELS.get(part.part, part.part)
    name = f"    of reclaim: {label.removeprefix('stall: ')}" if part.inside else f"  {label}"
    return [
        name, f"{part.base / MS:,.3f}", percent(part.base, base), f"{part.here / MS:,.3f}", percent(part.here, here),
        f"{(part.here - part.base) / MS:+,.3f}", interval(part.change, MS),
    ]  # fmt: skip


def percent(part: float, whole: float) -> str:
    """A share of a whole."""
    return f"{100 * part / whole:.1f} %" if whole else ""


def interval(estimate: Estimate, unit: float = 1.0) -> str:
    """The interval of a change, or why there is none."""
    if estimate.how == "modes":
        return ", ".join(f"{mode.count} x {mode.value / unit:+,.4g}" for mode in estimate.modes)
    if estimate.low is None or estimate.high is None or estimate.how == "exact":
        return SURE.get(estimate.how, estimate.how)
    return f"[{estimate.low / unit:+,.4g}, {estimate.high / unit:+,.4g}]"


def counters(found: list[Moved]) -> list[str]:
    """A line for each counter: both values, their ratio with its interval and p, its rank."""
    rows = [["", "A", "B", "unit", "B / A", "95 %", "p", "rank"]]
    rows += [
        [each.name, text(number(each.base)), text(number(each.here)), each.unit, ratio(each), _ratio_interval(each),
         "" if each.p_holm is None else p_text(each.p_holm), f"{each.rank:.2f}"]
        for each in found
    ]  # fmt: skip
    return table(rows) if found else ["none"]


def number(value: float) -> int | float:
    """A whole number without a point; means of replicates rounded where they are large."""
    return int(value) if value.is_integer() else round(value) if abs(value) >= 1000 else value


def ratio(each: Moved) -> str:
    """B over A."""
    if each.ratio.value is not None:
        return f"{each.ratio.value:.3g}"
    return "from 0" if each.base == 0 else "to 0" if each.here == 0 else each.ratio.how


def _ratio_interval(each: Moved) -> str:
    found = each.ratio
    if found.how == "modes":
        return ", ".join(f"{mode.count} x {mode.value:.3g}" for mode in found.modes) or "modes"
    if found.low is None or found.high is None or found.how == "exact":
        return SURE.get(found.how, found.how)
    return f"[{found.low:.3g}, {found.high:.3g}]"
