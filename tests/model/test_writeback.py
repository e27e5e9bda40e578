"""Flushers, fsync, failing devices: what is written when, and that no page is lost."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmrun.model.block.state import block_state
from mmrun.model.block.state import disks as disks_of
from mmrun.model.core.events import COMPUTE, FSYNC, OP_SHIFT
from mmrun.model.core.sleep import FOREVER
from mmrun.model.description import Cell, Disk, Link, Machine, Node, Region, Sampling, SwapTarget
from mmrun.model.mm.reclaim.pageout import may_write_to_queue
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback import check as check_writeback
from mmrun.model.mm.writeback.dirty import set_dirty
from mmrun.model.mm.writeback.inodes import ASKED, B_DIRTY, B_MORE_IO, BACKGROUND
from mmrun.model.mm.writeback.nfs import commit
from mmrun.model.mm.writeback.page_writeback import over_bg_thresh
from mmrun.model.mm.writeback.state import dirty_settings, writeback_count
from mmrun.model.mm.writeback.submit import submit_run
from mmrun.model.mm.writeback.writeback import start_background, wakeup_flushers
from mmrun.model.units import MS, PAGE, KiB, MiB, S
from tests.model.actors import due, flusher_of, go_on, kswapd_of, own_scan_of, waiting
from tests.model.cells import call, machine, machine_of, one, reads, run, sampled, with_swap, writes
from tests.model.cells import given as task
from tests.model.flushers import dirty_files, host, visits, woken_flusher, written

FEW = settings(max_examples=16, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
FILE = Region(kind="file", access="read", disk="d")


def pause(ns: int) -> np.ndarray:
    return np.array([ns | COMPUTE << OP_SHIFT])


def sync(page: int) -> np.ndarray:
    return np.array([page | FSYNC << OP_SHIFT])


def test_files_take_turns_in_chunks_of_4_mib():
    """To 3.0 always; since then the chunk is half a second's worth of writing, at least that much."""
    assert visits(dirty_files("3.0", 2500, 1500)) == [(0, 1024), (1, 1024), (0, 1024), (1, 476), (0, 452)]
    faster = dirty_files("3.1", 2500, 3000)
    faster.memory.table("wbs")[0].avg_write_bandwidth = 4096
    faster.memory.table("wb_domains")[0].dirty_limit = 1 << 20
    assert visits(faster) == [(0, 2500), (1, 3000)]
    assert int(writeback_count(faster.memory.m).nr_dirty) == 0


def test_a_file_is_gone_on_with_where_its_writing_stopped():
    built = dirty_files("3.0", 3000, 100)
    assert visits(built)[-1] == (0, 3000 - 2048)
    file = built.memory.table("files")[0]
    assert int(file.writeback_index) == 3000 and int(file.on) == 0 and int(file.nr_dirty) == 0
    m = built.memory.m
    m.now += S
    call(built, "finish_writes")
    for pfn in (5, 2999):
        set_dirty(m, pfn, 0)
    file.writeback_index = 2500
    m.now += S
    who = woken_flusher(built)
    assert written(built, who) == (0, 1)
    assert built.memory.table("jobs")[who].index == 3000, "from where it stopped"
    assert written(built, who) == (0, 1)
    assert int(writeback_count(m).nr_dirty) == 0, "then around the end"


def test_a_file_that_is_being_written_is_dirty_all_the_while():
    """Reclaim's request for the wb's only file counts, and a flusher that rests meanwhile looks again."""
    built = dirty_files("3.0", 2000)
    m, wb, who = built.memory.m, built.memory.table("wbs")[0], woken_flusher(built)
    assert written(built, who)[1] > 0 and [int(n) for n in wb.inodes["n"]] == [0, 0, 0, 0] and wb.nr_writing == 1
    wakeup_flushers(m, 100)
    assert wb.asked == 100
    built = dirty_files("3.0", 1)
    wb, who = built.memory.table("wbs")[0], flusher_of(built)
    wb.inodes["n"], wb.nr_writing = 0, 1  # a dirtier is at it
    go_on(built, who)
    assert due(built, who) == built.memory.m.now + 5 * S


