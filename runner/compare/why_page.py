"""What `mmrun why` prints."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from mmrun.runner import metrics
from mmrun.runner.compare.apart import Account, Part
from mmrun.runner.compare.diff_page import number
from mmrun.runner.compare.happened import Events, Happened
from mmrun.runner.compare.moment import Moment
from mmrun.runner.compare.moved import Moved
from mmrun.runner.compare.why import Behind, Why
from mmrun.runner.report.run_page import section, table, text

MS = 1_000_000
MOST_EVENTS = 8


def page(found: Why, names: tuple[str, str], commands: Sequence[str]) -> list[str]:
    """The lines, under headings; `names` of the cell and its baseline, `commands` that show the events of both."""
    lines = [headline(found.account), f"  here:  {names[0]}", f"  there: {names[1]}"]
    for place, (part, power) in enumerate(found.account.factors):
        lines += section(_title(found.account, place, power), made_of(part))
    for alike in groups(found.behind):
        title = f"Behind {', '.join(map(_behind, alike))}"
        lines += section(title, counters(alike[0].counters) or ["no counter that is declared for it moved"])
    lines += section("Counters that moved most of all", counters(found.counters))
    if found.moment is not None:
        lines += section("Where it arises", list(when(found.moment)))
    if found.events is not None:
        lines += section(f"Events there: {', '.join(found.patterns)}", list(events(found.events)))
        lines += section("To see them", list(commands))
    return lines


def headline(found: Account) -> str:
    """The number, its baseline's, and how they differ."""
    unit = metrics.metric(found.name).unit
    here, base = (quantity(value, unit) for value in (found.here, found.base))
    times = f", x {float(found.here / found.base):.4g}" if found.base > 0 else ""
    return f"{found.name}: {here} here, {base} there: {quantity(found.here - found.base, unit, '+')}{times}"


def quantity(value: Fraction, unit: str, sign: str = "") -> str:
    """A number with its unit, times to the nanosecond."""
    if unit == "ns" and value.denominator == 1:
        return f"{value.numerator:{sign},} ns"
    shown = f"{value.numerator:{sign},}" if value.denominator == 1 else f"{float(value):{sign},.6g}"
    return shown if unit in ("1", "count") else f"{shown} {unit}"


def _title(found: Account, place: int, power: int) -> str:
    if found.is_sum:
        return "What it is made of"
    share, part = found.shares()[place], found.factors[place][0]
    said = "" if share is None else f", {share:+.4f} of the log ratio"
    return f"{'Numerator' if power > 0 else 'Denominator'}: {part.name}{said}"


def made_of(part: Part) -> list[str]:
    """A table of a part and of all below it; shares are of its change."""
    rows = [["", "here", "there", "change", ""], *_rows(part, part, 0)]
    return table(rows)


def _rows(part: Part, whole: Part, depth: int) -> Iterator[list[str]]:
    share = f"{100 * float(part.change / whole.change):.1f} %" if whole.change else ""
    yield ["  " * depth + part.name, amount(part.here), amount(part.base), amount(part.change, "+"), share]
    for each in sorted(part.parts, key=lambda each: -abs(each.change)):
        yield from _rows(each, whole, depth + 1)


def amount(value: Fraction, sign: str = "") -> str:
    """A whole number exactly, else six digits."""
    return f"{value.numerator:{sign},}" if value.denominator == 1 else f"{float(value):{sign},.6g}"


def groups(found: list[Behind]) -> list[list[Behind]]:
    """Parts behind which the same counters stand, together."""
    alike: dict[tuple[str, ...], list[Behind]] = {}
    for each in found:
        alike.setdefault(tuple(counter.name for counter in each.counters), []).append(each)
    return list(alike.values())


def _behind(behind: Behind) -> str:
    of = f" of {behind.task}" if behind.task else ""
    return f"{behind.part.name}{of} ({amount(behind.part.change, '+')}, {100 * behind.share:.0f} % of the change)"


def counters(found: list[Moved]) -> list[str]:
    """A line for each counter."""
    rows = [["", "here", "there", "unit", "ratio", "rank"]]
    rows += [
        [each.name, text(number(each.here)), text(number(each.base)), each.unit,
         f"{each.here / each.base:.3g}" if each.base else "from 0", f"{each.rank:.2f}"]
        for each in found
    ]  # fmt: skip
    return table(rows) if found else []


def outdated(found: Account, stored: float | None) -> list[str]:
    """A line where the stored number is not that of a run now."""
    if stored is None or stored == float(found.here):
        return []
    return [f"stored is {stored:,.6g}: the model, a policy or a trace is another now; all below is of runs made now"]


def when(found: Moment) -> Iterator[str]:
    """The stretch of work, and when it was in both runs."""
    share = f"{100 * found.change / found.whole:.0f} %"
    unit = metrics.metric(found.column).unit if found.column != "time_ns" else "ns"
    of = "the time by which the same accesses come later" if found.column == "time_ns" else found.column
    said = f"{share} of {found.whole:+,.0f} {unit} of {of}"
    if found.accesses is not None:
        yield f"{said}, while accesses {found.accesses[0]:,} to {found.accesses[1]:,} are made:"
    else:
        yield f"{said}, in the same share of both runs, which made unlike numbers of accesses:"
    for name, (begin, end) in (("here", found.here), ("there", found.base)):
        yield f"  {name + ':':<6} {begin / MS:,.3f} to {end / MS:,.3f} ms, {(end - begin) / MS:,.3f} ms"


def events(found: Events) -> Iterator[str]:
    """A line for each event, with sums of what it tells; the first lines of the one that differs most."""
    rows = [["", "here", "there", "mostly by"]]
    for each in found.found[:MOST_EVENTS]:
        rows += _event(each)
    yield from table(rows) if len(rows) > 1 else ["none in either run"]
    if any(found.lost):
        yield f"({found.lost[0]:,} here and {found.lost[1]:,} there found no room and are not counted)"
    if found.lines:
        yield "the first of them here:"
        yield from (f"  {line.strip()}" for line in found.lines)


def _event(each: Happened) -> Iterator[list[str]]:
    yield [each.event, f"{each.here:,}", f"{each.base:,}", each.who]
    for field, (here, base) in each.sums.items():
        yield [f"  {field}", f"{here:,}", f"{base:,}", ""]
