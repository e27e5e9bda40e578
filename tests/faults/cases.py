"""What can happen to a sweep, and how it should end: one function a fault, told apart by its name."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.faults.sweeps import (
    AGENT,
    BESIDE,
    CLI,
    GCS,
    GUARD,
    RAYLET,
    WORKER,
    Outcome,
    Sweep,
    command_of,
    parent,
    two_nodes,
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """Something that happens. `exits` is how the sweep may end, `says` a word that it must say."""

    name: str
    act: Callable[[Sweep], None]
    exits: tuple[int, ...] = (0,)
    says: str = ""
    run: Callable[["Fault", Sweep], None] | None = None
    """How it happens where it is not to a sweep on a private Ray that has run some cells."""

    def happen(self, sweep: Sweep) -> Outcome:
        """Start the sweep, disturb it once Ray runs cells, wait for its end."""
        try:
            if self.run is not None:
                self.run(self, sweep)
            else:
                sweep.start()
                at_work(sweep)
                self.act(sweep)
            return sweep.finish()
        finally:
            sweep.end()

    def as_it_should(self, found: Outcome, total: int) -> str:
        """'' or what is wrong with how it ended."""
        wrong = {
            f"exit {found.exit}": found.exit not in self.exits,
            "results differ": not found.same,
            "processes left": bool(found.left),
            "files left": bool(found.litter),
            "stacks shown": found.stacks,
            f"does not say {self.says!r}": self.says not in chr(10).join(found.said),
            "cells lost": found.again != total - found.kept and found.again != total - found.at_fault,
        }
        return ", ".join(what for what, is_so in wrong.items() if is_so)


def at_work(sweep: Sweep, cells: int = 5) -> None:
    """Wait until Ray's workers run cells and some are done."""
    sweep.wait(lambda: sweep.processes(WORKER) and sweep.cells() >= cells)
    sweep.outcome.at_fault = sweep.cells()


def driver(sweep: Sweep) -> None:
    """The driver is killed."""
    os.kill(sweep.pid, signal.SIGKILL)


def driver_and_guard(sweep: Sweep) -> None:
    """The driver and whoever would clean up after it are killed."""
    sweep.kill(GUARD)
    os.kill(sweep.pid, signal.SIGKILL)


def owner(sweep: Sweep) -> None:
    """The process that owns Ray is killed."""
    for raylet in sweep.processes(RAYLET)[:1]:
        os.kill(parent(raylet), signal.SIGKILL)


def worker(sweep: Sweep) -> None:
    """One of Ray's workers is killed."""
    sweep.kill(WORKER, most=1)


def twelve_workers(sweep: Sweep) -> None:
    """Workers are killed one after the other."""
    for _ in range(12):
        with suppress(ProcessLookupError):
            sweep.kill(WORKER, most=1)
        time.sleep(0.7)


def raylet(sweep: Sweep) -> None:
    """Ray's raylet is killed."""
    sweep.kill(RAYLET)


def raylet_thrice(sweep: Sweep) -> None:
    """Every Ray dies before it runs a cell."""
    killed: set[int] = set()

    def another() -> set[int]:
        return set(sweep.processes(RAYLET)) - killed

    for _ in range(3):
        sweep.wait(another, 30)
        killed.update(sweep.kill(RAYLET))


def gcs(sweep: Sweep) -> None:
    """Ray's GCS is killed."""
    sweep.kill(GCS)


def agent(sweep: Sweep) -> None:
    """The raylet's dashboard agent is killed."""
    sweep.kill(AGENT)


def beside(sweep: Sweep) -> None:
    """A process beside the driver that runs cells is killed."""
    owners = {parent(pid) for pid in sweep.processes(RAYLET)}
    for pid in [pid for pid in sweep.processes(BESIDE) if pid not in owners][:1]:
        os.kill(pid, signal.SIGKILL)


def early(fault: Fault, sweep: Sweep) -> None:
    """The fault comes while Ray starts."""
    sweep.start()
    sweep.wait(lambda: sweep.cells() >= 2)
    sweep.outcome.at_fault = sweep.cells()
    fault.act(sweep)


def ctrl_c(sweep: Sweep) -> None:
    """Ctrl-C in the terminal: SIGINT to all."""
    os.killpg(sweep.pid, signal.SIGINT)


def twice(sweep: Sweep) -> None:
    """Ctrl-C by somebody impatient."""
    os.kill(sweep.pid, signal.SIGINT)
    time.sleep(0.15)
    with suppress(ProcessLookupError):
        os.kill(sweep.pid, signal.SIGINT)


def term(sweep: Sweep) -> None:
    """SIGTERM to the driver."""
    os.kill(sweep.pid, signal.SIGTERM)


def term_all(sweep: Sweep) -> None:
    """SIGTERM to all, as batch systems send it."""
    os.killpg(sweep.pid, signal.SIGTERM)


def hangup(sweep: Sweep) -> None:
    """The terminal is closed."""
    os.kill(sweep.pid, signal.SIGHUP)


