"""All records of a result directory, read once: where each stands in few words, its metrics as columns of numbers.

A hundred thousand records as Python objects would take gigabytes; here a record is a tuple of texts, and its metrics
are a row of Arrow's.
"""

import gc
import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmrun.runner.store import index
from mmrun.runner.store.columns import joined, packed
from mmrun.runner.store.kept import Kept, place
from mmrun.runner.store.records import Record, Value, decode
from mmrun.runner.store.store import SUFFIX, Store

CHUNK = 4096


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
    """The records of `store`; with `metrics`, those of the keys in `wanted` are kept as they are read."""

    def __init__(self, store: Store, wanted: Iterable[str], metrics: bool = False) -> None:
        self.store, self.wanted, self.metrics = store, set(wanted), metrics
        self.kept: dict[str, Kept] = {}
        self.stamps: dict[str, index.Stamp] = {}
        self.same: dict[Any, Any] = {}  # texts that many records share
        self.groups: dict[tuple[str, ...], Group] = {}
        with collector_paused():
            known = index.load(store.out)
            for path in store.paths():
                self._look(path, known.get(path.name.removesuffix(SUFFIX)))

    def _look(self, path: Path, known: tuple[index.Stamp, Kept] | None) -> None:
        """Keep the record in a file, which is read unless it is the one that is known."""
        try:
            now = index.stamp(path)
        except OSError:
            return
        if known is not None and known[0] == now:
            self.kept[known[1].key], self.stamps[known[1].key] = known[1], now
        elif (found := self.store.look(path)) is not None:
            self._keep(*found)
            self.stamps[found[1].key] = now

    def add(self, data: bytes) -> None:
        """Keep the record in the bytes of its file, which was just written, in place of an older one of its key."""
        record = decode(data, series=False)
        self._keep(hashlib.sha256(data).hexdigest(), record)
        self.stamps[record.key] = index.stamp(self.store.path(record.key))

    def recheck(self) -> int:
        """Forget the records whose files have gone since they were read or written; how many."""
        there = {path.name.removesuffix(SUFFIX) for path in self.store.paths()}
        gone = self.kept.keys() - there
        for key in gone:
            del self.kept[key], self.stamps[key]
        return len(gone)

    def remember(self) -> None:
        """Keep for the next command what this one learned; only for whoever holds the directory's lock."""
        index.save(self.store.out, self.kept, self.stamps)

    def _keep(self, digest: str, record: Record) -> None:
        sampled = tuple((name, column.dtype.str) for name, column in record.series.items())
        row = self._row(record.metrics) if self.metrics and record.key in self.wanted else None
        self.kept[record.key] = Kept(
            record.key, record.status, self._same(record.error), self._same(record.fingerprint),
            self._same(record.model), place(record.axes, record.replicate), record.provenance.get("finished", 0.0),
            record.provenance.get("cpu_seconds", 0.0), digest, self._same(sampled), row,
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

        keys = list(keys)
        for key in keys:
            if key is not None and self.kept[key].row is None and (record := self.store.get(key, series=False)):
                self.kept[key] = self.kept[key]._replace(row=self._row(record.metrics))
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
