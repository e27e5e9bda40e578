"""A sweep in processes of its own that something happens to, and what became of it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLI = [sys.executable, "-c", "import sys; from mmrun.runner.cli import main; sys.exit(main(sys.argv[1:]))"]
TABLES = ("runs.parquet", "series.parquet")
WORKER, RAYLET, GCS = r"^ray::run_batch", r"raylet/raylet", r"gcs_server"
AGENT, BESIDE, GUARD = r"dashboard/agent\.py|dashboard_agent|DashboardAgent", r"multiprocessing\.spawn", r"guard\.py"
CONFIG = """
experiment: faults
kernel: "6.18"
machine:
  nodes: [{cpus: 2, memory: 32MiB}]
  disks: {d: {kind: sata-ssd}}
  swap: {s: {kind: partition, disk: d, size: 64MiB}}
tasks:
  a: {stream: {kind: zipf, size: 40MiB, exponent: 0.9, accesses: ACCESSES, write_fraction: 0.3}}
  b: {stream: {kind: uniform, size: 16MiB, accesses: 20000, write_fraction: 0.5}}
sampling: {accesses: 20000}
replicates: REPLICATES
sweep: {product: {vm.swappiness: [0, 100], kernel: ["3.1", "6.18"]}}
"""
STACKS = re.compile(r"Traceback|\*\*\* SIG|core_worker|\bE\d{4}\b|\(raylet\)")
PROGRESS = re.compile(r"^\d+/\d+ cells")


def write_config(folder: Path, replicates: int, accesses: int = 100_000) -> Path:
    """The experiment that is disturbed: four cells a replicate."""
    path = folder / "faults.yaml"
    path.write_text(CONFIG.replace("REPLICATES", str(replicates)).replace("ACCESSES", str(accesses)))
    return path


@dataclass
class Outcome:
    """What became of a disturbed sweep, and of the same command without Ray after it."""

    exit: int | None = None
    seconds: float = 0.0
    at_fault: int = 0
    kept: int = 0
    again: int = -1
    same: bool = False
    said: tuple[str, ...] = ()
    stacks: bool = False
    left: tuple[str, ...] = ()
    litter: int = 0


class Sweep:
    """`mmrun sweep` of a config, with a mark by which its processes are found."""

    def __init__(self, config: Path, out: Path, *options: str, **environment: str) -> None:
        self.config, self.out, self.options = config, out, options
        self.mark = uuid.uuid4().hex
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "FAULT_MARK": self.mark, **environment}
        self.log = out.with_suffix(".log")
        self.outcome = Outcome()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, in a session of its own."""
        command = [*CLI, "sweep", str(self.config), "--out", str(self.out), "--batch-seconds", "0.4", *self.options]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """The driver."""
        assert self.process is not None
        return self.process.pid

    def over(self) -> bool:
        """Whether the driver has ended."""
        return self.process is None or self.process.poll() is not None

    def cells(self) -> int:
        """Records on disk."""
        return sum(1 for _ in self.out.glob("cells/??/*.cell"))

    def processes(self, pattern: str = "") -> list[int]:
        """Its living processes, the driver included, whose command line matches."""
        return [pid for pid in marked(self.mark) if re.search(pattern, command_of(pid))]

    def wait(self, condition: Callable[[], object], seconds: float = 90) -> None:
        """Until the condition holds; AssertionError where the sweep ends or time passes first."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline and not self.over(), f"not in time: {self.log.read_text()[-2000:]}"
            time.sleep(0.05)

    def kill(self, pattern: str, number: int = signal.SIGKILL, most: int = 99) -> list[int]:
        """Signal its processes that match; which those were."""
        found = self.processes(pattern)[:most]
        for pid in found:
            os.kill(pid, number)
        return found

    def finish(self, seconds: float = 120) -> Outcome:
        """Wait for its end and look at what is left."""
        assert self.process is not None
        since = time.monotonic()
        try:
            self.outcome.exit = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.end()
        self.outcome.seconds = time.monotonic() - since
        deadline = time.monotonic() + 30
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)
        said = self.log.read_text(errors="replace")
        self.outcome.left = tuple(command_of(pid)[:60] for pid in left)
        self.outcome.said = tuple(line for line in said.splitlines() if line and not PROGRESS.match(line))
        self.outcome.stacks = bool(STACKS.search(said))
        self.outcome.kept = self.cells()
        return self.outcome

    def end(self) -> None:
        """Kill all of it."""
        for pid in marked(self.mark):
            os.kill(pid, signal.SIGKILL)

    def resume(self, expected: dict[str, bytes]) -> Outcome:
        """Run the rest in one process and compare with the tables of an undisturbed sweep."""
        command = [*CLI, "sweep", str(self.config), "--out", str(self.out), "--executor", "local", "--json"]
        ran = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        self.outcome.again = json.loads(ran.stdout)["ran"] if ran.returncode == 0 else -1
        self.outcome.same = ran.returncode == 0 and tables(self.out) == expected
        self.outcome.litter = len([*self.out.glob("cells/??/.*"), *self.out.glob(".*")])
        return self.outcome


def tables(out: Path) -> dict[str, bytes]:
    """What a sweep came to."""
    return {name: (out / name).read_bytes() for name in TABLES}


def undisturbed(config: Path, out: Path) -> dict[str, bytes]:
    """The tables of the same sweep, made in one process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [*CLI, "sweep", str(config), "--out", str(out), "--executor", "local"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return tables(out)


def marked(mark: str) -> list[int]:
    """Living processes with the mark in their environment."""
    found, wanted = [], f"FAULT_MARK={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if state != "Z" and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue  # it has ended
    return found


def command_of(pid: int) -> str:
    """A process's command line, '' when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def parent(pid: int) -> int:
    """The process that started it, 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


NODES = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=1, include_dashboard=False))
second = cluster.add_node(num_cpus=1, env_vars={second})
cluster.wait_for_nodes()
print(cluster.address, second.all_processes["raylet"][0].process.pid, flush=True)
sys.stdin.read()
cluster.shutdown()
"""

CLUSTER = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RAY_health_check_period_ms": "1000",  # a dead node is noticed after five of them,
    "RAY_health_check_timeout_ms": "3000",  # a silent one when five were not answered for so long
}


@contextmanager
def two_nodes(second: dict[str, str] | None = None) -> Iterator[tuple[str, int, subprocess.Popen[str]]]:
    """A cluster of two nodes of one CPU on this machine: its address, the second node's raylet, who owns it.

    `second`: what the second node has in its environment besides.
    """
    environment = os.environ | CLUSTER | {"PYTHONPATH": str(ROOT)}
    code = NODES.replace("{second}", repr(second or {}))
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        try:
            address, raylet = process.stdout.readline().split()[-2:]
            yield address, int(raylet), process
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
