"""A limited group's reclaimer among pages being written: it waits for them itself, or its dirtiers are throttled."""

import pytest

from mmrun.model.block.state import disks
from mmrun.model.build import Built
from mmrun.model.description import Cgroup, Region
from mmrun.model.mm.lru.state import ACTIVATE, RECLAIM_CLEAN, RECLAIM_PAGE
from mmrun.model.mm.page.flags import RECLAIM, SWAPCACHE
from mmrun.model.mm.page.flags import WRITEBACK as BEING_WRITTEN
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.reclaim.state import pageout_count
from mmrun.model.mm.reclaim.throttle import ZONE_CONGESTED
from mmrun.model.mm.writeback.state import writeback_settings
from mmrun.model.units import MS
from tests.model.actors import Entered, own_scan_of
from tests.model.cells import machine, one, run, writes
from tests.model.reclaimers import DIRECT, HDD, scan, timeout


def with_group(era: str, cgroup_writeback: int) -> tuple[Built, int]:
    """A machine with a group whose only page is dirty, at one second; and its frame."""
    file, group = Region(kind="file", access="read", disk="d"), {"cgroups": {"g": Cgroup()}}
    built = run(one(era, machine(64, disks=HDD), file, **group), writes([0])).built
    writeback_settings(built.memory.m).cgroup_writeback, built.memory.m.now = cgroup_writeback, 10**9
    return built, int(built.memory.table("cache")[0]) - 1


@pytest.mark.parametrize("era", ["4.19", "5.15", "6.18"])
def test_with_cgroup_writeback_a_limited_group_s_reclaimer_waits_for_no_page(era):
    """writeback_throttling_sane (sane_reclaim, 4.2): pages being written are marked and out of the way."""
    for cgroup_writeback in (0, 1):
        built, pfn = with_group(era, cgroup_writeback)
        built.memory.table("frames")[pfn].state |= BEING_WRITTEN | RECLAIM
        stat = scan(built, DIRECT, memcg=1).batch_stat
        stat.writeback = 0
        reclaim = Entered(built, DIRECT, "meet_writeback", pfn, own_scan_of(DIRECT))
        assert bool(reclaim.until) is (not cgroup_writeback) and stat.writeback == cgroup_writeback
        assert not cgroup_writeback or reclaim.answer == ACTIVATE


def test_nor_over_a_batch_of_dirty_pages():
    for cgroup_writeback in (0, 1):
        built, _ = with_group("6.18", cgroup_writeback)
        scan(built, DIRECT, memcg=1)
        assert bool(Entered(built, DIRECT, "all_dirty", own_scan_of(DIRECT)).until) is (not cgroup_writeback)


@pytest.mark.parametrize(("era", "ticks"), [("4.19", 100), ("5.8", 100), ("6.18", 1)])
def test_it_sleeps_when_all_dirty_pages_were_congested(era, ticks):
    """memcg_congested, LRUVEC_CONGESTED, LRUVEC_CGROUP_CONGESTED: until its priorities are through."""
    for cgroup_writeback in (0, 1):
        built, _ = with_group(era, cgroup_writeback)
        m, sc = built.memory.m, scan(built, DIRECT, memcg=1)
        disks(m)[0].congested = 1
        zones(m)[0].nr_lru[2], zones(m)[0].nr_writeback = 1000, 1000
        for name in ("taken", "file", "dirty", "congested"):
            sc.node_stat[name] = 4
        until = Entered(built, DIRECT, "throttle_node", own_scan_of(DIRECT)).until
        assert until == (timeout(built, ticks * MS) if cgroup_writeback else 0)
        assert zones(m)[0].reclaim_flags == 0


@pytest.mark.parametrize(("era", "sleeps"), [("4.19", True), ("5.8", False), ("5.15", False)])
def test_to_5_4_it_goes_by_its_node_s_mark_too(era, sleeps):
    built, _ = with_group(era, 1)
    disks(built.memory.m)[0].congested, zones(built.memory.m)[0].reclaim_flags = 1, ZONE_CONGESTED
    scan(built, DIRECT, memcg=1).node_stat.dirty = 0
    assert bool(Entered(built, DIRECT, "throttle_node", own_scan_of(DIRECT)).until) is sleeps


@pytest.mark.parametrize(("era", "waits"), [("3.2", 0), ("3.6", 1), ("3.10", 1), ("4.1", 1), ("4.2", 1), ("6.18", 1)])
def test_without_it_a_marked_page_is_waited_for_since_3_6(era, waits):
    built, pfn = with_group(era, 0)
    built.memory.table("frames")[pfn].state |= BEING_WRITTEN | RECLAIM
    scan(built, DIRECT, memcg=1)
    assert bool(Entered(built, DIRECT, "meet_writeback", pfn, own_scan_of(DIRECT)).until) == waits


@pytest.mark.parametrize("era", ["3.6", "3.15", "4.9", "6.18"])
def test_one_that_is_not_marked_yet_is_marked_and_passed_over(era):
    built, pfn = with_group(era, 0)
    page = built.memory.table("frames")[pfn : pfn + 1]
    page["state"] |= BEING_WRITTEN
    stat = scan(built, DIRECT, memcg=1).batch_stat
    stat.writeback = 0
    assert Entered(built, DIRECT, "meet_writeback", pfn, own_scan_of(DIRECT)).until == 0
    assert page["state"][0] & RECLAIM and stat.writeback == 1


@pytest.mark.parametrize(("era", "waits"), [("3.6", 1), ("4.1", 1), ("4.2", 0), ("6.18", 0)])
def test_who_may_not_enter_file_systems_waits_for_their_pages_to_4_1_only(era, waits):
    """may_enter_fs instead of __GFP_IO, 4.2; what is written to swap enters no file system."""
    for swapped in (0, SWAPCACHE):
        built, pfn = with_group(era, 0)
        built.memory.table("frames")[pfn].state |= BEING_WRITTEN | RECLAIM | swapped
        scan(built, DIRECT, memcg=1, may_enter_fs=0)
        until = Entered(built, DIRECT, "meet_writeback", pfn, own_scan_of(DIRECT)).until
        assert bool(until) == (waits or swapped > 0)


@pytest.mark.parametrize("era", ["3.2", "3.10", "3.15", "4.9", "4.19", "6.1", "6.18"])
def test_a_dirty_page_is_marked_whatever_its_references_say(era):
    """NR_VMSCAN_IMMEDIATE comes before RECLAIM_CLEAN and may_writepage in shrink_page_list (3.2 on)."""
    built, pfn = with_group(era, 0)
    page = built.memory.table("frames")[pfn : pfn + 1]
    scan(built, DIRECT, memcg=1, may_writepage=0)
    before = int(pageout_count(built.memory.m).nr_vmscan_immediate_reclaim)
    Entered(built, DIRECT, "pageout_file", pfn, own_scan_of(DIRECT), RECLAIM_CLEAN)
    assert page["state"][0] & RECLAIM and pageout_count(built.memory.m).nr_vmscan_immediate_reclaim == before + 1


def test_before_that_reclaim_writes_what_nobody_used_where_it_may():
    for verdict, may, written in ((RECLAIM_PAGE, 1, 1), (RECLAIM_CLEAN, 1, 0), (RECLAIM_PAGE, 0, 0)):
        built, pfn = with_group("3.1", 0)
        scan(built, DIRECT, memcg=0, may_writepage=may)
        Entered(built, DIRECT, "pageout_file", pfn, own_scan_of(DIRECT), verdict)
        assert pageout_count(built.memory.m).nr_vmscan_write == written
