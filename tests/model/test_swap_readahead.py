"""What is read around a page that comes back from swap: by which rule, from which areas, in which version."""

from typing import Any

import numpy as np
import pytest

from mmrun.model.description import Cell, Disk, Link, Region, Stream, SwapTarget, Sysctl, Task, Variant
from mmrun.model.mm.page.flags import READAHEAD
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.swap.readahead import found_in_cache
from mmrun.model.mm.swap.state import FIRST_HITS, swap_ra, swap_settings
from mmrun.model.mm.swap.swap import window_first, window_pages
from mmrun.model.units import GiB, KiB, MiB
from tests.model.cells import ZRAM, call, machine, machine_of, one, reads, run, writes

LINK = {"lan": Link()}
SSD, HDD, USB = Disk(kind="sata-ssd"), Disk(kind="hdd", size=16 * GiB), Disk(kind="usb", size=16 * GiB)


def partition(size: int = 48 * MiB) -> dict[str, Any]:
    return {"disks": {"d": SSD}, "swap": {"s": SwapTarget(kind="partition", disk="d", size=size)}}


def looping(kernel: str, page_cluster: int = 3, **more) -> Cell:
    """One task writes 24 MiB in order, again and again, on a machine of 16 MiB."""
    loop = Stream(kind="loop", params={"size": 24 * MiB, "accesses": 24_576, "write_fraction": 1.0})
    tasks = {"a": Task(stream=loop, memory=(Region(),))}
    return Cell(kernel=kernel, machine=machine(16, **more), tasks=tasks, vm=Sysctl(page_cluster=page_cluster))


def window_of(built, at: int, slot: int) -> tuple[int, int]:
    """(first, pages) of what would be read around page-table word `at`, whose slot is `slot`."""
    answer = call(built, "swap_window", 0, at, slot)
    return window_first(answer), window_pages(answer)


@pytest.mark.parametrize("variant", ["adaptive", "adaptive-cluster"])
@pytest.mark.parametrize("kernel", ["4.19", "6.18"])
def test_a_sequential_stream_is_followed(kernel, variant):
    """Hits open the window to eight pages, and the page last found in the swap cache is what a fault is adjacent to."""
    cell = looping(kernel, **partition())
    found = run(Cell(**{**vars(cell), "policy": {"swap_readahead": Variant(variant=variant)}})).metrics
    assert found["pswpin"] > 12_000
    assert found["pgmajfault"] < 1.05 * found["pswpin"] / 8
    assert found["swap_ra_hit"] > 0.99 * found["swap_ra"]


@pytest.mark.parametrize("kernel", ["3.1", "3.3", "3.15", "4.14", "4.19", "6.18"])
def test_zram_is_read_ahead_until_4_14(kernel):
    alone, around = (run(looping(kernel, page_cluster, swap=ZRAM)).metrics for page_cluster in (0, 3))
    assert alone["swap_ra"] == 0 and alone["pgmajfault"] > 0
    if kernel in ("4.19", "6.18"):
        assert around["swap_ra"] == 0 and around["elapsed_ns"] == alone["elapsed_ns"]
    else:
        assert around["swap_ra"] > 0 and around["pgmajfault"] < alone["pgmajfault"]


@pytest.mark.parametrize(
    ("swap", "by_address"),
    [
        ({"s": SwapTarget(kind="partition", disk="ssd", size=MiB)}, True),
        ({"s": SwapTarget(kind="nbd", link="lan", disk="hdd", size=MiB)}, True),
        ({"s": SwapTarget(kind="iscsi", link="lan", size=MiB)}, True),
        ({"s": SwapTarget(kind="iscsi", link="lan", disk="hdd", size=MiB)}, False),
        ({"s": SwapTarget(kind="nfs", link="lan", disk="ssd", size=MiB)}, False),
        ({"s": SwapTarget(kind="partition", disk="usb", size=MiB)}, False),
        ({"s": SwapTarget(kind="partition", disk="stripe", size=MiB)}, False),
        (ZRAM | {"s": SwapTarget(kind="partition", disk="hdd", size=MiB)}, False),
    ],
)
def test_one_area_that_may_rotate_and_all_are_read_by_slot(swap, by_address):
    disks = {"ssd": SSD, "hdd": HDD, "usb": USB, "stripe": Disk(kind="stripe", members=("ssd", "hdd"))}
    built = machine_of(one("6.18", machine(16, disks=disks, links=LINK, swap=swap)), pages=64)
    assert swap_settings(built.memory.m).swap_by_vma == by_address
    assert window_of(built, 40, 16) == ((37, 8) if by_address else (16, 8))


def test_readahead_begins_as_if_four_pages_had_been_hits():
    built = machine_of(one("6.18", machine(16, **partition())), pages=64)
    assert FIRST_HITS == 4
    assert window_of(built, 30, 5) == (27, 8)
    assert window_of(built, 50, 6) == (49, 4), "half of it when nothing is hit"
    by_slot = machine_of(one("3.15", machine(16, **partition())), pages=64)
    assert window_of(by_slot, 30, 5) == (0, 8)


