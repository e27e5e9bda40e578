"""Foreign trace formats: lackey text, libCacheSim's oracleGeneral, plain page lists, CSV with declared columns.

Every reader yields (key int64, write bool, task) in chunks: keys are page numbers, object ids or page addresses, which
`import_trace` numbers densely in order of first touch, or keeps. Files ending in `.zst` or `.gz` are decompressed.
"""

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import zstandard

from mmrun.model.trace.dense import Numbering
from mmrun.model.trace.fold import Folder
from mmrun.model.trace.format import Header, TraceError
from mmrun.model.trace.lackey import accesses
from mmrun.model.trace.numbers import parse_numbers
from mmrun.model.trace.writer import LEVEL, TraceWriter

PIECE = 1 << 20
SIP = 1 << 11  # compressed bytes fed at a time: they may grow thirty thousand times
Keyed = tuple[np.ndarray, np.ndarray, np.ndarray | int]

# libCacheSim's oracleGeneral record: what it also holds (clock, size, next access) plays no part in page accesses.
ORACLE_GENERAL = np.dtype([("time", "<u4"), ("object", "<u8"), ("size", "<u4"), ("next", "<i8")])


@contextmanager
def opened(path: str) -> Iterator[Callable[[], bytes]]:
    """A function that returns the file's (decompressed) content piece by piece; `-` is standard input."""
    with _raw(path) as file:
        pieces = _unpacked(path, file)

        def read() -> bytes:
            try:
                return next(pieces, b"")
            except (zstandard.ZstdError, OSError, EOFError, zlib.error) as error:
                raise TraceError(f"{path}: cannot be read or decompressed: {error}") from error

        yield read


def _unpacked(path: str, file: BinaryIO) -> Iterator[bytes]:
    """The content piece by piece, never an empty one; an end within a compressed frame is an EOFError."""
    if path.endswith(".zst"):
        yield from _unzstd(file)
        return
    source: Any = gzip.GzipFile(fileobj=file) if path.endswith(".gz") else file
    while piece := source.read(PIECE):
        yield piece


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    frame, inside = zstandard.ZstdDecompressor().decompressobj(), False
    held, size = [], 0
    while piece := file.read(SIP):
        while piece:
            inside = True
            held.append(frame.decompress(piece))
            size += len(held[-1])
            piece = b""
            if frame.eof:
                piece, inside = frame.unused_data, False
                frame = zstandard.ZstdDecompressor().decompressobj()
        if size >= PIECE:
            yield b"".join(held)
            held, size = [], 0
    if inside:
        raise EOFError("the file ends within a compressed frame: truncated")
    if whole := b"".join(held):
        yield whole


@contextmanager
def _raw(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        yield sys.stdin.buffer
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 (closed below; errors while reading are not errors of opening)
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror}") from error
    with file:
        yield file


def lackey(path: str, *, instructions: bool = False, fold: int = 1) -> Iterator[Keyed]:
    """Accesses in lackey's text, folded as a recording would be (`mmrun.model.trace.fold`)."""
    folder = Folder(fold)
    with opened(path) as read:
        for page, write in accesses(read, path, instructions):
            yield *folder.fold(page, write), 0
    yield *folder.finish(), 0


def oracle_general(path: str) -> Iterator[Keyed]:
    """Requests of an oracleGeneral file; every object is a page, every request a read (the format has no writes)."""
    size, seen, rest = ORACLE_GENERAL.itemsize, 0, b""
    with opened(path) as read:
        while piece := read():
            raw = rest + piece
            whole = len(raw) - len(raw) % size
            records = np.frombuffer(raw[:whole], dtype=ORACLE_GENERAL)
            rest = raw[whole:]
            seen += records.size
            yield records["object"].astype(np.int64), np.zeros(records.size, dtype=bool), 0
    if rest:
        raise TraceError(f"{path}: {len(rest)} bytes are left after record {seen}: records are {size} bytes")


def page_list(path: str, *, hexadecimal: bool = False) -> Iterator[Keyed]:
    """One page number a line, decimal or 0x... (all hex with `hexadecimal`); empty lines and # comments are skipped."""
    rest, lines = b"", 0
    with opened(path) as read:
        while piece := read():
            keys, used, lines = parse_numbers(rest + piece, path, lines, hexadecimal)
            rest = (rest + piece)[used:]
            yield keys, np.zeros(keys.size, dtype=bool), 0
    keys, _, _ = parse_numbers(rest + b"\n", path, lines, hexadecimal)
    yield keys, np.zeros(keys.size, dtype=bool), 0


def import_trace(
    source: Iterator[Keyed], out: str | Path, made: dict[str, Any], *,
    keep: bool = False, npages: int | None = None, level: int = LEVEL, raw: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Header:  # fmt: skip
    """Write what a reader of this module (or `mmrun.model.trace.table`) yields as a trace; bounded memory.

    `keep`: page numbers stay as they are (below 2**32), so neighbours stay neighbours even when pages between them are
    never touched, of which `npages` may tell more. `made` is stored in the trace when all is read. Raises TraceError.
    """
    numbering = Numbering()
    with TraceWriter(out, made, level=level, raw=raw) as writer:
        for key, write, task in source:
            try:
                writer.append(key if keep else numbering.number(key), write, task)
            except ValueError as error:
                raise TraceError(f"near access {writer.accesses}: {error}") from error
            progress(writer.accesses)
        if writer.accesses == 0:
            raise TraceError("the input holds no accesses")
        return writer.close(npages)