def test_since_4_15_reclaim_s_request_interrupts_nothing():
    """WB_start_all is a bit, not on the work_list; to 4.14 a request is, and background work makes way for it."""
    for era, interrupted in (("3.1", 1), ("6.18", 0)):
        built = dirty_files(era, 3000, 3000)
        m, wb, who = built.memory.m, built.memory.table("wbs")[0], flusher_of(built)
        dirty_settings(m).dirty_background_bytes, dirty_settings(m).dirty_bytes = PAGE, 1 << 40
        go_on(built, who)
        start_background(m, 0)
        assert written(built, who)[1] > 0 and wb.work == BACKGROUND
        wakeup_flushers(m, 100)
        assert (wb.asked, wb.start_all) == ((100, 0) if interrupted else (0, 1))
        kinds = set()
        while written(built, who)[1]:
            kinds.add(int(wb.work))
            m.now += 2 * MS
            call(built, "finish_writes")
        assert (ASKED in kinds) == interrupted and not wb.start_all and writeback_count(m).nr_dirty == 0


def test_pages_being_written_are_no_reason_to_write_more():
    """domain_over_bg_thresh, 6.18: a wb's least share is an eighth of what is left of the threshold by dirty pages."""
    built = machine_of(one("6.18", host(), FILE))
    m, wb = built.memory.m, built.memory.table("wbs")[0]
    assert not over_bg_thresh(m, 0)
    background = int(writeback_count(m).nr_dirty_background_threshold)
    writeback_count(m).nr_writeback = 2 * background
    writeback_count(m).nr_dirty = wb.nr_reclaimable = background // 10
    assert not over_bg_thresh(m, 0)
    writeback_count(m).nr_dirty = wb.nr_reclaimable = background // 8
    assert over_bg_thresh(m, 0)


def test_what_becomes_dirty_after_a_request_is_not_part_of_it():
    built = dirty_files("6.18", 100, 100)
    built.memory.table("files")[1].dirtied_when = int(built.memory.m.now) + MS
    assert visits(built) == [(0, 100)]


def test_a_full_queue_puts_the_flusher_to_sleep_until_a_request_is_free():
    built = dirty_files("3.1", 24_000, disk=Disk(kind="hdd"))
    m, disk = built.memory.m, disks_of(built.memory.m)[0]
    built.memory.table("wbs")[0].avg_write_bandwidth = 1 << 20
    built.memory.table("wb_domains")[0].dirty_limit = 1 << 24
    who = woken_flusher(built)
    for _ in range(200):
        if not waiting(built, disk.room):
            go_on(built, who)
    assert waiting(built, disk.room) == [who] and due(built, who) == FOREVER
    assert int(disk.nr_allocated) == 127 + 32, "who fills the queue may take a batch"
    left = int(writeback_count(m).nr_dirty)
    while waiting(built, disk.room):
        m.now = int(built.memory.table("io")["at"][0])
        call(built, "finish_writes")
    assert int(disk.nr_allocated) == 127 and due(built, who) == m.now, "woken when there is room"
    go_on(built, who)
    assert int(writeback_count(m).nr_dirty) < left and int(disk.nr_allocated) == 128


def test_files_wait_their_turn_on_lists():
    built = dirty_files("3.0", 2000, 2000)
    wb = built.memory.table("wbs")[0]
    assert int(wb.inodes[B_DIRTY]["n"]) == 2
    who, more = woken_flusher(built), wb.inodes[B_MORE_IO]
    assert [written(built, who)[0] for _ in range(5)] == [0, 0, 0, 0, 1]
    assert int(more["n"]) == 1 and int(more["head"]) == 0


