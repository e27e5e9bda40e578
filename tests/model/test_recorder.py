"""Recording by our own tool for valgrind: the accesses that lackey sees, children, threads, system calls, folding."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mmrun.model.trace import TraceError, open_trace, write_trace
from mmrun.model.trace.fold import Folder
from mmrun.model.trace.info import describe
from mmrun.model.trace.record import NoValgrind, record
from mmrun.model.trace.recorder import build
from mmrun.model.trace.recorder.pages import record_pages
from mmrun.runner.cli import app
from mmrun.runner.traces.recorders import Tool, recorder
from tests.model.test_trace_record import PAGES, PROGRAM, walk_of

THREADS = """
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static char area[64 * 4096] __attribute__((aligned(4096)));
static void *work(void *at) { for (int i = 0; i < 16; i++) ((volatile char *)at)[i * 4096] = 1; return NULL; }
int main(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, work, area + i * 16 * 4096);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    int fd = open("/dev/zero", O_RDONLY);
    return read(fd, area + 32 * 4096, 32 * 4096) != 32 * 4096;
}
"""


def tool_there() -> bool:
    try:
        build.kit()
    except build.NoTool:
        return False
    return True


needs_tool = pytest.mark.skipif(not tool_there(), reason="valgrind's libraries for tools or cc are not installed")


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """`walk` as lackey's tests have it; `threads`: two threads write 16 pages each, read() fills 32 more."""
    folder = tmp_path_factory.mktemp("programs")
    for name, text in (("walk", PROGRAM % (PAGES, PAGES, PAGES)), ("threads", THREADS)):
        (folder / f"{name}.c").write_text(text)
        words = ["cc", "-O1", "-pthread", "-o", str(folder / name), str(folder / f"{name}.c")]
        subprocess.run(words, check=True)
    return folder


def folded(page: np.ndarray, write: np.ndarray, window: int, piece: int = 700) -> tuple[np.ndarray, np.ndarray]:
    folder = Folder(window)
    cuts = range(0, page.size, piece)
    parts = [folder.fold(page[at : at + piece], write[at : at + piece]) for at in cuts] + [folder.finish()]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def misses(page: np.ndarray, write: np.ndarray, tmp_path: Path) -> np.ndarray:
    write_trace(tmp_path / "m.mmt", [(page, write)], {})
    return describe(open_trace(tmp_path / "m.mmt")).misses


