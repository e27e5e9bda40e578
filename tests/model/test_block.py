"""Block devices: geometry, queue, merging, order, erase blocks, stripes."""

import numpy as np
import pytest

from mmrun.model.block.batching import count_request
from mmrun.model.block.completions import next_completion
from mmrun.model.block.disk import full_queue, next_finished, submit_write, write_congested
from mmrun.model.block.hdd import page_ps, seek_ns
from mmrun.model.block.request import free_request
from mmrun.model.block.serving import read_pages
from mmrun.model.block.state import IO_BACKGROUND, IO_NORMAL, IO_URGENT, block_state
from mmrun.model.block.state import disks as disks_of
from mmrun.model.block.wait import wait_for_request
from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER
from mmrun.model.description import Cell, Disk, Region
from mmrun.model.units import MS, PAGE, GiB, KiB, MiB, S
from tests.model.actors import Entered, life
from tests.model.cells import given, machine, machine_of, one, reads, run, writes

HDD = Disk(kind="hdd")
KEPT: list[Built] = []  # a record holds addresses of tables: somebody must hold the tables


def with_disks(era: str = "3.1", **disks: Disk):
    """A machine with these disks, before its first event."""
    KEPT[:] = [machine_of(one(era, machine(16, disks=disks)))]
    return KEPT[0].memory.m


def drain(m, until: int = 1 << 61) -> list[tuple[int, int, int]]:
    """(block, pages, time) of every request that ends by `until`, in that order."""
    ended = []
    while next_completion(m) <= until:
        m.now = max(int(m.now), next_completion(m))
        number, at = next_finished(m, m.now)
        rows = requests(m)
        while number != NONE:
            ended.append((int(rows[number]["block"]), int(rows[number]["count"]), int(at)))
            number = free_request(m, number)
    return ended


def requests(m) -> np.ndarray:
    """The table of requests of the machine record, the last one made."""
    assert KEPT[-1].memory.m is m
    return KEPT[-1].memory.table("requests")


