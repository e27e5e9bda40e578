"""Reading trace files: checked before use, then mapped or decoded, whole or block by block."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from mmrun.model.trace.format import BLOCK, Header, Section, TraceError, block_lengths, decode_block
from mmrun.model.trace.header import Bounded, read_header, verified_header

Accesses = tuple[np.ndarray, np.ndarray, np.ndarray | None]  # page (uint32), write (bool), task (uint16)


class Trace:
    """An open trace. Columns are decoded (or mapped, when raw) on first use; `blocks` never holds a whole one."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path, self.header = path, header
        self.npages, self.accesses, self.tasks = header.npages, header.accesses, header.tasks
        self.digest, self.meta = header.digest, header.made

    def __reduce__(self) -> tuple[Any, ...]:
        return Trace, (self.path, self.header)  # columns are read again where it arrives

    @cached_property
    def page(self) -> np.ndarray:
        """Page of every access, uint32 [accesses]; pages are numbered from 0 to `npages` - 1."""
        section = self.header.sections["page"]
        if section.encoding == "raw" and self.accesses:
            pages = np.memmap(self.path, dtype=section.dtype, mode="r", offset=section.offset, shape=(self.accesses,))
            for start in range(0, self.accesses, 1 << 20):
                self._check_pages(pages[start : start + (1 << 20)])
            return pages
        return self._whole(self._pages())

    @cached_property
    def write(self) -> np.ndarray:
        """Whether an access writes, bool [accesses]."""
        return self._whole(self._writes())

    @cached_property
    def task(self) -> np.ndarray | None:
        """Task of every access, uint16 [accesses]; None when the trace is of a single task."""
        return self._whole(self._tasks()) if "task" in self.header.sections else None

    def blocks(self) -> Iterator[Accesses]:
        """(page, write, task or None) of up to 65,536 accesses at a time, in bounded memory."""
        tasks: Iterator[Any] = self._tasks() if "task" in self.header.sections else iter(lambda: None, 0)
        yield from zip(self._pages(), self._writes(), tasks, strict=False)

    def _pages(self) -> Iterator[np.ndarray]:
        for block in self._column("page"):
            self._check_pages(block)
            yield block

    def _tasks(self) -> Iterator[np.ndarray]:
        for block in self._column("task"):
            if block.size and int(block.max()) >= self.tasks:
                raise TraceError(
                    f"{self.path}: an access is of none of the {self.tasks} tasks that the header declares"
                )
            yield block

    def _writes(self) -> Iterator[np.ndarray]:
        left = self.accesses
        for packed in self._column("write"):
            yield np.unpackbits(packed, count=min(left, BLOCK), bitorder="little").view(bool)
            left -= BLOCK

    def _column(self, name: str) -> Iterator[np.ndarray]:
        section = self.header.sections[name]
        with self.path.open("rb") as file:
            file.seek(section.offset)
            source: Any = Bounded(file, section.size)
            if section.encoding != "raw":
                source = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=False)
            for length in block_lengths(section, self.accesses):
                raw = self._exactly(source, length * section.dtype.itemsize, section)
                yield decode_block(raw, section.dtype, section.encoding)
            if self._piece(source, 1, section):
                raise TraceError(f"{self.path}: section {name!r} holds more than the header says")

    def _exactly(self, source: Any, size: int, section: Section) -> bytes:
        parts = []
        while size > 0 and (part := self._piece(source, size, section)):
            parts.append(part)
            size -= len(part)
        if size:
            raise TraceError(f"{self.path}: section {section.name!r} ends early")
        return b"".join(parts)

    def _piece(self, source: Any, size: int, section: Section) -> bytes:
        try:
            return source.read(size)
        except zstandard.ZstdError as error:
            raise TraceError(f"{self.path}: section {section.name!r} cannot be decompressed: {error}") from error

    def _whole(self, blocks: Iterator[np.ndarray]) -> np.ndarray:
        parts = list(blocks)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint32)

    def _check_pages(self, block: np.ndarray) -> None:
        if block.size and int(block.max()) >= self.npages:
            raise TraceError(f"{self.path}: an access lies outside the {self.npages} pages that the header declares")


def open_trace(path: str | Path, *, verify: bool = True) -> Trace:
    """Open a trace file; with `verify`, every column is checked against its checksum first.

    Raises TraceError when the file is absent, truncated, damaged or not a trace.
    """
    return Trace(Path(path), verified_header(path) if verify else read_header(path))
