"""All records of a result directory, read once: where each stands in few words, its metrics as columns of numbers.

A hundred thousand records as Python objects would take gigabytes; here a record is a tuple of texts, and its metrics
are a row of Arrow's.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from mmrun.runner.store.columns import joined, uniform
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
    row: int
    """Of its metrics in the shelf's columns; -1 where they are not kept."""


class Shelf:
    """The records of `store`; metrics only of the keys in `wanted`, and only where `metrics` are asked for."""

    def __init__(self, store: Store, wanted: Iterable[str], metrics: bool = False) -> None:
        self.store, self.wanted, self.metrics = store, set(wanted), metrics
        self.kept: dict[str, Kept] = {}
        self.same: dict[Any, Any] = {}  # texts that many records share
        self.rows: list[dict[str, Value]] = []
        self.chunks: list[Any] = []
        self.count = 0
        for digest, record in store.scan():
            self._keep(digest, record)

    def add(self, data: bytes) -> None:
        """Keep the record in the bytes of its file, in place of an older one of the same key."""
        self._keep(hashlib.sha256(data).hexdigest(), decode(data, series=False))

    def _keep(self, digest: str, record: Record) -> None:
        ours = record.key in self.wanted
        sampled = tuple((name, column.dtype.str) for name, column in record.series.items())
        row = self._row(record.metrics) if ours and self.metrics and record.status == "ok" else -1
        self.kept[record.key] = Kept(
            record.key, record.status, self._same(record.error), self._same(record.fingerprint),
            self._same(record.model), () if ours else place(record.axes, record.replicate),
            record.provenance.get("finished", 0.0), record.provenance.get("cpu_seconds", 0.0), digest,
            self._same(sampled), row,
        )  # fmt: skip

    def _same(self, value: Any) -> Any:
        return self.same.setdefault(value, value)

    def _row(self, metrics: dict[str, Value]) -> int:
        self.rows.append(metrics)
        self.count += 1
        if len(self.rows) == CHUNK:
            self._flush()
        return self.count - 1

    def _flush(self) -> None:
        if self.rows:
            import pyarrow as pa

            names = sorted({name for row in self.rows for name in row})
            columns = {name: pa.array(uniform([row.get(name) for row in self.rows])) for name in names}
            self.chunks.append(pa.table(columns))
            self.rows = []

    def table(self, keys: Iterable[str | None]) -> dict[str, Any]:
        """The metrics of these records by name, a value for each, null where there is no record or no such metric."""
        import pyarrow as pa

        self._flush()
        rows = pa.array([None if key is None else self.kept[key].row for key in keys], pa.int64())
        found = {}
        for name in sorted({name for chunk in self.chunks for name in chunk.column_names}):
            pieces = [chunk[name] if name in chunk.column_names else pa.nulls(len(chunk)) for chunk in self.chunks]
            column = joined(pieces).take(rows)
            if column.null_count < len(column):
                found[name] = column.combine_chunks()
        return found

    def cell(self, key: str) -> dict[str, Any]:
        """The description of the cell that a record is of."""
        record = self.store.get(key, series=False)
        return {} if record is None else record.cell


def place(axes: dict[str, Any], replicate: int) -> tuple[Any, ...]:
    """What identifies a cell within a sweep, whatever its configuration."""
    return (*sorted((name, str(value)) for name, value in axes.items()), replicate)
