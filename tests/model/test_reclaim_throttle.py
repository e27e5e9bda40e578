"""Reclaimers that sleep over pages being written: when, for how long, what wakes them, and who writes meanwhile."""

import pytest

from mmrun.model.block.congestion import clear_bdi_congested
from mmrun.model.block.state import WRITEPAGE_IGNORES, WRITEPAGE_KSWAPD
from mmrun.model.block.state import disks as disks_of
from mmrun.model.block.wait import wake_for_request
from mmrun.model.build import Built
from mmrun.model.core.sleep import ALL, wake
from mmrun.model.description import Cell, Disk, Region, Stream, Task, Variant
from mmrun.model.machine.state import costs, geometry, nodes
from mmrun.model.mm.limits.oom import kill_largest
from mmrun.model.mm.lru.state import ACTIVATE, KEEP, RECLAIM_CLEAN, RECLAIM_PAGE
from mmrun.model.mm.memcg.state import oom_count
from mmrun.model.mm.page.flags import DIRTY, RECLAIM
from mmrun.model.mm.page.flags import WRITEBACK as BEING_WRITTEN
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.reclaim.state import pageout_count, reclaim_count
from mmrun.model.mm.reclaim.throttle import TAIL_LRU_DIRTY, TENTH_NS, UNDER_WRITEBACK, ZONE_CONGESTED
from mmrun.model.mm.writeback.wait_queue import NOPROGRESS, WRITEBACK, count_written
from mmrun.model.units import MS, PAGE
from tests.model.actors import Entered, begin_anew, due, own_scan_of, waiting
from tests.model.cells import ERAS, machine, one, reads, run, writes
from tests.model.reclaimers import DIRECT, HDD, KSWAPD, after_a_pass, host, met, scan, timeout


@pytest.mark.parametrize(
    ("priority", "writeback", "calls"), [(12, 31, 0), (12, 32, 1), (11, 15, 0), (11, 16, 1), (10, 8, 1), (6, 1, 1)]
)
def test_the_share_under_writeback_that_stalls_falls_with_priority(priority, writeback, calls):
    """3.2: all of 32 pages at priority 12, half at 11, a quarter at 10, any at 6."""
    built = host("3.3")
    met(built, DIRECT, priority, taken=32, writeback=writeback)
    assert reclaim_count(built.memory.m).wait_iff_congested == calls


def test_a_full_queue_and_a_marked_zone_are_both_needed():
    built = host("3.3")
    m = built.memory.m
    every = {"taken": 32, "writeback": 32}
    assert met(built, **every) == 0
    disks_of(m)[0].congested = 1
    assert met(built, **every) == 0, "no batch was refused by a full queue yet"
    assert met(built, late_dirty=4, full=4, **every) == timeout(built)
    assert zones(m)[0].reclaim_flags == ZONE_CONGESTED
    clear_bdi_congested(m, 10**9 + MS)
    assert due(built, KSWAPD) == 10**9 + MS, "a queue with room wakes it"


def test_marks_of_a_node_and_what_they_lead_to():
    built = host("4.19")
    zone = zones(built.memory.m)[0]
    assert met(built, taken=64, file=64, dirty=64, unqueued_dirty=63) == 0 and zone.reclaim_flags == 0
    assert met(built, taken=64, file=64, dirty=64, unqueued_dirty=64) == 0
    assert zone.reclaim_flags == TAIL_LRU_DIRTY
    assert met(built, taken=64, file=64, dirty=64, writeback=64) == 0
    assert zone.reclaim_flags & UNDER_WRITEBACK
    assert met(built, taken=64, file=64, dirty=64, immediate=1) == timeout(built)


@pytest.mark.parametrize("era", ["4.19", "5.8", "5.15", "6.1", "6.18"])
def test_since_4_17_kswapd_alone_marks_its_node(era):
    built = host(era)
    zone, every = zones(built.memory.m)[0], {"taken": 64, "file": 64, "dirty": 64, "congested": 64, "writeback": 64}
    assert met(built, DIRECT, unqueued_dirty=64, **every) == 0 and zone.reclaim_flags == 0
    met(built, **every)
    assert zone.reclaim_flags == UNDER_WRITEBACK | ZONE_CONGESTED
    zone.reclaim_flags = 0
    met(built, taken=64)
    assert zone.reclaim_flags == TAIL_LRU_DIRTY, "of no file page at all every one was dirty and unqueued"


