"""File systems on disks: who waits for whom, what is written when, and that a cut loses nothing that was promised."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmrun.model.core.events import COMPUTE, FSYNC, OP_SHIFT
from mmrun.model.description import Cell, Disk, Machine, Node, Region, Sampling, SwapTarget, Sysctl
from mmrun.model.fs.ext4 import check as durability
from mmrun.model.fs.vfs.settings import FileSystem
from mmrun.model.mm.task.state import files
from mmrun.model.units import MS, PAGE, MiB, S
from tests.model.cells import Run, machine, one, reads, run, writes
from tests.model.cells import given as task

FEW = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
FILE = Region(kind="file", access="read", disk="d")


def pause(ns: int) -> np.ndarray:
    return np.array([ns | COMPUTE << OP_SHIFT])


def sync(page: int) -> np.ndarray:
    return np.array([page | FSYNC << OP_SHIFT])


def disk(kind: str = "hdd", system: str | None = "ext4", more: dict[str, Any] | None = None, **own: Any) -> Disk:
    """A disk with a file system; `own`: what the file system is beside its kind."""
    return Disk(kind=kind, file_system=FileSystem(kind=system, **own) if system else None, **(more or {}))


def appends(kernel: str, drive: Disk, count: int = 20) -> Run:
    """A task writes a page and syncs it, again and again."""
    events = np.concatenate([np.concatenate([writes([i]), sync(i), pause(50 * MS)]) for i in range(count)])
    return run(one(kernel, machine(64, disks={"d": drive}), FILE), events)


def beside_a_stream(kernel: str, drive: Disk, **more: Any) -> Run:
    """A task syncs a page now and then beside one that writes all the time."""
    syncs = np.concatenate([np.concatenate([writes([i]), sync(i), pause(500 * MS)]) for i in range(12)])
    tasks = {"dd": task(FILE), "db": task(FILE)}
    cell = Cell(kernel=kernel, machine=machine(64, cpus=2, disks={"d": drive}), tasks=tasks, **more)
    return run(cell, {"dd": writes(range(40_000)), "db": syncs})


def test_an_fsync_of_an_appended_page_is_a_commit():
    """Each has its own transaction here: inode, bitmap and descriptor go to the log, with a descriptor and a commit."""
    done = appends("3.1", disk()).metrics
    assert done["jbd2_commits"] == done["fsyncs"] == 20
    assert done["jbd2_logged_blocks"] == 20 * (3 + 1 + 1)
    assert done["disk.d.flushes"] == 2 * 20, "before and after the commit block"
    plain = appends("3.1", disk(system=None)).metrics
    assert done["fsync_p50_ns"] > 1.5 * plain["fsync_p50_ns"]
    assert "jbd2_commits" not in plain


def test_an_overwrite_within_a_tick_needs_no_commit():
    """Blocks and timestamp are as they were: only the cache is flushed."""
    events = np.concatenate([writes([0]), sync(0), writes([0]), sync(0)])
    drive = disk("sata-ssd", more={"allocation": "fixed"})
    done = run(one("6.18", machine(64, hz=100, disks={"d": drive}), FILE), events).metrics
    assert (done["fsyncs"], done["jbd2_commits"], done["jbd2_flushes"]) == (2, 1, 1)


@pytest.mark.parametrize(("kernel", "handles"), [("3.1", 1000), ("6.18", 0)])
def test_old_writes_open_a_handle_although_they_allocate_nothing(kernel, handles):
    """3.1 opens one a page in write_begin; since 5.15 there is none but for the timestamp, once a tick."""
    done = run(one(kernel, machine(64, disks={"d": disk()}), FILE), writes(range(1000))).metrics
    assert done["jbd2_handles"] - handles <= 10


def test_a_file_of_many_pages_takes_a_handle_an_extent():
    """2048 pages are allocated in one; the other handles are those of timestamps and of 3 conversions at most."""
    events = np.concatenate([writes(range(5000)), sync(0)])
    plain = run(one("6.18", machine(64, disks={"d": disk()}), FILE), writes(range(5000))).metrics["jbd2_handles"]
    done = run(one("6.18", machine(64, disks={"d": disk()}), FILE), events).metrics
    assert 3 <= done["jbd2_handles"] - plain <= 3 + 5000 // 256


def test_a_commit_every_five_seconds_at_a_whole_one():
    done = run(
        one("3.1", machine(64, disks={"d": disk()}), FILE, sampling=Sampling(every=500 * MS)),
        np.concatenate([pause(300 * MS), writes([0]), pause(12 * S)]),
        probe=lambda built: (int(built.memory.m.now), int(built.memory.table("journals")[0].jbd2_commits)),
    )
    first = next(at for at, commits in done.seen if commits)
    assert 6 * S <= first < 7 * S, "its timer of 5.3 s is rounded up"


def test_ext3_writes_the_data_of_all_files_before_it_commits():
    """The fsync of one page waits for what somebody else has written since the last commit; with ext4 it does not."""
    old, new = (beside_a_stream("3.1", disk(system=system)) for system in ("ext3", "ext4"))
    assert old.metrics["jbd2_ordered_pages"] > 10 * new.metrics["jbd2_ordered_pages"]
    assert old.metrics["task.db.fsync_p99_ns"] > 100 * MS


def test_data_writeback_orders_nothing():
    done = beside_a_stream("3.1", disk(system="ext3", data="writeback")).metrics
    assert done["jbd2_ordered_pages"] == 0


def test_unwritten_extents_are_told_of_after_they_are_written():
    """Since 5.6 a commit neither sends nor waits for data of others."""
    done = beside_a_stream("6.18", disk())
    assert done.metrics["jbd2_ordered_pages"] == 0
    assert done.metrics["jbd2_flushing_ns"] == 0


def test_pages_hold_still_while_they_are_written():
    """3.1: always; since 3.9 where the device sums what it is given."""
    events = np.concatenate([writes(range(2000)), pause(40 * S), *(writes(range(2000)) for _ in range(3))])

    def waits(kernel: str, **own: Any) -> int:
        drive = disk("usb", "none", **own)
        return int(run(one(kernel, machine(64, disks={"d": drive}), FILE), events).metrics["stable_page_waits"])

    assert waits("3.1") > 0
    assert waits("3.9") == 0
    assert waits("6.18", stable_writes=True) > 0


def test_reclaim_may_not_write_pages_without_blocks():
    """3.0 asks for single pages; ext4 has delayed their allocation, but overwrites what is mapped."""

    def asked(more: dict[str, Any]) -> dict[str, Any]:
        host = machine(16, disks={"d": disk("usb", more=more)})
        late = Sysctl(dirty_ratio=100, dirty_background_ratio=99)
        return run(one("3.0", host, FILE, Region(size=12 * MiB), vm=late), writes(range(6000))).metrics

    delayed, mapped = asked({}), asked({"allocation": "fixed"})
    assert delayed["writepage_refused_delalloc"] > 0
    assert mapped["writepage_refused_delalloc"] == 0


def test_a_small_log_makes_writers_wait_for_space():
    """Each transaction changes other inodes, and none is put into its place before it must be."""
    many = Region(kind="file", access="read", disk="d", file_size=MiB, size=512 * MiB)
    each = [np.concatenate([writes([i * 256]), sync(i * 256)]) for i in range(512)]
    done = run(one("3.1", machine(64, disks={"d": disk("sata-ssd", journal=4 * MiB)}), many), np.concatenate(each * 2))
    assert done.metrics["journal_waits_space"] > 0
    assert done.metrics["jbd2_tail_moves"] > 0


def test_one_machine_has_several_file_systems():
    tasks = {name: task(Region(kind="file", access="read", disk=name)) for name in ("a", "b", "c")}
    named = {"a": disk("sata-ssd", "ext3"), "b": disk("sata-ssd", "ext4"), "c": disk("sata-ssd", None)}
    events = np.concatenate([writes(range(300)), sync(0)])
    done = run(Cell(kernel="3.1", machine=machine(64, disks=named), tasks=tasks), dict.fromkeys(tasks, events)).metrics
    assert done["disk.a.jbd2_commits"] == done["disk.b.jbd2_commits"] == 1
    assert done["disk.b.jbd2_ordered_pages"] == 0


def test_the_journal_fits_the_disk():
    small = Disk(kind="hdd", size=256 * MiB, file_system=FileSystem(kind="ext4"))
    assert [fault.path for fault in small.faults()] == [("file_system", "journal")]
    other = Disk(kind="hdd", allocation="xfs", file_system=FileSystem(kind="ext4"))
    assert [fault.path for fault in other.faults()] == [("allocation",)]


def test_the_check_sees_what_a_cut_would_lose():
    done = appends("6.18", disk("nvme"), 3)
    built = done.built
    assert not list(durability.violations(built, 0))
    built.memory.table("versions")["cached"][:3] = 0
    built.memory.table("versions")["durable"][:3] = 0
    assert any("a cut would lose" in each for each in durability.violations(built, 0))
    assert any("was never written" in each for each in durability.violations(built, 0))
    assert int(files(built.memory.m)[0].nr_dirty) == 0


@st.composite
def drives(draw: Any) -> Disk:
    kind = draw(st.sampled_from(["generic", "sata-ssd", "hdd", "usb", "nvme"]))
    system = draw(st.sampled_from(["ext3", "ext4", "ext4"]))
    own: dict[str, Any] = {
        "journal": draw(st.sampled_from([4, 128])) * MiB, "data": draw(st.sampled_from(["ordered", "writeback"])),
        "commit": draw(st.sampled_from([100 * MS, 5 * S])), "barrier": draw(st.sampled_from([None, True, False])),
        "delalloc": draw(st.sampled_from([None, False])),
    }  # fmt: skip
    more: dict[str, Any] = {"allocation": draw(st.sampled_from([None, "fixed"]))}
    if draw(st.integers(0, 4)) == 0:
        more |= {"fail_from": 100 * MS, "fail_until": 900 * MS}
    return disk(kind, system, more, **own)


@st.composite
def cells(draw: Any) -> tuple[Cell, dict[str, np.ndarray]]:
    named = {name: draw(drives()) for name in "de"}
    swap = {"s": SwapTarget(kind="partition", size=16 * MiB, disk="e")}
    host = Machine(nodes=(Node(memory=draw(st.sampled_from([16, 32])) * MiB, cpus=2),), disks=named, swap=swap)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    tasks, streams = {}, {}
    for i in range(draw(st.integers(1, 4))):
        more: dict[str, Any] = draw(
            st.sampled_from([{}, {"file": "shared"}, {"file_size": MiB // 2}, {"sparse": True}, {"fragment": PAGE * 8}])
        )
        access: Any = "read" if "file_size" in more else draw(st.sampled_from(["read", "mmap"]))
        where = "d" if "file" in more else draw(st.sampled_from("de"))
        tasks[f"t{i}"] = task(
            Region(kind="file", access=access, disk=where, size=10 * MiB, **more), Region(size=2 * MiB)
        )
        parts = []
        for _ in range(draw(st.integers(2, 8))):
            first, count = int(rng.integers(0, 2500)), int(rng.integers(1, 60) if rng.random() < 0.7 else 1500)
            pages = np.minimum(np.arange(first, first + count), 2559)
            parts += [writes(pages) if rng.random() < 0.8 else reads(pages)]
            parts += [sync(first)] * int(rng.random() < 0.7) + [pause(int(rng.integers(1, 900)) * MS)]
        streams[f"t{i}"] = np.concatenate(parts)
    kernel = draw(st.sampled_from(["2.6.32", "3.0", "3.1", "3.10", "4.4", "4.14", "5.10", "6.18", "6.18+mglru"]))
    more = {"sampling": Sampling(every=draw(st.sampled_from([130, 900])) * MS)}
    return Cell(kernel=kernel, machine=host, tasks=tasks, duration=6 * S, **more), streams


@FEW
@given(cells())
def test_what_was_synced_survives_a_cut(drawn: tuple[Cell, dict[str, np.ndarray]]):
    """Whatever the version, file system, device and moment: both laws, and those of journals (`--check`)."""
    assert run(*drawn).metrics["fsyncs"] >= 0
