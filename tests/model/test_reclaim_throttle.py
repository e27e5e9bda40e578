"""Reclaimers that sleep over pages being written: when, for how long, what wakes them, and who writes meanwhile."""

import pytest

from model.build import Built
from model.description import Cell, Disk, Region, Stream, Task, Variant
from model.layout import MAX_NODES
from model.layout import MAX_NODES as DIRECT
from model.mm.pageout import still_waits, unplug
from model.mm.state import ACTIVATE, DIRTY, KEEP, KILLED, RECLAIM, WRITEPAGE_IGNORES, WRITEPAGE_KSWAPD
from model.mm.state import WRITEBACK as BEING_WRITTEN
from model.mm.suspend import AFRESH
from model.mm.throttle import TAIL_LRU_DIRTY, TENTH_NS, UNDER_WRITEBACK, ZONE_CONGESTED
from model.mm.wait_queue import CONGESTION, NOPROGRESS, WRITEBACK, count_written, throttle_queue, wake_all
from model.units import MS, PAGE, GiB
from tests.model.cells import ERAS, call, machine, machine_of, one, reads, run, writes

HDD = {"d": Disk(kind="hdd", size=16 * GiB)}


def host(era: str, disks: dict[str, Disk] | None = None, policy: dict[str, Variant] | None = None) -> Built:
    """A machine before its first event; whoever asks is its kswapd, at time one second."""
    cell = one(era, machine(64, disks=disks or HDD), Region(kind="file", disk="d"), policy=policy or {})
    built = machine_of(cell)
    clock = built.memory.m.clock
    clock.now, clock.actor, clock.may_block = 10**9, built.memory.m.cfg.kswapd_slot, 1
    return built


def met(built: Built, s: int = 0, priority: int = 12, **stat: int) -> int:
    """Until when a batch with these counts puts the reclaimer to sleep; 0: not at all."""
    sc = built.memory.m.sc[s]
    sc.priority, sc.node, sc.zone, sc.memcg, sc.kswapd = priority, 0, 0, 0, int(s < MAX_NODES)
    for name in ("taken", "file", "dirty", "unqueued_dirty", "congested", "writeback", "immediate"):
        sc.batch_stat[name] = sc.node_stat[name] = stat.get(name, 0)
    sc.batch_stat["late_dirty"], sc.batch_stat["late_congested"] = stat.get("late_dirty", 0), stat.get("full", 0)
    built.memory.m.clock.blocked_until = 0
    call(built, "throttle_batch", s)
    call(built, "throttle_node", s)
    return int(built.memory.m.clock.blocked_until)


@pytest.mark.parametrize(
    ("priority", "writeback", "calls"), [(12, 31, 0), (12, 32, 1), (11, 15, 0), (11, 16, 1), (10, 8, 1), (6, 1, 1)]
)
def test_the_share_under_writeback_that_stalls_falls_with_priority(priority, writeback, calls):
    """3.2: all of 32 pages at priority 12, half at 11, a quarter at 10, any at 6."""
    built = host("3.3")
    met(built, DIRECT, priority, taken=32, writeback=writeback)
    assert built.memory.m.vm.wait_iff_congested == calls


def test_a_full_queue_and_a_marked_zone_are_both_needed():
    built = host("3.3")
    m = built.memory.m
    every = {"taken": 32, "writeback": 32}
    assert met(built, 0, **every) == 0
    m.disks[0].congested = 1
    assert met(built, 0, **every) == 0, "no batch was refused by a full queue yet"
    assert met(built, 0, late_dirty=4, full=4, **every) == 10**9 + TENTH_NS
    assert m.zones[0].reclaim_flags == ZONE_CONGESTED
    wake_all(m, CONGESTION)
    assert m.nodes[0].kswapd_at == 10**9, "a queue with room wakes it"


def test_marks_of_a_node_and_what_they_lead_to():
    built = host("4.19")
    zone = built.memory.m.zones[0]
    assert met(built, 0, taken=64, file=64, dirty=64, unqueued_dirty=63) == 0 and zone.reclaim_flags == 0
    assert met(built, 0, taken=64, file=64, dirty=64, unqueued_dirty=64) == 0
    assert zone.reclaim_flags == TAIL_LRU_DIRTY
    assert met(built, 0, taken=64, file=64, dirty=64, writeback=64) == 0
    assert zone.reclaim_flags & UNDER_WRITEBACK
    assert met(built, 0, taken=64, file=64, dirty=64, immediate=1) == 10**9 + TENTH_NS


