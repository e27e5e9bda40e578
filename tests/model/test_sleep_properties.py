"""Everybody asleep everywhere: whatever machine and tasks, nothing is lost at any stop, and the numbers come again."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmrun.model import check
from mmrun.model.block.state import disks as disks_of
from mmrun.model.build import Built
from mmrun.model.core.codes import KILLED
from mmrun.model.core.events import FSYNC, OP_SHIFT
from mmrun.model.core.state import stacks
from mmrun.model.description import Cell, Cgroup, Disk, Link, Machine, Node, Region, Sampling, SwapTarget, Sysctl
from mmrun.model.machine.state import geometry
from mmrun.model.machine.state import nodes as nodes_of
from mmrun.model.mm.reclaim.state import congestion, pfmemalloc_wait
from mmrun.model.units import MS, PAGE, GiB, MiB
from tests.model.actors import waiting
from tests.model.cells import ERAS, GENERATIONS, run
from tests.model.cells import given as task

FEW = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
FILE_PAGES, ANON_PAGES = 2048, 1536
SLOW = ("hdd", "usb", "sata-ssd", "generic")


@st.composite
def disks(draw: Any) -> Disk:
    """A slow device that stalls, fails, or serves one request at a time."""
    kind = draw(st.sampled_from(SLOW))
    more: dict[str, Any] = {"parallel": 1} if kind != "usb" else {}
    if kind in ("hdd", "usb") and draw(st.booleans()):
        stall = draw(st.integers(0, 200)) * MS
        more |= {"stall_from": stall, "stall_until": stall + draw(st.integers(1, 400)) * MS}
    if draw(st.booleans()):
        fail = draw(st.integers(0, 200)) * MS
        more |= {"fail_from": fail, "fail_until": fail + draw(st.integers(1, 200)) * MS}
    return Disk(kind=kind, size=16 * GiB, **more)


@st.composite
def cells(draw: Any) -> tuple[Cell, dict[str, np.ndarray]]:
    """One to five tasks on a machine that is too small for them, with next to no free pages and slow devices."""
    named = {"d": draw(disks()), "e": draw(disks()), "n": Disk(kind="nfs", link="l", server="e")}
    swap = {"s": SwapTarget(kind="partition", size=draw(st.sampled_from([1, 16])) * MiB, disk="e")}
    sizes = draw(st.lists(st.sampled_from([8, 12]), min_size=1, max_size=2))
    machine = Machine(
        nodes=tuple(Node(memory=size * MiB, cpus=draw(st.integers(1, 2))) for size in sizes),
        disks=named, links={"l": Link()}, swap=swap if draw(st.booleans()) else {},
    )  # fmt: skip
    kernel = draw(st.sampled_from(ERAS + GENERATIONS))
    highs = [None] if kernel in ("3.1", "3.15") else [None, 3 * MiB]
    groups = {
        f"g{i}": Cgroup(max=draw(st.sampled_from([None, 2 * MiB, 6 * MiB])), high=draw(st.sampled_from(highs)))
        for i in range(draw(st.integers(0, 2)))
    }
    rng, tasks, streams = np.random.default_rng(draw(st.integers(0, 999))), {}, {}
    for i in range(draw(st.integers(1, 5))):
        access: Any = draw(st.sampled_from(["read", "mmap"]))
        file = Region(
            kind="file", access=access, disk=draw(st.sampled_from(["d", "e", "n"])), size=FILE_PAGES * PAGE,
            file="shared" if draw(st.booleans()) else None, fragment=draw(st.sampled_from([None, 4 * PAGE])),
        )  # fmt: skip
        if file.file:
            file = replace(file, disk="d", fragment=None)
        tasks[f"t{i}"] = task(
            file, Region(size=ANON_PAGES * PAGE), cgroup=draw(st.sampled_from([None, *groups])),
            node=draw(st.integers(0, len(sizes) - 1)), stays=draw(st.booleans()),
        )  # fmt: skip
        pages = rng.integers(0, FILE_PAGES + ANON_PAGES, draw(st.sampled_from([300, 2500])))
        events = pages | (rng.random(len(pages)) < 0.6).astype(np.int64) << OP_SHIFT
        streams[f"t{i}"] = np.insert(
            events, rng.integers(0, len(events), 4), rng.integers(0, FILE_PAGES, 4) | FSYNC << OP_SHIFT
        )
    vm = Sysctl(min_free_kbytes=draw(st.sampled_from([4, 64, None])), dirty_ratio=draw(st.sampled_from([5, 20, 90])))
    cell = Cell(
        kernel=kernel, machine=machine, tasks=tasks, cgroups=groups, vm=vm, sampling=Sampling(every=50 * MS),
        duration=draw(st.sampled_from([400 * MS, 4000 * MS])),
    )  # fmt: skip
    return cell, streams


def few_requests(built: Built) -> None:
    """Two requests are all that a queue takes, as soon as it has no more than that."""
    for disk in disks_of(built.memory.m)[: len(built.disks)]:
        few = max(2, int(disk.nr_allocated))
        disk.nr_requests = min(int(disk.nr_requests), few)
        disk.most_writes[:] = np.minimum(disk.most_writes, few)


def sleepers(built: Built) -> int:
    """How many tasks sleep; who waits in a queue of the machine is an actor that sleeps, and waits there alone."""
    m, rows = built.memory.m, built.memory.table("actors")
    page_waits = built.memory.table("page_waits")
    few_requests(built)
    nodes = [
        queue for node in nodes_of(m)[: int(geometry(m).nr_nodes)] for queue in (node.kswapd_wait, *node.reclaim_wait)
    ]
    queues = [
        congestion(m), *nodes, *pfmemalloc_wait(m), *(disk.room for disk in disks_of(m)[: len(built.disks)]),
        *page_waits[page_waits["first"] > 0],
        *built.memory.table("files")["written"], *built.memory.table("wbs")["dwork"],
        *built.memory.table("bios")["done"],
    ]  # fmt: skip
    found = [waiting(built, queue) for queue in queues]
    everyone = [who for queue in found for who in queue]
    assert len(set(everyone)) == len(everyone) == int(rows["waits"].sum()), "nobody waits twice"
    assert (rows["stack"][everyone] > 0).all() and (rows["waits"][everyone] == 1).all()
    taken = rows["stack"][rows["stack"] > 0]
    assert len(set(taken.tolist())) == len(taken) == len(rows) - int(stacks(m).spare), "a stack each"
    return int((rows["stack"][: len(built.tasks)] > 0).sum())


def nothing_is_left(built: Built) -> None:
    """What the tasks that are dead held has gone with them."""
    pte = built.memory.table("pte")
    for row in built.memory.table("tasks"):
        if row.state == KILLED:
            assert not pte[int(row.pte_start) : int(row.pte_start + row.npages)].any()
    check.verify(built)


@FEW
@given(cells())
def test_nothing_is_lost_while_everybody_sleeps(drawn: tuple[Cell, dict[str, np.ndarray]]):
    cell, streams = drawn
    done = run(cell, streams, probe=sleepers)
    nothing_is_left(done.built)
    found = done.metrics
    assert found["outcome"] == ("oom" if found["oom_kill"] else "ok")
    stalls = [found[f"stall_{why}_ns"] for why in ("alloc", "file", "swap", "dirty", "fsync", "memcg", "high")]
    assert min(stalls) >= 0 and sum(stalls) <= len(cell.tasks) * (found["elapsed_ns"] + 1)


@settings(FEW, max_examples=12)
@given(cells())
def test_the_same_numbers_twice_and_unchecked(drawn: tuple[Cell, dict[str, np.ndarray]]):
    cell, streams = drawn
    first, second = run(cell, streams, probe=sleepers), run(cell, streams, probe=few_requests, check=False)
    assert first.metrics == second.metrics


def test_these_machines_make_everybody_sleep():
    """So that the tests above say something: all tasks of such a machine sleep at once, over whatever there is."""
    stalled: set[str] = set()
    rng = np.random.default_rng(3)
    for kernel, ratio in (("3.1", 90), ("6.18", 90), ("6.18", 5)):
        machine = Machine(nodes=(Node(memory=8 * MiB, cpus=2),), disks={"d": Disk(kind="sata-ssd", parallel=1)},
                          swap={"s": SwapTarget(kind="partition", size=16 * MiB, disk="d")})  # fmt: skip
        file = Region(kind="file", access="read", disk="d", size=FILE_PAGES * PAGE)
        tasks = {f"t{i}": task(file, Region(size=ANON_PAGES * PAGE)) for i in range(3)}
        cell = Cell(kernel=kernel, machine=machine, tasks=tasks, vm=Sysctl(min_free_kbytes=64, dirty_ratio=ratio),
                    sampling=Sampling(every=5 * MS), duration=4000 * MS)  # fmt: skip
        pages = {name: rng.integers(0, FILE_PAGES + ANON_PAGES, 3000) for name in tasks}
        events = {name: at | (rng.random(len(at)) < 0.8).astype(np.int64) << OP_SHIFT for name, at in pages.items()}
        done = run(cell, events, probe=sleepers, check=False)
        assert max(done.seen) == 3
        stalled |= {name for name, value in done.metrics.items() if name.startswith("stall_") and value}
    kinds = ("alloc", "dirty", "file", "request", "swap")
    assert {f"stall_{kind}_ns" for kind in kinds} <= stalled
