"""Running a program under the tool of `pages.c`, and turning its chunks into a trace as they come."""

import fcntl
import os
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mmrun.model.trace.dense import Numbering
from mmrun.model.trace.format import MAX_TASKS, TraceError
from mmrun.model.trace.record import Progress, Recording
from mmrun.model.trace.recorder.build import prepare
from mmrun.model.trace.writer import LEVEL, TraceWriter

HEAD = struct.Struct("<IIII")  # process, thread, number of records, kind
BEGINS = 1  # the kind of a chunk that tells of a new process
PIECE = 1 << 20  # bytes taken at a time, and held by the pipe
PROCESS_SHIFT = 45  # of a key: page numbers of an address space of 57 bits lie below
NAMED = 1000  # tasks whose names the trace keeps
Columns = tuple[np.ndarray, np.ndarray, np.ndarray]  # key (int64), write (bool), task (int64)


def record_pages(
    command: Sequence[str],
    out: str | Path,
    *,
    instructions: bool = False,
    kernel: bool = True,
    fold: int = 1,
    limit: int | None = None,
    level: int = LEVEL,
    raw: bool = False,
    stdout: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Recording:
    """Run `command` and what it starts under the tool and write their page accesses to `out`, in bounded memory.

    A thread is a task; a process has pages of its own, also those that it shares with others. `kernel`: what system
    calls read and write for the program counts. Else as `mmrun.model.trace.record.record`. Raises NoTool, TraceError.
    """
    program = shutil.which(command[0])
    if program is None:
        raise TraceError(f"{command[0]}: no such program")
    made = {"by": "mmrun trace record", "with": "pages", "command": list(command), "fold": fold}
    made |= {"instructions": instructions, "kernel": kernel} | ({} if limit is None else {"limit": limit})
    chunks, numbering = _Chunks(), Numbering()
    with (
        tempfile.TemporaryDirectory(prefix="mmrun-recorder-") as folder,
        TraceWriter(out, made, level=level, raw=raw) as writer,
    ):
        options = [f"--fold={fold}", f"--instructions={_word(instructions)}", f"--kernel={_word(kernel)}"]
        run = _Run(command, options, Path(folder), stdout, stop)
        stopped = ""
        try:
            for piece in run.pieces():
                for key, write, task in chunks.columns(piece):
                    room = key.size if limit is None else min(key.size, limit - writer.accesses)
                    writer.append(numbering.number(key[:room]), write[:room], task[:room])
                progress(Progress(run.bytes, writer.accesses, numbering.count, time.monotonic() - run.started))
                stopped = _why(limit is not None and writer.accesses >= limit, len(chunks.tasks) >= MAX_TASKS, stop())
                if stopped:
                    break
        finally:
            status = run.end(chunks.alive, kill=bool(stopped))
        if writer.accesses == 0:
            raise TraceError(f"{command[0]}: nothing was recorded; valgrind ended with status {status}")
        made["tasks"] = chunks.names()
        header = writer.close()
    return Recording(
        header.accesses, header.npages, header.writes, header.digest, 0, None if stopped else status,
        time.monotonic() - run.started, stopped, (), chunks.processes,
    )  # fmt: skip


def _word(yes: bool) -> str:
    return "yes" if yes else "no"


def _why(full: bool, crowded: bool, asked: bool) -> str:
    return "limit" if full else "tasks" if crowded else "interrupt" if asked else ""


class _Run:
    """A program running under the tool, its chunks coming through a named pipe."""

    def __init__(
        self, command: Sequence[str], options: list[str], folder: Path, stdout: int | None, stop: Callable[[], bool]
    ) -> None:
        pipe, library = folder / "pipe", folder / "valgrind"
        library.mkdir()
        prepare(library)
        os.mkfifo(pipe, 0o600)
        self._source = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        with suppress(OSError, AttributeError):  # more than the system allows, or not Linux
            fcntl.fcntl(self._source, fcntl.F_SETPIPE_SZ, PIECE)
        fixed = ["--command-line-only=yes", "--tool=pages", "--quiet", "--trace-children=yes", f"--pages-out={pipe}"]
        arguments: Any = ["valgrind", *fixed, *options, *command]
        self.started, self.bytes, self.stop = time.monotonic(), 0, stop
        self._process = subprocess.Popen(arguments, stdout=stdout, env=os.environ | {"VALGRIND_LIB": str(library)})

    def pieces(self) -> Iterator[bytes]:
        """What comes through the pipe until the program has ended, even if what it started goes on."""
        parts: list[bytes] = []
        while True:
            ended = self._process.poll() is not None  # asked before the pipe is looked at, so that nothing is missed
            select.select([self._source], [], [], 0 if ended else 0.1)
            with suppress(BlockingIOError):
                parts.append(os.read(self._source, PIECE))
            if not parts or not parts[-1]:  # nothing now
                yield b"".join(parts)
                if ended:
                    return
                parts = []
                time.sleep(0.002)  # before the program has opened the pipe, its end is what is read
            elif sum(map(len, parts)) >= PIECE or self.stop():
                self.bytes += sum(map(len, parts))
                yield b"".join(parts)
                parts = []

    def end(self, alive: set[int], kill: bool) -> int:
        """Close the pipe and wait for the program's end; with `kill`, bring that about, its children's too."""
        os.close(self._source)
        if kill or self._process.poll() is None:
            for pid in alive:
                with suppress(OSError):
                    if Path(os.readlink(f"/proc/{pid}/exe")).name.startswith("pages-"):
                        os.kill(pid, signal.SIGKILL)
            self._process.kill()
        return self._process.wait()


class _Chunks:
    """Takes chunks apart: which process and thread, and their records."""

    def __init__(self) -> None:
        self._rest = b""
        self._here: dict[int, int] = {}  # number of what a process is running now
        self._of: list[tuple[str, int]] = []  # by that number: program, how many threads it had
        self.tasks: dict[tuple[int, int], int] = {}  # by number and thread

    @property
    def alive(self) -> set[int]:
        """Processes that were heard of."""
        return set(self._here)

    @property
    def processes(self) -> tuple[str, ...]:
        """Programs in the order in which they began."""
        return tuple(name for name, _ in self._of)

    def names(self) -> list[str]:
        """The first tasks: number of the process, its program, number of its thread."""
        return [f"{at}:{self._of[at][0]}/{thread}" for at, thread in self.tasks][:NAMED]

    def columns(self, piece: bytes) -> Iterator[Columns]:
        """The accesses in a piece of what came, in order."""
        text, at = self._rest + piece, 0
        parts: list[tuple[bytes, int, int]] = []
        while at + HEAD.size <= len(text):
            process, thread, count, kind = HEAD.unpack_from(text, at)
            end = at + HEAD.size + (count if kind == BEGINS else 8 * count)
            if end > len(text):
                break
            body = text[at + HEAD.size : end]
            at = end
            if kind == BEGINS:
                self._here[process] = len(self._of)
                self._of.append((Path(body.decode("utf-8", "replace")).name, 0))
            elif process in self._here:
                number = self._here[process]
                parts.append((body, number, self.tasks.setdefault((number, thread), len(self.tasks))))
        self._rest = text[at:]
        parts = [part for part in parts if part[2] < MAX_TASKS]
        if parts:
            yield _joined(parts)


def _joined(parts: list[tuple[bytes, int, int]]) -> Columns:
    words = np.frombuffer(b"".join(body for body, _, _ in parts), dtype="<u8")
    lengths = [len(body) // 8 for body, _, _ in parts]
    number = np.repeat(np.array([number for _, number, _ in parts], dtype=np.int64), lengths)
    task = np.repeat(np.array([task for _, _, task in parts], dtype=np.int64), lengths)
    return (words >> 1).astype(np.int64) | number << PROCESS_SHIFT, (words & 1).astype(bool), task
