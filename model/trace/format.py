"""The trace file format (`.mmt`): preamble, sections, header. Byte layout: docs/trace-format.md.

A file is a 64-byte preamble, one section a column (page, write, task) and, at the end, a JSON header that says where
the sections are and what they hash to. The preamble holds the header's own hash and the file's length, so any
truncation and any damaged byte that matters is found before a single access is handed out.
"""

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mmrun.model.core.frozen import frozen
from mmrun.model.units import PAGE

if TYPE_CHECKING:
    import numpy as np

MAGIC = b"\x89MMT\r\n\x1a\n"  # binary, and broken by line-ending conversions
VERSION = 1
PREAMBLE = struct.Struct("<8sIIQQ32s")  # magic, version, header length, header offset, file length, header SHA-256
ALIGN = 64
BLOCK = 65_536  # accesses a block; transforms start afresh at every block
MAX_HEADER = 1 << 20
MAX_PAGES = 1 << 32
MAX_TASKS = 1 << 16
MOST_DENSE = 1 << 15  # bytes that a stored byte can stand for: a block of zstd takes 4 bytes and holds 128 KiB at most

COLUMNS = {"page": "<u4", "write": "|u1", "task": "<u2"}  # stored elements: byte order, kind and size in bytes
ENCODINGS = ("raw", "zstd", "zstd+delta", "zstd+planes")


class TraceError(Exception):
    """A trace file or a foreign trace that cannot be used; the text names the file and what is wrong."""


@frozen
class Section:
    """Where one column lies in the file and how it is stored."""

    name: str
    encoding: str
    offset: int
    size: int
    sha256: str

    @property
    def dtype(self) -> "np.dtype[Any]":
        """Type of the column's stored elements; `write` is eight accesses a byte."""
        import numpy as np

        return np.dtype(COLUMNS[self.name])

    @property
    def itemsize(self) -> int:
        """Bytes of a stored element."""
        return int(COLUMNS[self.name][-1])

    def elements(self, accesses: int) -> int:
        """Stored elements of a column of `accesses` accesses."""
        return -(-accesses // 8) if self.name == "write" else accesses

    def fault(self, accesses: int, file_length: int) -> str:
        """Why the section cannot be what it says, or nothing."""
        texts = (self.name, self.encoding, self.sha256)
        if not all(isinstance(text, str) for text in texts) or not (_whole(self.offset) and _whole(self.size)):
            return "a section's fields are not of their types"
        if self.encoding not in ENCODINGS or not PREAMBLE.size <= self.offset <= file_length - self.size:
            return f"section {self.name!r} has an unknown encoding or lies outside the file"
        wanted = self.elements(accesses) * self.itemsize
        if (self.size != wanted) if self.encoding == "raw" else (wanted > self.size * MOST_DENSE):
            return f"section {self.name!r} has the wrong size for {accesses} accesses"
        return ""


@frozen
class Header:
    """What a trace file says about itself."""

    npages: int
    accesses: int
    writes: int
    tasks: int
    page_size: int
    digest: str
    made: dict[str, Any]
    sections: dict[str, Section]

    @property
    def identity(self) -> str:
        """What tells traces apart that were verified: hex SHA-256 over the counts and the columns as they are stored.

        `digest` is the same for every encoding of the content, but only a claim until all of it is decoded.
        """
        stored = {name: f"{section.encoding} {section.sha256}" for name, section in self.sections.items()}
        return content_digest(self.npages, self.accesses, stored)

    def to_json(self) -> bytes:
        """The header as it is written."""
        plain = asdict(self)
        plain["sections"] = [asdict(section) for section in self.sections.values()]
        return json.dumps({"format": "mmrun trace", **plain}, indent=1, sort_keys=True).encode()


def header_from_json(raw: bytes, file_length: int) -> Header:
    """Parse and check a header. Raises ValueError for one that is not well-formed."""
    try:
        plain = json.loads(raw)
    except RecursionError:
        raise ValueError("the header is nested too deeply") from None
    if not isinstance(plain, dict) or plain.pop("format", None) != "mmrun trace":
        raise ValueError("the header is not that of a trace")
    try:
        sections = {entry["name"]: Section(**entry) for entry in plain.pop("sections")}
        header = Header(sections=sections, **plain)
    except (TypeError, KeyError) as error:
        raise ValueError(f"the header lacks or misnames a field ({error})") from error
    _check(header, file_length)
    return header


def _check(header: Header, file_length: int) -> None:
    counts = (header.npages, header.accesses, header.writes, header.tasks, header.page_size)
    if not all(map(_whole, counts)) or header.npages > MAX_PAGES or not 1 <= header.tasks <= MAX_TASKS:
        raise ValueError("the header's counts make no sense")
    if header.writes > header.accesses or (header.accesses > 0) > (header.npages > 0):
        raise ValueError("the header's counts contradict each other")
    if header.page_size != PAGE:
        raise ValueError(f"its pages are of {header.page_size} bytes, the model's of {PAGE}")
    if not isinstance(header.digest, str) or not isinstance(header.made, dict):
        raise ValueError("the header's fields are not of their types")
    columns = {"page", "write"} | ({"task"} if header.tasks > 1 else set())
    if set(header.sections) != columns:
        raise ValueError(f"its columns must be {', '.join(sorted(columns))}")
    for section in header.sections.values():
        if fault := section.fault(header.accesses, file_length):
            raise ValueError(fault)


def _whole(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def content_digest(npages: int, accesses: int, columns: dict[str, str]) -> str:
    """Identity of a trace's content, whatever its encoding: hex SHA-256 over sizes and the columns' own hashes."""
    lines = [f"npages {npages}", f"accesses {accesses}", *(f"{name} {columns[name]}" for name in sorted(columns))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def encode_block(values: "np.ndarray", encoding: str) -> bytes:
    """One block of a column as the bytes that are compressed (or stored, when raw)."""
    import numpy as np

    if encoding == "zstd+delta":
        return np.diff(values, prepend=values.dtype.type(0)).tobytes()
    if encoding == "zstd+planes":
        return values.view(np.uint8).reshape(values.size, -1).T.tobytes()
    return values.tobytes()


def decode_block(raw: bytes, dtype: "np.dtype", encoding: str) -> "np.ndarray":
    """The inverse of `encode_block`."""
    import numpy as np

    if encoding == "zstd+planes":
        planes = np.frombuffer(raw, dtype=np.uint8).reshape(dtype.itemsize, -1)
        return np.ascontiguousarray(planes.T).view(dtype).reshape(-1)
    values = np.frombuffer(raw, dtype=dtype)
    return np.cumsum(values, dtype=dtype) if encoding == "zstd+delta" else values


def block_lengths(section: Section, accesses: int) -> Iterator[int]:
    """Stored elements of every block of a column, in order."""
    per_block = BLOCK // 8 if section.name == "write" else BLOCK
    total = section.elements(accesses)
    for start in range(0, total, per_block):
        yield min(per_block, total - start)
