"""NUMA balancing: periods, what is scanned and marked, hint faults, what moves; vectors of the kernel's arithmetic."""

from dataclasses import replace

import numpy as np
import pytest

from mmrun.model.core.events import compute, exits
from mmrun.model.description import Disk, Mempolicy, Region, Sysctl
from mmrun.model.mm.driver.events import sleep_until
from mmrun.model.mm.numa_balancing.policy import policies
from mmrun.model.mm.numa_balancing.scan_period import (
    nr_scan_windows,
    scan_max,
    scan_min,
    stepped,
    stepped_by_locality,
)
from mmrun.model.mm.numa_balancing.state import NO_NODE, numa_count, numa_tasks
from mmrun.model.mm.task.state import PTE_DIRTY, PTE_FLAGS
from mmrun.model.units import MS, MiB
from tests.model.cells import ANON, Run, given, machine, one, reads, run, writes

PAGES = 400
QUICK = {"numa_balancing_scan_delay_ms": 2, "numa_balancing_scan_period_min_ms": 2, "numa_balancing_scan_size_mb": 4}


@pytest.mark.parametrize(
    ("mib", "least", "most"),
    [(64, 1000, 60_000), (256, 1000, 60_000), (300, 500, 30_000), (1024, 250, 15_000), (4096, 100, 3750),
     (16_384, 100, 937), (65_536, 100, 234)],
)  # fmt: skip
def test_bounds_of_the_period_by_size(mib: int, least: int, most: int) -> None:
    pages = mib << 8
    assert scan_min(pages, 256, 1000) == least
    assert scan_max(pages, 256, 1000, 60_000) == most


def test_windows_are_whole_and_at_least_one() -> None:
    assert [nr_scan_windows(pages, 256) for pages in (0, 1, 65_536, 65_537)] == [1, 1, 1, 2]
    assert scan_min(0, 5120, 1000) == 1000


@pytest.mark.parametrize(
    ("period", "faults", "following"),
    [(1000, (90, 10, 90, 10), 1200), (1000, (10, 90, 90, 10), 1200), (1000, (50, 50, 30, 70), 800),
     (1000, (80, 20, 30, 70), 1100), (1000, (0, 100, 0, 100), 300), (1005, (40, 60, 60, 40), 904)],
)  # fmt: skip
def test_steps_of_the_period(period: int, faults: tuple[int, int, int, int], following: int) -> None:
    assert stepped(period, *faults) == following


def test_until_4_13_locality_alone_slows_scans() -> None:
    assert stepped_by_locality(1000, 90, 10, 10, 90) == 1200
    assert stepped_by_locality(1000, 0, 100, 100, 0) == 300
    assert stepped_by_locality(1000, 0, 100, 50, 50) == 650  # half of them shared: half the step


def two_nodes(kernel: str, mode: int, *events: np.ndarray, regions: tuple[Region, ...] = (ANON,), **vm: int) -> Run:
    """A task on node 0 whose memory was bound to node 1 while it touched it first."""
    cell = one(kernel, machine(32, 32), *regions, vm=Sysctl(numa_balancing=mode, **{**QUICK, **vm}))
    first = [policies("bind", (1,)), writes(range(PAGES)), policies("local")]
    return run(cell, np.concatenate([*first, *events]), footprint=PAGES)


