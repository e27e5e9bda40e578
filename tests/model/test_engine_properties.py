"""Whatever the machine, the policies and the workload: nothing is lost, and the same cell gives the same numbers."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmrun.model import api, registry
from mmrun.model.build import expand
from mmrun.model.description import (
    Cell,
    Cgroup,
    Disk,
    Machine,
    Mempolicy,
    Node,
    Region,
    Sampling,
    Stream,
    Sysctl,
    Task,
    Variant,
)
from mmrun.model.units import PAGE, GiB, KiB, MiB
from mmrun.model.workloads import open_stream
from tests.model.cells import ERAS, GENERATIONS, run, with_swap

BRIEF = {  # periods that fit a few simulated ms
    "kstaled": {"scan_ms": 1},
    "idle-bitmap": {"interval_ms": 1},
    "damon": {"sample_us": 10, "aggr_us": 50, "pageout": True, "min_age_ms": 0, "wmark_high": 1000, "wmark_mid": 1000,
              "wmark_low": 0},
    "far-memory": {"minute_ms": 1, "warmup_minutes": 0, "slo": 50_000, "percentile": 10},
    "senpai": {"interval_ms": 1, "ratio_ppm": 50_000, "threshold_ppm": 900_000},
}  # fmt: skip
SCOPED = ("lru", "kswapd", "direct_reclaim", "memcg")
FEW = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@st.composite
def machines(draw: Any) -> Machine:
    sizes = draw(st.lists(st.sampled_from([8, 12, 16, 64]), min_size=1, max_size=4))
    cpus = [draw(st.integers(1, 2)), *(draw(st.integers(0, 2)) for _ in sizes[1:])]
    nodes = tuple(Node(memory=size * MiB, cpus=count) for size, count in zip(sizes, cpus, strict=True))
    far = draw(st.sampled_from([20, 21, 40]))
    distance = tuple(tuple(10 if i == j else far for j in range(len(nodes))) for i in range(len(nodes)))
    kind = draw(st.sampled_from(["none", "zram", "partition", "nbd", "nfs", "iscsi"]))
    parts = with_swap(kind, draw(st.sampled_from([MiB, 8 * MiB, 64 * MiB])))
    hole = draw(st.sampled_from([0, 4 * GiB - 24 * MiB]))  # zones: DMA alone, or 16 MiB of it, 8 of DMA32, Normal
    return Machine(nodes=nodes, distance=distance, pci_hole=hole, **{"disks": {"d": Disk()}, **parts})


@st.composite
def policies(draw: Any) -> dict[str, Variant]:
    """Any variants that go together: lists and the reclaim that walks them are all of a zone, or all of a node."""
    chosen: dict[str, Variant] = {}
    free = [axis for axis in registry.axes() if axis not in SCOPED]
    for axis in draw(st.lists(st.sampled_from(free), unique=True)):
        name = draw(st.sampled_from(sorted(registry.variants(axis))))
        chosen[axis] = Variant(variant=name, params=BRIEF.get(name, {}))  # type: ignore[arg-type]
    for axis, keeper in (("proactive", "kstaled"), ("idle", None)):
        if axis in chosen and registry.variant_info(axis, chosen[axis].variant).needs:
            chosen.pop(axis) if keeper is None else chosen.update(idle=Variant(variant=keeper, params=BRIEF[keeper]))
    scope = draw(st.sampled_from([None, "zone", "node"]))
    for axis in SCOPED if scope else ():
        fitting = {scope, ""} if axis == "memcg" else {scope}
        generations = "lru" in chosen and chosen["lru"].variant == "mglru"
        names = sorted(
            name
            for name, info in registry.variants(axis).items()
            if info.scope in fitting and (generations or not info.needs)
        )
        chosen[axis] = Variant(variant=draw(st.sampled_from(names)))
    return chosen


@st.composite
def regions(draw: Any, size: int | None) -> Region:
    if draw(st.booleans()):
        return Region(size=size)
    return Region(
        kind="file",
        size=size,
        access=draw(st.sampled_from(["mmap", "read"])),
        file=draw(st.sampled_from([None, "shared"])),
        disk="d",
        readahead=draw(st.sampled_from([0, 16 * KiB, 128 * KiB])),
        fault_around=draw(st.sampled_from([4 * KiB, 64 * KiB])),
        advice=draw(st.sampled_from(["normal", "random", "sequential"])),
    )


@st.composite
def streams(draw: Any) -> Stream:
    kind = draw(st.sampled_from(["zipf", "uniform", "loop", "scan", "phases", "walk", "writer"]))
    size = draw(st.sampled_from([600, 3000, 9000])) * PAGE
    params: dict[str, Any] = {"size": size, "accesses": draw(st.sampled_from([1, 1_000, 6_000, 15_000]))}
    if kind == "writer":
        params["read_fraction"] = draw(st.sampled_from([0.0, 0.5]))
    else:
        params["write_fraction"] = draw(st.sampled_from([0.0, 0.3, 1.0]))
    if kind == "scan":
        params["hot"] = size // 4
    if kind == "phases":
        params |= {"working_set": size // 3, "phase": 1000}
    return Stream(kind=kind, params=params)


@st.composite
def tasks(draw: Any, machine: Machine, era: str, groups: list[str]) -> Task:
    able = [nid for nid, node in enumerate(machine.nodes) if node.cpus]
    mode = draw(st.sampled_from(registry.eras()[era].mempolicies))
    most = 1 if mode == "preferred" else None
    nodes = draw(st.sets(st.integers(0, len(machine.nodes) - 1), min_size=1, max_size=most))
    memory = (draw(regions(200 * PAGE)), draw(regions(None))) if draw(st.booleans()) else (draw(regions(None)),)
    return Task(
        stream=draw(streams()),
        node=draw(st.sampled_from(able)),
        cgroup=draw(st.sampled_from([None, *groups])),
        mempolicy=Mempolicy(mode=mode, nodes=() if mode == "local" else tuple(sorted(nodes))),
        memory=memory,
        think=draw(st.sampled_from([0, 500])),
        start=draw(st.sampled_from([0, 100_000])),
    )


@st.composite
def cells(draw: Any) -> Cell:
    era, machine = draw(st.sampled_from(ERAS + GENERATIONS)), draw(machines())
    groups = {
        f"g{i}": Cgroup(max=draw(st.sampled_from([64, 300, 2000])) * PAGE) for i in range(draw(st.integers(0, 2)))
    }
    return Cell(
        kernel=era,
        machine=machine,
        tasks={f"t{i}": draw(tasks(machine, era, list(groups))) for i in range(draw(st.integers(1, 4)))},
        policy=draw(policies()),
        vm=Sysctl(
            zone_reclaim_mode=draw(st.sampled_from([None, 0, 1, 7])),
            swappiness=draw(st.sampled_from([None, 0, 1, 100])),
        ),
        cgroups=groups,
        sampling=Sampling(accesses=draw(st.sampled_from([None, 500]))),
        duration=draw(st.sampled_from([None, None, 3_000_000])),
    )


def lists(cell: Cell) -> str:
    """The variant of the lru axis that the cell runs with."""
    return registry.resolve(cell).policy["lru"].variant


def assert_counters_agree(found: dict[str, Any], cell: Cell) -> None:
    """What the kernel's counters promise about each other."""
    assert (
        found["pgscan_kswapd"] + found["pgscan_direct"] + found["pgscan_proactive"]
        == found["pgscan_anon"] + found["pgscan_file"]
        == found["pgscan"]
    )
    assert (
        found["pgsteal_kswapd"] + found["pgsteal_direct"] + found["pgsteal_proactive"]
        == found["pgsteal_anon"] + found["pgsteal_file"]
        == found["pgsteal"]
    )
    for kind in ("kswapd", "direct", "anon", "file"):
        assert found[f"pgsteal_{kind}"] <= found[f"pgscan_{kind}"]
    assert found["numa_hit"] + found["numa_miss"] == found["local_node"] + found["other_node"] <= found["pgalloc"]
    assert found["numa_miss"] == found["numa_foreign"]
    for nid in range(len(cell.machine.nodes)):
        hit, miss = found[f"node{nid}.numa_hit"], found[f"node{nid}.numa_miss"]
        assert hit + miss == found[f"node{nid}.local_node"] + found[f"node{nid}.other_node"]
        assert found[f"node{nid}.pgsteal"] <= found[f"node{nid}.pgscan"]
        assert found[f"node{nid}.interleave_hit"] <= hit
    generations = lists(cell) == "mglru"
    for kind in ("anon", "file"):
        restored, activated = found[f"workingset_restore_{kind}"], found[f"workingset_activate_{kind}"]
        assert restored <= found[f"workingset_refault_{kind}"]
        # With generations `activate` counts faults, or in 6.1 pages kept by their tier, and restores need neither.
        assert generations or restored <= activated <= found[f"workingset_refault_{kind}"]
    assert found["workingset_refault_anon"] <= found["pswpin"] and found["swap_ra"] <= found["pswpin"]
    # A page marked for reclaim that is found in the swap cache counts as a hit: the mark is the one of readahead.
    assert found["swap_ra_hit"] <= found["swap_ra"] + found["pswpout"]
    assert found["nr_written"] <= found["nr_dirtied"]
    unfinished = len(cell.tasks) if cell.duration else 0  # asleep over a read when the run was cut
    assert found["major_faults"] == found["pgmajfault"] <= found["misses"] <= found["accesses"] + unfinished
    assert found["minor_faults"] + found["major_faults"] <= found["pgfault"]
    assert found["hit_ns"] <= found["elapsed_ns"] * len(cell.tasks)
    frames = sum(node.memory for node in cell.machine.nodes) // PAGE
    assert 0 <= found["nr_free_pages"] <= frames
    assert found["outcome"] == ("oom" if found["oom_kill"] else "ok")
    for name, group in cell.cgroups.items():
        assert found[f"cgroup.{name}.usage_pages"] <= (group.max or 0) // PAGE


