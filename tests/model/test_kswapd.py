"""A node's daemon: what it does in a pass, when it naps, when it sleeps, what it ages."""

import pytest

from mmrun.model.build import Built
from mmrun.model.core.jit import Hook
from mmrun.model.core.sleep import FOREVER
from mmrun.model.core.timeline import before
from mmrun.model.description import Cell, Cgroup, Disk, Region
from mmrun.model.machine.state import nodes
from mmrun.model.machine.timers import timeout_ns
from mmrun.model.mm.lru.state import DEF_PRIORITY, lru_count, lruvecs
from mmrun.model.mm.page.flags import ACTIVE, RECLAIM, WRITEBACK
from mmrun.model.mm.page.flags import ANON as ANON_PAGE
from mmrun.model.mm.page.gfp import GFP_HIGHUSER_MOVABLE, HIGHEST
from mmrun.model.mm.page.state import pcps, zones
from mmrun.model.mm.reclaim.state import reclaim_count, scans
from mmrun.model.mm.reclaim.throttle import TENTH_NS, UNDER_WRITEBACK
from mmrun.model.mm.reclaim.variants.kswapd.all_zones import end_zone, shrink_low_zone
from mmrun.model.mm.reclaim.variants.kswapd.any_zone import age_active_anon
from mmrun.model.mm.reclaim.vmscan import own_scan
from tests.model.actors import Entered, begin_anew, kswapd_of, life, own_scan_of, waiting
from tests.model.cells import ZRAM, given, machine, one, reads, run, writes

READ = Region(kind="file", access="read", disk="d")


def with_pages(era: str, pages: int = 200, pinned: bool = True) -> tuple[Built, int, int]:
    """A machine with clean pages of a file on its inactive list, its kswapd at rest; the actor, their zone."""
    built = run(one(era, machine(64, disks={"d": Disk()}), READ), reads(range(pages))).built
    m, frames = built.memory.m, built.memory.table("frames")
    found = built.memory.table("cache")[:pages] - 1
    frames["pins"][found] = int(pinned)
    who = kswapd_of(built)
    begin_anew(built, who, nodes(m)[0].kswapd_wait)
    nodes(m)[0].kswapd_last = nodes(m)[0].first_zone
    return built, who, int(frames["zone"][found[0]])


def test_3_1_naps_at_every_priority_from_nine_to_zero_while_nothing_can_be_reclaimed():
    built, who, z = with_pages("3.1")
    m = built.memory.m
    zones(m)[z].nr_free = zones(m)[z].wmark_high
    kswapd, began = Entered(built, who, "balance_pgdat", 0), int(reclaim_count(m).pageoutrun)
    while reclaim_count(m).pageoutrun == began:
        assert kswapd.until
        kswapd.go_on(max(kswapd.until, int(m.now)))
    assert reclaim_count(m).congestion_wait == 10 and reclaim_count(m).kswapd_skip_congestion_wait == 0


def test_3_1_does_not_nap_while_a_zone_is_below_min():
    built, who, z = with_pages("3.1")
    m = built.memory.m
    zones(m)[z].nr_free = zones(m)[z].wmark_min
    kswapd, began = Entered(built, who, "balance_pgdat", 0), int(reclaim_count(m).pageoutrun)
    for _ in range(1000):
        if kswapd.until and reclaim_count(m).pageoutrun == began:
            kswapd.go_on(max(kswapd.until, int(m.now)))
    assert reclaim_count(m).congestion_wait == 0 and reclaim_count(m).kswapd_skip_congestion_wait >= 10


def test_3_1_is_done_without_a_nap_once_all_zones_are_above_high():
    """Priorities 12 to 10 free seven pages of the ten that are too few, the next one nine more."""
    built, who, z = with_pages("3.1", 5000, pinned=False)
    m = built.memory.m
    pcps(m)["high"] = pcps(m)["batch"] = pcps(m)["quiet"] = 1
    zones(m)[z].nr_free = zones(m)[z].wmark_high - 10
    kswapd = Entered(built, who, "balance_pgdat", 0)
    assert kswapd.to_the_end() == 0 and zones(m)[z].nr_free > zones(m)[z].wmark_high
    assert reclaim_count(m).congestion_wait == 0 and 10 < reclaim_count(m).pgsteal_kswapd < 32


@pytest.mark.parametrize("era", ["3.1", "3.11", "3.15", "4.7"])
def test_kswapd_sleeps_over_a_low_zone_that_it_has_given_up(era):
    built, who, z = with_pages(era)
    m = built.memory.m
    zones(m)[z].nr_free, nodes(m)[0].kswapd_last = 0, z
    rest = Entered(built, who, "kswapd_try_to_sleep", 0)
    assert rest.until == 0 and reclaim_count(m).kswapd_high_wmark_hit_quickly == 1, "a low zone is no time for a nap"
    zones(m)[z].all_unreclaimable, zones(m)[z].pages_scanned = int(before(era, "3.12")), 1 << 30
    rest = Entered(built, who, "kswapd_try_to_sleep", 0)
    assert rest.until == m.now + timeout_ns(m, TENTH_NS)
    rest.go_on(rest.until)
    assert rest.until >= FOREVER and waiting(built, nodes(m)[0].kswapd_wait) == [who]


def test_in_3_15_a_zone_well_above_high_needs_no_higher_priority():
    """kswapd_shrink_zone, 3.11: true without a look at a page; a low zone of which too little is scanned is not."""
    built, who, z = with_pages("3.15")
    m, kind = built.memory.m, int(zones(built.memory.m)[z].kind)
    assert shrink_low_zone(m, own_scan_of(who), 0, z, kind, DEF_PRIORITY) and reclaim_count(m).pgscan_kswapd == 0


