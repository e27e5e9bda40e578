"""All records of a result directory, read once: where each stands in few words, its metrics as columns of numbers.

A hundred thousand records as Python objects would take gigabytes; here a record is a tuple of texts, and its metrics
are a row of Arrow's.
"""

import gc
import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from mmrun.runner.store.columns import joined, packed
from mmrun.runner.store.records import Record, Value, decode
from mmrun.runner.store.store import Store

CHUNK = 4096


class Kept(NamedTuple):
    """A record without its metrics, series and cell."""

    key: str
    status: str
    error: str
    fingerprint: str
    model: str
    place: tuple[Any, ...]
    """Labels and replicate, by which an older configuration of the same cell is found; empty where the key is known."""
    finished: float
    cpu_seconds: float
    digest: str
    """Of the record's file."""
    sampled: tuple[tuple[str, str], ...]
    """Name and type of each column of its series."""
    row: tuple[int, int] | None
    """Of its metrics on the shelf: group and place in it."""


class Group:
    """Metrics of records that have the same names, in columns of numbers but for the latest."""

    def __init__(self, number: int, names: tuple[str, ...]) -> None:
        self.number, self.names, self.count = number, names, 0
        self.latest: list[Collection[Value]] = []
        self.parts: list[list[Any]] = [[] for _ in names]

    def add(self, values: Collection[Value]) -> int:
        """Add a record; its place."""
        self.latest.append(values)
        self.count += 1
        if len(self.latest) == CHUNK:
            self._pack()
        return self.count - 1

    def columns(self) -> dict[str, list[Any]]:
        """The parts of each column by name."""
        self._pack()
        return dict(zip(self.names, self.parts, strict=True))

    def _pack(self) -> None:
        if self.latest:
            for part, column in zip(self.parts, zip(*self.latest, strict=True), strict=True):
                part.append(packed(column))
            self.latest = []


class Shelf:
    """The records of `store`; metrics only of the keys in `wanted`, and only where `metrics` are asked for."""

    def __init__(self, store: Store, wanted: Iterable[str], metrics: bool = False) -> None:
        self.store, self.wanted, self.metrics = store, set(wanted), metrics
        self.kept: dict[str, Kept] = {}
        self.same: dict[Any, Any] = {}  # texts that many records share
        self.groups: dict[tuple[str, ...], Group] = {}
        with collector_paused():
            for digest, record in store.scan():
                self._keep(digest, record)

    def add(self, data: bytes) -> None:
        """Keep the record in the bytes of its file, in place of an older one of the same key."""
        self._keep(hashlib.sha256(data).hexdigest(), decode(data, series=False))

    def _keep(self, digest: str, record: Record) -> None:
        ours = record.key in self.wanted
        sampled = tuple((name, column.dtype.str) for name, column in record.series.items())
        row = self._row(record.metrics) if ours and self.metrics and record.status == "ok" else None
        self.kept[record.key] = Kept(
            record.key, record.status, self._same(record.error), self._same(record.fingerprint),
            self._same(record.model), () if ours else place(record.axes, record.replicate),
            record.provenance.get("finished", 0.0), record.provenance.get("cpu_seconds", 0.0), digest,
            self._same(sampled), row,
        )  # fmt: skip

    def _same(self, value: Any) -> Any:
        return self.same.setdefault(value, value)

    def _row(self, metrics: dict[str, Value]) -> tuple[int, int]:
        names = tuple(metrics)
        group = self.groups.get(names)
        if group is None:
            group = self.groups[names] = Group(len(self.groups), names)
        return group.number, group.add(metrics.values())

    def table(self, keys: Iterable[str | None]) -> dict[str, Any]:
        """The metrics of these records by name, a value for each, null where there is no record or no such metric."""
        import pyarrow as pa

        groups = list(self.groups.values())
        starts = [0]
        for group in groups:
            starts.append(starts[-1] + group.count)
        places = [None if key is None else self.kept[key].row for key in keys]
        rows = pa.array([None if place is None else starts[place[0]] + place[1] for place in places], pa.int64())
        found = {}
        columns = [group.columns() for group in groups]
        for name in sorted({name for group in groups for name in group.names}):
            pieces = [part for one, group in zip(columns, groups, strict=True)
                      for part in one.get(name, [pa.nulls(group.count)])]  # fmt: skip
            column = joined(pieces).take(rows)
            if column.null_count < len(column):
                found[name] = column.combine_chunks()
        return found

    def cell(self, key: str) -> dict[str, Any]:
        """The description of the cell that a record is of."""
        record = self.store.get(key, series=False)
        return {} if record is None else record.cell


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without Python's collector of cycles, which takes half the time of reading many records that have none."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def place(axes: dict[str, Any], replicate: int) -> tuple[Any, ...]:
    """What identifies a cell within a sweep, whatever its configuration."""
    return (*sorted((name, str(value)) for name, value in axes.items()), replicate)