@pytest.mark.parametrize("who", [DIRECT, KSWAPD])
def test_to_3_15_a_batch_of_unqueued_dirty_pages_stalls_whoever_met_it(who):
    built = host("3.15")
    assert met(built, who, taken=32, file=32, dirty=32, unqueued_dirty=31) == 0
    assert met(built, who, taken=32, file=32, dirty=32, unqueued_dirty=32) == timeout(built)


def test_file_pages_taken_are_counted_whatever_holds_them():
    built, pages = with_dirty_pages("6.18", KSWAPD, [0, 1, 2, 3])
    built.memory.table("frames")[pages[0]].pins = 1
    sc = scan(built, KSWAPD, priority=12, highest_zoneidx=3)
    Entered(built, KSWAPD, "shrink_inactive", own_scan_of(KSWAPD), 0, 2, 32)
    assert (sc.batch_stat.taken, sc.batch_stat.file, sc.batch_stat.unqueued_dirty) == (4, 4, 3)


@pytest.mark.parametrize("variant", ["congestion-wait", "wait-iff-congested"])
def test_kswapd_does_not_sleep_between_passes_while_a_zone_is_below_min(variant):
    """has_under_min_watermark_zone, 2.6.33."""
    built = host("3.1", policy={"reclaim_throttle": Variant(variant=variant)})
    assert Entered(built, KSWAPD, "throttle_kswapd", 0, 0).until == timeout(built)
    built = host("3.1", policy={"reclaim_throttle": Variant(variant=variant)})
    assert Entered(built, KSWAPD, "throttle_kswapd", 0, 1).until == 0
    assert (
        reclaim_count(built.memory.m).kswapd_skip_congestion_wait,
        reclaim_count(built.memory.m).congestion_wait,
    ) == (1, 0)


def test_thirty_two_pages_a_sleeper_end_a_wait_for_writeback():
    built = host("6.18")
    m = built.memory.m
    assert met(built, taken=64, file=64, immediate=1) == timeout(built)
    node = nodes(m)[0]
    queue = node.reclaim_wait[WRITEBACK]
    assert node.nr_throttled == 1 and waiting(built, queue) == [KSWAPD]
    m.now += 7 * MS
    for _ in range(32):
        count_written(m, 5, int(m.now))
    assert waiting(built, queue) == [KSWAPD] and due(built, KSWAPD) == timeout(built)
    count_written(m, 5, int(m.now))
    assert waiting(built, queue) == [] and due(built, KSWAPD) == 10**9 + 7 * MS


def test_as_posted_want_of_progress_took_half_a_second_from_priority_nine_down():
    built = host("6.18", policy={"reclaim_throttle": Variant(variant="reasons", params={"as_posted": True})})
    found = {"nr_scanned": 100, "nr_reclaimed": 12}
    assert after_a_pass(built, DIRECT, priority=10, **found) == 0
    until = after_a_pass(built, DIRECT, priority=9, **found)
    assert until == timeout(built, 5 * TENTH_NS), "an eighth of what was scanned would be enough"


def test_nobody_wakes_before_falling_asleep():
    """The clock of who wakes may be behind the sleeper's, which reclaimed in one go."""
    built = host("6.18")
    m = built.memory.m
    assert met(built, taken=64, file=64, immediate=1) == timeout(built)
    m.now -= 3 * MS
    wake(m, nodes(m)[0].reclaim_wait[WRITEBACK], ALL, int(m.now))
    assert due(built, KSWAPD) == 10**9


