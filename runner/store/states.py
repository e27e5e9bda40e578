"""Where each cell of a plan stands against the stored records, and why: new, done, stale or failed.

A cell is stale when its axes and replicate have a record, but of another configuration (another key), or computed by
other model code or from other trace contents (another fingerprint).
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, Protocol

from mmrun.model.description import Cell
from mmrun.runner.store.kept import Kept, place
from mmrun.runner.store.records import cell_dict
from mmrun.runner.store.shelf import Shelf

StateName = Literal["new", "done", "stale", "failed"]
SHOWN = 4
FILES_CHANGED = "contents of a trace or of an outside policy changed"
MODEL_CHANGED = "model code changed, or the version of numba, llvmlite or numpy"


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


def states(planned: Iterable[Planned], shelf: Shelf, fingerprint: Callable[[Cell | None], str]) -> dict[str, State]:
    """Key -> state for every planned cell. `fingerprint` is `mmrun.model.api.fingerprint` or a memoised form of it."""
    planned = tuple(planned)
    wanted = {cell.key for cell in planned}
    others = [kept for kept in shelf.kept.values() if kept.key not in wanted and kept.status == "ok"]
    by_place = {kept.place: kept.key for kept in sorted(others, key=finish_time)}
    model = fingerprint(None)
    found = {}
    for cell in planned:
        if cell.key in shelf.kept:
            found[cell.key] = against_same_config(shelf.kept[cell.key], fingerprint(cell.cell), model)
        else:
            found[cell.key] = against_other_config(cell, by_place.get(place(cell.axes, cell.replicate)), shelf)
    return found


def finish_time(kept: Kept) -> float:
    """When the cell ended, in seconds since 1970."""
    return kept.finished


def against_same_config(kept: Kept, fingerprint: str, model: str) -> State:
    """The state of a cell whose very configuration has a record."""
    if kept.fingerprint != fingerprint:
        return State("stale", MODEL_CHANGED if kept.model != model else FILES_CHANGED, kept.key)
    return State("failed", kept.error, kept.key) if kept.status == "failed" else State("done", "", kept.key)


def against_other_config(cell: Planned, key: str | None, shelf: Shelf) -> State:
    """The state of a cell that has no record of its own configuration, but perhaps, under `key`, of another."""
    if key is None:
        return State("new", "")
    changes = differences(shelf.cell(key), cell_dict(cell.cell))
    shown = "; ".join(changes[:SHOWN]) + (f"; and {len(changes) - SHOWN} more" if len(changes) > SHOWN else "")
    return State("stale", f"config changed: {shown}" if shown else FILES_CHANGED, key)


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
