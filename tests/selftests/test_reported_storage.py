"""What people reported of swap and readahead, made small: the same signs, in the versions that have them."""

from typing import Any

import pytest

from mmrun.model.description import Cell, Disk, Link, Region, Stream, SwapTarget, Sysctl, Task
from mmrun.model.units import MS, US, KiB, MiB, S
from tests.model.cells import OWN_CPUS, machine, run


def on_zram(kernel: str, page_cluster: int) -> dict[str, Any]:
    """Pages by popularity, half as many again as there is memory for."""
    zipf = Stream(kind="zipf", params={"size": 40 * MiB, "exponent": 0.6, "accesses": 40_000, "write_fraction": 0.3})
    host = machine(32, swap={"z": SwapTarget(kind="zram", size=64 * MiB)})
    return run(
        Cell(kernel=kernel, machine=host, vm=Sysctl(page_cluster=page_cluster), tasks={"t": Task(stream=zipf)})
    ).metrics


def test_page_cluster_3_is_bad_advice_for_zram_until_4_14():
    """Neighbours are decompressed in vain, and take memory; since 4.15 it is the same."""
    for kernel, dearer in (("3.1", 1.25), ("3.15", 1.01)):
        alone, around = on_zram(kernel, 0), on_zram(kernel, 3)
        assert around["elapsed_ns"] > dearer * alone["elapsed_ns"]
        assert around["pgmajfault"] > 0.97 * alone["pgmajfault"] and around["swap_ra_hit"] < around["swap_ra"] / 2
    assert on_zram("6.18", 3)["elapsed_ns"] == on_zram("6.18", 0)["elapsed_ns"]


@pytest.mark.parametrize(("kernel", "most"), [("3.1", 1.5), ("3.15", 32), ("4.19", 32), ("6.18", 32)])
def test_random_use_of_a_mapped_database_reads_a_window_a_fault(kernel, most):
    """128 KiB of readahead is 27 to 30 times the pages since 3.15: pages mapped around a fault count as hits for it."""

    def read(readahead: int, advice: Any = "normal") -> dict[str, Any]:
        stream = Stream(kind="uniform", params={"size": 128 * MiB, "accesses": 12_000})
        file = Region(kind="file", disk="d", readahead=readahead, advice=advice)
        host = machine(32, disks={"d": Disk(kind="sata-ssd")})
        return run(Cell(kernel=kernel, machine=host, tasks={"t": Task(stream=stream, memory=(file,))})).metrics

    wide, narrow, none, random = read(128 * KiB), read(16 * KiB), read(0), read(128 * KiB, "random")
    assert none["pgpgin"] == none["pgmajfault"] and random["pgpgin"] == random["pgmajfault"]
    assert max(1, most - 6) <= wide["pgpgin"] / wide["pgmajfault"] <= most
    if kernel != "3.1":
        assert 3.5 < narrow["pgpgin"] / narrow["pgmajfault"] < 4
        assert wide["elapsed_ns"] > 3 * narrow["elapsed_ns"] > 3 * none["elapsed_ns"]


@pytest.mark.parametrize("kernel", ["4.19", "6.1", "6.18"])
def test_without_swap_a_task_too_many_evicts_the_programs_and_nobody_is_killed(kernel):
    """Programs are read back as fast as they are evicted: most of the time of their users is a stall."""
    programs = Region(kind="file", file="programs", disk="d")
    users = Stream(kind="zipf", params={"size": 12 * MiB, "exponent": 0.7, "accesses": 3_000_000})
    heap = Stream(kind="uniform", params={"size": 40 * MiB, "accesses": 20_000_000, "write_fraction": 0.5})
    tab = Stream(kind="loop", params={"size": 14 * MiB, "accesses": 1_000_000, "write_fraction": 1.0})
    tasks = {
        "desktop": Task(count=2, think=2 * US, stream=users, memory=(programs,)),
        "browser": Task(think=2 * US, stream=heap),
        "tab": Task(start=S, think=100 * US, stream=tab),
    }
    host = machine(64, cpus=4, disks={"d": Disk(kind="sata-ssd")})
    found = run(Cell(kernel=kernel, machine=host, tasks=tasks, duration=4 * S, policy=OWN_CPUS), check=False).metrics
    assert found["oom_kill"] == 0
    assert found["stall_file_ns"] > S, "of the six seconds that two users have left"


@pytest.mark.parametrize("kind", ["nbd", "nfs", "iscsi"])
@pytest.mark.parametrize("kernel", ["3.6", "3.15", "6.18"])
def test_a_diskless_client_that_swaps_goes_on(kernel, kind):
    """Since 3.6; before, it may find no memory for sending a page."""
    area = SwapTarget(kind=kind, link="lan", disk="server", size=64 * MiB)
    host = machine(32, cpus=4, disks={"server": Disk(write_latency=2 * MS)}, links={"lan": Link()}, swap={"s": area})
    heap = Stream(kind="loop", params={"size": 10 * MiB, "accesses": 15_000, "write_fraction": 1.0})
    found = run(Cell(kernel=kernel, machine=host, tasks={"t": Task(stream=heap, count=4)}, duration=300 * S)).metrics
    assert found["pswpin"] > 0 and found["accesses"] == 60_000 and found["elapsed_ns"] < 300 * S