def test_no_progress_takes_a_tick_while_most_of_what_is_reclaimable_waits_to_be_written():
    built = host("6.18")
    m = built.memory.m
    zone, queue = zones(m)[0], nodes(m)[0].reclaim_wait[NOPROGRESS]
    fruitless = {"priority": 1, "nr_reclaimed": 0, "nr_scanned": 100}
    zone.nr_lru[2], zone.nr_file_dirty, zone.nr_writeback = 1000, 300, 200
    assert after_a_pass(built, DIRECT, **fruitless) == 0, "half of it is clean"
    zone.nr_writeback = 201
    assert after_a_pass(built, DIRECT, **fruitless) == timeout(built, 10**9 // int(geometry(m).hz))
    assert waiting(built, queue) == [DIRECT]
    m.now += 1000
    assert after_a_pass(built, KSWAPD, **{**fruitless, "nr_reclaimed": 13}) == 0
    assert waiting(built, queue) == [] and due(built, DIRECT) == 10**9 + 1000, "progress wakes them all"


@pytest.mark.parametrize("hz", [100, 250, 300, 1000])
def test_reclaim_sleeps_for_one_to_two_ticks_at_least_and_wakes_with_one(hz):
    built = host("6.18")
    m, tick = built.memory.m, 10**9 / hz
    geometry(m).hz = hz
    zones(m)[0].nr_lru[2], zones(m)[0].nr_writeback = 1000, 1000
    for now in (10**9, 10**9 + int(0.9 * tick)):
        m.now = now
        until = after_a_pass(built, DIRECT, priority=1, nr_reclaimed=0, nr_scanned=100) - int(costs(m).kswapd_wake)
        assert tick <= until - now <= 2 * tick + 1 and until % tick < 1 + 1e-6 * tick
        begin_anew(built, DIRECT, nodes(m)[0].reclaim_wait[NOPROGRESS])


def test_anonymous_pages_are_not_reclaimable_without_swap():
    built = host("6.18")
    zone, fruitless = zones(built.memory.m)[0], {"priority": 1, "nr_reclaimed": 0, "nr_scanned": 100}
    zone.nr_lru[0], zone.nr_lru[2], zone.nr_writeback = 10_000, 1000, 501
    assert after_a_pass(built, DIRECT, **fruitless), "more than half of the file pages is being written"


def stores(era: str, tasks: int = 4, pages: int = 8000, disks: dict[str, Disk] | None = None) -> Cell:
    """Tasks that store to a file mapping each, twice as large as memory in all."""
    stream = Stream(kind="loop", params={"size": pages * PAGE, "accesses": pages, "write_fraction": 1.0})
    mapping = Region(kind="file", disk="d", readahead=0, fault_around=PAGE)
    writer = Task(stream=stream, count=tasks, think=1000, memory=(mapping,))
    return Cell(kernel=era, machine=machine(64, cpus=4, disks=disks or HDD), tasks={"w": writer})


@pytest.mark.parametrize("era", [*ERAS, "3.3"])
def test_stores_faster_than_the_disk_end_well(era):
    """Every page is stored once and misses once, however often its task slept over the memory for it."""
    found = run(stores(era)).metrics
    assert found["oom_kill"] == 0 and found["misses"] == found["pgmajfault"] == 4 * 8000
    assert found["nr_dirtied"] == 4 * 8000
    slept = [found[f"stall_{why}_ns"] for why in ("congestion", "writeback", "congested", "noprogress")]
    assert sum(slept) <= found["stall_alloc_ns"]


def asked(
    era: str,
    who: int,
    priority: int = 12,
    state: int = 0,
    flags: int = 0,
    policy: dict[str, Variant] | None = None,
    verdict: int = RECLAIM_PAGE,
    may_writepage: int = 1,
    **disk: int,
) -> tuple[bool, int, Built]:
    """Reclaim meets a dirty page of a file: (whether it is written, the verdict, the machine)."""
    built, (pfn,) = with_dirty_pages(era, who, [0], policy)
    m, page = built.memory.m, built.memory.table("frames")[pfn]
    page.state |= state
    zones(m)[0].reclaim_flags = flags
    for name, value in disk.items():
        disks_of(m)[0][name] = value
    scan(built, who, priority=priority, may_writepage=may_writepage)
    reclaim = Entered(built, who, "pageout_file", pfn, own_scan_of(who), verdict)
    return bool(page.state & BEING_WRITTEN), reclaim.answer, built


def with_dirty_pages(
    era: str, who: int, pages: list[int], policy: dict[str, Variant] | None = None
) -> tuple[Built, list[int]]:
    """A machine after a task has written pages of a file, and their frames; `who` does nothing."""
    region = Region(kind="file", access="read", disk="d")
    built = run(one(era, machine(64, disks=HDD), region, policy=policy or {}), writes(pages)).built
    if who == KSWAPD:
        begin_anew(built, who, nodes(built.memory.m)[0].kswapd_wait)
    found = [int(built.memory.table("cache")[page]) - 1 for page in pages]
    assert all(state & (DIRTY | BEING_WRITTEN) == DIRTY for state in built.memory.table("frames")["state"][found])
    return built, found


def test_in_3_1_everybody_writes_unless_the_queue_is_full():
    assert asked("3.1", DIRECT)[:2] == (True, KEEP) and asked("3.1", KSWAPD)[0]
    written, verdict, built = asked("3.1", DIRECT, congested=1)
    assert (written, verdict) == (False, KEEP) and pageout_count(built.memory.m).nr_vmscan_write == 0
    assert scan(built, DIRECT).batch_stat.late_congested == 1
    assert asked("3.1", KSWAPD, congested=1)[0]


@pytest.mark.parametrize(("reply", "direct", "kswapd"), [(WRITEPAGE_KSWAPD, 0, 1), (WRITEPAGE_IGNORES, 0, 0)])
def test_file_systems_answer_as_they_like_and_are_counted_all_the_same(reply, direct, kswapd):
    for who, writes_it in ((DIRECT, direct), (KSWAPD, kswapd)):
        written, _, built = asked("3.1", who, writepage=reply)
        assert written == writes_it and pageout_count(built.memory.m).nr_vmscan_write == 1


def test_in_3_3_kswapd_alone_writes_from_priority_nine_down():
    assert not asked("3.3", DIRECT, 1)[0] and not asked("3.3", KSWAPD, 10)[0]
    assert asked("3.3", KSWAPD, 9)[:2] == (True, KEEP)
    assert pageout_count(asked("3.3", DIRECT)[2].memory.m).nr_vmscan_immediate_reclaim == 1


def test_the_last_patch_of_2011_kept_kswapd_from_writing_too():
    never = {"reclaim_writeback": Variant(variant="kswapd-only", params={"priority": -1})}
    assert asked("3.1", KSWAPD, 0, policy=never)[:2] == (False, KEEP)


@pytest.mark.parametrize(("era", "keeps"), [("3.3", KEEP), ("4.19", ACTIVATE), ("6.18", ACTIVATE)])
@pytest.mark.parametrize("refused", [{"verdict": RECLAIM_CLEAN}, {"may_writepage": 0}], ids=["clean", "laptop"])
def test_a_page_to_be_reclaimed_only_if_clean_is_marked_all_the_same(era, keeps, refused):
    written, verdict, built = asked(era, DIRECT, **refused)
    assert (written, verdict) == (False, keeps) and pageout_count(built.memory.m).nr_vmscan_immediate_reclaim == 1
    assert (built.memory.table("frames")["state"] & (DIRTY | RECLAIM) == DIRTY | RECLAIM).any()


@pytest.mark.parametrize("era", ["3.1", "3.3", "4.19"])
@pytest.mark.parametrize("refused", [{"verdict": RECLAIM_CLEAN}, {"may_writepage": 0}], ids=["clean", "laptop"])
def test_nor_does_anybody_write_it(era, refused):
    written, verdict, built = asked(era, KSWAPD, 1, state=RECLAIM, flags=TAIL_LRU_DIRTY, **refused)
    assert (written, verdict) == (False, KEEP) and pageout_count(built.memory.m).nr_vmscan_write == 0


def test_who_asked_for_a_page_to_be_written_is_counted():
    for who, counts in ((DIRECT, (0, 1)), (KSWAPD, (1, 0))):
        count = pageout_count(asked("3.1", who)[2].memory.m)
        assert (int(count.writepage_file_kswapd), int(count.writepage_file_direct)) == counts


def test_kswapd_sends_what_is_in_its_plug_and_sleeps_over_a_full_queue():
    built, (first, second) = with_dirty_pages("3.1", KSWAPD, [0, 9])
    m, plug, disk = built.memory.m, built.memory.table("plugs")[KSWAPD], disks_of(built.memory.m)[0]
    room, now, page = int(disk.nr_allocated), int(m.now), built.memory.table("frames")[second]
    scan(built, KSWAPD, priority=12)
    assert Entered(built, KSWAPD, "pageout_file", first, own_scan_of(KSWAPD), RECLAIM_PAGE).answer == KEEP
    assert (plug.n, disk.nr_plugged, disk.nr_allocated) == (1, 1, room)
    disk.nr_allocated = 1 << 20
    reclaim = Entered(built, KSWAPD, "pageout_file", second, own_scan_of(KSWAPD), RECLAIM_PAGE)
    assert reclaim.until and waiting(built, disk.room) == [KSWAPD]
    assert (plug.n, disk.nr_plugged, disk.nr_allocated) == (0, 0, (1 << 20) + 1), "nothing waits with it"
    asleep = int(m.now)
    wake_for_request(m, 0, asleep + 5 * MS)
    assert reclaim.go_on(asleep + 5 * MS) and waiting(built, disk.room) == [KSWAPD], "it looks again"
    disk.nr_allocated = room
    wake_for_request(m, 0, asleep + 7 * MS)
    assert reclaim.go_on(asleep + 7 * MS) == 0 and reclaim.answer == KEEP and page.state & BEING_WRITTEN
    assert (plug.n, disk.nr_plugged, disk.nr_allocated) == (1, 1, room)
    assert pageout_count(m).reclaim_queue_ns == 7 * MS and asleep - now < MS


def test_since_4_11_kswapd_writes_what_it_meets_twice_on_a_node_full_of_dirty_pages():
    assert asked("4.19", KSWAPD, state=RECLAIM, flags=TAIL_LRU_DIRTY)[:2] == (True, KEEP)
    assert asked("4.19", KSWAPD, flags=TAIL_LRU_DIRTY)[:2] == (False, ACTIVATE)
    assert asked("4.19", KSWAPD, state=RECLAIM)[:2] == (False, ACTIVATE)
    assert asked("4.19", DIRECT, state=RECLAIM, flags=TAIL_LRU_DIRTY)[:2] == (False, ACTIVATE)
    assert asked("3.15", KSWAPD, flags=TAIL_LRU_DIRTY)[0] and asked("3.15", KSWAPD)[1] == KEEP


def test_in_6_18_nobody_writes():
    assert asked("6.18", KSWAPD, 1, state=RECLAIM, flags=TAIL_LRU_DIRTY)[:2] == (False, ACTIVATE)


def test_a_sleeper_that_is_killed_wakes_once_and_leaves_its_queue():
    built = host("6.18")
    m = built.memory.m
    zone, queue = zones(m)[0], nodes(m)[0].reclaim_wait[NOPROGRESS]
    zone.nr_lru[2], zone.nr_file_dirty = 1000, 600
    scan(built, DIRECT, priority=1, nr_reclaimed=0, nr_scanned=100)
    reclaim = Entered(built, DIRECT, "throttle_pass", own_scan_of(DIRECT), 0)
    assert reclaim.until == timeout(built, 10**9 // int(geometry(m).hz)) and waiting(built, queue) == [DIRECT]
    built.memory.table("pte")[0] = 1  # it has something to lose
    m.now += 1000
    kill_largest(m)
    assert oom_count(m).oom_kill == 1 and due(built, DIRECT) == 10**9 + 1000
    assert reclaim.go_on(10**9 + 1000) == 0 and waiting(built, queue) == []
    before = due(built, DIRECT)
    wake(m, queue, ALL, 10**9 + 2000)
    assert due(built, DIRECT) == before


def test_reads_alone_never_sleep():
    cell = one("6.18", machine(16, disks=HDD), Region(kind="file", disk="d"))
    found = run(cell, reads(range(6000))).metrics
    assert found["mm_vmscan_throttled"] == found["congestion_wait"] == 0
