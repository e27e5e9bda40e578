"""Where each cell of a plan stands against the stored records, and why: new, done, stale or failed.

A cell is stale when its axes and replicate have a record, but of another configuration (another key), or computed by
other model code or from other trace contents (another fingerprint).
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, Protocol

from mmrun.model.description import Cell
from mmrun.runner.store.records import Record, cell_dict

StateName = Literal["new", "done", "stale", "failed"]
SHOWN = 4
FILES_CHANGED = "contents of a trace or of an outside variant file changed"


class Planned(Protocol):
    """What is needed of a planned cell."""

    @property
    def key(self) -> str: ...
    @property
    def axes(self) -> dict[str, Any]: ...
    @property
    def cell(self) -> Cell: ...
    @property
    def replicate(self) -> int: ...


class State(NamedTuple):
    """A cell's standing and the reason in words; `record` is the key of the record it stands on, if any."""

    state: StateName
    reason: str
    record: str | None = None


def states(
    planned: Iterable[Planned], records: Iterable[Record], fingerprint: Callable[[Cell | None], str]
) -> dict[str, State]:
    """Key -> state for every planned cell. `fingerprint` is `mmrun.model.api.fingerprint` or a memoised form of it."""
    planned = tuple(planned)
    wanted = {cell.key for cell in planned}
    by_key: dict[str, Record] = {}
    by_place: dict[tuple[Any, ...], Record] = {}
    for record in sorted(records, key=finish_time):
        if record.key in wanted:
            by_key[record.key] = record
        elif record.status == "ok":
            by_place[place(record.axes, record.replicate)] = record
    model = fingerprint(None)
    found = {}
    for cell in planned:
        if cell.key in by_key:
            found[cell.key] = against_same_config(by_key[cell.key], fingerprint(cell.cell), model)
        else:
            found[cell.key] = against_other_config(cell, by_place.get(place(cell.axes, cell.replicate)))
    return found


def finish_time(record: Record) -> float:
    """When the cell ended, in seconds since 1970."""
    return record.provenance.get("finished", 0.0)


def place(axes: dict[str, Any], replicate: int) -> tuple[Any, ...]:
    """What identifies a cell within a sweep, whatever its configuration."""
    return (*sorted((name, str(value)) for name, value in axes.items()), replicate)


def against_same_config(record: Record, fingerprint: str, model: str) -> State:
    """The state of a cell whose very configuration has a record."""
    if record.status == "failed":
        return State("failed", record.error, record.key)
    if record.fingerprint == fingerprint:
        return State("done", "", record.key)
    if record.model != model:
        return State("stale", "model code changed", record.key)
    return State("stale", FILES_CHANGED, record.key)


def against_other_config(cell: Planned, record: Record | None) -> State:
    """The state of a cell that has no record of its own configuration."""
    if record is None:
        return State("new", "")
    changes = differences(record.cell, cell_dict(cell.cell))
    shown = "; ".join(changes[:SHOWN]) + (f"; and {len(changes) - SHOWN} more" if len(changes) > SHOWN else "")
    return State("stale", f"config changed: {shown}" if shown else FILES_CHANGED, record.key)


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """`path: old -> new` for every leaf in which two nested descriptions differ."""
    before, after = leaves(old), leaves(new)
    return [
        f"{path}: {before.get(path, '(absent)')} -> {after.get(path, '(absent)')}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path, ...) != after.get(path, ...)
    ]


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Dotted path -> scalar, for nested objects and lists; empty ones are leaves."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: dict[str, Any] = {}
    for name, inner in items:
        found |= leaves(inner, f"{path}.{name}" if path else str(name))
    return found or {path: value}
