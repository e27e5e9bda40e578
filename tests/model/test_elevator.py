"""Elevators: in which order reads and writes go to a disk that seeks, and what a reader gets beside a writer."""

from typing import Any

import pytest

from mmrun.model import api
from mmrun.model.block.bio import new_bio
from mmrun.model.block.disk import next_finished
from mmrun.model.block.flush import DATA, begin_sequence
from mmrun.model.block.queue import queue_read, take_request
from mmrun.model.block.request import free_request, new_request
from mmrun.model.block.state import bios, block_state, disks, elevators, requests
from mmrun.model.block.variants.elevator.cfq import may_dispatch_async
from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell, Disk, Machine, Node, Region, Stream, Task, Variant
from mmrun.model.units import MS, PAGE, MiB, S
from tests.model.cells import machine_of, one
from tests.model.flushers import host

FILE = Region(kind="file", access="read", disk="d")


class Queue:
    """A disk that has one request at a time, and what it served: `r1`, `w2`, ..."""

    def __init__(self, elevator: str, kernel: str = "3.1", **params: int) -> None:
        policy = {"elevator": Variant(variant=elevator, params=params)}
        disk = Disk(kind="hdd", parallel=1, write_cache=0)
        self.built: Built = machine_of(one(kernel, host(disk), FILE, policy=policy))
        self.m: Any = self.built.memory.m
        self.served: list[str] = []
        self.at: list[int] = []
        self.names: dict[int, str] = {}

    def read(self, name: str, block: int, owner: int = 1) -> None:
        number = self._new(name, block, owner, 1)
        requests(self.m)[number].read = 1
        queue_read(self.m, 0, number)

    def write(self, name: str, block: int, owner: int = 9, sync: int = 0) -> None:
        number = self._new(name, block, owner, sync)
        bio = new_bio(self.m)
        requests(self.m)[number].bio, requests(self.m)[number].steps = bio + 1, DATA
        bios(self.m)[bio].left = 1
        take_request(self.m, 0)
        begin_sequence(self.m, 0, number)

    def _new(self, name: str, block: int, owner: int, sync: int) -> int:
        number = int(new_request(self.m, 0, NONE, 0, 1, block))
        r = requests(self.m)[number]
        r.disk, r.sync, r.owner = 0, sync, owner
        self.names[number] = name
        return number

    def step(self) -> bool:
        """The next thing that happens on the disk; False when nothing is about to."""
        if not block_state(self.m).nr_io:
            return False
        heap = self.built.memory.table("io")
        what, at = int(heap["what"][0]), int(heap["at"][0])
        self.m.now = max(int(self.m.now), at)
        if what >= 0:
            self.served.append(self.names.pop(what))
            self.at.append(at)
        number, _ = next_finished(self.m, int(self.m.now))
        if number != NONE:
            free_request(self.m, number)
        return True

    def go(self) -> list[str]:
        while self.step():
            pass
        assert not self.names, "all were served"
        d, e = disks(self.m)[0], elevators(self.m)[0]
        assert d.nr_allocated == d.nr_reads == d.queue.n == d.reading.n == e.sync_flight == e.async_flight == 0
        return self.served


def test_noop_serves_as_they_come():
    queue = Queue("noop")
    for i in range(6):
        queue.write(f"w{i}", 1000 * (6 - i))
        queue.m.now += 1
        queue.read(f"r{i}", 500_000 - 1000 * i)
        queue.m.now += 1
    assert queue.go() == [f"{kind}{i}" for i in range(6) for kind in "wr"]


def test_deadline_serves_two_batches_of_reads_then_one_of_writes():
    queue = Queue("deadline")
    queue.write("w", 0)
    for i in range(20):
        queue.write(f"w{i}", 10_000 + 1000 * i)
    for i in range(5):  # each lies before the one that came first, so each is a batch of its own
        queue.read(f"r{i}", 900_000 - 1000 * i)
        queue.m.now += 1
    first, last = [f"w{i}" for i in range(16)], [f"w{i}" for i in range(16, 20)]
    assert queue.go() == ["w", "r0", "r1", *first, "r2", "r3", *last, "r4"]


@pytest.mark.parametrize(("expire", "order"), [(1, "wxyozu"), (5000, "wxyzuo")])
def test_deadline_starts_with_a_write_that_is_too_old(expire, order):
    """A batch is two here; the second one begins with what has waited for too long, else it goes on ahead."""
    queue = Queue("deadline", fifo_batch=2, write_expire=expire)
    for name, block in zip("wxoyzu", (90_000, 100_000, 10_000, 110_000, 120_000, 130_000), strict=True):
        queue.write(name, block)
        queue.m.now += 1
    assert "".join(queue.go()) == order


