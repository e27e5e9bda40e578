"""Machines that begin aged: what is in use is as much as was asked for, nothing is lost, and the cache can be had."""

import numpy as np
import pytest

from mmrun.model import check
from mmrun.model.build import Built
from mmrun.model.description import Machine, Node, Region, SwapTarget
from mmrun.model.machine.settings import Start
from mmrun.model.mm.page.flags import BOOT_PAGE, FILE_PAGE, MOVABLE
from mmrun.model.mm.page.fragmentation import blocks_of, unusable_index
from mmrun.model.mm.page.report import zone_info
from mmrun.model.mm.page.state import zones
from mmrun.model.units import MiB
from tests.model.cells import machine_of, one, run, writes


def aged(version: str, start: Start | None, mib: int = 128) -> Built:
    return machine_of(one(version, Machine(nodes=(Node(memory=mib * MiB, start=start),))))


def state_of(built: Built) -> bytes:
    return built.memory.table("frames").tobytes() + built.memory.table("pageblocks").tobytes()


def unusable(built: Built) -> int:
    return unusable_index(blocks_of(built, range(len(zones(built.memory.m)))), 9)


@pytest.mark.parametrize("version", ["3.1", "4.4", "5.8", "6.12", "6.18", "6.18+mglru"])
def test_as_much_is_free_as_was_asked_for(version):
    """Random shares: conservation holds, pages in use are exact but for rounding, whatever the version's rules."""
    rng = np.random.default_rng(7)
    for seed in range(4):
        free, fixed, pinned = rng.dirichlet([2, 1, 1, 2])[:3]
        start = Start(free=max(0.02, float(free)), unmovable=float(fixed), movable_pinned=float(pinned), seed=seed)
        if start.free + start.unmovable + start.movable_pinned > 1:
            continue
        built = aged(version, start)
        check.verify(built)
        pages, zoned = 128 * 256, len(zones(built.memory.m))
        kinds = built.memory.table("frames")["kind"]
        in_use = int((kinds == BOOT_PAGE).sum()) + int((kinds == 10).sum())
        assert abs(in_use - pages * (start.unmovable + start.movable_pinned)) <= 2 * zoned
        assert abs(sum(row["free"] for row in zone_info(built)) - pages * start.free) <= 2 * zoned
        assert (kinds == FILE_PAGE).sum() == built.memory.table("files")["nr_cached"].sum()


def test_a_seed_names_a_machine():
    start = Start(free=0.4)
    assert state_of(aged("6.12", start)) == state_of(aged("6.12", start))
    assert state_of(aged("6.12", start)) != state_of(aged("6.12", Start(free=0.4, seed=2)))


def test_the_default_is_a_blank_machine():
    assert unusable(aged("6.12", None)) == 0
    assert unusable(aged("6.12", Start(free=1.0, unmovable=0.0))) == 0, "all that was taken has merged again"


def test_more_of_the_kernel_s_makes_more_of_memory_unusable():
    found = [unusable(aged("6.12", Start(free=0.6, unmovable=share))) for share in (0.01, 0.1, 0.35)]
    assert found[0] > 100, "holes of what was page cache"
    apart, together = (unusable(aged("6.12", Start(free=0.6, freed_together=size * 4096))) for size in (1, 2048))
    assert together < 800 < apart
    types = [
        sum(built.memory.table("pageblocks")[:64] != MOVABLE)
        for built in (aged("6.12", Start(free=0.6, unmovable=share)) for share in (0.01, 0.35))
    ]
    assert types[0] < types[1]


def test_what_is_in_use_and_movable_can_be_reclaimed():
    """A task takes more than is free: old page cache goes, nothing is killed."""
    start = Start(free=0.2, unmovable=0.1)
    host = Machine(nodes=(Node(memory=64 * MiB, start=start),), swap={"s": SwapTarget(kind="zram", size=16 * MiB)})
    for version in ("3.1", "6.18", "6.18+mglru"):
        done = run(one(version, host, Region(size=40 * MiB)), writes(range(10_000)))
        told = done.metrics
        assert told["outcome"] == "ok" and told["pgsteal_kswapd"] + told["pgsteal_direct"] > 5000
        assert told["pswpout"] < 3000


def test_nodes_may_begin_unlike():
    host = Machine(nodes=(Node(memory=64 * MiB), Node(memory=64 * MiB, cpus=0, start=Start(free=0.5))))
    built = machine_of(one("6.12", host))
    free = [sum(row["free"] for row in zone_info(built) if row["node"] == nid) for nid in (0, 1)]
    assert free == [64 * 256, 32 * 256]


def test_shares_that_are_more_than_all_are_refused():
    (fault,) = Start(free=0.9, unmovable=0.2).faults()
    assert fault.path == ("free",)
    with pytest.raises(ValueError, match="110%"):
        aged("6.12", Start(free=0.9, unmovable=0.2))