@pytest.mark.parametrize("era", ["3.1", "6.18"])
def test_what_is_old_is_written_every_five_seconds(era):
    """Dirty for thirty seconds, found at the next look: nothing before 30 s, everything by 36 s."""
    events = np.concatenate([writes(range(100)), pause(29 * S), pause(7 * S), reads([0])])
    cell = one(era, host(memory=64), FILE, sampling=sampled(100))
    early = run(one(era, host(memory=64), FILE), np.concatenate([writes(range(100)), pause(29 * S), reads([0])]))
    assert early.metrics["nr_written"] == 0 and early.metrics["nr_dirty"] == 100
    late = run(cell, events)
    assert late.metrics["nr_written"] == 100 and late.metrics["nr_dirty"] == 0


@pytest.mark.parametrize("disk", [Disk(), Disk(kind="hdd"), Disk(kind="usb")], ids=["flash", "hdd", "usb"])
def test_fsync_returns_when_the_file_is_written(disk):
    cell = one("6.18", host(disk, memory=64), FILE)
    done = run(cell, np.concatenate([writes(range(500)), sync(0), pause(1)]))
    assert done.metrics["nr_written"] == 500 and done.metrics["nr_dirty"] == done.metrics["nr_writeback"] == 0
    assert done.metrics["fsyncs"] == done.metrics["fsync_calls"] == 1
    assert done.metrics["fsync_p50_ns"] == pytest.approx(done.metrics["stall_fsync_ns"], rel=0.2)  # by bucket
    rate, flush = {"generic": (1e9, 0), "hdd": (138e6, 9 * MS), "usb": (6e6, 5 * MS)}[disk.kind]
    assert done.metrics["stall_fsync_ns"] == pytest.approx(500 * PAGE / rate * S + flush, rel=0.42)
    again = run(cell, np.concatenate([writes(range(500)), sync(0), sync(0)]))
    assert again.metrics["stall_fsync_ns"] < done.metrics["stall_fsync_ns"] + 2 * MS, "a clean file costs a command"


def test_fsync_writes_one_file_only():
    region = Region(kind="file", access="read", disk="d", file_size=1024 * KiB)
    done = run(one("6.18", host(memory=64), region), np.concatenate([writes(range(1000)), sync(300)]))
    assert len(files(done.m)) == 4
    assert done.metrics["nr_written"] == 256 and done.metrics["nr_dirty"] == 744
    dirty = done.built.memory.table("files")["nr_dirty"].tolist()
    assert dirty == [256, 0, 256, 232]


def test_a_failed_write_leaves_the_pages_dirty_and_fsync_says_so():
    cell = one("6.18", host(Disk(kind="hdd", fail_from=0, fail_until=S), memory=64), FILE)
    tried = np.concatenate([writes(range(300)), sync(0), pause(2 * S), sync(0), sync(0)])
    done = run(cell, tried)
    assert done.metrics["fsync_errors"] == 1 and done.metrics["fsyncs"] == 3
    assert done.metrics["writeback_errors"] == done.metrics["nr_written"] == 300 and done.metrics["nr_dirty"] == 0
    assert done.metrics["disk.d.write_errors"] == 1


def over_nfs(era: str, *events: np.ndarray) -> dict[str, Any]:
    mount = Disk(kind="nfs", link="l", server="e")
    cell = one(era, machine(64, disks={"d": mount, "e": Disk(kind="hdd")}, links={"l": Link()}), FILE)
    return run(cell, np.concatenate(events)).metrics


def test_a_file_server_keeps_pages_until_it_has_committed_them():
    """Written over a link of 10 Gbit/s in 3 ms, on the server's disk only when fsync asks for it."""
    before = over_nfs("3.1", writes(range(100)), pause(36 * S), reads([0]))
    assert before["disk.d.pages_written"] == 100 and before["disk.e.pages_written"] == before["nfs_commits"] == 0
    assert before["nr_unstable"] == 100 and before["nr_dirty"] == before["nr_written"] == before["nr_writeback"] == 0
    later = over_nfs("3.1", writes(range(100)), pause(36 * S), sync(0))
    assert later["disk.e.pages_written"] == later["nr_written"] == 100 and later["nfs_commits"] == 1
    assert later["nr_unstable"] == later["nr_writeback"] == 0
    assert later["stall_fsync_ns"] == pytest.approx(100 * PAGE / 138e6 * S, rel=0.35)