def spin(ms: int) -> np.ndarray:
    """Computes, a tick of the timer after the other."""
    return np.concatenate([compute(4 * MS)] * (ms // 4))


def rounds(pages: range, number: int, pause: int = MS) -> np.ndarray:
    """Writes all pages, computes, and again."""
    return np.concatenate([np.concatenate([writes(pages), compute(pause)]) for _ in range(number)])


@pytest.mark.parametrize("kernel", ["3.13", "4.4", "4.19", "6.12"])
def test_what_a_task_uses_comes_to_its_node(kernel: str) -> None:
    done = two_nodes(kernel, 1, rounds(range(0, PAGES, 2), 20))
    assert {done.node_of(page) for page in range(0, PAGES, 2)} == {0}
    count = numa_count(done.m)
    assert count.numa_pages_migrated == PAGES // 2
    unused = done.built.memory.table("pte")[1:PAGES:2]
    assert (unused & PTE_FLAGS == PTE_DIRTY).all()  # made to fault, and never used since
    assert done.metrics["hint_fault_ns"] > 0 and done.metrics["numa_scan_ns"] > 0


def test_off_nothing_runs() -> None:
    done = two_nodes("6.12", 0, rounds(range(PAGES), 20))
    assert numa_count(done.m).numa_pte_updates == 0 and done.node_of(0) == 1
    assert len(done.built.memory.table("last_cpupid")) == 0


def test_pages_of_the_own_node_fault_only_until_4_9() -> None:
    for kernel, local in (("4.9", True), ("4.10", False)):
        done = two_nodes(kernel, 1, rounds(range(PAGES), 30))
        assert (numa_count(done.m).numa_hint_faults_local > 0) == local


def test_a_moved_page_is_read_only_at_first_since_5_13() -> None:
    """So a write faults twice; what was read stays read-only."""
    for kernel, faults in (("5.12", 1), ("5.13", 2)):
        done = two_nodes(kernel, 1, spin(16), writes([0]))
        before = two_nodes(kernel, 1, spin(16))
        assert done.metrics["pgfault"] - before.metrics["pgfault"] == faults
        assert done.node_of(0) == 0


def test_the_clock_is_the_cpu_time_of_the_task() -> None:
    """Two scan delays: one until the first tick that counts, one from there; what it waits does not count."""
    delay = {"numa_balancing_scan_delay_ms": 20}
    assert numa_count(two_nodes("6.12", 1, spin(36), writes([0]), **delay).m).numa_pte_updates == 0
    assert numa_count(two_nodes("6.12", 1, spin(56), writes([0]), **delay).m).numa_pte_updates == PAGES
    asleep = two_nodes("6.12", 1, sleep_until(1000 * MS), writes([0]), **delay)
    assert numa_count(asleep.m).numa_pte_updates == 0


def test_a_task_with_a_policy_of_its_own_is_left_alone() -> None:
    cell = one("6.12", machine(32, 32), vm=Sysctl(numa_balancing=1, **QUICK),
               mempolicy=Mempolicy(mode="bind", nodes=(1,)))  # fmt: skip
    done = run(cell, np.concatenate([writes(range(PAGES)), rounds(range(PAGES), 20)]))
    assert numa_count(done.m).numa_pte_updates == 0


def test_a_new_process_is_scanned_from_the_start() -> None:
    done = two_nodes("6.12", 1, rounds(range(PAGES), 10), exits())
    own = numa_tasks(done.m)[0]
    assert (own.seq, own.offset, own.node_stamp, own.preferred) == (0, 0, 0, NO_NODE)


def test_a_dirty_page_of_a_file_is_not_worth_a_fault_since_4_17() -> None:
    for kernel, marked in (("4.16", True), ("4.17", False)):
        host = machine(32, 32, disks={"d": Disk()})
        cell = one(kernel, host, Region(kind="file", disk="d"), vm=Sysctl(numa_balancing=1, **QUICK))
        first = [policies("bind", (1,)), writes(range(PAGES)), policies("local")]
        done = run(cell, np.concatenate([*first, rounds(range(PAGES), 20)]))
        assert (numa_count(done.m).numa_pte_updates > 0) == marked


def test_a_page_that_two_nodes_share_moves_once_both_faults_agree() -> None:
    """The filter's second stage: alternating users leave a file's page where it is, unless there is no filter."""
    shared = Region(kind="file", file="f")
    cell = one("6.12", machine(32, 32), vm=Sysctl(numa_balancing=1, **QUICK))
    tasks = {"a": given(shared, node=0), "b": given(shared, node=1)}
    events = np.concatenate([np.concatenate([reads(range(64)), compute(MS)]) for _ in range(200)])
    done = run(replace(cell, tasks=tasks), {"a": events, "b": events})
    count = numa_count(done.m)
    assert count.numa_hint_faults > 0
    assert count.numa_pages_migrated < count.numa_hint_faults // 4


@pytest.mark.parametrize(("kernel", "mode"), [("3.12", 1), ("5.17", 2), ("6.12", 4)])
def test_versions_without_it_refuse_it(kernel: str, mode: int) -> None:
    with pytest.raises(ValueError):
        two_nodes(kernel, mode)


def test_a_scan_covers_a_window_of_changed_words_and_goes_on_there() -> None:
    """1 MiB, 256 pages, up to the border of a table of 512 words; the next scan has the rest."""
    cell = one("6.12", machine(32, 32), vm=Sysctl(numa_balancing=1, **{**QUICK, "numa_balancing_scan_size_mb": 1}))
    first = np.concatenate([policies("bind", (1,)), writes(range(700)), policies("local")])
    for ms, marked in ((8, 512), (24, 700)):
        done = run(cell, np.concatenate([first, spin(ms), writes([0])]))
        assert numa_count(done.m).numa_pte_updates == marked


def test_skipped_mappings_come_back() -> None:
    """A mapping without faults is left out from the third scan on, but not twice in a row."""
    both = (Region(size=1 * MiB), Region(size=1 * MiB))
    cell = one("6.12", machine(32, 32), *both, vm=Sysctl(numa_balancing=1, **QUICK))
    first = [policies("bind", (1,)), writes(range(512)), policies("local")]
    done = run(cell, np.concatenate([*first, rounds(range(256), 60)]), footprint=512)
    assert numa_tasks(done.m)[0].seq > 2
    assert numa_count(done.m).numa_pte_updates == 512
