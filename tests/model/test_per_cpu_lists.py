"""Per-CPU lists of every era: sizes, refills, what a free gives back and in which order, the seconds that pass."""

import itertools
import random
from typing import Any

import numpy as np
import pytest

from mmrun.model import check
from mmrun.model.build import Built
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.description import Sysctl, Variant
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE, MOVABLE, RECLAIMABLE, TAIL_PAGE, UNMOVABLE
from mmrun.model.mm.page.fragmentation import extfrag, fragmentation_index, unusable_index
from mmrun.model.mm.page.pcp import (
    drain_all_pages,
    drain_pcp,
    free_pages,
    on_pcp,
    rmqueue,
    zone_pcp_disable,
    zone_pcp_enable,
)
from mmrun.model.mm.page.state import frames, pageblocks, pcps, zones
from mmrun.model.mm.page.variants.pcp import batch_63
from mmrun.model.mm.page.vmstat import vmstat_update
from tests.model.cells import machine, machine_of, one

ERAS = ("3.1", "4.4", "4.19", "5.14", "5.18", "6.0", "6.7", "6.12", "6.18")


@kernel
def take(m, z, order, mt):
    """A block in the kernel's use; its first frame or NONE."""
    pfn = rmqueue(m, 0, z, order, mt, 0)
    if pfn != NONE:
        page = frames(m)[pfn]
        page.zone, page.node, page.state, page.kind, page.order, page.mapcount = (
            z,
            zones(m)[z].node,
            KERNEL,
            KERNEL_PAGE,
            order,
            0,
        )
        for tail in range(pfn + 1, pfn + (1 << order)):
            frames(m)[tail].kind, frames(m)[tail].owner, frames(m)[tail].state = TAIL_PAGE, pfn, 0
    return pfn


@kernel
def give(m, pfn):
    """Free a block that was taken."""
    free_pages(m, 0, pfn, frames(m)[pfn].order)


def host(version: str, *mib: int, **more: Any) -> tuple[Built, int]:
    """A machine and its last zone, which no other one is behind."""
    built = machine_of(one(version, machine(*(mib or (64,)), **more)))
    return built, len(zones(built.memory.m)) - 1


def held(built: Built, z: int) -> list[list[int]]:
    """What each list holds, head first."""
    table, found = built.memory.table("frames"), []
    for lst in pcps(built.memory.m)[0, z].lists:
        at, own = int(lst.head), []
        while at != NONE:
            own.append(at)
            at = int(table["next"][at])
        found.append(own)
    return found


@pytest.mark.parametrize(
    ("managed", "batch", "most"),
    [(3840, 1, 480), (50_748, 15, 6343), (63_913, 15, 7989), (98_129, 31, 12_266), (262_144, 63, 32_768)],
)
def test_sizes_of_today(managed, batch, most):
    assert batch_63.sizes(managed, 0, 1)[0] == batch
    assert batch_63.high_max(managed, batch, 1) == most


INDICES = [
    ([1000], [(749, 1000), (937, 1000), (998, 1000)]),
    ([4, 2, 1], [(-1000, 666), (750, 1000), (854, 1000)]),
    ([100, 0, 0, 10, 0, 0, 0, 0, 3], [(-1000, 105), (-1000, 189), (975, 1000)]),
    ([64, 0, 0, 0, 0, 0, 0, 0, 0, 1], [(-1000, 111)] * 3),
    ([10] * 9, [(-1000, 5), (-1000, 29), (878, 1000)]),
]