def test_a_page_found_in_the_swap_cache_moves_the_place_that_faults_are_adjacent_to():
    """Also one that was not read ahead; hits are counted to 63."""
    built = machine_of(one("6.18", machine(16, **partition())), pages=64)
    m, region = built.memory.m, built.memory.table("regions")[0]
    region.swap_hits, region.swap_win = 0, 1
    call_found(built, 20, marked=False)
    assert (int(region.swap_prev), int(region.swap_hits)) == (20, 0)
    assert window_of(built, 21, 0) == (21, 2)
    for _ in range(70):
        call_found(built, 33, marked=True)
    assert int(region.swap_hits) == 63 and not frames(m)[0].state & READAHEAD


def call_found(built, at: int, marked: bool) -> None:
    """Frame 0 is found in the swap cache by a fault at page-table word `at`."""
    frames(built.memory.m)[0].state = READAHEAD if marked else 0
    found_in_cache(built.memory.m, 0, at, 0)


def test_by_slot_the_place_is_kept_while_there_are_hits():
    built = machine_of(one("3.15", machine(16, **partition())), pages=64)
    ra = swap_ra(built.memory.m)
    ra.hits, ra.prev, ra.win = 0, 100, 0
    assert window_of(built, 0, 101) == (100, 2) and ra.prev == 101
    ra.hits = 3
    assert window_of(built, 0, 500) == (496, 8) and ra.prev == 101
    assert window_of(built, 0, 300) == (300, 4) and ra.prev == 300


def test_readahead_by_slot_is_shared_by_all_mappings():
    built = machine_of(one("3.15", machine(16, **partition()), Region(size=32 * KiB), Region(size=32 * KiB)), pages=16)
    call(built, "swap_window", 0, 0, 77)
    answer = call(built, "swap_window", 1, 9, 300)
    assert (window_first(answer), window_pages(answer)) == (300, 4), "half the window of the other mapping's fault"


def test_no_state_changes_where_page_cluster_is_zero():
    built = machine_of(one("3.15", machine(16, **partition()), vm=Sysctl(page_cluster=0)), pages=64)
    assert window_of(built, 0, 9) == (9, 1) and swap_ra(built.memory.m).hits == FIRST_HITS


@pytest.mark.parametrize(("kernel", "expected"), [("3.1", (2, 4)), ("3.3", (2, 4)), ("3.4", (0, 8)), ("3.13", (0, 8))])
def test_a_free_slot_ends_the_run_that_is_read_until_3_3(kernel, expected):
    built = machine_of(one(kernel, machine(16, **partition())), pages=64)
    built.memory.table("swapmap")[:8] = (1, 0, 1, 1, 1, 1, 0, 1)
    assert window_of(built, 0, 4) == expected


@pytest.mark.parametrize("kernel", ["3.1", "3.4", "3.15"])
def test_a_block_of_slots_lies_within_its_area(kernel):
    small = {name: SwapTarget(kind="partition", disk="d", size=20 * KiB) for name in ("a", "b")}
    host = machine(16, disks={"d": SSD}, swap=small)
    built = machine_of(one(kernel, host, vm=Sysctl(page_cluster=10)), pages=64)
    built.memory.table("swapmap")[:] = 1
    for slot, block in ((2, (0, 5)), (7, (5, 5))):
        swap_ra(built.memory.m).hits = 9999
        assert window_of(built, 0, slot) == block


def test_a_window_by_address_ends_with_the_page_table_and_has_32_pages_at_most():
    cell = one("6.18", machine(16, **partition()), Region(size=24 * MiB), vm=Sysctl(page_cluster=10))
    found = run(cell, np.concatenate([writes(np.arange(6000)), reads([512])])).metrics
    assert found["pgmajfault"] == 1
    assert found["swap_ra"] == 4, "words 513 to 516 of the window 509 to 516"
    built = machine_of(cell, pages=6144)
    built.memory.table("regions")[0].swap_hits = 63
    assert window_of(built, 2000, 0)[1] == 32


def clean_again(kernel: str) -> dict[str, Any]:
    """Pages go to zram, come back by reads, and leave once more."""
    pages = np.arange(5000)
    cell = one(kernel, machine(16, swap=ZRAM), Region(size=20 * MiB), vm=Sysctl(page_cluster=3))
    return run(cell, np.concatenate([writes(pages), reads(pages), reads(pages)])).metrics


def test_zram_frees_what_it_has_given_back_from_3_11_to_4_14():
    """So it has to be compressed anew; before, and on a disk, a clean page in the swap cache need not be written."""
    kept, freed = clean_again("3.10"), clean_again("3.11")
    assert kept["pswpout"] < 0.8 * kept["pgsteal_anon"]
    assert freed["pswpout"] >= freed["pgsteal_anon"]


@pytest.mark.parametrize(("kernel", "slots"), [("3.1", 256), ("4.12", 256), ("4.13", 512), ("6.18", 512)])
def test_a_cluster_has_as_many_slots_as_a_huge_page_has_pages_since_4_13(kernel, slots):
    assert machine_of(one(kernel, machine(16, **partition()))).memory.table("swaps")[0].cluster == slots
