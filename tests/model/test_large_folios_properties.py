"""Whatever is read, stored, synced, reclaimed and moved of files with large folios: everything stays in step."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mmrun.model.core.events import exits, fsyncs
from mmrun.model.description import Cell, Cgroup, Disk, Region, Sampling, Sysctl, Variant
from mmrun.model.mm.migrate.events import moves
from mmrun.model.units import PAGE, KiB, MiB
from tests.model.cells import OWN_CPUS, machine, run, run_twice, touches
from tests.model.cells import given as task

ERAS = ("5.18", "6.1", "6.1+mglru", "6.8", "6.12", "6.16", "6.18", "6.18+mglru")
ANON, MAPPED, READ = 300, 700, 700  # pages of a task's regions, in this order
PAGES = ANON + MAPPED + READ
FEW = settings(
    max_examples=10, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


def stream(rng: np.random.Generator, rounds: int, stores: float, nodes: int) -> np.ndarray:
    """Runs of pages and single ones, some stored to, with syncs and moves between them; now and then the task ends."""
    parts: list[np.ndarray] = []
    for _ in range(rounds):
        first, count = int(rng.integers(0, PAGES - 1)), int(rng.integers(1, 400))
        if rng.random() < 0.6:
            pages = np.arange(first, min(PAGES, first + count), int(rng.integers(1, 4)))
        else:
            pages = rng.integers(0, PAGES, count)
        parts.append(touches(pages.astype(np.int64), rng.random(len(pages)) < stores))
        what = rng.random()
        if what < 0.15:
            parts.append(fsyncs(np.array([ANON + first % (MAPPED + READ)])))
        elif what < 0.3 and nodes > 1:
            first %= ANON + MAPPED - 1
            parts.append(
                moves(first, min(count, ANON + MAPPED - first), int(rng.integers(0, nodes)), None, bool(first & 1))
            )
        elif what > 0.97:
            parts.append(exits())
    return np.concatenate(parts)


@st.composite
def cases(draw: Any) -> tuple[Cell, dict[str, np.ndarray]]:
    era, seed = draw(st.sampled_from(ERAS)), draw(st.integers(0, 1 << 20))
    rng, count = np.random.default_rng(seed), draw(st.integers(1, 3))
    sizes = draw(st.sampled_from([(16,), (8, 8), (64,)]))
    disk = Disk(
        allocation=draw(st.sampled_from(["fixed", "xfs", "ext4"])),
        writepage=draw(st.sampled_from(["writes", "kswapd", "ignores"])),
    )
    host = machine(*sizes, cpus=draw(st.integers(1, 2)), disks={"d": disk})
    file = {
        "kind": "file", "file": "shared", "disk": draw(st.sampled_from(["d", None])),
        "filesystem": "xfs" if era < "6.16" else draw(st.sampled_from(["xfs", "ext4"])),
        "readahead": draw(st.sampled_from([32, 128, 512])) * KiB,
    }  # fmt: skip
    if file["disk"] and draw(st.booleans()):
        file["sparse"] = True
    groups = {"g": Cgroup(max=draw(st.sampled_from([400, 900, 2500])) * PAGE)} if draw(st.booleans()) else {}
    tasks, streams = {}, {}
    for i in range(count):
        around = draw(st.sampled_from([4 * KiB, 64 * KiB, 1 * MiB]))
        advice = draw(st.sampled_from(["normal", "normal", "sequential", "random"]))
        memory = (Region(size=ANON * PAGE), Region(size=MAPPED * PAGE, fault_around=around, advice=advice, **file),
                  Region(size=READ * PAGE, access="read", **file))  # fmt: skip
        tasks[f"t{i}"] = task(*memory, stays=False, cgroup="g" if groups and draw(st.booleans()) else None)
        stores = draw(st.sampled_from([0.0, 0.05, 0.5]))
        streams[f"t{i}"] = stream(rng, draw(st.integers(3, 25)), stores, len(sizes))
    policy = dict(OWN_CPUS) if draw(st.booleans()) else {}
    if draw(st.integers(0, 4)) == 0 and "mglru" not in era:
        policy["idle"] = Variant(variant="kstaled", params={"scan_ms": 1})
    vm = Sysctl(transparent_hugepage=draw(st.sampled_from(["never", "always"])))
    cell = Cell(kernel=era, machine=host, tasks=tasks, cgroups=groups, policy=policy, vm=vm,
                sampling=Sampling(accesses=draw(st.sampled_from([97, 1000]))))  # fmt: skip
    return cell, streams


@FEW
@given(cases())
def test_everything_stays_in_step(case: tuple[Cell, dict[str, np.ndarray]]):
    run_twice(*case, footprint=PAGES)


@pytest.mark.parametrize("seed", range(3))
def test_cases_do_have_large_folios(seed: int):
    """The same kind of stream: folios are made, evicted, stored to and written, and moved."""
    rng = np.random.default_rng(seed)
    host = machine(16, 16, disks={"d": Disk(allocation="xfs")})
    file = {"kind": "file", "file": "shared", "disk": "d"}
    memory = (
        Region(size=ANON * PAGE),
        Region(size=MAPPED * PAGE, **file),
        Region(size=READ * PAGE, access="read", **file),
    )
    cell = Cell(
        kernel="6.12", machine=host, tasks={"t0": task(*memory, cgroup="g")}, cgroups={"g": Cgroup(max=2 * MiB)},
        policy=OWN_CPUS,
    )  # fmt: skip
    done = run(cell, {"t0": stream(rng, 80, 0.05, 2)}, footprint=PAGES)
    assert done.metrics["readahead_folios"] > 50
    assert done.metrics["pgsteal_file"] > 200
    assert done.metrics["nr_written"] > 100
    assert done.metrics["pgmigrate_success"] > 20