def test_thirty_two_pages_a_sleeper_end_a_wait_for_writeback():
    built = host("6.18")
    m = built.memory.m
    assert met(built, 0, taken=64, file=64, immediate=1) == 10**9 + TENTH_NS
    node = m.nodes[0]
    assert node.nr_throttled == 1 and m.wait_heads[throttle_queue(0, WRITEBACK)] == m.cfg.kswapd_slot + 1
    m.clock.now += 7 * MS
    for _ in range(32):
        count_written(m, 5)
    assert m.wait_heads[throttle_queue(0, WRITEBACK)]
    count_written(m, 5)
    assert m.wait_heads[throttle_queue(0, WRITEBACK)] == 0 and node.kswapd_at == 10**9 + 7 * MS


def test_as_posted_want_of_progress_took_half_a_second_from_priority_nine_down():
    built = host("6.18", policy={"reclaim_throttle": Variant(variant="reasons", params={"as_posted": True})})
    m = built.memory.m
    sc = m.sc[DIRECT]
    m.clock.actor, sc.memcg, sc.nr_scanned, sc.nr_reclaimed, sc.priority = 0, 0, 100, 12, 10
    call(built, "throttle_pass", DIRECT, 0)
    assert m.clock.blocked_until == 0
    sc.priority = 9
    call(built, "throttle_pass", DIRECT, 0)
    assert m.clock.blocked_until == 10**9 + 5 * TENTH_NS, "an eighth of what was scanned would be enough"


def test_nobody_wakes_before_falling_asleep():
    """The clock of who wakes may be behind the sleeper's, which reclaimed in one go."""
    built = host("6.18")
    m = built.memory.m
    met(built, 0, taken=64, file=64, immediate=1)
    m.clock.now -= 3 * MS
    wake_all(m, throttle_queue(0, WRITEBACK))
    assert m.nodes[0].kswapd_at == 10**9


def test_no_progress_takes_a_tick_while_most_of_what_is_reclaimable_waits_to_be_written():
    built = host("6.18")
    m = built.memory.m
    sc, zone = m.sc[DIRECT], m.zones[0]
    m.clock.actor = 0
    sc.priority, sc.nr_reclaimed, sc.nr_scanned, sc.memcg = 1, 0, 100, 0
    zone.nr_lru[2], zone.nr_file_dirty, zone.nr_writeback = 1000, 300, 200
    call(built, "throttle_pass", DIRECT, 0)
    assert m.clock.blocked_until == 0, "half of it is clean"
    zone.nr_writeback = 201
    call(built, "throttle_pass", DIRECT, 0)
    assert m.clock.blocked_until == 10**9 + 10**9 // m.cfg.hz
    m.clock.blocked_until, sc.nr_reclaimed = 0, 13
    call(built, "throttle_pass", DIRECT, 0)
    assert m.clock.blocked_until == 0 and not m.wait_heads[throttle_queue(0, NOPROGRESS)], "progress wakes them all"


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
    s: int,
    priority: int = 12,
    state: int = 0,
    flags: int = 0,
    policy: dict[str, Variant] | None = None,
    **disk: int,
) -> tuple[bool, int, Built]:
    """Reclaim meets a dirty page of a file: (whether it is written, the verdict, the machine)."""
    region = Region(kind="file", access="read", disk="d")
    built = run(one(era, machine(64, disks=HDD), region, policy=policy or {}), writes([0])).built
    m, pfn = built.memory.m, int(built.memory.table("cache")[0]) - 1
    page, sc = built.memory.table("frames")[pfn], m.sc[s]
    sc.kswapd, sc.priority, sc.zone, sc.memcg, sc.may_enter_fs = int(s < MAX_NODES), priority, 0, 0, 1
    page.state |= state
    m.zones[0].reclaim_flags = flags
    for name, value in disk.items():
        m.disks[0][name] = value
    assert page.state & (DIRTY | BEING_WRITTEN) == DIRTY
    verdict = call(built, "pageout_file", pfn, s)
    return bool(page.state & BEING_WRITTEN), verdict, built


KSWAPD = 0


def test_in_3_1_everybody_writes_unless_the_queue_is_full():
    assert asked("3.1", DIRECT)[:2] == (True, KEEP) and asked("3.1", KSWAPD)[0]
    written, verdict, built = asked("3.1", DIRECT, congested=1)
    assert (written, verdict) == (False, KEEP) and built.memory.m.vm.nr_vmscan_write == 0
    assert built.memory.m.sc[DIRECT].batch_stat.late_congested == 1
    assert asked("3.1", KSWAPD, congested=1)[0]


