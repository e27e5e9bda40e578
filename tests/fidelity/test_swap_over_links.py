"""Swap-outs over a link hang on how far reclaim gets during a write: on the CPU's pace, not on the link alone.

A page under writeback is not reclaimed yet. Until the first writes end, and their pages stand at the inactive tail, a
reclaimer goes on to lower priorities, each of which scans twice as many pages, and writes more than it was asked for.
An emulated guest is ten times slower at that than the model's costs say, which its own recordings tell: a replay on a
RAM disk, where nothing waits for a device. At that pace the model swaps out what it does on a synchronous device for
round trips up to a millisecond, and a fifth to two fifths more beyond; at a host's pace up to half as much again.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from mmrun.model.api import simulate
from mmrun.model.description import Cell, Link, SwapTarget
from mmrun.model.units import MS, US, GiB
from tests.fidelity.cases import cell, trace_pages
from tests.fidelity.recorded import Case, cases

PACED = (
    "scan_page", "reclaim_page", "io_path", "tlb_shootdown", "lruvec_visit", "swap_path", "copy_page", "syscall",
    "minor_fault_anon", "lru_lock", "buddy",
)  # fmt: skip
ROUND_TRIPS = (100 * US, 300 * US, 1 * MS, 3 * MS, 10 * MS)


def named(name: str) -> Case:
    return next(case for case in cases() if case.name == name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traces")


@pytest.fixture(scope="module")
def pace(folder: Path) -> float:
    """How much longer the guest took for faults and reclaim than the model's costs add up to."""
    many, few = named("6.12-brd-shift-50-s60"), named("6.12-brd-real_gcc-75-s60")
    found = simulate(cell(many, folder)).metrics
    lasted, short = many.seconds(), few.seconds()
    assert lasted is not None and short is not None
    an_access = short / trace_pages(few.trace)[0].size  # its few faults included
    recorded = lasted - an_access * trace_pages(many.trace)[0].size
    return recorded * 1e9 / (float(found["elapsed_ns"]) - float(found["hit_ns"]))


def over_nbd(base: Cell, rtt: int, slower: float = 1.0) -> Cell:
    """The same with swap on a server of unlimited speed, on CPUs that are so much slower in the kernel."""
    costs = replace(base.machine.costs, **{n: round(getattr(base.machine.costs, n) * slower) for n in PACED})
    area = SwapTarget(kind="nbd", link="lan", size=4 * GiB)
    return replace(base, machine=replace(base.machine, costs=costs, links={"lan": Link(rtt=rtt)}, swap={"net": area}))


def swap_outs(described: Cell) -> int:
    return int(simulate(described).metrics["pswpout"])


def test_a_slow_cpu_swaps_out_what_it_does_on_a_synchronous_device(folder: Path, pace: float):
    assert 8 < pace < 13
    base = cell(named("6.1-brd-real_gcc-75-s60"), folder)
    at_once = swap_outs(base)
    assert at_once == pytest.approx(named("6.1-brd-real_gcc-75-s60").value("swap-outs"), rel=0.05)
    slow = {rtt: swap_outs(over_nbd(base, rtt, pace)) for rtt in ROUND_TRIPS}
    fast = {rtt: swap_outs(over_nbd(base, rtt)) for rtt in ROUND_TRIPS}
    assert all(abs(slow[rtt] / at_once - 1) < 0.12 for rtt in ROUND_TRIPS if rtt <= MS), slow
    more = [fast[rtt] / slow[rtt] - 1 for rtt in ROUND_TRIPS]
    assert max(more) > 0.25 and min(more) > -0.05 and sorted(more)[1] > 0.08, more


def test_what_is_written_too_soon_is_no_page_lost(folder: Path):
    """Of more swap-outs than steals the rest came back from the swap cache, or is in it still."""
    found = simulate(over_nbd(cell(named("6.1-brd-real_gcc-75-s60"), folder), 1 * MS)).metrics
    assert found["pswpout"] > found["pgsteal_anon"] > found["pswpin"] > 0 and found["outcome"] == "ok"
