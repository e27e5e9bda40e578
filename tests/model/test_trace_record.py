"""Recording real programs under valgrind, and what happens where it is missing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from mmrun.model.trace import TraceError, open_trace
from mmrun.model.trace.record import NoValgrind, record

needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")

PAGES = 150
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
static volatile char area[(%d + 1) * 4096];
int main(int argc, char **argv) {
    volatile char *base = (volatile char *)(((unsigned long)area + 4095) & ~4095UL);
    for (int i = 0; i < %d; i++) base[i * 4096L] = 1;
    for (int round = 0; round < 2; round++)
        for (int i = %d - 1; i >= 0; i--) (void)base[i * 4096L];
    puts("done");
    return argc - 1;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A program that writes PAGES pages in order, reads them backwards twice, exits with its argument count."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "walk.c").write_text(PROGRAM % (PAGES, PAGES, PAGES))
    subprocess.run(["cc", "-O1", "-o", str(folder / "walk"), str(folder / "walk.c")], check=True)
    return str(folder / "walk")


def walk_of(trace) -> tuple[np.ndarray, np.ndarray]:
    """The accesses to the program's area: the pages it wrote in one sweep of neighbours by first touch."""
    page, write = trace.page.astype(np.int64), trace.write
    for first in range(trace.npages - PAGES, -1, -1):
        inside = (page >= first) & (page < first + PAGES)
        if inside.sum() == 3 * PAGES - 1 and write[inside][:PAGES].all():
            return page[inside] - first, write[inside]
    raise AssertionError("the sweep is not in the trace")


@needs_valgrind
@needs_cc
def test_a_program_is_recorded_as_it_ran(program, tmp_path):
    seen = []
    done = record([program, "a", "b"], tmp_path / "t.mmt", stdout=subprocess.DEVNULL, progress=seen.append)
    trace = open_trace(tmp_path / "t.mmt")
    assert done.exit_status == 2 and seen and seen[-1].accesses <= done.accesses == trace.accesses
    assert done.memory_accesses > done.accesses and done.digest == trace.digest
    assert trace.meta["command"] == [program, "a", "b"] and trace.meta["fold"] == 1
    page, write = walk_of(trace)
    there, back = list(range(PAGES)), list(range(PAGES))[::-1]
    # The last page written is the first one read back: folded into one access. Between rounds nothing is folded.
    assert page.tolist() == there + back[1:] + back
    assert write.tolist() == [True] * PAGES + [False] * (2 * PAGES - 1)
    first_touch = np.unique(trace.page, return_index=True)[1]
    assert np.all(np.diff(first_touch) > 0), "pages are numbered in order of first touch"


@needs_valgrind
@needs_cc
def test_the_same_run_gives_the_same_pages(program, tmp_path):
    runs = [record([program], tmp_path / f"{n}.mmt", stdout=subprocess.DEVNULL, fold=n) for n in (1, 8)]
    assert runs[0].npages == runs[1].npages and runs[0].accesses > runs[1].accesses
    assert runs[0].exit_status == 0


@needs_valgrind
@needs_cc
def test_the_limit_stops_the_program(program, tmp_path):
    done = record([program], tmp_path / "t.mmt", limit=500, stdout=subprocess.DEVNULL)
    assert done.accesses == 500 == open_trace(tmp_path / "t.mmt").accesses
    assert done.exit_status is None


@needs_valgrind
@needs_cc
def test_instruction_fetches_count_when_asked(program, tmp_path):
    without = record([program], tmp_path / "a.mmt", stdout=subprocess.DEVNULL)
    with_code = record([program], tmp_path / "b.mmt", stdout=subprocess.DEVNULL, instructions=True)
    assert with_code.memory_accesses > 2 * without.memory_accesses and with_code.npages > without.npages


@needs_valgrind
def test_children_are_not_recorded_and_do_not_hold_the_recorder(tmp_path):
    """A shell that leaves a sleeper behind: the recording ends with the shell."""
    done = record(["/bin/sh", "-c", "sleep 30 >&- 2>&- & exit 4"], tmp_path / "t.mmt")
    assert done.exit_status == 4 and done.seconds < 25


@needs_valgrind
def test_programs_that_it_starts_are_named(tmp_path):
    done = record(["/bin/sh", "-c", "sleep 1; exec sleep 1"], tmp_path / "t.mmt")
    assert set(done.unrecorded) & {"sleep", "a fork of itself"} and done.exit_status == 0


@needs_valgrind
def test_a_stop_keeps_what_is_recorded(tmp_path):
    """Asked to stop, it kills the program; what came before is a whole trace."""
    seen = []
    forever = [sys.executable, "-c", "while True: [0] * 1000"]
    done = record(forever, tmp_path / "t.mmt", progress=seen.append, stop=lambda: bool(seen))
    assert (done.stopped, done.exit_status) == ("interrupt", None)
    assert open_trace(tmp_path / "t.mmt").accesses == done.accesses > 0


@needs_valgrind
def test_ctrl_c_keeps_what_is_recorded(tmp_path):
    """As a terminal does it: the whole group gets the signal, the program under valgrind too."""
    start = "import sys; from mmrun.runner.cli import main; sys.exit(main(['trace', *sys.argv[1:]]))"
    words = ["record", "-o", str(tmp_path / "t.mmt"), "--", sys.executable, "-S", "-c", "while True: [0] * 1000"]
    child = subprocess.Popen([sys.executable, "-c", start, *words], stderr=subprocess.PIPE, text=True, process_group=0)
    said = child.stderr.readline()
    time.sleep(4)
    os.killpg(child.pid, signal.SIGINT)
    rest = child.communicate(timeout=60)[1]
    assert "Ctrl-C keeps what is recorded so far" in said
    assert child.returncode == 130 and "interrupted, what was recorded is kept" in rest
    assert open_trace(tmp_path / "t.mmt").accesses > 1_000


@needs_valgrind
def test_an_unknown_program_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(TraceError, match="no-such-program-here: no such program"):
        record(["no-such-program-here"], tmp_path / "t.mmt")
    assert not list(tmp_path.iterdir())


def mmrun_trace(*words: str, path: str | None = None) -> subprocess.CompletedProcess:
    """`mmrun trace ...` as a process."""
    start = "import sys; from mmrun.runner.cli import main; sys.exit(main(['trace', *sys.argv[1:]]))"
    env = os.environ | ({"PATH": path} if path is not None else {})
    return subprocess.run([sys.executable, "-c", start, *words], capture_output=True, text=True, env=env, timeout=300)


def test_missing_valgrind_is_said_and_exits_3(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoValgrind, match="valgrind is needed"):
        record([sys.executable], tmp_path / "t.mmt")
    said = mmrun_trace("record", "-o", str(tmp_path / "t.mmt"), "--", sys.executable, path=str(tmp_path))
    assert said.returncode == 3 and "valgrind" in said.stderr and "Traceback" not in said.stderr


@needs_valgrind
@needs_cc
def test_record_command_reports_on_stderr_and_json_on_stdout(program, tmp_path):
    out = str(tmp_path / "t.mmt")
    plain = mmrun_trace("record", "-o", out, "--", program)
    assert plain.returncode == 0 and plain.stdout == "done\n" and "exit status 0" in plain.stderr
    failing = mmrun_trace("record", "--json", "-o", out, "--", program, "-x")
    told = json.loads(failing.stdout)
    assert failing.returncode == 1 and told["exit_status"] == 1 and told["npages"] > PAGES
    assert "done" in failing.stderr and "exit status 1" in failing.stderr
