"""Kernels are plain Python too: without the compiler a run gives the same numbers, under a debugger too."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmrun.model import api
from mmrun.model.description import Cell, Cgroup, Disk, Machine, Mempolicy, Node, Region, Stream, SwapTarget, Task
from mmrun.model.units import PAGE, MiB

ERAS = ("3.1", "4.19", "6.18", "6.18+mglru")  # between them most kernels
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, pickle, sys
from numba import config
assert config.DISABLE_JIT
from mmrun.model import api
cells = pickle.load(sys.stdin.buffer)
print(json.dumps([api.simulate(cell, check=True).metrics for cell in cells]))
"""


def cell(era: str) -> Cell:
    """Some hundred accesses that reach most mechanisms: a full group, swap on a disk, a shared file, two nodes."""
    machine = Machine(
        nodes=(Node(memory=16 * MiB), Node(memory=16 * MiB)),
        disks={"d": Disk()},
        swap={"s": SwapTarget(kind="partition", size=4 * MiB, disk="d")},
    )
    shared = Region(kind="file", disk="d", file="f", size=40 * PAGE)
    tasks = {
        "a": Task(
            stream=Stream(kind="zipf", params={"size": 220 * PAGE, "accesses": 400, "write_fraction": 0.4}),
            memory=(shared, Region()),
            cgroup="g",
            mempolicy=Mempolicy(mode="interleave", nodes=(0, 1)),
        ),
        "b": Task(
            stream=Stream(kind="loop", params={"size": 110 * PAGE, "accesses": 220, "write_fraction": 0.2}),
            memory=(shared, Region(kind="file", access="read", disk="d")),
            cgroup="g",
            node=1,
            count=2,  # they share a CPU
        ),
    }
    return Cell(kernel=era, machine=machine, tasks=tasks, cgroups={"g": Cgroup(max=70 * PAGE)})


@pytest.fixture(scope="module")
def interpreted() -> dict[str, dict[str, Any]]:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=pickle.dumps([cell(era) for era in ERAS]),
        capture_output=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return dict(zip(ERAS, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("era", ERAS)
def test_interpreted_and_compiled_runs_count_the_same(era: str, interpreted: dict[str, dict[str, Any]]):
    compiled = api.simulate(cell(era), check=True).metrics
    assert (
        compiled["stall_cpu_ns"] > 0
        and compiled["pswpin"] > 0
        and compiled["pgsteal_file"] > 0
        and compiled["pgactivate"] > 0
    )
    assert interpreted[era] == compiled