def test_a_seek_takes_what_the_drive_says():
    m = with_disks(d=HDD)
    blocks = HDD.size // PAGE
    assert seek_ns(m, 0, blocks // 3) == HDD.seek_average and seek_ns(m, 0, blocks) == HDD.seek_full
    assert HDD.seek_track <= seek_ns(m, 0, 1) < HDD.seek_track + 20_000
    times = [seek_ns(m, 0, d) for d in range(1, blocks, blocks // 500)]
    assert times == sorted(times)
    quarter = seek_ns(m, 0, blocks // 12) - HDD.seek_track
    assert quarter == pytest.approx((HDD.seek_average - HDD.seek_track) / 2, rel=0.01), "a + b sqrt(d)"


def test_outer_tracks_are_twice_as_fast_as_inner_ones():
    m = with_disks(d=HDD)
    last = HDD.size // PAGE - 1
    assert PAGE * 10**12 / page_ps(m, 0, 0) == pytest.approx(138e6, rel=0.001)
    assert page_ps(m, 0, last) == pytest.approx(2 * page_ps(m, 0, 0), rel=0.001)


@pytest.mark.parametrize(("place", "rate"), [(0.0, 138e6), (0.99, 69.7e6)])
def test_adjacent_writes_stream_at_the_rate_of_their_zone(place: float, rate: float):
    m = with_disks(d=HDD)
    first = int(HDD.size // PAGE * place)
    for i in range(64):
        submit_write(m, 0, 0, i * 128, 128, first + i * 128)
    ended = drain(m)
    assert sum(count for _, count, _ in ended) == 64 * 128 and disks_of(m)[0].seeks <= 1
    begun = int(disks_of(m)[0].command + disks_of(m)[0].seek_ns)
    assert 64 * 128 * PAGE * S / (ended[-1][2] - begun) == pytest.approx(rate, rel=0.01)


def test_random_reads_cost_a_seek_and_half_a_revolution():
    m = with_disks(d=HDD)
    rng, now = np.random.default_rng(3), 0
    for block in rng.integers(0, HDD.size // PAGE, 3000):
        now = read_pages(m, 0, now, 1, int(block))
    transfer = 1.5 * PAGE / 138e6 * S
    assert now / 3000 == pytest.approx(HDD.seek_average * 0.97 + 60 * S / HDD.rpm / 2 + transfer, rel=0.05)
    assert int(disks_of(m)[0].reads) == 3000 and int(disks_of(m)[0].seeks) == 3000


def random_writes(disk: Disk, count: int = 100) -> float:
    m = with_disks(d=disk)
    for i, block in enumerate(np.random.default_rng(5).integers(0, disk.size // PAGE, count).tolist()):
        submit_write(m, 0, 0, i * 2, 1, block)
    return drain(m)[-1][2] / count


def test_sorting_and_the_drives_own_choice_save_seeks():
    as_they_come = random_writes(Disk(kind="hdd", scheduler="noop", parallel=1))
    swept = random_writes(Disk(kind="hdd", parallel=1))
    chosen = random_writes(HDD)
    assert as_they_come == pytest.approx(12.4 * MS, rel=0.1)
    assert chosen < swept < as_they_come * 0.6


def test_waiting_writes_are_swept_upwards_in_batches():
    m = with_disks(d=Disk(kind="hdd", parallel=1))
    places = [900, 100, 500, 300, 700]
    for i, place in enumerate(places):
        submit_write(m, 0, 0, i * 1000, 1, place * 1000)
    assert [block // 1000 for block, _, _ in drain(m)] == [900, 100, 300, 500, 700]


def test_adjacent_writes_merge_up_to_the_largest_request():
    m = with_disks(d=HDD)
    submit_write(m, 0, 0, 5000, 1, 5_000_000)  # keeps the disk busy
    for i in (1, 0, 2, 3, 5, 4):
        submit_write(m, 0, 0, i * 40, 40, i * 40)
    assert int(disks_of(m)[0].nr_allocated) == 3 and int(disks_of(m)[0].merged) == 4
    disks_of(m)[0].depth = 1
    sizes = [count for _, count, _ in drain(m)]
    assert sum(sizes) == 241 and max(sizes) <= 128
    later = with_disks("6.18", d=HDD)
    assert int(disks_of(later)[0].max_pages) == 1280 * KiB // PAGE


def test_runs_of_two_files_share_a_request():
    m = with_disks(d=HDD)
    submit_write(m, 0, 0, 5000, 1, 5_000_000)
    submit_write(m, 0, 1, 640, 8, 8)
    submit_write(m, 0, 0, 0, 8, 0)
    submit_write(m, 0, 2, 704, 8, 16)
    assert int(disks_of(m)[0].nr_allocated) == 2
    rows = requests(m)
    m.now = 1 << 60
    first = next_finished(m, m.now)[0]
    assert free_request(m, first) == NONE
    number, runs = next_finished(m, m.now)[0], []
    assert rows[number]["pages"] == 24 and rows[number]["block"] == 0
    while number != NONE:
        runs.append((int(rows[number]["file"]), int(rows[number]["first"]), int(rows[number]["count"])))
        number = free_request(m, number)
    assert runs == [(0, 0, 8), (1, 640, 8), (2, 704, 8)] and block_state(m).nr_requests == 0


def test_a_queue_is_congested_from_113_requests_until_fewer_than_103():
    m = with_disks(d=HDD)
    seen = []
    for i in range(128):
        submit_write(m, 0, 0, i * 10, 1, i * 1000)
        seen.append(bool(write_congested(m, 0)))
    assert seen.index(True) == 112 and all(seen[112:]) and full_queue(m, 0, IO_NORMAL, NONE) == 0
    left = []
    while disks_of(m)[0].nr_allocated:
        drain(m, int(next_completion(m)))
        left.append((int(disks_of(m)[0].nr_allocated), bool(write_congested(m, 0))))
    assert [flag for n, flag in left if n >= 103] == [True] * 25 and not any(flag for n, flag in left if n < 103)
    assert full_queue(m, 0, IO_NORMAL, NONE) == NONE
    tags = with_disks("6.18", d=HDD)
    assert int(disks_of(tags)[0].nr_requests) == 64


def taken(m, slot: int) -> int:
    """Requests that actor `slot` takes, one after the other, until it has to wait."""
    n = int(disks_of(m)[0].nr_allocated)
    for i in range(n, 300):
        if full_queue(m, 0, IO_NORMAL, slot) != NONE:
            break
        submit_write(m, 0, 0, i * 10, 1, i * 1000)
        count_request(m, slot)
    return int(disks_of(m)[0].nr_allocated) - n


@life
def ask(m, disk):
    """Sleep until the disk's queue has room."""
    wait_for_request(m, disk)
    return 0


def test_requests_of_a_full_queue_go_in_batches():
    m = with_disks(d=HDD)
    assert [taken(m, slot) for slot in (0, 1, 0)] == [127 + 32, 0, 0]
    assert Entered(KEPT[-1], 1, ask).until == FOREVER
    while disks_of(m)[0].room.first:
        drain(m, int(next_completion(m)))
    assert (int(disks_of(m)[0].nr_allocated), taken(m, 1), taken(m, 0)) == (127, 32, 0)
    tags = with_disks("6.18", d=HDD)
    assert (taken(tags, 0), taken(tags, 1)) == (8, 0)


@pytest.mark.parametrize(
    ("disk", "limits"), [(HDD, [4, 8, 16]), (Disk(), [4, 8, 16]), (Disk(kind="usb"), [1, 2, 2])], ids=str
)
def test_blk_wbt_lets_few_writes_wait(disk: Disk, limits: list[int]):
    m = with_disks("6.18", d=disk)
    for i in range(limits[2]):
        full = [full_queue(m, 0, purpose, NONE) == 0 for purpose in (IO_BACKGROUND, IO_NORMAL, IO_URGENT)]
        assert full == [i >= limit for limit in limits]
        submit_write(m, 0, 0, i * 10, 1, i * 1000)
    assert full_queue(m, 0, IO_URGENT, NONE) == 0
    m = with_disks("3.1", d=disk)
    assert disks_of(m)[0].most_writes.tolist() == [128] * 3


def test_reads_pass_writes_but_not_for_ever():
    m = with_disks(d=HDD)
    for i in range(60):
        submit_write(m, 0, 0, i * 10, 1, i * 1000)
    began = int(disks_of(m)[0].busy_until)
    first = read_pages(m, 0, 0, 1, 50_000_000)
    assert first - began < 30 * MS, "right after the request in service"
    for i in range(31):
        read_pages(m, 0, 0, 1, i * 7_000_000 % 60_000_000)
    assert int(disks_of(m)[0].writes) == 1
    read_pages(m, 0, 0, 1, 40_000_000)
    assert int(disks_of(m)[0].writes) == 17, "a batch of 16 after two batches of reads"
    assert len(drain(m)) == 60


def stick_rate(blocks: list[int]) -> float:
    m = with_disks(d=Disk(kind="usb"))
    for i, block in enumerate(blocks):
        submit_write(m, 0, 0, i * 3, 1, block)
    return len(blocks) * PAGE * S / drain(m)[-1][2]


def test_a_stick_is_slow_and_much_slower_at_random():
    m = with_disks(d=Disk(kind="usb"))
    submit_write(m, 0, 0, 0, 30 * 32, 0)
    ended = drain(m)
    assert {count for _, count, _ in ended} == {30}
    rate = 30 * 32 * PAGE * S / ended[-1][2]
    assert 5.5e6 < rate < 6e6
    places = np.random.default_rng(9).integers(0, 1_000_000, 300).tolist()
    assert 10 < rate / stick_rate(places) < 100


def test_a_stripe_writes_on_all_its_members_at_once():
    m = with_disks(a=HDD, b=HDD, s=Disk(kind="stripe", members=("a", "b")))
    submit_write(m, 2, 0, 0, 8192, 0)
    ended = drain(m)
    took = max(at for _, _, at in ended)
    assert 8192 * PAGE * S / took == pytest.approx(2 * 138e6, rel=0.05)
    assert int(disks_of(m)[0].pages_written) == int(disks_of(m)[1].pages_written) == 4096
    assert int(disks_of(m)[2].nr_blocks) == 512 * GiB // PAGE
    alone = read_pages(with_disks(a=HDD), 0, 0, 2048, 0)
    both = read_pages(with_disks(a=HDD, b=HDD, s=Disk(kind="stripe", members=("a", "b"))), 2, 0, 2048, 0)
    assert both < alone * 0.6


def test_a_device_may_stall_and_lose_writes():
    m = with_disks(d=Disk(kind="hdd", stall_from=3 * MS, stall_until=S, fail_from=S, fail_until=2 * S))
    submit_write(m, 0, 0, 0, 128, 0)
    submit_write(m, 0, 0, 0, 128, 1_000_000)
    rows = requests(m)
    m.now = 3 * S
    found = [next_finished(m, m.now) for _ in range(2)]
    assert found[0][1] < 5 * MS and S < found[1][1] < S + 30 * MS
    assert [int(rows[number]["failed"]) for number, _ in found] == [0, 1]


def test_a_file_reads_in_sequence_at_the_disks_rate_and_at_random_by_seeks():
    host, region = machine(32, disks={"d": HDD}), Region(kind="file", access="read", disk="d")
    sequence = run(one("6.18", host, region), reads(range(3000))).metrics
    assert 3000 * PAGE / sequence["elapsed_ns"] * S == pytest.approx(138e6, rel=0.1)
    places = np.random.default_rng(2).permutation(500_000)[:200]
    apart = run(one("6.18", host, region), reads(places), footprint=500_000).metrics
    assert apart["disk.d.seeks"] == apart["disk.d.reads"] == 200
    assert 5 * MS < apart["stall_file_ns"] / 200 < 12 * MS, "short seeks: the file is 2 GiB of 256"


def test_a_reader_holds_its_own_against_a_writer():
    """Reads go first: a sequential reader keeps most of the disk while the flusher writes beside it."""
    disks = {"d": HDD}
    reader, writer = (Region(kind="file", access="read", disk="d", size=48 * MiB) for _ in range(2))
    cell = Cell(kernel="3.1", machine=machine(64, disks=disks), tasks={"r": given(reader), "w": given(writer)})
    streams = {"r": reads(range(12_000)), "w": writes(range(12_000))}
    both = run(cell, streams).metrics
    alone = run(one("3.1", machine(64, disks=disks), reader), reads(range(12_000))).metrics
    assert both["disk.d.pages_written"] > 500 and both["disk.d.seeks"] > 10
    assert alone["elapsed_ns"] * 1.02 < both["task.r.elapsed_ns"] < 4 * alone["elapsed_ns"]
