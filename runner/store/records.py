"""One cell's result as bytes: a header line with a checksum, then compressed JSON and raw series columns.

mmrun-cell 1 <sha256 of the payload> <length of the payload>\\n
payload = zstd(length of JSON as 8 bytes little endian, JSON, column bytes one after the other)
"""

import hashlib
import json
from dataclasses import asdict, field
from typing import Any, Literal

from mmrun.model.core.frozen import frozen
from mmrun.runner.terminal import one_line

Value = int | float | str
MAGIC = b"mmrun-cell 1 "
HEADER_LIMIT = 128
LEVEL = 3  # zstd: higher levels cost more CPU than the disk they save
MOST_FILE = 1 << 28  # bytes of a file that is read at all
MOST_HEAD = 1 << 26  # bytes of JSON: a cell of ten thousand groups has some ten million
MOST_SERIES = 1 << 30  # bytes of series: a sample takes some 1,600
MOST_ERROR = 4_000  # characters
PIECE = 1 << 20
LATEST = 1e12  # seconds: a time of day beyond it is none
NUMBERS = {"<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "<u2", "|u1", "<f8", "<f4", "|b1"}  # of series
WORDS = ("outcome",)  # the metrics that are words; all others are numbers


class DamagedRecord(Exception):
    """The bytes are not a whole record: torn, truncated or altered."""


@frozen(kw_only=True)
class Record:
    """What is kept of one cell. `provenance` says how it came about and never reaches a metric column."""

    key: str
    axes: dict[str, Any]
    replicate: int
    status: Literal["ok", "failed"]
    error: str = ""
    metrics: dict[str, Value] = field(default_factory=dict)
    series: dict[str, Any] = field(default_factory=dict)
    fingerprint: str
    """`mmrun.model.api.fingerprint(cell)`: the model's sources and the files the cell reads."""
    model: str
    """`mmrun.model.api.fingerprint()`: the model's sources alone."""
    cell: dict[str, Any]
    provenance: dict[str, Any] = field(default_factory=dict)
    kills: list[list[str]] = field(default_factory=list)
    """The lines of each report of the out-of-memory killer."""
    death: list[str] = field(default_factory=list)
    """Of a machine that died: who waited for whom, in sentences."""
    changes: list[str] = field(default_factory=list)
    """A line for each write of the cell's timeline."""


def encode(record: Record) -> bytes:
    """The record as the bytes of its file; series columns are 1-D numpy arrays. ValueError beyond what is read back."""
    import numpy as np
    import zstandard

    columns = {name: np.ascontiguousarray(column) for name, column in record.series.items()}
    head = {name: value for name, value in asdict_shallow(record).items() if name != "series"}
    head["metrics"] = {name: plain(value) for name, value in record.metrics.items()}
    head["series"] = [[name, column.dtype.str, len(column)] for name, column in columns.items()]
    text = json.dumps(head, separators=(",", ":"), default=plain).encode()
    if len(text) > MOST_HEAD or sum(column.nbytes for column in columns.values()) > MOST_SERIES:
        raise ValueError(f"a record has room for a series of {MOST_SERIES >> 20} MiB: sample less often")
    body = b"".join([len(text).to_bytes(8, "little"), text, *(column.tobytes() for column in columns.values())])
    payload = zstandard.ZstdCompressor(level=LEVEL).compress(body)
    return MAGIC + f"{hashlib.sha256(payload).hexdigest()} {len(payload)}\n".encode() + payload


def decode(data: bytes, *, series: bool = True) -> Record:
    """The record in the bytes of a file, its series without rows unless asked for. Raises DamagedRecord.

    Nothing in it is believed: sizes are compared with the limits before memory is taken for them, and every field has
    its type, so that whoever reads records meets no other.
    """
    import zstandard

    source = zstandard.ZstdDecompressor().stream_reader(checked_payload(data))
    try:
        head = json.loads(exactly(source, size_of(int.from_bytes(exactly(source, 8), "little"), MOST_HEAD)))
        columns = head.pop("series")
        described = described_columns(columns)
        head["series"] = columns_of(source, described if series else [(*column[:2], 0) for column in described])
        head["error"] = one_line(head["error"], MOST_ERROR)
        record = Record(**head)
    except zstandard.ZstdError as error:
        raise DamagedRecord(f"not compressed as it should be ({error})") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DamagedRecord(f"unreadable contents ({type(error).__name__}: {error})") from None
    if wrong := fault(record):
        raise DamagedRecord(wrong)
    return record


def checked_payload(data: bytes) -> memoryview:
    """The compressed payload, after header, length and checksum have been compared."""
    end = data.find(b"\n", 0, HEADER_LIMIT)
    if end < 0 or not data.startswith(MAGIC):
        raise DamagedRecord("no header")
    words = data[len(MAGIC) : end].split()
    payload = memoryview(data)[end + 1 :]
    if len(words) != 2 or words[1] != str(len(payload)).encode():
        raise DamagedRecord("wrong length")
    if words[0] != hashlib.sha256(payload).hexdigest().encode():
        raise DamagedRecord("wrong checksum")
    return payload


def exactly(source: Any, size: int) -> bytes:
    """The next `size` decompressed bytes. Memory grows with what is there, not with what is asked for."""
    parts = []
    while size and (part := source.read(min(size, PIECE))):
        parts.append(part)
        size -= len(part)
    if size:
        raise DamagedRecord(f"it ends {size:,} bytes early")
    return b"".join(parts)


def size_of(size: Any, most: int) -> int:
    """A size that a file claims, if it is one within the limit."""
    if type(size) is not int or not 0 <= size <= most:
        raise DamagedRecord(f"it claims a size of {str(size)[:20]}, at most {most:,} is read")
    return size


def described_columns(columns: list[list[Any]]) -> list[tuple[str, str, int]]:
    """Name, type and length of every series column, all of one length. Raises DamagedRecord."""
    names, types, lengths = zip(*columns, strict=True) if columns != [] else ((), (), ())
    if not all(isinstance(name, str) for name in names) or not NUMBERS.issuperset(types) or len(set(lengths)) > 1:
        raise DamagedRecord("series columns without names, of no numbers or of different lengths")
    rows = size_of(lengths[0], MOST_SERIES) if lengths else 0
    size_of(rows * sum(map(bytes_of, types)), MOST_SERIES)
    return [(name, kind, rows) for name, kind in zip(names, types, strict=True)]


def bytes_of(kind: str) -> int:
    """Bytes of a number of a type such as `<i8`."""
    return int(kind[-1])


def columns_of(source: Any, columns: list[tuple[str, str, int]]) -> dict[str, Any]:
    """The series columns that follow in `source`: name -> 1-D array (read-only)."""
    if not columns:
        return {}
    import numpy as np

    return {
        name: np.frombuffer(exactly(source, rows * bytes_of(kind)), dtype=np.dtype(kind))
        for name, kind, rows in columns
    }


def fault(record: Record) -> str:
    """Which field is not what it must be, or nothing."""
    scalar = (str, int, float, type(None))
    texts = (record.key, record.fingerprint, record.model)
    sound = {
        "key, fingerprint, model": all(isinstance(text, str) for text in texts),
        "status": record.status in ("ok", "failed"),
        "replicate": type(record.replicate) is int and record.replicate >= 0,
        "axes": isinstance(record.axes, dict) and all(isinstance(label, scalar) for label in record.axes.values()),
        "metrics": isinstance(record.metrics, dict)
        and all(isinstance(value, str if name in WORDS else (int, float)) for name, value in record.metrics.items()),
        "cell": isinstance(record.cell, dict),
        "provenance": isinstance(record.provenance, dict)
        and all(finite(record.provenance.get(name, 0.0)) for name in ("finished", "cpu_seconds")),
        "kills": isinstance(record.kills, list) and all(map(all_texts, record.kills)),
        "death": all_texts(record.death),
        "changes": all_texts(record.changes),
    }
    wrong = [name for name, good in sound.items() if not good]
    return f"not of their type: {', '.join(wrong)}" if wrong else ""


def all_texts(lines: Any) -> bool:
    """Whether it is a list of texts."""
    return isinstance(lines, list) and all(isinstance(line, str) for line in lines)


def finite(number: Any) -> bool:
    """Whether it is a number that can be compared and added."""
    return type(number) in (int, float) and abs(number) < LATEST


def asdict_shallow(record: Record) -> dict[str, Any]:
    """Field name -> value, values not copied."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def cell_dict(cell: Any) -> dict[str, Any]:
    """A cell as JSON keeps it: dataclasses as objects, tuples as lists."""
    return json.loads(json.dumps(asdict(cell), default=plain))


def plain(value: Any) -> Any:
    """A numpy scalar as the Python number it holds; anything JSON cannot hold as its text."""
    if hasattr(value, "item"):
        return value.item()
    return value if isinstance(value, (int, float, str)) else str(value)
