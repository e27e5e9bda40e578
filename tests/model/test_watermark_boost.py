"""The watermark boost: what kswapd does for it, and that it alone takes it back."""

import pytest

from mmrun.model.build import Built
from mmrun.model.description import Cell, Disk, Region
from mmrun.model.machine.state import node_count, nodes
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.lru.state import DEF_PRIORITY
from mmrun.model.mm.page.boost import set_boost
from mmrun.model.mm.page.gfp import ATOMIC, GFP_HIGHUSER_MOVABLE, GFP_NOWAIT, HIGH
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.reclaim.state import reclaim_count, scans
from tests.model.actors import Entered, begin_anew, kswapd_of, own_scan_of
from tests.model.cells import ANON, ZRAM, machine, one, reads, run, writes

READ = Region(kind="file", access="read", disk="d")
PAGES = 6000


def boosted(by: int, pinned: bool = False, anonymous: bool = False, rests: bool = True) -> tuple[Built, int, int]:
    """A machine with pages on its lists, a boosted zone and its kswapd at rest; the daemon, the zone."""
    host = machine(64, disks={"d": Disk()}, **({"swap": ZRAM} if anonymous else {}))
    cell: Cell = one("6.18", host, ANON if anonymous else READ)
    built = run(cell, writes(range(PAGES)) if anonymous else reads(range(PAGES)), check=False).built
    m, frames = built.memory.m, built.memory.table("frames")
    found = frames["kind"] == frames["kind"][frames["state"] & 1 > 0][0]
    frames["pins"][found] = int(pinned)
    who = kswapd_of(built)
    if rests:
        begin_anew(built, who, nodes(m)[0].kswapd_wait)
    z = int(frames["zone"][found][-1])
    set_boost(m, z, by)
    nodes(m)[0].highest_zoneidx = 3
    return built, who, z


def test_all_three_marks_move():
    built, _, z = boosted(0)
    zone = zones(built.memory.m)[z]
    was = (int(zone.wmark_min), int(zone.wmark_low), int(zone.wmark_high))
    set_boost(built.memory.m, z, 700)
    assert (zone.wmark_min, zone.wmark_low, zone.wmark_high) == tuple(mark + 700 for mark in was)
    set_boost(built.memory.m, z, 0)
    assert (zone.wmark_min, zone.wmark_low, zone.wmark_high) == was


def test_kswapd_reclaims_as_many_pages_and_takes_the_boost_back():
    built, who, z = boosted(512)
    m = built.memory.m
    assert Entered(built, who, "balance_pgdat", 0).to_the_end() == 0
    assert zones(m)[z].boost == 0 and 512 <= reclaim_count(m).pgsteal_kswapd < 512 + 2 * zones(m)[z].wmark_high
    assert scans(m)[own_scan_of(who)].priority >= DEF_PRIORITY - 2 and nodes(m)[0].kswapd_failures == 0


def test_a_run_in_vain_ends_at_once_is_a_failure_and_takes_the_boost_back_too():
    built, who, z = boosted(512, pinned=True)
    m = built.memory.m
    assert Entered(built, who, "balance_pgdat", 0).to_the_end() == 0
    assert zones(m)[z].boost == 0 and reclaim_count(m).pgsteal_kswapd == 0 and nodes(m)[0].kswapd_failures == 1
    assert scans(m)[own_scan_of(who)].priority == DEF_PRIORITY


@pytest.mark.parametrize("balanced", [True, False])
def test_for_a_boost_alone_nothing_is_written_or_swapped(balanced):
    built, who, _ = boosted(512, anonymous=True)
    m = built.memory.m
    if not balanced:
        for each in zones(m):
            each.nr_free = each.wmark_min
    kswapd = Entered(built, who, "balance_pgdat", 0)
    kswapd.go_on(max(kswapd.until, int(m.now)))
    sc = scans(m)[own_scan_of(who)]
    assert sc.may_swap == sc.may_writepage == sc.swap_available == int(not balanced)


def test_what_is_boosted_meanwhile_stays():
    built, who, z = boosted(512)
    m = built.memory.m
    kswapd = Entered(built, who, "balance_pgdat", 0)
    assert kswapd.until
    set_boost(m, z, 768)
    kswapd.to_the_end()
    assert zones(m)[z].boost == 256


def test_the_next_allocation_that_may_wake_kswapd_does():
    built, _, z = boosted(512, rests=False)
    m = built.memory.m
    assert nodes(m)[0].kswapd_wait.first
    zones(m)[z].boosted = 1
    woken = int(node_count(m)[0].kswapd_wake)
    alloc_pages(m, GFP_HIGHUSER_MOVABLE & ~0xC00, 0, 0, 1)
    assert zones(m)[z].boosted == 1 and node_count(m)[0].kswapd_wake == woken
    alloc_pages(m, GFP_HIGHUSER_MOVABLE, 0, 0, 1)
    assert zones(m)[z].boosted == 0 and node_count(m)[0].kswapd_wake == woken + 1


def test_a_single_urgent_page_need_not_leave_the_boost():
    m = boosted(0)[0].memory.m
    for each in range(len(zones(m))):
        zones(m)[each].nr_free = zones(m)[each].wmark_min + 100
        set_boost(m, each, 5000)
    assert alloc_pages(m, GFP_NOWAIT, 0, 0, 1) == alloc_pages(m, GFP_NOWAIT, 1, 0, 1) == (1 << 31) - 1
    assert alloc_pages(m, GFP_NOWAIT | HIGH | ATOMIC, 0, 0, 1) != (1 << 31) - 1
