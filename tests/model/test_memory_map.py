"""The map of memory along a run: every page is in it once, as what it is."""

import numpy as np
import pytest

from mmrun.model import catalogue, registry
from mmrun.model.description import Region, Sampling
from mmrun.model.mm.page.flags import CMA, MOVABLE
from mmrun.model.mm.page.fragmentation import free_blocks, pagetypeinfo
from mmrun.model.mm.page.memory_map import Part, memory_map, packed, unpacked
from mmrun.model.mm.page.report import zone_info
from mmrun.model.mm.page.settings import map_parts
from mmrun.model.mm.page.state import pcps, zones
from mmrun.model.units import GiB, MiB, TiB
from tests.model.cells import machine, machine_of, one, run, writes


def test_parts_are_a_pageblock_or_as_many_as_keep_them_few():
    assert [map_parts(size) for size in (8 * MiB, 9 * MiB, GiB, GiB + 2 * MiB, TiB)] == [4, 5, 512, 257, 512]


def test_what_is_packed_comes_out():
    rng = np.random.default_rng(1)
    part = Part(rng.integers(0, 6, 100), *(rng.integers(0, 21_000, 100) for _ in range(3)))
    state = packed(part)
    assert (state.astype(float).astype(np.int64) == state).all(), "as columns with gaps are read"
    assert all((a == b).all() for a, b in zip(unpacked(state), part, strict=True))
    large = Part(part.migratetype, *(pages * 8 + 65_536 for pages in part[1:]))
    for a, b in zip(unpacked(packed(large)), large, strict=True):
        assert (abs(a - b) <= 8).all()


@pytest.mark.parametrize("mib", [(64,), (62, 34), (1028,)])
def test_every_page_is_there(mib):
    """Sums are those of the zones; parts of one pageblock are what its frames say."""
    pages = 5000
    cell = one("6.18", machine(*mib), Region(size=32 * MiB), sampling=Sampling(accesses=1000, memory_map=True))
    done = run(cell, writes(range(pages)), probe=memory_map)
    m, last = done.m, unpacked(memory_map(done.built))
    assert int(last.free.sum()) == int(zones(m)["nr_free"].sum()) + int(pcps(m)["count"].sum())
    assert int(last.movable.sum()) == pages and int(sum(last[1:]).sum()) == sum(mib) * 256
    assert (last.migratetype[last.movable > 0] == MOVABLE).all()
    columns = [name for name in done.outcome.series if name.startswith("map.")]
    assert columns == [f"map.{part}.state" for part in range(len(last.free))]
    assert set(done.outcome.series) == set(catalogue.series(registry.resolve(cell)))
    assert not any(name.startswith("map.") for name in done.metrics)
    told = np.array([done.outcome.series[name] for name in columns]).T
    assert len(told) == 5 and all((row == seen).all() for row, seen in zip(told, done.seen, strict=True))
    grows = [int(unpacked(row).movable.sum()) for row in told]
    assert grows == sorted(grows) and grows[0] >= 990


def test_types_are_those_of_pageblocks():
    built = machine_of(one("6.18", machine(64)))
    built.memory.table("pageblocks")[4:6] = CMA
    assert np.flatnonzero(unpacked(memory_map(built)).migratetype == CMA).tolist() == [4, 5]
    assert sum(pagetypeinfo(built, z)["cma"]["pageblocks"] for z in range(len(zones(built.memory.m)))) == 2


def test_zones_tell_their_blocks():
    built = machine_of(one("6.18", machine(64)))
    for z, row in enumerate(zone_info(built)):
        blocks = row["free_blocks"]
        assert blocks == free_blocks(built, z) and sum(n << k for k, n in enumerate(blocks)) == row["free"]
        by_type = pagetypeinfo(built, z)
        assert [sum(kind["free"][k] for kind in by_type.values()) for k in range(11)] == blocks
        assert (row["batch"], row["high_min"], row["free_cma"]) == (
            (1, max(4, row["low"]), 0) if row["managed"] < 8192 else (row["batch"], row["high_min"], 0)
        )


def test_a_map_needs_samples():
    (fault,) = Sampling(memory_map=True).faults()
    assert fault.path == ("memory_map",)
