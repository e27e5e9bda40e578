"""One cell's result as bytes: a header line with a checksum, then compressed JSON and raw series columns.

mmrun-cell 1 <sha256 of the payload> <length of the payload>\\n
payload = zstd(length of JSON as 8 bytes little endian, JSON, column bytes one after the other)
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Value = int | float | str
MAGIC = b"mmrun-cell 1 "
HEADER_LIMIT = 128
LEVEL = 3  # zstd: higher levels cost more CPU than the disk they save


class DamagedRecord(Exception):
    """The bytes are not a whole record: torn, truncated or altered."""


@dataclass(frozen=True, kw_only=True)
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


def encode(record: Record) -> bytes:
    """The record as the bytes of its file; series columns are 1-D numpy arrays."""
    import numpy as np
    import zstandard

    columns = {name: np.ascontiguousarray(column) for name, column in record.series.items()}
    head = {name: value for name, value in asdict_shallow(record).items() if name != "series"}
    head["metrics"] = {name: plain(value) for name, value in record.metrics.items()}
    head["series"] = [[name, column.dtype.str, len(column)] for name, column in columns.items()]
    text = json.dumps(head, separators=(",", ":"), default=plain).encode()
    body = b"".join([len(text).to_bytes(8, "little"), text, *(column.tobytes() for column in columns.values())])
    payload = zstandard.ZstdCompressor(level=LEVEL).compress(body)
    return MAGIC + f"{hashlib.sha256(payload).hexdigest()} {len(payload)}\n".encode() + payload


def decode(data: bytes, *, series: bool = True) -> Record:
    """The record in the bytes of a file, its series without rows unless asked for. Raises DamagedRecord."""
    body = checked_body(data)
    try:
        size = int.from_bytes(body[:8], "little")
        head = json.loads(body[8 : 8 + size])
        columns = head["series"] if series else [[name, dtype, 0] for name, dtype, _ in head["series"]]
        head["series"] = columns_of(body, 8 + size, columns)
        return Record(**head)
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedRecord(f"unreadable contents ({error})") from None


def checked_body(data: bytes) -> bytes:
    """The decompressed payload, after header, length and checksum have been compared."""
    import zstandard

    end = data.find(b"\n", 0, HEADER_LIMIT)
    if end < 0 or not data.startswith(MAGIC):
        raise DamagedRecord("no header")
    words = data[len(MAGIC) : end].split()
    payload = data[end + 1 :]
    if len(words) != 2 or words[1] != str(len(payload)).encode():
        raise DamagedRecord("wrong length")
    if words[0] != hashlib.sha256(payload).hexdigest().encode():
        raise DamagedRecord("wrong checksum")
    return zstandard.ZstdDecompressor().decompress(payload)


def columns_of(body: bytes, offset: int, columns: list[list[Any]]) -> dict[str, Any]:
    """The series columns that lie in `body` from `offset` on: name -> 1-D array (read-only)."""
    found: dict[str, Any] = {}
    if columns:
        import numpy as np

    for name, dtype, length in columns:
        found[name] = np.frombuffer(body, dtype=dtype, count=length, offset=offset)
        offset += found[name].nbytes
    return found


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