@FEW
@given(cell=cells())
def test_nothing_is_lost_and_counters_agree(cell: Cell):
    done = run(cell)
    assert_counters_agree(done.metrics, cell)
    series = done.outcome.series
    for name in ("pgscan_direct", "pgsteal_file", "pswpout", "accesses", "access"):
        assert name not in series or (np.diff(series[name]) >= 0).all()


@settings(FEW, max_examples=12)
@given(cell=cells())
def test_the_same_cell_twice_and_with_or_without_the_check(cell: Cell):
    first, second = api.simulate(cell), api.simulate(cell, check=True)
    assert first.metrics == second.metrics
    assert list(first.series) == list(second.series)
    assert all((first.series[name] == second.series[name]).all() for name in first.series)


@settings(FEW, max_examples=10)
@given(cell=cells(), seed=st.integers(0, 99))
def test_how_a_stream_is_chunked_leaves_no_trace(cell: Cell, seed: int):
    rng = np.random.default_rng(seed)
    chunks: dict[str, list[np.ndarray]] = {}
    footprint = {}
    for name, task in expand(cell).items():
        opened = open_stream(task.stream, np.random.default_rng(7))
        events, footprint[name] = np.concatenate(list(opened.events)), opened.footprint
        cuts = np.sort(rng.integers(0, len(events) + 1, size=9))
        chunks[name] = np.split(events, cuts)
    size = max(footprint.values())
    cell = replace(cell, tasks={name: whole(task, footprint[name]) for name, task in cell.tasks.items()})
    cut = run(cell, chunks, check=False)
    uncut = run(cell, {name: np.concatenate(parts) for name, parts in chunks.items()}, check=False)
    assert cut.metrics == uncut.metrics and size