@pytest.mark.parametrize(("reply", "direct", "kswapd"), [(WRITEPAGE_KSWAPD, 0, 1), (WRITEPAGE_IGNORES, 0, 0)])
def test_file_systems_answer_as_they_like_and_are_counted_all_the_same(reply, direct, kswapd):
    for s, writes_it in ((DIRECT, direct), (KSWAPD, kswapd)):
        written, _, built = asked("3.1", s, writepage=reply)
        assert written == writes_it and built.memory.m.vm.nr_vmscan_write == 1


def test_in_3_3_kswapd_alone_writes_from_priority_nine_down():
    assert not asked("3.3", DIRECT, 1)[0] and not asked("3.3", KSWAPD, 10)[0]
    assert asked("3.3", KSWAPD, 9)[:2] == (True, KEEP)
    assert asked("3.3", DIRECT)[2].memory.m.vm.nr_vmscan_immediate_reclaim == 1


def test_the_last_patch_of_2011_kept_kswapd_from_writing_too():
    never = {"reclaim_writeback": Variant(variant="kswapd-only", params={"priority": -1})}
    assert asked("3.1", KSWAPD, 0, policy=never)[:2] == (False, KEEP)


def test_who_asked_for_a_page_to_be_written_is_counted():
    for s, counts in ((DIRECT, (0, 1)), (KSWAPD, (1, 0))):
        vm = asked("3.1", s)[2].memory.m.vm
        assert (int(vm.writepage_file_kswapd), int(vm.writepage_file_direct)) == counts


def test_kswapd_sleeps_over_a_full_queue_with_the_rest_of_its_plug():
    built = asked("3.1", KSWAPD)[2]
    m, sc = built.memory.m, built.memory.m.sc[0]
    room, now = int(m.disks[0].nr_allocated), int(m.clock.now)
    m.clock.actor, m.clock.may_block, m.clock.blocked_until = m.cfg.kswapd_slot, 1, 0
    m.disks[0].nr_allocated, m.clock.nr_io = 1 << 20, 1  # full, and something in flight
    built.memory.table("io")[0].at = now + 5 * MS
    unplug(m, 0)
    assert sc.nr_plugged == 1 and m.clock.blocked_until == now + 5 * MS
    m.clock.now += 5 * MS
    assert still_waits(m, 0)
    m.disks[0].nr_allocated, m.clock.nr_io = room, 0
    m.clock.now += 2 * MS
    assert not still_waits(m, 0) and sc.nr_plugged == 0 and m.disks[0].nr_allocated > room
    assert m.vm.reclaim_queue_ns == 7 * MS


def test_since_4_11_kswapd_writes_what_it_meets_twice_on_a_node_full_of_dirty_pages():
    assert asked("4.19", KSWAPD, state=RECLAIM, flags=TAIL_LRU_DIRTY)[:2] == (True, KEEP)
    assert asked("4.19", KSWAPD, flags=TAIL_LRU_DIRTY)[:2] == (False, ACTIVATE)
    assert asked("4.19", KSWAPD, state=RECLAIM)[:2] == (False, ACTIVATE)
    assert asked("4.19", DIRECT, state=RECLAIM, flags=TAIL_LRU_DIRTY)[:2] == (False, ACTIVATE)
    assert asked("3.15", KSWAPD, flags=TAIL_LRU_DIRTY)[0] and asked("3.15", KSWAPD)[1] == KEEP


def test_in_6_18_nobody_writes():
    assert asked("6.18", KSWAPD, 1, state=RECLAIM, flags=TAIL_LRU_DIRTY)[:2] == (False, ACTIVATE)


def test_a_sleeper_that_is_killed_stays_dead():
    built = host("6.18")
    m = built.memory.m
    m.clock.actor = 0
    built.memory.table("tasks")[0].suspended.active = AFRESH
    assert met(built, 0, taken=64, file=64, immediate=1)
    built.memory.table("tasks")[0].state = KILLED
    leaf = int(m.cfg.actor_leaves)
    before = int(built.memory.table("actors")[leaf])
    wake_all(m, throttle_queue(0, WRITEBACK))
    assert int(built.memory.table("actors")[leaf]) == before


def test_reads_alone_never_sleep():
    cell = one("6.18", machine(16, disks=HDD), Region(kind="file", disk="d"))
    found = run(cell, reads(range(6000))).metrics
    assert found["mm_vmscan_throttled"] == found["congestion_wait"] == 0
