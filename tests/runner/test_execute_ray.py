"""Sweeps on Ray, undisturbed and with processes killed under them: the tables must be the same bytes.

Processes are real and die by SIGKILL. The model is a fake whose cells take a known time.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mmrun.runner.execute.execute import Options, run_sweep
from mmrun.runner.store.store import Store
from tests.faults.sweeps import command_of, parent, two_nodes
from tests.runner import execute_fake as fake

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]
API = "tests.runner.execute_fake"
ROOT = Path(__file__).resolve().parents[2]
CELLS = 60
SECONDS = 0.2
BESIDE = 2.0  # seconds of a cell that no Ray runs: Ray has to be there before all is done, also beside other work

DRIVER = """
import json, sys
from pathlib import Path
from mmrun.runner.execute.execute import Options, run_sweep
from tests.runner import execute_fake as fake
if __name__ == "__main__":
    out, given, options = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
    plan = fake.grid(given.pop("count"), 1, **given)
    try:
        print(run_sweep(plan, out, Options(api="tests.runner.execute_fake", **options), print).ran)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> dict[str, bytes]:
    """The tables of the undisturbed sweep, computed in one process."""
    out = tmp_path_factory.mktemp("undisturbed")
    run_sweep(fake.grid(CELLS, 1, samples=3), out, Options(executor="local", api=API), print)
    return tables(out)


def tables(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in ("runs.parquet", "series.parquet")}


class Sweep:
    """A sweep in a process of its own; `log` has a line per cell that was started."""

    def __init__(self, folder: Path, cells: dict | None = None, **options) -> None:
        self.out, self.log = folder / "out", folder / "log"
        self.given = {"count": CELLS, "seconds": SECONDS, "beside": BESIDE, "samples": 3, "log": str(self.log)}
        self.given |= cells or {}
        self.options = options
        self.script = folder / "driver.py"
        self.script.write_text(DRIVER)
        self.errors = folder / "stderr"

    def start(self) -> subprocess.Popen:
        command = [sys.executable, str(self.script), str(self.out), json.dumps(self.given), json.dumps(self.options)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with open(self.errors, "ab") as errors:
            return subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
            )

    def finish(self, process: subprocess.Popen) -> int:
        """Cells the sweep says it ran."""
        try:
            output, _ = process.communicate(timeout=240)
        except subprocess.TimeoutExpired:
            left = [f"{pid} {command_of(pid)[:80]}" for pid in session(process)]
            os.killpg(process.pid, signal.SIGKILL)
            told = [f"not over, {self.stored()} cells stored, (cell, process): {self.runs()}", *left, self.said()]
            pytest.fail("\n".join(told))
        assert process.returncode == 0, output + self.said()
        return int(output.split()[-1])

    def resume(self) -> int:
        """Run the rest, in no time; cells the sweep says it ran."""
        self.given |= {"seconds": 0, "beside": 0}
        return self.finish(self.start())

    def said(self) -> str:
        return self.errors.read_text()

    def runs(self) -> list[tuple[int, int]]:
        """(x, pid) of every cell started so far."""
        text = self.log.read_text() if self.log.exists() else ""
        return [(int(words[0]), int(words[2])) for line in text.splitlines() if len(words := line.split()) == 3]

    def again(self) -> int:
        """Cells that were started more often than once."""
        return sum(count - 1 for count in Counter(x for x, _ in self.runs()).values())

    def stored(self) -> int:
        return sum(1 for _ in Store(self.out).records())


def until(condition: Callable[[], object], told: Callable[[], object] = str, seconds: float = 120) -> None:
    """Wait for the condition; a failure tells what `told` returns."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited too long: {told()}"
        time.sleep(0.05)


def ended(process: subprocess.Popen) -> None:
    """Wait until nothing is left of the driver's session."""
    until(lambda: not session(process), lambda: [command_of(pid) for pid in session(process)], 60)


def on_ray(pid: int) -> bool:
    return command_of(pid).startswith("ray::")


def ray_worker_of(sweep: Sweep) -> int:
    """A Ray worker that runs one of the sweep's cells right now."""
    found: list[int] = []
    until(lambda: found.extend(pid for _, pid in sweep.runs()[-2:] if on_ray(pid)) or found, sweep.said)
    return found[-1]


