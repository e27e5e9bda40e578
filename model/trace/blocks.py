"""Traces of requests to disks: ARC's `.lis` and vscsi, whose blocks become pages.

A request for many blocks touches each page that they lie on once, in ascending order.
"""

from collections.abc import Iterator

import numpy as np

from mmrun.model.library.single import compiled
from mmrun.model.trace.format import TraceError
from mmrun.model.trace.importers import Keyed, opened
from mmrun.model.units import PAGE

SECTOR = 512  # bytes a block, of both
FIELDS = 4  # of a line of a .lis file: first block, blocks, ignored, number of the request
LONGEST = 4096  # bytes of a line
MOST_BLOCKS = 1 << 21  # of a request: 1 GiB in sectors
BATCH = 1 << 20  # pages handed out at once

V1 = np.dtype([("sn", "<u4"), ("len", "<u4"), ("sg", "<u4"), ("cmd", "<u2"), ("ver", "<u2"), ("lbn", "<u8"),
               ("ts", "<u8")])  # fmt: skip
V2 = np.dtype([("cmd", "<u2"), ("ver", "<u2"), ("sn", "<u4"), ("len", "<u4"), ("sg", "<u4"), ("lbn", "<u8"),
               ("ts", "<u8"), ("rt", "<u8")])  # fmt: skip
READS = (0x08, 0x28, 0xA8, 0x88)  # SCSI's READ(6), (10), (12), (16)
WRITES = (0x0A, 0x2A, 0xAA, 0x8A)


def arc(path: str, *, block: int = SECTOR) -> Iterator[Keyed]:
    """Requests of a `.lis` file, blocks of `block` bytes; all read, as the format has no writes. Raises TraceError."""
    rest, lines = b"", 0
    if not 1 <= block <= PAGE:
        raise ValueError(f"a block has 1 to {PAGE} bytes, not {block}")
    with opened(path) as read:
        while piece := read():
            rest += piece
            requests, used, lines = _requests(rest, path, lines)
            rest = rest[used:]
            yield from _touched(requests[:, 0] * block, requests[:, 1] * block, np.False_)
    requests, _, _ = _requests(rest + b"\n", path, lines)
    yield from _touched(requests[:, 0] * block, requests[:, 1] * block, np.False_)


def _requests(text: bytes, path: str, lines: int) -> tuple[np.ndarray, int, int]:
    """First block and blocks (int64 [requests, 2]) on the whole lines of `text`, bytes used, lines so far."""
    numbers = np.zeros((len(text) // (2 * FIELDS) + 1, FIELDS), dtype=np.int64)
    count, used, seen, good = _parse(np.frombuffer(text, dtype=np.uint8), numbers)
    large = np.flatnonzero(numbers[:count, 1] > MOST_BLOCKS)
    if not good or large.size or len(text) - used > LONGEST:
        line = lines + (_line_of(text, int(large[0])) if large.size else seen + 1)
        why = f"a request of more than {MOST_BLOCKS:,} blocks" if large.size else f"expected {FIELDS} numbers"
        raise TraceError(f"{path}:{line}: {why}: first block, blocks, ignored, number of the request")
    return numbers[:count, :2], used, lines + seen


def _line_of(text: bytes, request: int) -> int:
    """The line, from 1, that a request stands on."""
    return [number for number, line in enumerate(text.split(b"\n"), start=1) if line.strip()][request]


@compiled
def _parse(raw, numbers):
    """Parse whole lines of as many decimal numbers as `numbers` has columns; (rows, bytes used, lines, all well)."""
    count, used, lines, fields = 0, 0, 0, numbers.shape[1]
    while True:
        end = used
        while end < raw.size and raw[end] != 10:
            end += 1
        if end == raw.size:
            return count, used, lines, True
        field, i = 0, used
        while i < end:
            if raw[i] == 32 or raw[i] == 9 or raw[i] == 13:
                i += 1
                continue
            start, value = i, np.int64(0)
            while i < end and 48 <= raw[i] <= 57 and i - start < 15:
                value = value * 10 + (raw[i] - 48)
                i += 1
            if i == start or field == fields or (i < end and raw[i] != 32 and raw[i] != 9 and raw[i] != 13):
                return count, used, lines, False
            numbers[count, field] = value
            field += 1
        if field == fields:
            count += 1
        elif field:
            return count, used, lines, False
        used = end + 1
        lines += 1


def vscsi(path: str) -> Iterator[Keyed]:
    """Reads and writes of a vscsi trace, version 1 or 2 by what its records say; other commands are passed over."""
    kind, rest, seen = None, b"", 0
    with opened(path) as read:
        while piece := read():
            rest += piece
            kind = kind or _kind(rest, path)
            if kind is None:
                continue
            whole = len(rest) - len(rest) % kind.itemsize
            records = np.frombuffer(rest[:whole], dtype=kind)
            rest = rest[whole:]
            _check(records, kind, path, seen)
            seen += records.size
            moves = records[np.isin(records["cmd"], READS + WRITES) & (records["len"] > 0)]
            yield from _touched(
                moves["lbn"].astype(np.int64) * SECTOR, moves["len"].astype(np.int64), np.isin(moves["cmd"], WRITES)
            )
    if rest:
        raise TraceError(f"{path}: {len(rest)} bytes are left after record {seen}: not whole records of vscsi")


def _kind(raw: bytes, path: str) -> np.dtype | None:
    """Layout of the records, by the version in the first of them; None where there is too little yet."""
    if len(raw) < V2.itemsize:
        return None
    if np.frombuffer(raw[: V2.itemsize], dtype=V2)["ver"][0] >> 8 == 2:
        return V2
    if np.frombuffer(raw[: V1.itemsize], dtype=V1)["ver"][0] >> 8 == 1:
        return V1
    raise TraceError(f"{path}: the first record is neither of version 1 nor of version 2: not a trace of vscsi")


def _check(records: np.ndarray, kind: np.dtype, path: str, seen: int) -> None:
    """Every record has the version of the first, a length and a place that a disk can have."""
    version = 1 if kind is V1 else 2
    bad = (records["ver"] >> 8 != version) | (records["len"] > MOST_BLOCKS * SECTOR) | (records["lbn"] >= 1 << 50)
    if np.any(bad):
        at = int(np.flatnonzero(bad)[0])
        offset = (seen + at) * kind.itemsize
        raise TraceError(f"{path}: record {seen + at} at byte {offset} is no record of version {version}")


def _touched(start: np.ndarray, size: np.ndarray, write: np.ndarray | np.bool_) -> Iterator[Keyed]:
    """Every page of requests for `size` bytes from byte `start` on, int64 [n], in batches of bounded size."""
    first = start // PAGE
    pages = np.where(size > 0, (start + size - 1) // PAGE - first + 1, 0)
    write = np.broadcast_to(write, first.shape)
    begin, ends = 0, np.cumsum(pages)
    while begin < len(first):
        before = ends[begin] - pages[begin]
        end = max(begin + 1, int(np.searchsorted(ends, before + BATCH, "right")))
        of = slice(begin, end)
        offset = np.arange(ends[end - 1] - before) - np.repeat(ends[of] - pages[of] - before, pages[of])
        yield np.repeat(first[of], pages[of]) + offset, np.repeat(write[of], pages[of]), 0
        begin = end