def stopped_worker(sweep: Sweep) -> None:
    """A worker is stopped for a while."""
    stopped = sweep.kill(WORKER, signal.SIGSTOP, most=1)
    time.sleep(8)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)


def ctrl_z(sweep: Sweep) -> None:
    """Ctrl-Z, and fg after a while."""
    os.killpg(sweep.pid, signal.SIGSTOP)  # SIGTSTP does nothing to a session without a terminal
    time.sleep(8)
    os.killpg(sweep.pid, signal.SIGCONT)


def cells_gone(sweep: Sweep) -> None:
    """The records are removed under the sweep."""
    shutil.rmtree(sweep.out / "cells", ignore_errors=True)
    sweep.outcome.at_fault = 0


def directory_gone(sweep: Sweep) -> None:
    """A cleaner of temporary files removes Ray's directory."""
    for pid in sweep.processes(RAYLET)[:1]:
        found = re.search(r"(/\S*mmrun-ray-[^/ ]+)", command_of(pid))
        assert found is not None
        shutil.rmtree(found[1], ignore_errors=True)


def disk_full(fault: Fault, sweep: Sweep) -> None:
    """The results' file system is full, then has room again. Needs the right to mount one."""
    sweep.out.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "faults", str(sweep.out)], check=True)
    sweep.start()
    assert sweep.process is not None
    sweep.process.wait(120)
    sweep.outcome.at_fault = sweep.cells()
    subprocess.run(["mount", "-o", "remount,size=64m", str(sweep.out)], check=True)


def second_sweep(sweep: Sweep) -> None:
    """Somebody starts the same sweep again meanwhile."""
    again = [*CLI, "sweep", str(sweep.config), "--out", str(sweep.out)]
    second = subprocess.run(again, env=sweep.environment, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 3 and "another sweep writes here" in second.stderr, second.stderr


def nobody_answers(fault: Fault, sweep: Sweep) -> None:
    """RAY_ADDRESS names a port where nobody listens."""
    sweep.environment["RAY_ADDRESS"] = "127.0.0.1:1"
    sweep.start()
    sweep.finish()
    del sweep.environment["RAY_ADDRESS"]


def on_two_nodes(fault: Fault, sweep: Sweep) -> None:
    """On a cluster whose second node is killed, or all of it where there is no more to the fault."""
    with two_nodes() as (address, second, cluster):
        sweep.options = (*sweep.options, "--address", address)
        sweep.start()

        def both_work() -> bool:
            at = {parent(int(pid)) for pid in workers_of(cluster.pid)}
            return second in at and len(at) > 1 and sweep.cells() >= 5

        sweep.wait(both_work)
        sweep.outcome.at_fault = sweep.cells()
        if "all" in fault.name:
            os.killpg(cluster.pid, signal.SIGKILL)
        else:
            os.kill(second, signal.SIGKILL)
        sweep.finish()


def workers_of(session: int) -> list[int]:
    """Ray workers with cells in a cluster's session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            leader = int(stat.read_text().rsplit(")", 1)[1].split()[3])
            if leader == session and command_of(int(stat.parent.name)).startswith("ray::run_batch"):
                found.append(int(stat.parent.name))
    return found


def nothing(sweep: Sweep) -> None:
    """Nothing beyond what `run` does."""


INTERRUPTED, AGAIN = (130,), "starting Ray again"
FAULTS = [
    Fault("driver", driver, (-9,)),
    Fault("driver and guard", driver_and_guard, (-9,)),
    Fault("owner of Ray", owner, says=AGAIN),
    Fault("worker", worker),
    Fault("12 workers", twelve_workers),
    Fault("raylet", raylet, says=AGAIN),
    Fault("raylet, three times", raylet_thrice, says="without Ray", run=early),
    Fault("GCS", gcs, says=AGAIN),
    Fault("dashboard agent", agent),
    Fault("Ctrl-C", ctrl_c, INTERRUPTED, "finished cells are kept"),
    Fault("SIGINT twice", twice, INTERRUPTED),
    Fault("SIGTERM", term, INTERRUPTED, "finished cells are kept"),
    Fault("SIGTERM to all", term_all, INTERRUPTED, "finished cells are kept"),
    Fault("SIGHUP", hangup, INTERRUPTED, "finished cells are kept"),
    Fault("disk full", nothing, (3,), "No space left", disk_full),
    Fault("two sweeps", second_sweep),
    Fault("head start", beside, run=early),
    Fault("SIGTERM while Ray starts", term, INTERRUPTED, "finished cells are kept", early),
    Fault("worker stopped", stopped_worker),
    Fault("cells removed", cells_gone, (1, 3), "were removed by somebody"),
    Fault("Ray's directory removed", directory_gone, says=AGAIN),
    Fault("Ctrl-Z", ctrl_z),
    Fault("no Ray there", nothing, (3,), "from RAY_ADDRESS", nobody_answers),
    Fault("node of two", nothing, run=on_two_nodes),
    Fault("all of a cluster", nothing, (3,), "no Ray cluster at", on_two_nodes),
]