@pytest.mark.parametrize("window", [1, 2, 7, 32])
@pytest.mark.parametrize("kind", ["zipf", "uniform", "hot and loop", "runs"])
def test_folding_leaves_every_lru_memory_of_the_window_or_more_exact(kind, window, tmp_path):
    rng, n = np.random.default_rng(window), 6_000
    page = {
        "zipf": rng.zipf(1.2, n) % 100,
        "uniform": rng.integers(0, 60, n),
        "hot and loop": np.where(rng.random(n) < 0.6, rng.integers(0, 4, n), np.arange(n) % 90),
        "runs": np.repeat(rng.integers(0, 100, n // 3), 3),
    }[kind].astype(np.int64)
    write = rng.random(n) < 0.2
    short_page, short_write = folded(page, write, window)
    assert short_page.size < page.size
    before, after = misses(page, write, tmp_path), misses(short_page, short_write, tmp_path)
    assert np.array_equal(before[window:], after[window:])
    assert set(page[write]) == set(short_page[short_write])
    again = folded(*folded(page, write, 1), window)
    assert np.array_equal(again[0], short_page) and np.array_equal(again[1], short_write)
    whole = folded(page, write, window, piece=n)
    assert np.array_equal(whole[0], short_page) and np.array_equal(whole[1], short_write)


BOTH = """
import os, subprocess, sys, tempfile
from pathlib import Path
from mmrun.model.trace.record import record
from mmrun.model.trace.recorder import build
from mmrun.model.trace.recorder.pages import record_pages
with tempfile.TemporaryDirectory(prefix="mmrun-recorder-") as folder:
    (Path(folder) / "valgrind").mkdir()
    print(record_pages(sys.argv[1:2], sys.argv[2], stdout=subprocess.DEVNULL, kernel=False).digest)
    os.environ["VALGRIND_LIB"] = str(build.prepare(Path(folder) / "valgrind"))  # as long as the one before
    print(record(sys.argv[1:2], sys.argv[3], stdout=subprocess.DEVNULL).digest)
"""


@needs_tool
def test_it_sees_what_lackey_sees_access_by_access(programs, tmp_path):
    """In a process of its own with next to no environment, for loader and getenv walk over it."""
    env = {name: os.environ[name] for name in ("PATH", "NUMBA_CACHE_DIR")}
    words = [sys.executable, "-c", BOTH, str(programs / "walk"), str(tmp_path / "p.mmt"), str(tmp_path / "l.mmt")]
    ran = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    ours, lackeys = ran.stdout.split()
    assert ours == lackeys == open_trace(tmp_path / "p.mmt").digest
    page, write = walk_of(open_trace(tmp_path / "p.mmt"))
    there, back = list(range(PAGES)), list(range(PAGES))[::-1]
    assert page.tolist() == there + back[1:] + back
    assert write.tolist() == [True] * PAGES + [False] * (2 * PAGES - 1)


@needs_tool
def test_the_tool_folds_as_the_folder_does_and_keeps_lru_counts(programs, tmp_path):
    record_pages([str(programs / "walk")], tmp_path / "1.mmt", stdout=subprocess.DEVNULL)
    record_pages([str(programs / "walk")], tmp_path / "9.mmt", stdout=subprocess.DEVNULL, fold=9)
    one, nine = open_trace(tmp_path / "1.mmt"), open_trace(tmp_path / "9.mmt")
    page, write = folded(one.page.astype(np.int64), one.write, 9)
    assert np.array_equal(page, nine.page) and np.array_equal(write, nine.write)
    assert nine.accesses < one.accesses / 2
    assert np.array_equal(describe(one).misses[9:], describe(nine).misses[9:])


@needs_tool
def test_threads_are_tasks_and_what_read_fills_is_written(programs, tmp_path):
    counts = {}
    for kernel in (True, False):
        done = record_pages([str(programs / "threads")], tmp_path / "t.mmt", kernel=kernel)
        trace = open_trace(tmp_path / "t.mmt")
        assert done.exit_status == 0 and trace.tasks == 3 and trace.meta["tasks"][1:] == ["0:threads/2", "0:threads/3"]
        counts[kernel] = len(set(trace.page[trace.write].tolist()))
        own = [set(trace.page[(trace.task == task) & trace.write].tolist()) for task in (1, 2)]
        assert all(len(pages) >= 16 for pages in own) and len(own[0] & own[1]) < 16
    assert counts[True] - counts[False] >= 32


@needs_tool
def test_children_are_recorded_with_pages_of_their_own(tmp_path):
    done = record_pages(["/bin/sh", "-c", "ls / | sort >/dev/null; exec ls /nowhere"], tmp_path / "t.mmt", fold=8)
    assert done.exit_status not in (0, None)
    assert {"sh", "ls", "sort"} == set(done.recorded) and done.recorded.count("ls") == 2
    trace = open_trace(tmp_path / "t.mmt")
    pages = [set(trace.page[trace.task == task].tolist()) for task in range(trace.tasks)]
    assert trace.tasks >= 4 and not any(pages[a] & pages[b] for a in range(trace.tasks) for b in range(a))


@needs_tool
def test_limit_and_stop_keep_what_is_recorded(programs, tmp_path):
    done = record_pages([str(programs / "walk")], tmp_path / "t.mmt", limit=300, stdout=subprocess.DEVNULL)
    assert (done.accesses, done.stopped, done.exit_status) == (300, "limit", None)
    seen = []
    forever = ["/bin/sh", "-c", f"{sys.executable} -S -c 'while True: [0] * 1000'; true"]
    done = record_pages(
        forever, tmp_path / "t.mmt", progress=seen.append, stop=lambda: bool(seen and seen[-1].accesses > 50_000)
    )
    assert done.stopped == "interrupt" and open_trace(tmp_path / "t.mmt").accesses == done.accesses > 50_000
    left = [name for name in os.listdir("/proc") if name.isdecimal() and _runs(name, "while True: [0] * 1000")]
    assert not left, "what the program started is ended too"


def _runs(pid: str, text: str) -> bool:
    try:
        return text.encode() in Path("/proc", pid, "cmdline").read_bytes() and pid != str(os.getpid())
    except OSError:
        return False


@needs_tool
def test_an_unknown_program_is_refused(tmp_path):
    with pytest.raises(TraceError, match="no such program"):
        record_pages(["no-such-program-here"], tmp_path / "t.mmt")
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_said_and_lackey_takes_over(tmp_path, monkeypatch):
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    (tmp_path / "valgrind").symlink_to(Path(shutil.which("valgrind")).resolve())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(build.NoTool, match="cc, a C compiler, is not installed"):
        build.kit()
    with pytest.raises(NoValgrind, match="`pages` cannot be made here"):
        recorder(Tool.PAGES, print)
    said: list[str] = []
    assert recorder(None, said.append) is record and "cc" in said[0]
    done = CliRunner().invoke(app, ["trace", "record", "--with", "pages", "-o", str(tmp_path / "t.mmt"), "--", "true"])
    assert done.exit_code == 3


def test_a_compiler_that_fails_is_told_in_its_words(tmp_path, monkeypatch):
    (tmp_path / "cc").write_text("#!/bin/sh\necho 'pages.c:1: error: no luck' >&2\nexit 1\n")
    (tmp_path / "cc").chmod(0o755)
    own = build.Kit("x", "amd64", tmp_path, tmp_path, "0", tmp_path, str(tmp_path / "cc"))
    with pytest.raises(build.NoTool, match="no luck"):
        build._made(own)
