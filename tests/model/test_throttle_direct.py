"""Direct reclaimers wait for half of the reserves (throttle_direct_reclaim): by version, for whom, and until when."""

import pytest

from mmrun.model.build import Built
from mmrun.model.core.sleep import FOREVER
from mmrun.model.machine.state import node_count, nodes, task_count
from mmrun.model.mm.alloc.slowpath import throttle_direct_reclaim
from mmrun.model.mm.page.alloc_flags import MIN_RESERVE, NON_BLOCK
from mmrun.model.mm.page.gfp import GFP_HIGHUSER_MOVABLE, GFP_NOFS
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.watermarks import min_free_kbytes
from mmrun.model.mm.page.zones import lowered
from mmrun.model.mm.reclaim.state import pfmemalloc_wait, reclaim_count, throttle_settings
from mmrun.model.mm.reclaim.throttle_direct import allow_direct_reclaim, nobody_throttled, reserve_of, wake_throttled
from mmrun.model.mm.task.state import tasks
from mmrun.model.registry import load, resolve
from mmrun.model.units import PAGE, MiB
from tests.model.actors import Entered, begin_anew, due, go_on, kswapd_of, life, waiting
from tests.model.cells import machine, machine_of, one

TASK = 0
SECOND = 10**9
# Lowmem in MiB: min_free_kbytes; pages of min; half of that, from which on reclaimers wait and to which atomic requests
# may go down; three eighths, to which those may go down that may not sleep besides.
RESERVES = {
    64: (1_024, 256, 128, 96), 256: (2_048, 512, 256, 192), 512: (2_896, 724, 362, 272),
    1024: (4_096, 1_024, 512, 384), 2048: (5_792, 1_448, 724, 543), 4096: (8_192, 2_048, 1_024, 768),
    16384: (16_384, 4_096, 2_048, 1_536),
}  # fmt: skip


@life
def reclaims(m, gfp):
    """What a task does before it reclaims for an allocation on node 0."""
    throttle_direct_reclaim(m, 0, gfp, ALL_NODES)
    return 0


def host(kernel: str, free: int | None = None, mib: int = 64) -> Built:
    """A machine of one node, at time one second, of whose zone so many pages are free; its min is 256 pages."""
    built = machine_of(one(kernel, machine(mib)))
    m = built.memory.m
    m.now = SECOND
    for z, zone in enumerate(zones(m)):
        zone.wmark_min, zone.nr_free, zone.nr_lru[2] = (256, 0, 1_000) if z == 0 else (0, 0, 0)
        if z == 0 and free is not None:
            zone.nr_free = free
    return built


def slept(built: Built, gfp: int = GFP_HIGHUSER_MOVABLE, who: int = TASK) -> int:
    """Until when it makes somebody wait; 0: not at all."""
    return Entered(built, who, reclaims, gfp).until


