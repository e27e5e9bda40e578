"""Files that several groups write, with cgroup writeback: to whom they belong, who is asked to write their pages."""

import numpy as np

from mmrun.model.build import Built
from mmrun.model.core.events import COMPUTE, OP_SHIFT
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell, Cgroup, Disk, Machine, Node, Region, Variant
from mmrun.model.mm.task.state import FILE
from mmrun.model.mm.writeback import foreign
from mmrun.model.mm.writeback.foreign_dirty import foreign_due, track_foreign_dirty
from mmrun.model.mm.writeback.state import JOB
from mmrun.model.units import MB_S, MS, MiB, S
from tests.model.cells import given, machine_of, run, writes


def wait(ns: int) -> np.ndarray:
    """The event of computing for so long."""
    return np.array([ns | COMPUTE << OP_SHIFT])


def new(kind: np.dtype) -> np.record:
    """A row of a table, all zero."""
    return np.zeros(1, kind).view(np.recarray)[0]


def round_of(*pages: tuple[int, int], owner: int = 1, last: int = 0) -> tuple[int, int]:
    """(winner, its pages) of a round in which so many pages of a group after so many of another were written."""
    job, file = new(JOB), new(FILE)
    file.foreign_winner = last
    foreign.begin_count(job, file)
    for memcg, count in pages:
        for _ in range(count):
            foreign.count_owner(job, owner, memcg)
    return foreign.winner_of(job, owner)


def test_the_owner_wins_ties_and_the_majority_of_the_others_wins_else():
    assert round_of((1, 10), (2, 10)) == (1, 10)
    assert round_of((2, 30), (1, 10)) == (2, 30)
    assert round_of((2, 30), (3, 20), (1, 5)) == (2, 10), "votes for another candidate count against it"
    assert round_of((2, 10), (3, 21), (1, 5)) == (3, 11)
    assert round_of((2, 10), (3, 19), (1, 5), last=2 + 1) == (2, 10), "the last winner's pages are counted in full"


def judged(file: np.record, pages: int, winner: int = 2, bandwidth: int = 25_600) -> int:
    """The verdict on a file of group 1 after a round with `pages` pages of group `winner` only."""
    job = new(JOB)
    foreign.begin_count(job, file)
    for _ in range(pages):
        foreign.count_owner(job, 1, winner)
    return foreign.judge(file, job, 1, bandwidth)


def test_a_file_moves_when_more_than_half_of_two_seconds_were_lost():
    file = new(FILE)
    assert judged(file, 25_600) == 1, "a second of the device fills five slots, no more"
    assert (file.foreign_history, file.foreign_time) == (0b11111, 8192)
    assert judged(file, 25_600) == 2
    file = new(FILE)
    for _ in range(8):
        assert judged(file, 3200) == 1, "an eighth of a second is a slot"
    assert judged(file, 3200) == 2


def test_rounds_that_the_owner_wins_push_the_others_out():
    file = new(FILE)
    assert all(judged(file, 3200, winner) == 1 for winner in [2, 1] * 20)
    assert foreign.lost_slots(file.foreign_history) == 8, "half of the slots is not more than half"


def test_rounds_much_shorter_than_the_mean_do_not_count():
    file = new(FILE)
    judged(file, 25_600, 1)
    assert judged(file, 512) == 1 and file.foreign_history == 0
    assert file.foreign_time == 8192 + (164 >> 3) - (8192 >> 3)


def records(now: int, *seen: int, asked: int | None = None) -> tuple[Built, list[int], list[int]]:
    """A machine at jiffy `now` of 1000 Hz in which pages of group 1 became dirty in files of the given wbs."""
    built = machine_of(shared(), 100)
    m = built.memory.m
    for w in range(len(built.memory.table("wbs"))):
        built.memory.table("wbs")[w].asked = 1 if w == asked else 0
    for number, w in enumerate(seen):
        m.now = (now + number) * MS
        track_foreign_dirty(m, w, 1)
    group = built.memory.table("wb_domains")[1]
    return built, group.foreign_wb.tolist(), group.foreign_at.tolist()


def test_a_group_remembers_four_wbs_and_forgets_the_oldest():
    assert records(100, 0, 2, 4, 5)[1:] == ([1, 3, 5, 6], [100, 101, 102, 103])
    assert records(100, 0, 2, 4, 5, 3)[1:] == ([4, 3, 5, 6], [104, 101, 102, 103])
    assert records(100, 0, 2, 4, 5, 3, asked=0)[1:] == ([1, 4, 5, 6], [100, 104, 102, 103]), "0 is being written for it"
    assert records(100, 0, 0, 0)[1:] == ([1, 0, 0, 0], [100, 0, 0, 0]), "refreshed once a second at most"


def test_a_record_is_used_once_and_until_dirty_pages_expire():
    built = records(100, 2)[0]
    assert foreign_due(built.memory.m, 1, 0) == 2 and foreign_due(built.memory.m, 1, 0) == NONE
    built = records(100, 2)[0]
    built.memory.m.now = 30_100 * MS
    assert foreign_due(built.memory.m, 1, 0) == NONE
    built = records(100, 2, asked=2)[0]
    assert foreign_due(built.memory.m, 1, 0) == NONE, "its flusher is at it"


def shared(**params: bool) -> Cell:
    """Groups a and b write one file on a slow disk, b one of its own on another."""
    disks = {name: Disk(parallel=1, write_latency=0, write_bandwidth=16 * MB_S) for name in ("d", "e")}
    region = Region(kind="file", access="read", disk="d", file="shared")
    return Cell(
        kernel="6.18", machine=Machine(nodes=(Node(memory=128 * MiB, cpus=2),), disks=disks, hz=1000),
        tasks={
            "first": given(region, cgroup="a"), "second": given(region, cgroup="b"),
            "own": given(Region(kind="file", access="read", disk="e"), cgroup="b"),
        },
        cgroups={"a": Cgroup(max=48 * MiB), "b": Cgroup(max=48 * MiB)},
        policy={"dirty_throttling": Variant(variant="position-control", params=dict(params))},
    )  # fmt: skip


def test_the_file_moves_to_the_group_that_goes_on_writing_it():
    later = np.concatenate([wait(S), writes(range(4000, 16_000))])
    done = run(shared(), {"first": writes(range(4000)), "second": later, "own": writes([0])})
    wbs, groups = done.built.memory.table("wbs"), done.built.memory.table("memcgs")
    assert len(groups) == 3 and done.metrics["inode_switch_wbs"] == 1
    assert wbs[done.built.memory.table("files")[0].wb].memcg == 2


def test_a_throttled_group_has_the_owner_of_the_file_write_its_pages():
    """The owner sees no reason to: by itself it is far below its background threshold."""
    foreign_pages, own = (
        np.concatenate([wait(S), writes(range(200, 2200))]),
        np.concatenate([wait(2 * S), writes(range(2000))]),
    )
    events = {"first": writes(range(100)), "second": foreign_pages, "own": own}
    told, untold = (run(shared(flush_foreign=on), events).metrics for on in (True, False))
    assert told["foreign_flushes"] > untold["foreign_flushes"] == 0
    assert told["disk.d.pages_written"] > 1024 > untold["disk.d.pages_written"]
    assert told["task.own.stall_dirty_ns"] < untold["task.own.stall_dirty_ns"]
