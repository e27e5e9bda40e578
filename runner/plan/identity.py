"""What a cell is, as canonical text and as a key: equal keys mean equal metrics under one fingerprint of the model.

Paths do not count, contents do: a trace stands for its content digest, an outside variant for that of its file and of
all it imports.
"""

import dataclasses
import json
from functools import cache
from typing import Any

from mmrun.model.description import Cell, Cgroup, Machine, Stream, Task, Variant
from mmrun.model.rules.record import Family, defaults

DIGITS = 20
SHARED = (Machine, Task, Cgroup, Variant)  # parts that many cells hold, and hold as the same object
ENCODE = json.JSONEncoder(allow_nan=False).encode
quoted = cache(ENCODE)  # names of fields come again and again


class Identity:
    """Computes keys; parts that cells share are turned into text once. `traces` holds content digests by path.

    Of a cell's own parts the latest is remembered: replicates of a row follow each other and differ in nothing else.
    """

    def __init__(self, traces: dict[str, str | None]) -> None:
        from hashlib import sha256  # with OpenSSL behind it, which who only checks an experiment need not load

        self.sha256 = sha256
        self.traces = traces
        self.known: dict[int, tuple[str, Any]] = {}
        self.latest: dict[str, tuple[Any, str]] = {}
        self.files: dict[str, str] = {}

    def key(self, cell: Cell) -> str:
        """The key of a resolved cell, replicate included: 20 hex digits."""
        text = self.braces({name: self.part(name, value) for name, value in vars(cell).items()})
        return self.sha256(text.encode()).hexdigest()[:DIGITS]

    def part(self, name: str, value: Any) -> str:
        """Canonical JSON of a cell's field."""
        known, text = self.latest.get(name, (None, ""))
        if known is not value or not text:
            text = self.text(value)
            self.latest[name] = (value, text)
        return text

    def text(self, value: Any) -> str:
        """Canonical JSON of nested dataclasses: keys sorted, no spaces, numbers in their shortest form."""
        if value is None or isinstance(value, int | float):  # most are
            return "null" if value is None else str(value) if type(value) is int else ENCODE(value)
        if isinstance(value, str):
            return quoted(value)
        if isinstance(value, SHARED):
            key = id(value)
            if key not in self.known:
                self.known[key] = (self.record(value), value)  # the value is kept so that its id stays its own
            return self.known[key][0]
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self.record(value)
        if isinstance(value, dict):
            return self.braces({str(name): self.text(part) for name, part in value.items()})
        if isinstance(value, tuple | list):
            return "[" + ",".join(map(self.text, value)) + "]"
        return ENCODE(value)

    def record(self, value: Any) -> str:
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        if isinstance(value, Family):  # what only other kinds have counts too, so that a key outlives a move of a field
            parts |= defaults(type(value))
        if isinstance(value, Stream) and value.params.get("path") in self.traces:
            parts["params"] = {**value.params, "path": f"sha256:{self.traces[value.params['path']]}"}
        if isinstance(value, Variant) and value.file is not None:
            parts["file"] = f"sha256:{self.file(value.file)}"
        return self.braces({name: self.text(part) for name, part in parts.items()})

    def braces(self, parts: dict[str, str]) -> str:
        return "{" + ",".join(f"{quoted(name)}:{parts[name]}" for name in sorted(parts)) + "}"

    def file(self, path: str) -> str:
        """The digest of an outside policy."""
        if path not in self.files:
            from mmrun.model.sources import outside

            self.files[path] = outside.read(path).digest
        return self.files[path]