def session(process: subprocess.Popen) -> list[int]:
    """Living processes of the session that a driver started: whatever it leaves behind is among them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, leader = stat.read_text().rsplit(")", 1)[1].split()[:4]
        except OSError:
            continue
        if int(leader) == process.pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize(
    "workers", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(4, marks=pytest.mark.slow)]
)
def test_any_number_of_workers_gives_the_same_bytes(tmp_path, expected, workers):
    sweep = Sweep(tmp_path, {"seconds": 0.1}, workers=workers, batch_seconds=0.3 * workers)
    process = sweep.start()
    assert sweep.finish(process) == CELLS
    assert tables(sweep.out) == expected
    assert sweep.again() == 0
    ended(process)
    assert sweep.resume() == 0


def test_a_killed_worker_costs_the_cell_in_flight(tmp_path, expected):
    sweep = Sweep(tmp_path, workers=2)
    process = sweep.start()
    os.kill(ray_worker_of(sweep), signal.SIGKILL)
    assert sweep.finish(process) == CELLS
    assert tables(sweep.out) == expected
    assert sweep.again() <= 1


def test_a_killed_driver_leaves_no_process_and_a_resumable_sweep(tmp_path, expected):
    sweep = Sweep(tmp_path, workers=2)
    process = sweep.start()
    ray_worker_of(sweep)
    before = sweep.stored()
    until(lambda: sweep.stored() > before + 4, sweep.said)
    process.kill()
    process.wait()
    ended(process)
    kept, started = sweep.stored(), len(sweep.runs())
    assert kept >= started - 6  # two cells on Ray, two beside it, two results on their way
    assert sweep.resume() == CELLS - kept
    assert tables(sweep.out) == expected


def test_interrupt_exits_130_and_resumes(tmp_path, expected):
    sweep = Sweep(tmp_path, workers=2)
    process = sweep.start()
    ray_worker_of(sweep)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in sweep.said()
    ended(process)
    kept = sweep.stored()
    assert 0 < kept < CELLS
    assert sweep.resume() == CELLS - kept
    assert tables(sweep.out) == expected


@pytest.mark.slow
def test_a_second_interrupt_ends_it_at_once(tmp_path):
    sweep = Sweep(tmp_path, {"seconds": 5}, workers=2)
    process = sweep.start()
    ray_worker_of(sweep)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=4)  # a cell takes 5
    assert process.returncode == 130
    ended(process)


@pytest.mark.slow
def test_a_cell_that_kills_its_worker_is_a_failed_row(tmp_path):
    cells = [fake.planned(x, seconds=0.3) for x in range(30)] + [fake.planned(99, crash=True)]
    result = run_sweep(fake.make_plan(cells), tmp_path, Options(workers=2, api=API), print)
    assert result.counts == {"done": 30, "failed": 1}
    assert "gave up after" in Store(tmp_path).get(cells[-1].key).error


@pytest.mark.slow
def test_a_cell_larger_than_every_node_is_a_failed_row(tmp_path):
    cells = [*(fake.planned(x, seconds=0.1) for x in range(3)), fake.planned(99, bytes=1 << 50)]
    result = run_sweep(fake.make_plan(cells), tmp_path, Options(workers=1, api=API), print)
    assert result.counts == {"done": 3, "failed": 1}
    assert "GiB of memory; the largest node offers" in Store(tmp_path).get(cells[-1].key).error


def test_a_killed_raylet_costs_the_cells_in_flight(tmp_path, expected):
    with two_nodes() as (address, raylet, _):
        sweep = Sweep(tmp_path, address=address)
        process = sweep.start()
        until(lambda: {parent(pid) for _, pid in sweep.runs()[-4:] if on_ray(pid)} > {raylet}, sweep.said)
        os.kill(raylet, signal.SIGKILL)
        assert sweep.finish(process) == CELLS
    assert tables(sweep.out) == expected
    assert sweep.again() <= 2


def test_what_a_silent_node_has_or_is_to_get_runs_on_another(tmp_path, expected, monkeypatch):
    """It is stopped, as if its machine hung: no connection breaks, so that Ray never tells of the task that runs there.

    The head still compiles, so that the batch which waits for the other node is barred from the head.
    """
    compiled = tmp_path / "compiled"
    monkeypatch.setenv("FAKE_WARM_UNTIL", str(compiled))
    with two_nodes({"FAKE_WARM_UNTIL": ""}) as (address, raylet, _):
        sweep = Sweep(tmp_path, address=address)
        process = sweep.start()
        until(sweep.runs, sweep.said)
        worker = sweep.runs()[0][1]
        assert parent(worker) == raylet
        for pid in (worker, raylet):
            os.kill(pid, signal.SIGSTOP)
        compiled.touch()
        try:
            assert sweep.finish(process) == CELLS
        finally:
            for pid in (worker, raylet):
                os.kill(pid, signal.SIGKILL)
    assert tables(sweep.out) == expected
    assert {pid for _, pid in sweep.runs()} > {worker} and sweep.again() <= 2