def test_cfq_waits_for_the_next_request_of_a_slice():
    queue = Queue("cfq")
    queue.read("r0", 0)
    for i in range(3):
        queue.write(f"w{i}", 700_000 + 1000 * i)
    queue.step()
    ended = queue.at[0]
    queue.m.now += 5 * MS
    queue.read("r1", 1)
    queue.go()
    assert queue.served == ["r0", "r1", "w0", "w1", "w2"]
    assert queue.at[1] < ended + 5 * MS + 9 * MS, "no write came between"
    assert queue.at[2] - queue.at[1] >= 8 * MS, "nobody came: the writes go when the disk has idled"


def test_cfq_gives_slices_in_turn():
    queue = Queue("cfq", slice_sync=30)
    for i in range(12):
        queue.read(f"a{i}", 100_000 * i + 7, owner=1)
        queue.read(f"b{i}", 60_000_000 - 100_000 * i, owner=2)
    order = queue.go()
    turns = [name[0] for i, name in enumerate(order) if i == 0 or name[0] != order[i - 1][0]]
    assert len(order) == 24 and 4 <= len(turns) <= 14 and turns[:4] == ["a", "b", "a", "b"]


def test_cfq_lets_a_reader_go_before_the_rest_of_the_writes():
    queue = Queue("cfq")
    for i in range(10):
        queue.write(f"w{i}", 700_000 + 1000 * i)
    queue.step()
    queue.read("r", 0)
    order = queue.go()
    assert order.index("r") <= 2 and len(order) == 11


def test_cfq_serves_a_write_that_somebody_waits_for_like_a_read():
    queue = Queue("cfq")
    for i in range(10):
        queue.write(f"w{i}", 700_000 + 1000 * i)
    queue.write("commit", 90_000_000, owner=3, sync=1)
    assert queue.go().index("commit") <= 1


@pytest.mark.parametrize(
    ("since_late", "flight", "alone", "may"),
    [
        (0, 0, True, True), (0, 1, True, False), (99, 1, False, False), (100, 0, False, True), (100, 1, False, False),
        (399, 2, False, True), (399, 3, False, False), (10_000, 3, False, True), (10_000, 4, False, True),
        (10_000, 8, False, False), (10_000, 8, True, True), (600, 5, False, True), (600, 6, False, False),
    ],
)  # fmt: skip
def test_how_many_writes_cfq_gives_the_drive(since_late, flight, alone, may):
    """(now - last delayed) / slice_sync, 1 if it has none; half of quantum, all of it, no limit for who is alone."""
    queue = Queue("cfq")
    e = elevators(queue.m)[0]
    e.last_delayed, e.async_flight = 10 * S, flight
    assert bool(may_dispatch_async(queue.m, 0, 10 * S + since_late * MS, alone)) is may
    e.sync_flight = 1
    assert not may_dispatch_async(queue.m, 0, 10 * S + since_late * MS, alone)


def beside_a_writer(elevator: str, writer: bool = True) -> float:
    """Bytes a second that a reader gets from a disk beside a streaming buffered writer."""
    file, size, written = Region(kind="file", access="read", disk="d"), 48 * MiB, 768 * MiB
    tasks = {
        "r": Task(
            stream=Stream(kind="loop", params={"size": size, "accesses": size // PAGE}),
            memory=(file,),
            start=3 * S if writer else 0,
        )
    }
    if writer:
        stream = Stream(kind="writer", params={"size": written, "accesses": written // PAGE})
        tasks["w"] = Task(stream=stream, memory=(file,))
    machine = Machine(nodes=(Node(memory=256 * MiB, cpus=4),), disks={"d": Disk(kind="hdd")})
    cell = Cell(kernel="3.1", machine=machine, tasks=tasks, policy={"elevator": Variant(variant=elevator)})
    return size / int(api.simulate(cell, check=True).metrics["task.r.stall_file_ns"])


def test_a_reader_beside_a_writer_gets_most_from_cfq():
    """Deadline's batches of 16 writes begin whenever no read waits just then, so a lone reader fares as with noop."""
    alone = beside_a_writer("cfq", writer=False)
    noop, deadline, cfq = (beside_a_writer(elevator) / alone for elevator in ("noop", "deadline", "cfq"))
    assert noop < 0.2 and deadline < 0.2 and 0.4 < cfq < 0.9, (noop, deadline, cfq)
