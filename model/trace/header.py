"""The front of a trace file: its checked header, and whether its columns are what the header says; needs no numpy."""

import hashlib
import os
import struct
from pathlib import Path
from typing import BinaryIO

from mmrun.model.files import open_regular
from mmrun.model.trace.format import (
    MAGIC,
    MAX_HEADER,
    PREAMBLE,
    VERSION,
    Header,
    Section,
    TraceError,
    header_from_json,
)


class Bounded:
    """The next `size` bytes of an open file, as something to read from."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.left = file, size

    def read(self, size: int = -1) -> bytes:
        got = self.file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(got)
        return got


def read_header(path: str | Path) -> Header:
    """The checked header of a trace file, without looking at its columns. Raises TraceError."""
    try:
        with open_regular(path) as file:
            return _read_header(file, os.fstat(file.fileno()).st_size)
    except (ValueError, struct.error) as error:
        raise TraceError(f"{path}: not a usable trace: {error}") from error
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror}") from error


def _read_header(file: BinaryIO, length: int) -> Header:
    preamble = file.read(PREAMBLE.size)
    if preamble[: len(MAGIC)] != MAGIC[: len(preamble)] or not preamble:
        raise ValueError("it does not start as a .mmt file does (other formats: mmrun trace import)")
    if len(preamble) < PREAMBLE.size:
        raise ValueError("it is cut off within its first bytes")
    _, version, size, offset, expected, digest = PREAMBLE.unpack(preamble)
    if version != VERSION:
        raise ValueError(f"it is of version {version}, this program reads version {VERSION}")
    if expected != length:
        raise ValueError(f"it is {length} bytes long and should be {expected}: truncated or damaged")
    if size > MAX_HEADER or offset + size > length:
        raise ValueError("its header is said to lie outside the file: damaged")
    file.seek(offset)
    raw = file.read(size)
    if hashlib.sha256(raw).digest() != digest:
        raise ValueError("its header does not match its checksum: damaged")
    return header_from_json(raw, length)


def verified_header(path: str | Path) -> Header:
    """The header of a trace file whose every column matches its checksum. Raises TraceError."""
    header = read_header(path)
    try:
        with open_regular(path) as file:
            for section in header.sections.values():
                if _hash(file, section) != section.sha256:
                    raise TraceError(f"{path}: column {section.name!r} does not match its checksum: damaged")
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror}") from error
    return header


def _hash(file: BinaryIO, section: Section) -> str:
    digest = hashlib.sha256()
    file.seek(section.offset)
    stored = Bounded(file, section.size)
    while piece := stored.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()