@pytest.mark.parametrize("era", ["4.19", "6.18"])
def test_a_commit_follows_when_a_visits_calls_are_answered(era):
    done = over_nfs(era, writes(range(500)), pause(36 * S), reads([0]))
    assert done["disk.d.writes"] == 2 and done["nfs_commits"] == 1
    assert done["nr_written"] == done["disk.e.pages_written"] == 500
    assert done["nr_unstable"] == done["nr_writeback"] == done["nr_dirty"] == 0


def test_the_flusher_commits_what_has_mostly_been_answered():
    looks = [part for _ in range(3) for part in (pause(6 * S), reads([0]))]
    done = over_nfs("3.1", writes(range(500)), pause(31 * S), reads([0]), *looks, pause(36 * S), reads([0]), *looks)
    assert done["nfs_commits"] == 1 and done["nr_written"] == done["disk.e.pages_written"] == 500


@pytest.mark.parametrize(("era", "commits"), [("3.1", 1), ("3.15", 1), ("4.19", 2)])
def test_a_file_has_one_commit_in_flight(era, commits):
    """What is answered while a COMMIT is on its way waits for the next one (nfs_commit_set_lock, to 3.15 at least)."""
    disks = {"d": Disk(kind="nfs", link="l", server="e"), "e": Disk(kind="hdd")}
    region = Region(kind="file", access="read", disk="d", size=200 * PAGE)
    built = machine_of(
        Cell(kernel=era, machine=machine(64, disks=disks, links={"l": Link()}), tasks={"t": task(region)}), 1
    )
    m, file = built.memory.m, built.memory.table("files")[0]
    for first in (0, 100):
        for page in range(first, first + 100):
            frame = built.memory.table("frames")[page]
            frame.owner, frame.slot, frame.order = int(file.start) + page, 0, 0
            built.memory.table("cache")[int(file.start) + page] = page + 1
            set_dirty(m, page, 0)
        assert submit_run(m, 0, int(file.start) + first, 100) == 100
        m.now += 2 * MS
        call(built, "finish_writes")
        commit(m, 0, m.now)
    assert int(writeback_count(m).nfs_commits) == commits and int(file.nr_commit) == (2 - commits) * 100
    m.now += S
    call(built, "finish_writes")
    commit(m, 0, m.now)
    assert int(writeback_count(m).nfs_commits) == 2 and int(file.nr_commit) == 0


def test_fragments_cost_seeks():
    whole, pieces = (
        run(one("3.1", host(memory=64), region), np.concatenate([writes(range(1000)), sync(0)])).metrics
        for region in (FILE, Region(kind="file", access="read", disk="d", fragment=64 * KiB))
    )
    assert whole["disk.d.seeks"] <= 1 and pieces["disk.d.seeks"] > 50
    assert pieces["stall_fsync_ns"] > 3 * whole["stall_fsync_ns"]


def test_holes_are_not_read_but_what_was_written_is():
    sparse = Region(kind="file", access="read", disk="d", sparse=True)
    cell = one("3.1", host(memory=16), sparse)
    holes = run(cell, reads(range(8000))).metrics
    assert holes["misses"] > 0 and holes["pgpgin"] == holes["stall_file_ns"] == holes["disk.d.pages_read"] == 0
    once = np.concatenate([writes(range(1000)), sync(0), reads(range(1000, 9000))])
    assert run(cell, once).metrics["pgpgin"] == 0
    again = run(cell, np.concatenate([once, reads(range(1000)), reads(range(1000, 2000))])).metrics
    assert again["pgpgin"] == again["disk.d.pages_read"] == 1000, "evicted meanwhile"


