"""Ctrl-C and SIGTERM while the real model is in the middle of a cell in which everybody sleeps over a slow disk."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from mmrun.model import api, engine
from mmrun.model.description import Cell, Disk, Region
from mmrun.model.units import PAGE
from mmrun.runner.store.store import Store
from tests.model.cells import given, machine, reads, run
from tests.runner.test_execute_ray import ROOT, session, until

CONFIG = """
experiment: slow
kernel: "5.15"
machine:
  nodes: [{cpus: 4, memory: 32MiB}]
  disks: {d: {kind: hdd, size: 16GiB}}
  swap: {s: {kind: partition, disk: d, size: 256MiB}}
tasks:
  t: {count: 4, stream: {kind: uniform, size: 32MiB, accesses: ACCESSES, write_fraction: 0.5}, memory: [{size: 32MiB}]}
replicates: 1
sweep: {product: {vm.swappiness: [10, 20, 30, 40, 50, 60, 70, 80]}}
"""
DRIVER = """
import signal
import sys
from mmrun.model import api
from mmrun.runner.cli import main
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may have had it ignored
    api.warm()
    print("ready", flush=True)
    sys.exit(main(sys.argv[1:]))
"""
FOR_EVER, A_SECOND = 1 << 40, 250_000  # accesses of each task


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts `mmrun COMMAND CONFIG` in processes of their own, which end with the test whatever becomes of it."""
    started: list[subprocess.Popen] = []

    def begin(accesses: int, *command: str) -> subprocess.Popen:
        started.append(process(tmp_path, accesses, *command))
        assert started[-1].stdout is not None
        assert started[-1].stdout.readline() == "ready\n"
        return started[-1]

    yield begin
    for each in started:
        with suppress(ProcessLookupError):
            os.killpg(each.pid, signal.SIGKILL)
        each.communicate()


def process(folder: Path, accesses: int, *command: str) -> subprocess.Popen:
    """`mmrun COMMAND CONFIG` in a process of its own, its kernels compiled."""
    config, script = folder / "slow.yaml", folder / "driver.py"
    config.write_text(CONFIG.replace("ACCESSES", str(accesses)))
    script.write_text(DRIVER)
    verb, *more = command
    return subprocess.Popen(
        [sys.executable, str(script), verb, str(config), *more], env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def cpu_seconds(process: subprocess.Popen) -> float:
    """CPU time of the process so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """(exit status as a shell has it, what was said); nobody is left of the process's session."""
    _, said = process.communicate(timeout=60)
    until(lambda: not session(process), 30)
    return (process.returncode if process.returncode >= 0 else 128 - process.returncode), said


def test_the_engine_comes_up_for_breath(monkeypatch):
    """However much the kernel has to do for the events that its tasks have got."""
    pages = np.random.default_rng(1).permutation(60_000)
    file = Region(kind="file", access="read", disk="d", size=60_000 * PAGE, advice="random")
    cell = Cell(kernel="6.18", machine=machine(64, disks={"d": Disk()}), tasks={"a": given(file), "b": given(file)})
    reasons, engine_runs = [], api._run
    monkeypatch.setattr(api, "_run", lambda m: reasons.append(engine_runs(m)) or reasons[-1])
    found = run(cell, {"a": reads(pages), "b": reads(pages[::-1])}, check=False).metrics
    assert found["accesses"] == 120_000 and reasons.count(engine.BREATH) >= 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_would_never_end_ends(start, number):
    process = start(FOR_EVER, "run")
    began = cpu_seconds(process)
    until(lambda: cpu_seconds(process) > began + 1.5, 120)
    assert process.poll() is None
    os.killpg(process.pid, number)
    status, said = ended(process)
    assert status == 128 + number and "Traceback" not in said
    assert ("interrupted" in said) == (number == signal.SIGINT)


@pytest.mark.timeout(300)
def test_an_interrupted_sweep_keeps_its_cells_and_goes_on(tmp_path, start):
    out, local = tmp_path / "out", ("--executor", "local", "--json")
    process = start(A_SECOND, "sweep", "--out", str(out), *local)
    until(lambda: out.exists() and sum(1 for _ in Store(out).records()) >= 2)
    os.killpg(process.pid, signal.SIGINT)
    status, said = ended(process)
    assert status == 130 and "Traceback" not in said and "finished cells are kept" in said
    kept = {record.key for record in Store(out).records()}
    assert 2 <= len(kept) < 8
    again = start(A_SECOND, "sweep", "--out", str(out), *local)
    output, said = again.communicate(timeout=240)
    assert again.returncode == 0, said
    assert f'"ran": {8 - len(kept)},' in output and kept < {record.key for record in Store(out).records()}
