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
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmrun.runner.execute.execute import Options, run_sweep
from mmrun.runner.store.store import Store
from tests.runner import execute_fake as fake

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]
API = "tests.runner.execute_fake"
ROOT = Path(__file__).resolve().parents[2]
CELLS = 60
SECONDS = 0.4  # Ray has to be there before all is done, also beside other work

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
        self.given = {"count": CELLS, "seconds": SECONDS, "samples": 3, "log": str(self.log)} | (cells or {})
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
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output + self.errors.read_text()
        return int(output.split()[-1])

    def runs(self) -> list[tuple[int, int]]:
        """(x, pid) of every cell started so far."""
        text = self.log.read_text() if self.log.exists() else ""
        return [(int(words[0]), int(words[2])) for line in text.splitlines() if len(words := line.split()) == 3]

    def again(self) -> int:
        """Cells that were started more often than once."""
        return sum(count - 1 for count in Counter(x for x, _ in self.runs()).values())

    def stored(self) -> int:
        return sum(1 for _ in Store(self.out).records())


def until(condition: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def on_ray(pid: int) -> bool:
    return command_of(pid).startswith("ray::")


def ray_worker_of(sweep: Sweep) -> int:
    """A Ray worker that runs one of the sweep's cells right now."""
    found: list[int] = []
    until(lambda: found.extend(pid for _, pid in sweep.runs()[-2:] if on_ray(pid)) or found)
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
    until(lambda: not session(process), 10)
    assert sweep.finish(sweep.start()) == 0


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
    until(lambda: sweep.stored() > before + 4)
    process.kill()
    process.wait()
    until(lambda: not session(process), 30)
    kept, started = sweep.stored(), len(sweep.runs())
    assert kept >= started - 4  # two workers, the head-start process, one result on its way
    assert sweep.finish(sweep.start()) == CELLS - kept
    assert tables(sweep.out) == expected


def test_interrupt_exits_130_and_resumes(tmp_path, expected):
    sweep = Sweep(tmp_path, workers=2)
    process = sweep.start()
    ray_worker_of(sweep)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in sweep.errors.read_text()
    until(lambda: not session(process), 10)
    kept = sweep.stored()
    assert 0 < kept < CELLS
    assert sweep.finish(sweep.start()) == CELLS - kept
    assert tables(sweep.out) == expected


@pytest.mark.slow
def test_a_second_interrupt_ends_it_at_once(tmp_path):
    sweep = Sweep(tmp_path, {"seconds": 5}, workers=2)
    process = sweep.start()
    ray_worker_of(sweep)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=3)
    assert process.returncode == 130
    until(lambda: not session(process), 30)


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


@pytest.fixture
def cluster(monkeypatch) -> Iterator[object]:
    """A cluster of two nodes of one CPU each, on this machine."""
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    code = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=1, include_dashboard=False))
second = cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
print(cluster.address, second.all_processes["raylet"][0].process.pid, flush=True)
sys.stdin.read()
cluster.shutdown()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        yield process
        process.stdin.close()
        process.wait(timeout=30)


def test_a_killed_raylet_costs_the_cells_in_flight(tmp_path, expected, cluster):
    words = cluster.stdout.readline().split()
    address, raylet = words[-2], int(words[-1])
    sweep = Sweep(tmp_path, address=address, executor="ray")
    process = sweep.start()

    def both_nodes_work() -> bool:
        pids = {pid for _, pid in sweep.runs()[-4:] if on_ray(pid)}
        return any(parent(pid) == raylet for pid in pids)

    until(both_nodes_work)
    os.kill(raylet, signal.SIGKILL)
    assert sweep.finish(process) == CELLS
    assert tables(sweep.out) == expected
    assert sweep.again() <= 2


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0