def test_dirty_pages_are_counted_by_node():
    cell = Cell(
        kernel="3.1", machine=machine(16, 16, disks={"d": Disk(kind="hdd")}), sampling=Sampling(every=100_000),
        tasks={"t": task(FILE)},
    )  # fmt: skip
    found = run(cell, writes(range(300)))
    assert found.metrics["node0.nr_dirty"] == found.metrics["nr_dirty"] == 300 and found.metrics["node1.nr_dirty"] == 0
    series = found.outcome.series
    assert series["node0.nr_dirty"][-1] > 0 == series["node1.nr_dirty"].max() == series["node0.nr_writeback"].max()


@st.composite
def disks(draw: Any) -> Disk:
    kind = draw(st.sampled_from(["generic", "sata-ssd", "hdd", "usb"]))
    begin, stall = draw(st.integers(0, 300)) * MS, draw(st.integers(0, 300)) * MS
    errors = {"fail_from": begin, "fail_until": begin + draw(st.integers(0, 200)) * MS}
    if kind in ("hdd", "usb"):
        errors |= {"stall_from": stall, "stall_until": stall + draw(st.integers(0, 500)) * MS}
    queue = {"scheduler": draw(st.sampled_from(["deadline", "noop"]))} if kind in ("hdd", "usb") else {}
    system = draw(st.sampled_from(["fixed", "xfs", "ext4", "btrfs", "ext3"]))
    return Disk(kind=kind, **queue, allocation=system, **(errors if draw(st.booleans()) else {}))


@st.composite
def cells(draw: Any) -> tuple[Cell, dict[str, np.ndarray]]:
    named = {name: draw(disks()) for name in "de"}
    if draw(st.booleans()):
        members = {f"m{i}": Disk(kind=draw(st.sampled_from(["hdd", "generic"]))) for i in range(3)}
        chunk = draw(st.sampled_from([8, 64])) * KiB
        named |= members | {"d": Disk(kind="stripe", members=tuple(members), chunk=chunk)}
    swap = {"s": SwapTarget(kind="partition", size=8 * MiB, disk=draw(st.sampled_from(["d", "e"])))}
    named["n"] = Disk(kind="nfs", link="l", server="e")
    sizes = draw(st.lists(st.sampled_from([8, 16]), min_size=1, max_size=2))
    host = Machine(nodes=tuple(Node(memory=size * MiB) for size in sizes), disks=named, swap=swap, links={"l": Link()})
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    tasks, streams = {}, {}
    for i in range(draw(st.integers(1, 4))):
        more: dict[str, Any] = draw(
            st.sampled_from([{}, {"fragment": 32 * KiB}, {"file_size": 512 * KiB}, {"sparse": True}])
        )
        access: Any = "read" if "file_size" in more else draw(st.sampled_from(["read", "mmap"]))
        disk = draw(st.sampled_from(["d", "e", "n"]))
        region = Region(kind="file", access=access, disk=disk, size=12 * MiB, **more)
        tasks[f"t{i}"] = task(region, Region(size=6 * MiB))
        pages = np.where(rng.random(1500) < 0.7, rng.integers(0, 3072, 1500), rng.integers(3072, 4608, 1500))
        if draw(st.booleans()):
            pages = np.concatenate([np.arange(3072), pages[:500]])
        events = pages | (rng.random(len(pages)) < 0.7).astype(np.int64) << OP_SHIFT
        calls = rng.integers(0, len(events), 5)
        events = np.insert(events, calls, rng.integers(0, 3072, 5) | FSYNC << OP_SHIFT)
        streams[f"t{i}"] = np.concatenate([events, pause(int(rng.integers(1, 40)) * S), events[:50]])
    return Cell(kernel=draw(st.sampled_from(["3.1", "6.18"])), machine=host, tasks=tasks), streams


@FEW
@given(cells())
def test_no_page_is_lost(drawn: tuple[Cell, dict[str, np.ndarray]]):
    """Whatever devices do: every page is dirty, being written or clean, and counted as that (`check`)."""
    metrics = run(*drawn).metrics
    found = metrics["nr_written"] + metrics["nr_writeback"] + metrics["nr_unstable"] + metrics["nr_dirty"]
    # A page written again while its write fails is dirty once.
    assert 0 <= metrics["nr_dirtied"] - found <= metrics["writeback_errors"]


