"""Writing trace files: column by column, block by block, in bounded memory."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import zstandard

from mmrun.model.files import refuse_odd_target
from mmrun.model.trace.format import (
    ALIGN,
    BLOCK,
    COLUMNS,
    ENCODINGS,
    MAGIC,
    MAX_HEADER,
    MAX_PAGES,
    PREAMBLE,
    VERSION,
    Header,
    Section,
    TraceError,
    content_digest,
    encode_block,
)
from mmrun.model.units import PAGE

LEVEL = 9  # zstd: within a tenth of level 19 on program traces, at thirty times its speed
TRIAL_BLOCKS = 4  # blocks on which the encodings compete


class TraceWriter:
    """A trace file being written. Use as a context manager: the file appears under its name only when complete."""

    def __init__(self, path: str | Path, made: dict[str, Any], *, level: int = LEVEL, raw: bool = False) -> None:
        """`made`: how the trace came about, kept in the header. `raw`: no compression, the file can be mapped.

        Raises TraceError when the file cannot be created, or what stands there is no regular file.
        """
        self.path, self.made = Path(path), made
        try:
            refuse_odd_target(self.path)
            self._partial = self.path.with_name(f".{self.path.name}.partial-{os.getpid()}")
            self._partial.unlink(missing_ok=True)
            main: BinaryIO = self._partial.open("x+b")
        except OSError as error:
            raise TraceError(f"{path}: cannot be written: {error.strerror}") from error
        except ValueError as error:  # "." and ".." have no name
            raise TraceError(f"{path}: cannot be written: name a file") from error
        main.write(bytes(PREAMBLE.size))
        self._main = main
        # The page column goes straight into the file; the others wait beside it until its length is known.
        files: list[Any] = [main, *(tempfile.TemporaryFile(dir=self.path.parent) for _ in range(2))]  # noqa: SIM115 (see discard)
        self._columns = {name: _Column(name, file, level, raw) for name, file in zip(COLUMNS, files, strict=True)}
        self._pending: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._held = 0
        self.npages = self.accesses = self.writes = 0
        self.tasks = 1

    def append(self, page: np.ndarray, write: np.ndarray, task: np.ndarray | int = 0) -> None:
        """Add accesses: page numbers, write bits (bool), task numbers (or one for all).

        Raises ValueError for arrays of different lengths and numbers out of range.
        """
        page, write = np.asarray(page), np.asarray(write, dtype=bool)
        if page.size == 0:
            return
        task = np.broadcast_to(np.asarray(task), page.shape)
        if page.shape != write.shape or page.ndim != 1:
            raise ValueError("page and write must be one-dimensional and of one length")
        top, last_task = int(page.max()), int(task.max())
        if page.min() < 0 or top >= MAX_PAGES or task.min() < 0 or last_task > 0xFFFF:
            raise ValueError("page numbers must fit 32 bits and task numbers 16 bits")
        self.npages, self.tasks = max(self.npages, top + 1), max(self.tasks, last_task + 1)
        self.accesses += page.size
        self.writes += int(np.count_nonzero(write))
        self._pending.append((page.astype("<u4"), write.copy(), task.astype("<u2")))
        self._held += page.size
        if self._held >= BLOCK:
            self._flush(whole_blocks=True)

    def _flush(self, whole_blocks: bool) -> None:
        if not self._held:
            return
        page, write, task = (np.concatenate(parts) for parts in zip(*self._pending, strict=True))
        end = page.size - page.size % BLOCK if whole_blocks else page.size
        for start in range(0, end, BLOCK):
            cut = slice(start, min(start + BLOCK, end))
            self._columns["page"].add(page[cut])
            self._columns["write"].add(np.packbits(write[cut], bitorder="little"))
            self._columns["task"].add(task[cut])
        self._pending = [(page[end:], write[end:], task[end:])]
        self._held = page.size - end

    def close(self, npages: int | None = None) -> Header:
        """Finish the file; `npages` may exceed the highest page touched. Raises ValueError if it is less."""
        if npages is not None and npages < self.npages:
            raise ValueError(f"npages {npages} is less than the highest page touched, {self.npages - 1}, plus one")
        if npages is not None and npages > MAX_PAGES:
            raise ValueError(f"{npages:,} pages are more than a trace can number, {MAX_PAGES:,}")
        self.npages = max(self.npages, npages or 0)
        self._flush(whole_blocks=False)
        sections, hashes = {}, {}
        for column in self._columns.values():
            column.finish()
            if column.name != "task" or self.tasks > 1:
                sections[column.name] = column.place(self._main)
                hashes[column.name] = column.content.hexdigest()
        header = Header(
            npages=self.npages,
            accesses=self.accesses,
            writes=self.writes,
            tasks=self.tasks,
            page_size=PAGE,
            digest=content_digest(self.npages, self.accesses, hashes),
            made=self.made,
            sections=sections,
        )
        self._seal(header)
        return header

    def _seal(self, header: Header) -> None:
        raw = header.to_json()
        if len(raw) > MAX_HEADER:
            raise ValueError("the description of how the trace was made is too long")
        offset = _aligned_end(self._main)
        self._main.write(raw)
        length = self._main.tell()
        self._main.seek(0)
        self._main.write(
            PREAMBLE.pack(MAGIC, VERSION, len(raw), offset, length, hashlib.sha256(raw).digest()),
        )
        self._main.flush()
        os.fsync(self._main.fileno())
        self._main.close()
        os.replace(self._partial, self.path)

    def discard(self) -> None:
        """Give up what is not finished: nothing stays behind."""
        for column in self._columns.values():
            column.file.close()
        with suppress(FileNotFoundError):
            self._partial.unlink()

    def __enter__(self) -> "TraceWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self._main.closed:
                self.close()
        finally:
            self.discard()


class _Column:
    """One column on its way to its file: chooses an encoding on its first blocks, then streams."""

    def __init__(self, name: str, file: Any, level: int, raw: bool) -> None:
        self.name, self.file, self.level = name, file, level
        self.encoding = "raw" if raw else ""
        self.content, self.stored = hashlib.sha256(), hashlib.sha256()
        self.start = self.size = 0
        self.trial: list[np.ndarray] | None = []  # None once the column is being stored
        self.compressor: Any = None

    def add(self, block: np.ndarray) -> None:
        self.content.update(block.tobytes())
        if self.trial is None:
            self._store(block)
            return
        self.trial.append(block)
        if len(self.trial) == TRIAL_BLOCKS:
            self._begin(self.trial)

    def finish(self) -> None:
        if self.trial is not None:
            self._begin(self.trial)
        if self.compressor is not None:
            self._put(self.compressor.flush())

    def _begin(self, blocks: list[np.ndarray]) -> None:
        if not self.encoding:
            sizes = {encoding: self._trial_size(encoding) for encoding in ENCODINGS if self._suits(encoding)}
            self.encoding = min(sizes, key=sizes.__getitem__)
        self.start, self.trial = _aligned_end(self.file), None
        if self.encoding != "raw":
            self.compressor = zstandard.ZstdCompressor(level=self.level).compressobj()
        for block in blocks:
            self._store(block)

    def _suits(self, encoding: str) -> bool:
        return self.name != "write" or encoding in ("raw", "zstd")

    def _trial_size(self, encoding: str) -> int:
        plain = b"".join(encode_block(block, encoding) for block in self.trial or ())
        return len(plain) if encoding == "raw" else len(zstandard.ZstdCompressor(level=self.level).compress(plain))

    def _store(self, block: np.ndarray) -> None:
        plain = encode_block(block, self.encoding)
        self._put(plain if self.compressor is None else self.compressor.compress(plain))

    def _put(self, raw: bytes) -> None:
        self.file.write(raw)
        self.stored.update(raw)
        self.size += len(raw)

    def place(self, main: BinaryIO) -> Section:
        """Copy the column behind what `main` holds, unless it was written there."""
        if self.file is not main:
            self.start = _aligned_end(main)
            self.file.seek(0)
            while piece := self.file.read(1 << 20):
                main.write(piece)
        return Section(self.name, self.encoding, self.start, self.size, self.stored.hexdigest())


def _aligned_end(file: Any) -> int:
    end = file.tell()
    file.write(bytes(-end % ALIGN))
    return file.tell()


def write_trace(
    path: str | Path,
    chunks: Iterable[tuple[np.ndarray, np.ndarray] | tuple[np.ndarray, np.ndarray, np.ndarray]],
    made: dict[str, Any],
    *,
    npages: int | None = None,
    level: int = LEVEL,
    raw: bool = False,
) -> Header:
    """Write a trace from chunks of (page, write) or (page, write, task); returns its header."""
    with TraceWriter(path, made, level=level, raw=raw) as writer:
        for chunk in chunks:
            writer.append(*chunk)
        return writer.close(npages)