def test_in_3_11_kswapd_sleeps_over_marked_pages_before_the_zone_s_mark_is_cleared():
    """ZONE_WRITEBACK holds while the zone is shrunk; a page was marked to be reclaimed and is still being written."""
    built, who, z = with_pages("3.11", 5000, pinned=False)
    m = built.memory.m
    built.memory.table("frames")["state"][built.memory.table("cache")[0] - 1] |= WRITEBACK | RECLAIM
    zones(m)[z].reclaim_flags, zones(m)[z].nr_free = UNDER_WRITEBACK, zones(m)[z].wmark_high
    kswapd = Entered(built, who, "balance_pgdat", 0)
    while kswapd.until and reclaim_count(m).congestion_wait == 0:
        kswapd.go_on(max(kswapd.until, int(m.now)))
    assert kswapd.until and reclaim_count(m).congestion_wait == 1 and zones(m)[z].reclaim_flags & UNDER_WRITEBACK
    assert kswapd.to_the_end() == 0 and not zones(m)[z].reclaim_flags & UNDER_WRITEBACK


def all_on(built: Built, memcg: int, active: int) -> None:
    """Put all anonymous pages of a group that are on a list on its active list, or on the inactive one."""
    m, frames = built.memory.m, built.memory.table("frames")
    for vec in built.memory.table("lruvecs")[: len(lruvecs(m))]:
        if vec.memcg == memcg and vec.lists["n"][1 - active]:
            assert not vec.lists["n"][active], "they are all on one"
            vec.lists[[0, 1]] = vec.lists[[1, 0]]
    own = (frames["memcg"] == memcg) & (frames["state"] & ANON_PAGE > 0)
    frames["state"][own] = frames["state"][own] & ~ACTIVE | ACTIVE * active


@life
def age_node(m, number):
    """kswapd ages its node."""
    scans(m)[own_scan(m)].node, scans(m)[own_scan(m)].highest_zoneidx = 0, HIGHEST
    age_active_anon(m, own_scan(m))
    return 0


@life
def look_for_a_low_zone(m, number):
    """kswapd begins a pass."""
    end_zone(m, own_scan(m), 0, DEF_PRIORITY)
    return 0


def deactivated(era: str, what: Hook, inactive: int) -> int:
    """Pages that kswapd deactivates with 300 active anonymous pages in one group and these inactive ones in another."""
    groups = {"a": Cgroup(), "b": Cgroup()}
    cell = Cell(
        kernel=era,
        machine=machine(64, swap=ZRAM),
        cgroups=groups,
        tasks={name: given(cgroup=name) for name in groups},
    )
    built = run(cell, {"a": writes(range(300)), "b": writes(range(inactive))}).built
    m, who = built.memory.m, kswapd_of(built)
    begin_anew(built, who, nodes(m)[0].kswapd_wait)
    for memcg, active in ((1, 1), (2, 0)):
        all_on(built, memcg, active)
    sizes = built.memory.table("lruvecs")["lists"]["n"].sum(axis=0)
    for lru in (0, 1):
        zones(m)["nr_lru"][:, lru] = 0
        zones(m)[0].nr_lru[lru] = sizes[lru]
    Entered(built, who, what)
    return int(lru_count(m).pgdeactivate)


@pytest.mark.parametrize(("era", "pages"), [("4.19", 32), ("5.8", 0), ("6.18", 0)])
def test_since_5_5_groups_are_aged_when_the_node_as_a_whole_runs_low(era, pages):
    assert deactivated(era, age_node, 500) == pages
    assert deactivated(era, age_node, 100) == 32


@pytest.mark.parametrize(("era", "zones"), [("3.3", 1), ("3.11", 1), ("3.15", 2)])
def test_to_4_7_zones_are_aged_though_none_is_low(era, zones):
    """Since 3.12 the pages of a group lie in both zones of the node."""
    assert deactivated(era, look_for_a_low_zone, 500) == 32 * zones


@pytest.mark.parametrize("era", ["4.19", "6.18"])
def test_who_frees_pages_of_a_node_gives_its_daemon_hope_again_and_no_other(era):
    """shrink_node resets pgdat->kswapd_failures, limit reclaim included (4.12 on)."""
    cell = one(era, machine(64, 64, disks={"d": Disk()}), READ, cgroups={"g": Cgroup()})
    built = run(cell, reads(range(2000))).built
    m = built.memory.m
    assert [int(zone.nr_lru[2] > 0) for zone in zones(m)[[0, 2]]].count(1) <= 1, "all pages are on one node"
    home = int(built.memory.table("frames")["node"][built.memory.table("cache")[0] - 1])
    nodes(m)["kswapd_failures"] = 16
    assert Entered(built, 0, "memcg_reclaim", 1, 32, -1, 1).to_the_end() > 0
    assert nodes(m)[home].kswapd_failures == 0 and nodes(m)[1 - home].kswapd_failures == 16


def test_direct_reclaim_of_3_1_naps_at_priority_zero_too():
    built, _, _ = with_pages("3.1", 5000)
    m = built.memory.m
    Entered(built, 0, "direct_reclaim", 0, GFP_HIGHUSER_MOVABLE, 1).to_the_end()
    assert reclaim_count(m).wait_iff_congested == 10, "at priorities 9 to 0"
