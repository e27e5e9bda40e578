"""Recording the page accesses of a program with valgrind's lackey tool, streamed through a pipe."""

import fcntl
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mmrun.model.core.frozen import frozen
from mmrun.model.trace.dense import Numbering
from mmrun.model.trace.fold import Folder
from mmrun.model.trace.format import TraceError
from mmrun.model.trace.lackey import accesses
from mmrun.model.trace.writer import LEVEL, TraceWriter

PIECE = 1 << 20  # bytes parsed at a time, and held by the pipe
PAUSE = 0.005  # valgrind writes line by line: let lines gather in the pipe instead of fetching each
TOOL = "lackey-"  # how valgrind's program for lackey is called, before the name of the machine


class NoValgrind(Exception):
    """valgrind is not installed."""


@frozen
class Progress:
    """How far a recording is: what valgrind printed so far, what was recorded of it, time since the start."""

    bytes: int
    accesses: int
    npages: int
    seconds: float


@frozen
class Recording:
    """What a recording came to. `exit_status` is the program's own (negative: signal); None: it was stopped."""

    accesses: int
    npages: int
    writes: int
    digest: str
    memory_accesses: int
    exit_status: int | None
    seconds: float
    stopped: str = ""
    """What stopped it before the program ended: `limit`, `interrupt`, `tasks` (too many for a trace) or nothing."""
    unrecorded: tuple[str, ...] = ()
    """Names of programs that ran unrecorded: children, and what the program replaced itself with; seen by looking."""
    recorded: tuple[str, ...] = ()
    """Names of the programs that were recorded, where that can be more than one; a fork counts again."""


def valgrind() -> str:
    """Where valgrind is. Raises NoValgrind."""
    found = shutil.which("valgrind")
    if found is None:
        raise NoValgrind("valgrind is needed to record and is not installed (package valgrind of the distribution)")
    return found


def record(
    command: Sequence[str],
    out: str | Path,
    *,
    instructions: bool = False,
    fold: int = 1,
    limit: int | None = None,
    level: int = LEVEL,
    raw: bool = False,
    stdout: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Recording:
    """Run `command` under valgrind and write its page accesses to `out`, in bounded memory.

    `fold` is the window of `mmrun.model.trace.fold`; `limit` ends the program after that many recorded accesses, and
    so does `stop` once it answers true; `stdout` is a file descriptor for the program's output. Children of the
    program are not recorded. Raises NoValgrind, and TraceError when the program cannot be started or valgrind fails.
    """
    program = valgrind()
    if shutil.which(command[0]) is None:
        raise TraceError(f"{command[0]}: no such program")
    folder, numbering = Folder(fold), Numbering()
    made = {"by": "mmrun trace record", "command": list(command), "fold": fold, "instructions": instructions}
    made |= {} if limit is None else {"limit": limit}
    with TraceWriter(out, made, level=level, raw=raw) as writer:
        lackey = _Lackey(program, command, stdout, stop)
        try:
            stopped = _pump(lackey, writer, folder, numbering, instructions, limit, progress)
        finally:
            status = lackey.stop()
        if writer.accesses == 0:
            raise TraceError(f"{command[0]}: nothing was recorded; valgrind ended with status {status}")
        header = writer.close()
    return Recording(
        header.accesses, header.npages, header.writes, header.digest, lackey.memory_accesses,
        None if stopped else status, time.monotonic() - lackey.started, stopped, tuple(lackey.unrecorded.values()),
    )  # fmt: skip


def _pump(
    lackey: "_Lackey", writer: TraceWriter, folder: Folder, numbering: Numbering, instructions: bool,
    limit: int | None, progress: Callable[[Progress], None],
) -> str:  # fmt: skip
    """Move everything from the pipe into the trace; what stopped it before the program's end."""
    for page, write in _folded(lackey, folder, instructions):
        room = page.size if limit is None else min(page.size, limit - writer.accesses)
        writer.append(numbering.number(page[:room]), write[:room])
        progress(Progress(lackey.bytes, writer.accesses, numbering.count, time.monotonic() - lackey.started))
        if limit is not None and writer.accesses >= limit:
            return "limit"
        if lackey.stopping():
            return "interrupt"
    return ""


def _folded(lackey: "_Lackey", folder: Folder, instructions: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for page, write in accesses(lackey.read, "valgrind", instructions):
        lackey.memory_accesses += page.size
        yield folder.fold(page, write)
    yield folder.finish()


class _Lackey:
    """A program running under lackey, its trace coming through a pipe of its own."""

    def __init__(self, valgrind: str, command: Sequence[str], stdout: int | None, stopping: Callable[[], bool]) -> None:
        self._source, sink = os.pipe()
        if sys.platform == "linux":
            fcntl.fcntl(self._source, fcntl.F_SETPIPE_SZ, PIECE)
        options = ["--command-line-only=yes", "--tool=lackey", "--trace-mem=yes", "--basic-counts=no"]
        options += ["--child-silent-after-fork=yes", f"--log-fd={sink}"]
        arguments: Any = [valgrind, *options, *command]
        self.started = time.monotonic()
        self._process = subprocess.Popen(arguments, pass_fds=[sink], stdout=stdout)
        os.close(sink)
        self._begun = self._ended = False
        self._rest = b""  # a line that has not ended; one that never does is of a valgrind that was killed
        self.stopping = stopping
        self.bytes = self.memory_accesses = 0
        self.unrecorded: dict[int, str] = {}  # by process

    def read(self) -> bytes:
        """The next lines of the trace; b"" when the program has ended, even if a child of it keeps the pipe open."""
        parts, size = [self._rest], 0  # too little comes at a time to be worth parsing at once
        while size < PIECE and not self._ended and not self.stopping():
            ready = select.select([self._source], [], [], 0.5)[0]
            self._look_around()
            if not ready:
                self._ended = self._process.poll() is not None
                continue
            parts.append(os.read(self._source, PIECE))
            size += len(parts[-1])
            self._ended = not parts[-1]
            if len(parts[-1]) < PIECE // 8 and not self._ended:
                time.sleep(PAUSE)
        self.bytes += size
        text = b"".join(parts)
        whole = text.rfind(b"\n") + 1
        self._rest = text[whole:]
        return text[:whole]

    def _look_around(self) -> None:
        """Note who runs unrecorded: children, and a program that has taken valgrind's place."""
        home = Path("/proc", str(self._process.pid))
        try:
            here = os.readlink(home / "exe")
            children = [
                int(pid) for task in (home / "task").iterdir() for pid in (task / "children").read_text().split()
            ]
        except OSError:  # it is gone, or this system does not tell
            return
        tool = Path(here).name.startswith(TOOL)
        self._begun |= tool  # before, valgrind is a shell script that looks for its tool
        if self._begun and not tool:
            self.unrecorded[self._process.pid] = Path(here).name
        for pid in children if self._begun else ():
            with suppress(OSError):
                name = Path("/proc", str(pid), "comm").read_text(encoding="utf-8", errors="replace").strip()
                self.unrecorded[pid] = "a fork of itself" if name.startswith(TOOL) else name

    def stop(self) -> int:
        """End the program if its trace has not come to an end; its exit status."""
        os.close(self._source)
        if not self._ended:
            self._process.kill()
        return self._process.wait()