@pytest.mark.parametrize(("free", "expected"), INDICES)
def test_indices(free, expected):
    """fragmentation_index and unusable_index for orders 2, 4 and 9."""
    assert [(fragmentation_index(free, order), unusable_index(free, order)) for order in (2, 4, 9)] == expected
    assert [extfrag(free, order) for order in (2, 4, 9)] == [index // 10 for _, index in expected]


def test_indices_of_nothing():
    assert (fragmentation_index([0] * 11, 4), unusable_index([0] * 11, 4), extfrag([0] * 11, 4)) == (0, 1000, 0)


@pytest.mark.parametrize(
    ("version", "name", "fraction", "expected"),
    [
        ("4.4", "percpu_pagelist_fraction", 8, (96, 1536)), ("4.4", "percpu_pagelist_fraction", 1024, (3, 12)),
        ("6.12", "percpu_pagelist_high_fraction", 8, (3, 768)),
        ("6.12", "percpu_pagelist_high_fraction", 1 << 20, (3, 12)),
    ],
)  # fmt: skip
def test_fractions(version, name, fraction, expected):
    """(batch, high) of a zone of 48 MiB and two CPUs; what is set fixes high, which tunes itself no more."""
    built = machine_of(one(version, machine(64, cpus=2), vm=Sysctl(**{name: fraction})))
    zone = zones(built.memory.m)[-1]
    assert int(zone.managed) == 12_288 and (int(zone.pcp_batch), int(zone.pcp_high_min)) == expected
    assert zone.pcp_high_max == zone.pcp_high_min


@pytest.mark.parametrize("version", ERAS)
def test_which_orders_have_lists(version):
    built, _ = host(version)
    orders = {0} if version in ("3.1", "4.4", "4.19") else {0, 1, 2, 3, 9}
    assert {order for order in range(11) if on_pcp(built.memory.m, order)} == orders


def round_robin(lists: list[list[int]], count: int, places: list[int]) -> list[int]:
    """A plain reference: lists of block sizes in turn, each visit takes one block and one more an empty list passed."""
    taken, at = [], itertools.cycle(places[1:] + places[:1])
    sizes = {place: list(lists[place]) for place in places}
    while count > 0:
        passed = 0
        while True:
            passed, place = passed + 1, next(at)
            if sizes[place]:
                break
        budget = count if passed == len(places) else passed
        while count > 0 and budget > 0 and sizes[place]:
            taken.append(sizes[place].pop())
            count, budget = count - 1, budget - 1
    return taken


@pytest.mark.parametrize(("version", "places"), [("3.1", [0, 2, 1]), ("4.4", [0, 1, 2]), ("5.14", list(range(15)))])
def test_drains_in_turn(version, places):
    """To 5.17 a drain of single pages goes over the lists as a reference does, which finds the frames that are left."""
    built, z = host(version)
    m, rng = built.memory.m, random.Random(1)
    pfns = [take(m, z, 0, MOVABLE) for _ in range(60)]
    pcps(m)[0, z].high = 1 << 20
    for pfn in rng.sample(pfns, 60):  # to the list of a type of our choice
        pageblocks(m)[pfn >> 9] = rng.choice((UNMOVABLE, MOVABLE, MOVABLE, RECLAIMABLE))
        give(m, pfn)
    before = held(built, z)
    pcps(m)[0, z].high, batch = 0, 17
    pcps(m)[0, z].batch = batch
    expected = round_robin(before, batch, places)
    drain(m, z, batch)
    after = {pfn for own in held(built, z) for pfn in own}
    assert {pfn for own in before for pfn in own} - after == set(expected)


@kernel
def drain(m, z, count):
    """Drain `count` pages of the first CPU."""
    drain_pcp(m, 0, z, count, 0)


def test_a_refill_doubles_until_something_is_freed():
    """6.12: 3 pages, 6, 12 ...; high grows with each, up to its most."""
    built, z = host("6.12")
    m = built.memory.m
    pcp, seen = pcps(m)[0, z], []
    for _ in range(200):
        before = int(zones(m)[z].nr_free)
        take(m, z, 0, MOVABLE)
        if before != zones(m)[z].nr_free:
            seen.append(before - int(zones(m)[z].nr_free))
    assert seen[:6] == [3, 6, 12, 24, 48, 96] and pcp.alloc_factor == 5
    assert pcp.high == min(pcp.high_min + sum(seen), pcp.high_max)
    give(m, take(m, z, 0, MOVABLE))
    assert pcp.alloc_factor == 2


def test_a_free_far_beyond_high_gives_more_the_more_was_freed():
    """5.14: a batch, then twice that, up to what leaves a batch; 6.12: what was freed in a row, 32 batches at most."""
    for version, expected in (("5.14", [3, 6, 12, 24, 48]), ("6.12", [96])):
        built, z = host(version)
        m = built.memory.m
        pfns = [take(m, z, 0, MOVABLE) for _ in range(400)]
        drain_all_pages(m)
        pcp, given = pcps(m)[0, z], []
        pcp.high = pcp.high_min = pcp.high_max = 123
        pcp.free_count = 0
        for pfn in pfns:
            before = int(pcp.count)
            give(m, pfn)
            if pcp.count <= before:
                given.append(before + 1 - int(pcp.count))
        assert given[: len(expected)] == [min(most, 120) for most in expected], version


@pytest.mark.parametrize("version", ["5.18", "6.7", "6.16"])
def test_larger_blocks_freed_in_a_row_do_not_stay(version):
    """From 5.18 on, after a drain; from 6.7 on after a batch; since 6.16 only after half of the least high as well."""
    built, z = host(version, 256)
    m = built.memory.m
    pcp = pcps(m)[0, z]
    pfns = [take(m, z, 2, UNMOVABLE) for _ in range(400)]
    drain_all_pages(m)
    counts = []
    for pfn in pfns:
        give(m, pfn)
        counts.append(int(pcp.count))
    drops = [i for i, (a, b) in enumerate(itertools.pairwise(counts), 1) if b < a]
    first, high = 4 * (drops[0] + 1), int(pcp.high_min)
    if version == "5.18":  # the first drain beyond high is a batch, the next one all there is
        assert first >= high and counts[drops[0] + 1] == 0
    elif version == "6.7":
        assert first <= 3 * pcp.batch and min(counts[drops[0] :]) == 0
    else:
        assert high // 2 < first < high and min(counts[drops[0] :]) == 0


def test_an_unused_list_of_another_node_gives_a_batch_after_three_seconds():
    built = machine_of(one("4.4", machine(64, 64)))
    m = built.memory.m
    z = int(np.flatnonzero(zones(m)["node"] == 1)[-1])
    give(m, take(m, z, 0, MOVABLE))
    seen = []
    for second in range(1, 5):
        m.now = second * 1_000_000_000
        vmstat_update(m)
        seen.append(int(pcps(m)[0, z].count))
    batch = int(pcps(m)[0, z].batch)
    assert batch > 1 and seen == [batch, batch, 0, 0]


def test_high_decays_by_an_eighth_a_second():
    built, z = host("6.12")
    m = built.memory.m
    pcp = pcps(m)[0, z]
    pcp.high = pcp.high_max
    seen = []
    for second in range(1, 6):
        m.now = second * 1_000_000_000
        vmstat_update(m)
        seen.append(int(pcp.high))
    high = int(pcp.high_max)
    for each in seen:
        high = max(high - high // 8, int(pcp.high_min), -32 * int(pcp.batch))
        assert each == high


@pytest.mark.parametrize("version", ERAS)
def test_disabled_lists_hold_nothing(version):
    built, z = host(version)
    m = built.memory.m
    pfns = [take(m, z, order, MOVABLE) for order in (0, 1, 2, 3, 0)]
    zone_pcp_disable(m, z)
    assert pcps(m)[0, z].count == 0
    for pfn in pfns:
        give(m, pfn)
        assert pcps(m)[0, z].count == 0
    zone_pcp_enable(m, z)
    give(m, take(m, z, 0, MOVABLE))
    assert pcps(m)[0, z].count > 0 or pcps(m)[0, z].high == 0


@pytest.mark.parametrize("version", ERAS)
def test_nothing_is_lost(version):
    """Random blocks taken and given for long, drains and seconds between; the laws hold, and all comes back whole."""
    built, z = host(version)
    m, rng = built.memory.m, random.Random(version)
    own: list[int] = []
    free = int(zones(m)[z].nr_free)
    for step in range(3000):
        if own and rng.random() < 0.49:
            give(m, own.pop(rng.randrange(len(own))))
        else:
            order = rng.choice((0, 0, 0, 0, 1, 2, 3, 4, 9))
            pfn = take(m, z, order, rng.choice((UNMOVABLE, MOVABLE, RECLAIMABLE)))
            if pfn != NONE:
                assert pfn % (1 << order) == 0
                own.append(pfn)
        if step % 500 == 0:
            m.now += 1_000_000_000
            vmstat_update(m)
            check.verify(built)
    for pfn in own:
        give(m, pfn)
    drain_all_pages(m)
    check.verify(built)
    assert m.broken == 0 and zones(m)[z].nr_free == free


def test_an_outside_file_may_take_over_the_rules(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        '"""Twice the batch."""\n\nSOURCE = "a test"\nBASE = "batch-31"\nLRU_BATCH = 14\nHIGH_ORDERS = False\n\n\n'
        "def sizes(managed, low_wmark, node_cpus):\n    return 10, 40\n"
    )
    built = machine_of(one("6.12", machine(64), policy={"pcp": Variant(variant="mine", file=str(path))}))
    zone = zones(built.memory.m)[-1]
    assert (int(zone.pcp_batch), int(zone.pcp_high_min), int(zone.pcp_high_max)) == (10, 40, 40)