def test_the_check_sees_a_lost_page():
    built = machine_of(one("6.18", host(), FILE))
    assert check_writeback.violations(built) == []
    writeback_count(built.memory.m).nr_dirty = 1
    assert check_writeback.violations(built)


def test_direct_reclaim_leaves_a_congested_queue_alone():
    """3.1: kswapd writes all the same (PF_SWAPWRITE)."""
    built = dirty_files("3.1", 10, disk=Disk(kind="hdd"))
    m, task, daemon = built.memory.m, own_scan_of(0), own_scan_of(kswapd_of(built))
    built.memory.table("scans")[daemon].kswapd = 1
    assert may_write_to_queue(m, daemon, 0) and may_write_to_queue(m, task, 0)
    disks_of(m)[0].congested = 1
    assert may_write_to_queue(m, daemon, 0) and not may_write_to_queue(m, task, 0)
    built.memory.table("actors")[0].backing_dev = 1
    assert may_write_to_queue(m, task, 0), "it is in write() to a file there"


def test_a_slow_disk_holds_up_the_reclaimer_that_writes_to_it():
    """Swap on a rotating disk: reclaim sleeps while its queue takes no more writes, and nothing of it is lost."""
    era = "6.18"
    slow = machine(16, disks={"d": Disk(kind="hdd")}, swap={"s": SwapTarget(kind="partition", size=64 * MiB, disk="d")})
    pages = np.random.default_rng(1).permutation(6000)
    done = run(one(era, slow), writes(pages))
    flash = run(one(era, machine(16, **with_swap("partition", 64 * MiB))), writes(pages))
    assert done.metrics["pswpout"] > 1000 and done.metrics["outcome"] == "ok"
    assert done.metrics["elapsed_ns"] > 2 * flash.metrics["elapsed_ns"]
    assert done.metrics["disk.d.pages_written"] <= done.metrics["pswpout"]
    assert done.metrics["reclaim_queue_ns"] > done.metrics["elapsed_ns"] // 2
    assert 0 < done.metrics["stall_request_ns"] <= done.metrics["reclaim_queue_ns"]
    assert done.metrics["stall_request_ns"] < done.metrics["stall_alloc_ns"]


def test_a_file_that_fsync_cleaned_is_young_when_it_becomes_dirty_again():
    """Dirty since 0, clean at 20 s, dirty again at 21 s: not written before 51 s."""
    first = np.concatenate([writes(range(50)), pause(20 * S), sync(0), pause(S), writes(range(50))])
    cell = one("6.18", host(memory=64), FILE)
    early = run(cell, np.concatenate([first, pause(28 * S), reads([0])]))
    assert early.metrics["nr_written"] == 50 and early.metrics["nr_dirty"] == 50
    late = run(cell, np.concatenate([first, pause(36 * S), reads([0])]))
    assert late.metrics["nr_written"] == 100


@pytest.mark.parametrize(("era", "kind", "limit"), [("3.1", "generic", 127 + 32), ("6.18", "sata-ssd", 8)])
def test_flash_has_a_limit_of_requests_too(era, kind, limit):
    built = dirty_files(era, 20_000, disk=Disk(kind=kind, write_latency=MS))
    m = built.memory.m
    built.memory.table("files")[0].extent = 1  # one page a request
    who, room = woken_flusher(built), disks_of(m)[0].room
    while not waiting(built, room):
        go_on(built, who)
    assert int(disks_of(m)[0].nr_allocated) == int(block_state(m).nr_requests) == limit
    assert bool(disks_of(m)[0].congested) == (era == "3.1")
    m.now += MS * 10
    call(built, "finish_writes")
    assert not waiting(built, room) and int(disks_of(m)[0].nr_allocated) < limit