def whole(task: Task, footprint: int) -> Task:
    """The task with all its regions sized, so that its address space does not depend on the largest page touched."""
    fixed = sum(region.size or 0 for region in task.memory)
    return replace(task, memory=tuple(replace(r, size=r.size or footprint * PAGE - fixed) for r in task.memory))


SCRIPT = """
import json, pickle, sys
from mmrun.model import api
cells = pickle.load(sys.stdin.buffer)
print(json.dumps([api.simulate(cell).metrics for cell in cells]))
"""


def fixed_cells() -> list[Cell]:
    """A cell an era under pressure from all sides, with two groups and several nodes."""
    found = []
    for era in ERAS:
        machine = Machine(nodes=(Node(memory=16 * MiB, cpus=2), Node(memory=16 * MiB, cpus=0)), disks={"d": Disk()},
                          **{k: v for k, v in with_swap("nbd", 16 * MiB).items() if k != "disks"})  # fmt: skip
        file = Region(kind="file", disk="d", file="f", size=4 * MiB)
        tasks = {
            "a": Task(stream=Stream(kind="zipf", params={"size": 40 * MiB, "accesses": 30_000, "write_fraction": 0.3}),
                      memory=(file, Region()), count=2),
            "b": Task(stream=Stream(kind="scan", params={"hot": MiB, "size": 12 * MiB, "accesses": 20_000}), cgroup="g",
                      memory=(file, Region())),
        }  # fmt: skip
        found.append(Cell(kernel=era, machine=machine, tasks=tasks, cgroups={"g": Cgroup(max=2 * MiB)}))
    return found


@pytest.fixture(scope="module")
def here() -> list[dict[str, Any]]:
    return [api.simulate(cell).metrics for cell in fixed_cells()]


@pytest.mark.parametrize("hash_seed", ["0", "12345"])
def test_another_process_counts_the_same(here: list[dict[str, Any]], hash_seed: str):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, input=pickle.dumps(fixed_cells()), capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert json.loads(done.stdout) == here


def test_those_cells_are_under_pressure(here: list[dict[str, Any]]):
    for found in here:
        assert found["pgsteal_file"] > 0 and found["pswpout"] > 0 and found["pswpin"] > 0
        assert found["pgscan_kswapd"] > 0 and found["cgroup.g.failcnt"] > 0


def test_replicates_and_seeds_differ_and_variants_share_the_stream():
    cell = fixed_cells()[3]
    counts = {run_.metrics["misses"] for run_ in (
        run(cell, check=False), run(replace(cell, replicate=1), check=False), run(replace(cell, seed="x"), check=False)
    )}  # fmt: skip
    assert len(counts) == 3
    other = run(replace(cell, policy={"pcp": Variant(variant="batch-15")}), check=False)
    assert other.metrics["accesses"] == run(cell, check=False).metrics["accesses"]
