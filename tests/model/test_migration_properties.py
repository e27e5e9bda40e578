"""Whatever is moved while tasks, reclaim, flushers and swap go on: nothing is lost, and everybody gets on."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mmrun.model.core.events import exits, fsyncs
from mmrun.model.description import Cell, Cgroup, Disk, Mempolicy, Region, Sampling, Sysctl, Variant
from mmrun.model.mm.driver.events import dontneed, pin, unpin
from mmrun.model.mm.migrate.events import migrations, moves
from mmrun.model.units import PAGE, KiB
from tests.model.cells import OWN_CPUS, machine, run, run_twice, touches, with_swap
from tests.model.cells import given as task

ERAS = ("3.1", "4.19", "5.15", "6.1+mglru", "6.12", "6.18", "6.18+mglru")
ANON, MAPPED, READ = 1100, 300, 200  # pages of a task's regions, in this order: there is room for a huge page
PAGES = ANON + MAPPED + READ
FEW = settings(
    max_examples=8, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


def stream(rng: np.random.Generator, tasks: int, rounds: int, nodes: int) -> np.ndarray:
    """Touches with requests between them: pages moved, pinned, dropped, written out; now and then the process ends."""
    parts: list[np.ndarray] = []
    for _ in range(rounds):
        pages = (rng.zipf(1.2, 400) * 7919 + rng.integers(0, 40, 400)) % PAGES
        parts.append(touches(pages, rng.random(400) < 0.4))
        first, count = int(rng.integers(0, PAGES - 1)), int(rng.integers(1, 300))
        count = min(count, PAGES - first)
        whose = None if rng.random() < 0.4 else int(rng.integers(0, tasks))
        everybodys = bool(rng.random() < 0.5)
        what = rng.random()
        if what < 0.5:
            parts.append(moves(first, count, int(rng.integers(0, nodes)), whose, everybodys))
        elif what < 0.75:
            parts.append(migrations(*(int(mask) for mask in rng.integers(1, 1 << nodes, 2)), whose, everybodys))
        elif what < 0.83:
            first = int(rng.integers(0, ANON + MAPPED - 8))
            parts.append(pin(range(first, first + 8)))
            parts.append(moves(first, 8, int(rng.integers(0, nodes)), None, True))
            parts.append(unpin(range(first, first + int(rng.integers(0, 9)))))
        elif what < 0.9:
            parts.append(dontneed(range(first % ANON, min(first % ANON + count, ANON))))
        elif what < 0.96:
            parts.append(fsyncs(np.array([ANON + first % (MAPPED + READ)])))
        else:
            parts.append(exits())
    return np.concatenate(parts)


@st.composite
def cases(draw: Any) -> tuple[Cell, dict[str, np.ndarray]]:
    era, seed = draw(st.sampled_from(ERAS)), draw(st.integers(0, 1 << 20))
    rng, count = np.random.default_rng(seed), draw(st.integers(1, 3))
    sizes = draw(st.sampled_from([(8, 8), (12, 8, 8), (16, 16), (64, 8)]))
    parts = with_swap(draw(st.sampled_from(["none", "zram", "partition", "nbd"])), 8 << 20)
    host = machine(*sizes, cpus=draw(st.integers(1, 2)), **{"disks": {"d": Disk()}, **parts})
    file = {"kind": "file", "file": "shared", "disk": "d", "readahead": 32 * KiB}
    groups = {"g": Cgroup(max=draw(st.sampled_from([700, 1500, 4000])) * PAGE)} if draw(st.booleans()) else {}
    tasks, streams = {}, {}
    for i in range(count):
        memory = (Region(size=ANON * PAGE), Region(size=MAPPED * PAGE, **file, fault_around=draw(
            st.sampled_from([4 * KiB, 64 * KiB]))), Region(size=READ * PAGE, access="read", **file))  # fmt: skip
        policy = draw(st.sampled_from([Mempolicy(), Mempolicy(mode="interleave", nodes="all")]))
        tasks[f"t{i}"] = task(
            *memory, mempolicy=policy, node=draw(st.integers(0, len(sizes) - 1)), stays=False,
            cgroup="g" if groups and draw(st.booleans()) else None,
        )  # fmt: skip
        streams[f"t{i}"] = stream(rng, count, draw(st.integers(3, 12)), len(sizes))
    policy = dict(OWN_CPUS) if draw(st.booleans()) else {}
    if draw(st.booleans()):
        policy["migration"] = Variant(variant=draw(st.sampled_from(["one-by-one", "batched"])))
    if draw(st.integers(0, 4)) == 0 and "mglru" not in era:
        policy["idle"] = Variant(variant="kstaled", params={"scan_ms": 1})
    vm = Sysctl()
    if draw(st.booleans()):
        vm = Sysctl(
            transparent_hugepage="always",
            **({"hugepages_64kb": "always"} if era in ("6.12", "6.18", "6.18+mglru") else {}),
        )
    cell = Cell(kernel=era, machine=host, tasks=tasks, cgroups=groups, policy=policy, vm=vm,
                sampling=Sampling(accesses=draw(st.sampled_from([97, 1000]))))  # fmt: skip
    return cell, streams


@FEW
@given(cases())
def test_nothing_is_lost(case: tuple[Cell, dict[str, np.ndarray]]):
    run_twice(*case, footprint=PAGES)


@pytest.mark.parametrize("seed", range(3))
def test_cases_do_move_pages(seed: int):
    """The same kind of stream on a machine with room: most of what is asked for happens."""
    rng = np.random.default_rng(seed)
    host = machine(64, 64, disks={"d": Disk()})
    file = {"kind": "file", "file": "shared", "disk": "d"}
    memory = (
        Region(size=ANON * PAGE),
        Region(size=MAPPED * PAGE, **file),
        Region(size=READ * PAGE, access="read", **file),
    )
    done = run(
        Cell(kernel="6.12", machine=host, tasks={"t0": task(*memory), "t1": task(*memory, node=1)}, policy=OWN_CPUS),
        {name: stream(rng, 2, 12, 2) for name in ("t0", "t1")},
        footprint=PAGES,
    )
    assert done.metrics["pgmigrate_success"] > 200
