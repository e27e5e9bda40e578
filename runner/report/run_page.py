"""What `mmrun run` prints of a cell: facts, where time went, kills, then every counter that is not 0."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from textwrap import wrap
from typing import Any

from mmrun.model.core.mechanism import Counter
from mmrun.model.description import Cell
from mmrun.model.mechanisms import parts
from mmrun.runner.report.run_facts import facts
from mmrun.runner.report.times import where_time_went

KINDS = {"node": "nodes", "disk": "disks", "slab": "slab caches", "cgroup": "groups", "task": "tasks"}
WIDTH = 110
"""Of a paragraph."""
MOST_COLUMNS = 8
"""Things that stand side by side; of more, each counter has a line of its own."""


def page(
    cell: Cell,
    settings: list[str],
    told: Mapping[str, Any],
    kills: list[list[str]],
    death: list[str],
    changes: Sequence[str] = (),
) -> list[str]:
    """The lines, under headings."""
    shown = {name: value for name, value in told.items() if value != 0}
    lines = [f"outcome: {told.get('outcome', 'ok')}", *(f"set: {setting}" for setting in settings)]
    lines += section("Death", wrap(" ".join(death), WIDTH))
    lines += section("What happened", facts(cell, told))
    lines += section("Timeline", list(changes))
    lines += section("Where the time of tasks went", where_time_went(told))
    for number, kill in enumerate(kills, 1):
        lines += section(f"Kill {number}" if len(kill) > 1 else "Kills beyond these", kill)
    for kind, title in KINDS.items():
        lines += section(f"Counters of {title}", things(kind, shown))
    for home, names in by_mechanism(shown).items():
        lines += section(f"Counters: {home}", columns({name: shown[name] for name in names}))
    return [*lines, "", f"({len(told) - len(shown)} more counters are 0)"]


def section(title: str, lines: list[str]) -> list[str]:
    """Lines under a heading, nothing without lines."""
    return ["", title, *(f"  {line}" for line in lines)] if lines else []


def scope(name: str) -> tuple[str, str, str]:
    """A metric's kind of thing, the thing, and its name there: task, db.0, misses; nothing twice for the machine's."""
    first, dot, rest = name.partition(".")
    kind = first.rstrip("0123456789")
    if not dot or kind not in KINDS:
        return "", "", name
    if kind == "node":
        return kind, first, rest
    thing, _, leaf = rest.rpartition(".")
    return kind, thing, leaf


def things(kind: str, shown: Mapping[str, Any]) -> list[str]:
    """The counters of the things of a kind: a column for each, or lines if they are many."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in shown.items():
        of, thing, leaf = scope(name)
        if of == kind:
            found.setdefault(leaf, {})[thing] = value
    names = list(dict.fromkeys(thing for row in found.values() for thing in row))
    if len(names) > MOST_COLUMNS:
        return columns({f"{thing}.{leaf}": value for leaf, row in found.items() for thing, value in row.items()})
    rows = [["", *names], *([leaf, *(text(row.get(name, 0)) for name in names)] for leaf, row in found.items())]
    return table(rows) if names else []


def table(rows: list[list[str]]) -> list[str]:
    """Rows of texts in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows)
    return ["  ".join(line) for line in lines]


def columns(values: Mapping[str, Any]) -> list[str]:
    """A line for each value."""
    return table([[name, text(value)] for name, value in values.items()]) if values else []


def text(value: Any) -> str:
    """A value for people."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else str(value)


def by_mechanism(shown: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names of the machine's metrics by the mechanism that counts them, in the order of mechanisms."""
    found = {home: list[str]() for home in [*dict.fromkeys(homes().values()), "sums"]}
    for name in shown:
        if scope(name)[0] == "" and name != "outcome":
            found[homes().get(name, "sums")].append(name)
    return {home: names for home, names in found.items() if names}


@cache
def homes() -> dict[str, str]:
    """The mechanism that declares each counter."""
    return {
        name: module.__name__.removeprefix("mmrun.model.").removeprefix("mm.").removesuffix(".settings")
        for module in reversed(parts("settings"))
        for name in _declared(module)
    }


def _declared(module: Any) -> Iterator[str]:
    """Names of the counters in a mechanism's own tables."""
    for table_ in vars(module).values():
        if isinstance(table_, dict):
            yield from (name for name, counter in table_.items() if isinstance(counter, Counter))
