"""Whatever balances, demotes and promotes while tasks, reclaim and swap go on: nothing is lost, everybody gets on."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mmrun.model.core.events import compute, exits
from mmrun.model.core.timeline import before
from mmrun.model.description import Cell, Cgroup, Disk, Machine, Node, Region, Sampling, Sysctl, Variant
from mmrun.model.mm.driver.events import dontneed
from mmrun.model.mm.numa_balancing.policy import policies
from mmrun.model.units import MS, PAGE, KiB, MiB
from tests.model.cells import OWN_CPUS, run, run_twice, touches, with_swap
from tests.model.cells import given as task

ERAS = ("3.13", "4.4", "4.19", "5.15", "5.18", "6.1", "6.1+mglru", "6.12", "6.18", "6.18+mglru")
ANON, MAPPED = 900, 300
PAGES = ANON + MAPPED
FEW = settings(
    max_examples=15, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


def stream(rng: np.random.Generator, rounds: int, nodes: int) -> np.ndarray:
    """Touches while ticks pass; the policy changes, pages are dropped, now and then the process ends."""
    parts = [policies("bind", (int(rng.integers(0, nodes)),)), touches(np.arange(ANON), np.ones(ANON, dtype=bool))]
    parts.append(policies("local"))
    for _ in range(rounds):
        for _ in range(int(rng.integers(1, 5))):
            pages = (rng.zipf(1.2, 300) * 7919 + rng.integers(0, 40, 300)) % PAGES
            parts += [touches(pages, rng.random(300) < 0.4), compute(4 * MS)]
        what = rng.random()
        if what < 0.2:
            parts.append(policies(str(rng.choice(["interleave", "preferred", "bind"])), (int(rng.integers(0, nodes)),)))
            parts.append(touches(rng.integers(0, PAGES, 100), np.ones(100, dtype=bool)))
            parts.append(policies("local"))
        elif what < 0.35:
            first = int(rng.integers(0, ANON - 100))
            parts.append(dontneed(range(first, first + 100)))
        elif what < 0.42:
            parts.append(exits())
    return np.concatenate(parts)


def movement(draw: Any, version: str) -> tuple[Sysctl, dict[str, Variant]]:
    """What moves pages, as far as the version has it."""
    modes = (0, 1) if before(version, "5.18") else (0, 1, 2, 3)
    given: dict[str, Any] = {
        "numa_balancing": draw(st.sampled_from(modes)), "numa_balancing_scan_delay_ms": draw(st.sampled_from([1, 8])),
        "numa_balancing_scan_period_min_ms": 2, "numa_balancing_scan_size_mb": draw(st.sampled_from([1, 4])),
    }  # fmt: skip
    if not before(version, "5.15"):
        given["demotion_enabled"] = draw(st.integers(0, 1))
    if not before(version, "6.1"):
        given["numa_balancing_promote_rate_limit_MBps"] = draw(st.sampled_from([1, 65_536]))
        given["numa_balancing_hot_threshold_ms"] = draw(st.sampled_from([1, 1000]))
    policy = {"numa_balancing": Variant(variant=draw(st.sampled_from(["two-stage", "any-fault"])))}
    if draw(st.booleans()):
        policy["tiering"] = Variant(variant=draw(st.sampled_from(["every-fault", "latency", "tpp"])))
    return Sysctl(**given), policy


@st.composite
def cases(draw: Any) -> tuple[Cell, dict[str, np.ndarray]]:
    era, seed = draw(st.sampled_from(ERAS)), draw(st.integers(0, 1 << 20))
    rng, count = np.random.default_rng(seed), draw(st.integers(1, 3))
    sizes = draw(st.sampled_from([(8, 8), (8, 16), (12, 8, 8), (16, 8, 64)]))
    cpus = [draw(st.integers(1, 2)), *(draw(st.integers(0, 1)) for _ in sizes[1:])]
    nodes = tuple(Node(memory=size * MiB, cpus=each) for size, each in zip(sizes, cpus, strict=True))
    parts = with_swap(draw(st.sampled_from(["none", "zram", "partition"])), 8 << 20)
    host = Machine(nodes=nodes, **{"disks": {"d": Disk()}, **parts})
    file = {"kind": "file", "file": "shared", "disk": "d", "readahead": 32 * KiB}
    groups = {"g": Cgroup(max=draw(st.sampled_from([700, 1500, 3000])) * PAGE)} if draw(st.booleans()) else {}
    memory = (Region(size=ANON * PAGE), Region(size=MAPPED * PAGE, **file))
    homes = [number for number, each in enumerate(cpus) if each]
    tasks, streams = {}, {}
    for i in range(count):
        tasks[f"t{i}"] = task(
            *memory, node=draw(st.sampled_from(homes)), stays=False,
            cgroup="g" if groups and draw(st.booleans()) else None,
        )  # fmt: skip
        streams[f"t{i}"] = stream(rng, draw(st.integers(2, 6)), len(sizes))
    vm, policy = movement(draw, era.partition("+")[0])
    if draw(st.booleans()):
        policy |= OWN_CPUS
    if draw(st.integers(0, 4)) == 0 and "mglru" not in era:
        policy["idle"] = Variant(variant="kstaled", params={"scan_ms": 1})
    cell = Cell(kernel=era, machine=host, tasks=tasks, cgroups=groups, policy=policy, vm=vm,
                sampling=Sampling(accesses=draw(st.sampled_from([97, 1000]))))  # fmt: skip
    return cell, streams


@FEW
@given(cases())
def test_nothing_is_lost(case: tuple[Cell, dict[str, np.ndarray]]) -> None:
    run_twice(*case, footprint=PAGES)


@pytest.mark.parametrize("seed", range(3))
def test_such_streams_do_move_pages(seed: int) -> None:
    """On two tiers that the tasks do not fit into one of."""
    rng = np.random.default_rng(seed)
    nodes = (Node(memory=8 * MiB, cpus=2), Node(memory=32 * MiB, cpus=0, latency=190))
    host = Machine(nodes=nodes, disks={"d": Disk()})
    memory = (Region(size=ANON * PAGE), Region(size=MAPPED * PAGE, kind="file", file="shared", disk="d"))
    vm = Sysctl(numa_balancing=3, demotion_enabled=1, numa_balancing_scan_delay_ms=1,
                numa_balancing_scan_period_min_ms=2, numa_balancing_scan_size_mb=4)  # fmt: skip
    done = run(
        Cell(kernel="6.12", machine=host, tasks={f"t{i}": task(*memory) for i in range(2)}, vm=vm),
        {f"t{i}": stream(rng, 12, 2) for i in range(2)},
        footprint=PAGES,
    )
    assert done.metrics["numa_hint_faults"] > 100 and done.metrics["pgmigrate_success"] > 0