@pytest.mark.parametrize("mib, row", RESERVES.items())
def test_reserves_by_size_of_memory(mib, row):
    kbytes, pages, half, least = row
    assert min_free_kbytes([mib * MiB // PAGE], 65_536) == kbytes and kbytes // 4 == pages
    m = host("6.18").memory.m
    assert lowered(m, pages, MIN_RESERVE) == half and lowered(m, pages, MIN_RESERVE | NON_BLOCK) == least
    zones(m)[0].wmark_min = pages
    for free in (half, half + 1):
        zones(m)[0].nr_free = free
        assert bool(allow_direct_reclaim(m, 0)) == (free > half)


@pytest.mark.parametrize("kernel, most", [("3.1", 65_536), ("5.7", 65_536), ("5.8", 262_144), ("6.18", 262_144)])
def test_the_most_that_is_kept_free_by_default(kernel, most):
    terabyte = [2**40 // PAGE]
    policy = resolve(one(kernel, machine(64))).policy["watermarks"]
    ceiling = policy.params.get("ceiling_kb", load("watermarks", policy).MIN_FREE_CEILING_KB)
    assert min_free_kbytes(terabyte, ceiling) == min(most, 131_072)


@pytest.mark.parametrize(
    "kernel, throttles",
    [("3.1", False), ("3.5", False), ("3.6", True), ("4.4", True), ("6.18", True)],
)
def test_half_of_the_reserves_is_kept_since_3_6(kernel, throttles):
    for free, waits in ((129, False), (128, throttles), (0, throttles)):
        built = host(kernel, free)
        assert (slept(built) == FOREVER) == waits
        assert reclaim_count(built.memory.m).pgscan_direct_throttle == waits


def test_who_may_not_enter_file_systems_waits_for_a_second_at_most():
    built = host("6.18", 100)
    until = slept(built, GFP_NOFS)
    assert SECOND < until - SECOND < SECOND + 200_000_000, "a second, rounded to ticks"
    assert go_on(built, TASK, until) == 0
    assert task_count(built.memory.m)[TASK].stall_pfmemalloc_ns == until - SECOND


def test_daemons_do_not_wait():
    built = host("6.18", 0)
    daemon = kswapd_of(built)
    assert slept(built, who=daemon) == 0


def test_kswapd_is_woken_and_ends_the_wait():
    built = host("6.18", 128)
    m = built.memory.m
    Entered(built, kswapd_of(built), "kswapd", 0)  # it rests
    assert slept(built) == FOREVER and node_count(m)[0].kswapd_wake == 1
    assert SECOND <= due(built, kswapd_of(built)) < 2 * SECOND
    wake_throttled(m, 0)
    assert waiting(built, pfmemalloc_wait(m)[0]) == [TASK], "not enough yet"
    zones(m)[0].nr_free = 129
    m.now += 5
    wake_throttled(m, 0)
    assert due(built, TASK) == m.now and go_on(built, TASK) == 0
    assert task_count(m)[TASK].stall_pfmemalloc_ns == 5


@pytest.mark.parametrize("kernel, rests", [("3.6", False), ("3.18", False), ("3.19", True), ("6.18", True)])
def test_kswapd_does_not_rest_with_waiters_to_3_18(kernel, rests):
    built = host(kernel, 100)
    m = built.memory.m
    assert nobody_throttled(m, 0)
    assert slept(built) == FOREVER
    assert nobody_throttled(m, 0) == rests
    assert go_on(built, TASK, due(built, TASK)) == FOREVER, "woken, it looks again, and waits again"


def test_a_killed_task_does_not_wait():
    built = host("6.18", 0)
    m = built.memory.m
    assert slept(built) == FOREVER
    tasks(m)[TASK].killed = 1
    assert go_on(built, TASK, 2 * SECOND) == 0
    assert slept(built) == 0 and reclaim_count(m).pgscan_direct_throttle == 1


@pytest.mark.parametrize("kernel, waits", [("3.6", True), ("4.11", True), ("4.12", False), ("6.18", False)])
def test_kswapd_that_has_given_up_holds_nobody_back(kernel, waits):
    built = host(kernel, 0)
    nodes(built.memory.m)[0].kswapd_failures = 16
    assert (slept(built) == FOREVER) == waits


@pytest.mark.parametrize(
    "kernel, reclaimable, free, allowed",
    [
        ("3.6", 0, 0, False), ("4.1", 0, 0, False), ("4.2", 0, 0, True), ("4.8", 0, 0, True), ("6.12", 0, 100, True),
        ("6.13", 0, 100, False), ("6.13", 0, 0, True), ("6.18", 0, 100, True), ("6.18", 0, 0, False),
        ("6.18", 1, 100, False), ("6.18", 1, 129, True),
    ],
)  # fmt: skip
def test_zones_with_nothing_to_reclaim(kernel, reclaimable, free, allowed):
    built = host(kernel, free)
    zones(built.memory.m)[0].nr_lru[2] = reclaimable
    assert bool(allow_direct_reclaim(built.memory.m, 0)) == allowed


def test_a_node_without_reserves_throttles_to_3_15_only():
    for kernel, allowed in (("3.15", False), ("3.16", True)):
        built = host(kernel, 0)
        zones(built.memory.m)[0].wmark_min = 0
        assert bool(allow_direct_reclaim(built.memory.m, 0)) == allowed


def test_zones_up_to_normal_are_summed():
    built = host("3.6", 100, mib=8192)
    m = built.memory.m
    assert len(zones(m)) == 3
    for z, (low, free) in enumerate(((10, 1), (500, 300), (1_490, 700))):
        zones(m)[z].wmark_min, zones(m)[z].nr_free = low, free
    assert reserve_of(m, 0) == (1_001, 2_000) and allow_direct_reclaim(m, 0)
    zones(m)[2].nr_free -= 1
    assert not allow_direct_reclaim(m, 0)


def test_the_wait_begins_anew_where_the_reserves_went_again():
    built = host("6.18", 128)
    m = built.memory.m
    assert slept(built) == FOREVER
    zones(m)[0].nr_free = 200
    wake_throttled(m, 0)
    zones(m)[0].nr_free = 100
    assert go_on(built, TASK) == FOREVER and waiting(built, pfmemalloc_wait(m)[0]) == [TASK]
    begin_anew(built, TASK, pfmemalloc_wait(m)[0])
    assert throttle_settings(m).throttle_skips == 4
