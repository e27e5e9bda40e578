"""Traces in CSV: which column is the page or address, which says write, which names the task."""

import csv
import io
from collections.abc import Iterator

import numpy as np

from mmrun.model.core.frozen import frozen
from mmrun.model.trace.format import TraceError
from mmrun.model.trace.importers import Keyed, opened
from mmrun.model.units import PAGE_SHIFT

ROWS = 65_536
MAX_TASKS = 1 << 16
WRITES = dict.fromkeys(("1", "w", "write", "s", "store", "m", "modify", "true", "t", "yes", "y"), True)
READS = dict.fromkeys(("0", "r", "read", "l", "load", "false", "f", "no", "n"), False)
WORDS = WRITES | READS


@frozen(kw_only=True)
class Columns:
    """Where the values stand: by name in a header line, or by index from 0. Exactly one of `page` and `address`."""

    page: str | None = None
    """Column of page numbers (or object ids)."""
    address: str | None = None
    """Column of byte addresses."""
    write: str | None = None
    """Column that says whether an access writes: 1/0, w/r, write/read, store/load, true/false. None: all read."""
    task: str | None = None
    """Column that tells tasks apart, by any text. None: one task."""
    header: bool | None = None
    """Whether the first line names the columns; None: it does when a column is given by name."""
    delimiter: str = ","
    """Character between columns."""

    def __post_init__(self) -> None:
        if (self.page is None) == (self.address is None):
            raise ValueError("give the column of the page or the column of the address, one of them")
        if len(self.delimiter) != 1:
            raise ValueError(f"the delimiter is one character, not {self.delimiter!r}")

    @property
    def named(self) -> bool:
        """Whether any column is given by name."""
        return not all(name is None or name.isdecimal() for name in (self.page, self.address, self.write, self.task))


class CsvReader:
    """Reads accesses from CSV; `tasks` lists the names of the tasks in order of appearance, known at the end."""

    def __init__(self, path: str, columns: Columns) -> None:
        self.path, self.columns = path, columns
        self.tasks: dict[str, int] = {}

    def __iter__(self) -> Iterator[Keyed]:
        with opened(self.path) as read:
            rows = csv.reader(_lines(read, self.path), delimiter=self.columns.delimiter, strict=True)
            try:
                yield from self._chunks(rows)
            except csv.Error as error:
                raise TraceError(f"{self.path}:{rows.line_num}: {error}") from error

    def _chunks(self, rows) -> Iterator[Keyed]:
        columns = self.columns
        header: list[str] = next(rows, []) if columns.header or (columns.header is None and columns.named) else []
        names = {name.strip(): index for index, name in enumerate(header)}
        places = [self._place(name, names) for name in (columns.page or columns.address, columns.write, columns.task)]
        keys, writes, tasks = [], [], []
        for row in rows:
            if not row:
                continue
            try:
                key, write, task = (None if place is None else row[place].strip() for place in places)
            except IndexError:
                raise self._error(
                    rows, f"the line has {len(row)} columns, column {max(filter(None, places))} is wanted"
                ) from None
            keys.append(self._key(rows, key or ""))
            writes.append(write is not None and self._write(rows, write))
            tasks.append(0 if task is None else self._task(rows, task))
            if len(keys) == ROWS:
                yield np.array(keys, dtype=np.int64), np.array(writes), np.array(tasks)
                keys, writes, tasks = [], [], []
        yield np.array(keys, dtype=np.int64), np.array(writes, dtype=bool), np.array(tasks, dtype=np.int64)

    def _place(self, name: str | None, names: dict[str, int]) -> int | None:
        if name is None:
            return None
        if name in names:
            return names[name]
        if name.isdecimal():
            return int(name)
        raise TraceError(f"{self.path}:1: no column is called {name!r}; there are {', '.join(names) or 'none'}")

    def _key(self, rows, text: str) -> int:
        base = 16 if text[:2] in ("0x", "0X") else 10
        try:
            value = int(text, base)
        except ValueError:
            value = -1
        if not 0 <= value < 1 << 63 or "_" in text:
            raise self._error(rows, f"expected a number below 2**63, decimal or 0x..., found {text[:60]!r}")
        return value if self.columns.address is None else value >> PAGE_SHIFT

    def _write(self, rows, text: str) -> bool:
        known = WORDS.get(text.lower())
        if known is None:
            raise self._error(rows, f"expected r or w, read or write, 0 or 1, found {text[:60]!r}")
        return known

    def _task(self, rows, text: str) -> int:
        number = self.tasks.setdefault(text, len(self.tasks))
        if number >= MAX_TASKS:
            raise self._error(rows, f"more than {MAX_TASKS} tasks")
        return number

    def _error(self, rows, what: str) -> TraceError:
        return TraceError(f"{self.path}:{rows.line_num}: {what}")


def _lines(read, path: str) -> Iterator[str]:
    rest = b""
    while piece := read():
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > 1 << 20:
            raise TraceError(f"{path}: a line does not end: not CSV")
        yield from io.StringIO(b"".join(line + b"\n" for line in whole).decode("utf-8", "replace"), newline="\n")
    if rest:
        yield rest.decode("utf-8", "replace")
