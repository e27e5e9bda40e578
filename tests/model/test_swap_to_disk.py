"""Memory that must go to a slow disk: reclaimers wait for it, and nobody is killed while there is swap."""

from dataclasses import replace

import pytest

from mmrun.model.build import Built
from mmrun.model.description import Cell, Disk, Machine, Node, Region, Stream, SwapTarget, Task
from mmrun.model.machine.state import costs
from mmrun.model.machine.timers import timeout_ns
from mmrun.model.mm.page.flags import ACTIVE_ANON, INACTIVE_ANON
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.reclaim.throttle import TENTH_NS
from mmrun.model.mm.writeback.state import dirty_settings, writeback_count
from mmrun.model.units import GiB, MiB
from tests.model.actors import Entered, own_scan_of
from tests.model.cells import call, machine_of, run

TASK = 0
DIRECT = own_scan_of(TASK)
ALL = ["3.1", "3.3", "3.15", "4.19", "6.18"]


def swapping(era: str, tasks: int, swap: int = 64 * MiB, accesses: int = 6000) -> Cell:
    """A working set of 24 MiB on a machine of 16 MiB, whose swap is a partition of a rotating disk."""
    uniform = Stream(kind="uniform", params={"size": 24 * MiB // tasks, "accesses": accesses, "write_fraction": 1.0})
    areas = {"s": SwapTarget(kind="partition", size=swap, disk="d")} if swap else {}
    host = Machine(nodes=(Node(memory=16 * MiB, cpus=tasks),), disks={"d": Disk(kind="hdd", size=16 * GiB)}, swap=areas)
    return Cell(kernel=era, machine=host, tasks={"t": Task(stream=uniform, count=tasks, memory=(Region(),))})


@pytest.mark.parametrize("tasks", [1, 4])
@pytest.mark.parametrize("era", ALL)
def test_a_working_set_beyond_memory_is_swapped_to_a_disk_and_nobody_is_killed(era, tasks):
    cell = swapping(era, tasks, accesses=12_000 // tasks)  # whose tasks stay: the first to end frees nothing
    found = run(replace(cell, tasks={"t": replace(cell.tasks["t"], stays=True)})).metrics
    assert found["oom_kill"] == 0 and found["accesses"] == 12_000 // tasks * tasks
    assert found["pswpout"] > 1500


@pytest.mark.parametrize("swap", [0, MiB])
@pytest.mark.parametrize("era", ALL)
def test_with_no_swap_or_too_little_somebody_is_killed(era, swap):
    assert run(swapping(era, 1, swap, accesses=20_000)).metrics["oom_kill"] == 1


def host(era: str) -> Built:
    """A machine before its first event; task 0 is about to reclaim, at time one second."""
    built = machine_of(swapping(era, 1))
    built.memory.m.now = 10**9
    return built


def throttled(built: Built, hook: str, *args: int) -> Entered:
    """Task 0 asks whether it has to sleep."""
    sc = built.memory.table("scans")[DIRECT]
    sc.zone, sc.may_enter_fs = 0, 1
    return Entered(built, TASK, hook, *args)


@pytest.mark.parametrize(("era", "sleeps"), [("3.1", True), ("3.3", True), ("3.15", True), ("4.19", False)])
def test_more_than_a_tenth_above_the_threshold_under_writeback_puts_reclaimers_to_sleep(era, sleeps):
    """throttle_vm_writeout, to 4.8; pages of swap count."""
    built = host(era)
    m = built.memory.m
    zones(m)[0].nr_free, zones(m)[0].nr_lru[ACTIVE_ANON] = 1000, 2000
    dirty_settings(m).totalreserve = 0
    dirtyable = 3001 if era in ("3.1", "3.3") else 1001
    built.memory.table("wb_domains")[0].dirty_limit = 0
    writeback_count(m).nr_writeback = dirtyable // 5 + dirtyable // 5 // 10
    assert throttled(built, "throttle_node", DIRECT).until == 0
    writeback_count(m).nr_writeback += 1
    reclaim = throttled(built, "throttle_node", DIRECT)
    if not sleeps:
        assert reclaim.until == 0
        return
    first = 10**9 + TENTH_NS + int(costs(m).kswapd_wake)
    assert reclaim.until == first
    assert reclaim.go_on(first) == first + TENTH_NS, "it looks again when it wakes"
    writeback_count(m).nr_writeback -= 1
    assert reclaim.go_on(first + TENTH_NS) == 0


def test_the_smoothed_limit_counts_since_3_5():
    built = host("3.15")
    m = built.memory.m
    built.memory.table("wb_domains")[0].dirty_limit = 3000
    writeback_count(m).nr_writeback = 3300
    assert throttled(built, "throttle_node", DIRECT).until == 0
    writeback_count(m).nr_writeback = 3301
    assert throttled(built, "throttle_node", DIRECT).until


@pytest.mark.parametrize(("era", "sleeps"), [("4.19", True), ("6.18", False)])
def test_an_allocation_waits_while_half_of_what_is_reclaimable_is_being_written(era, sleeps):
    """should_reclaim_retry, 4.7 to 5.15."""
    built = host(era)
    m = built.memory.m
    zones(m)[0].nr_lru[ACTIVE_ANON], zones(m)[0].nr_writeback = 1000, 500
    assert throttled(built, "throttle_retry", 0, 1).until == 0
    zones(m)[0].nr_writeback = 501
    assert throttled(built, "throttle_retry", 0, 0).until == 0, "the last round gave something"
    until = throttled(built, "throttle_retry", 0, 1).until
    assert until == (10**9 + int(timeout_ns(m, TENTH_NS)) if sleeps else 0)


def test_an_allocation_tries_again_while_reclaim_could_lift_a_zone_above_min():
    built = host("4.19")
    zone = zones(built.memory.m)[0]
    zone.nr_free, zone.nr_lru[ACTIVE_ANON] = 0, int(zone.wmark_min) + int(zone.reserve[3]) + 1
    assert [call(built, "retry_zone", 0, 0, fruitless, 1, 0) for fruitless in (0, 1, 16, 17)] == [1, 1, 1, 0]
    zone.nr_lru[ACTIVE_ANON] -= 1
    assert call(built, "retry_zone", 0, 0, 0, 1, 0) == 0
    old = host("3.1")
    assert [call(old, "retry_zone", 0, 0, fruitless, 1, 0) for fruitless in (0, 1)] == [1, 0]


def test_what_is_scanned_counts_once_a_page_and_on_every_list():
    """zone->pages_scanned: a mapped page is one page here, though sc->nr_scanned counts it twice."""
    built = run(swapping("3.1", 1, accesses=200)).built
    m = built.memory.m
    zone, sc = zones(m)[0], built.memory.table("scans")[DIRECT]
    sc.memcg, sc.nr_scanned, sc.zone, sc.kswapd, zone.pages_scanned = 0, 0, 0, 0, 0
    Entered(built, TASK, "shrink_active", DIRECT, 0, ACTIVE_ANON, 20).to_the_end()
    assert zone.pages_scanned == 20
    Entered(built, TASK, "shrink_inactive", DIRECT, 0, INACTIVE_ANON, 10).to_the_end()
    assert (zone.pages_scanned, sc.nr_scanned) == (30, 20)
    sc.memcg = 1
    Entered(built, TASK, "shrink_inactive", DIRECT, 0, INACTIVE_ANON, 10).to_the_end()
    assert zone.pages_scanned == 30, "a group's reclaim says nothing about the zone"
