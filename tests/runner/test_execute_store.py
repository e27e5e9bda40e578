"""Durability of records, the lock, and the reasons for which a cell is stale."""

import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmrun.runner.store.records import DamagedRecord, Record, cell_dict, decode, encode
from mmrun.runner.store.shelf import Shelf
from mmrun.runner.store.states import MODEL_CHANGED, State, differences, states
from mmrun.runner.store.store import Busy, Store
from tests.runner import execute_fake as fake

ROOT = Path(__file__).resolve().parents[2]


def record(item: fake.PlannedCell, **changes) -> Record:
    values = {
        "key": item.key,
        "axes": item.axes,
        "replicate": item.replicate,
        "status": "ok",
        "metrics": {"pgfault": 2**60 + 1, "ratio": 0.1 + 0.2, "outcome": "ok"},
        "series": {"access": np.arange(5), "share": np.linspace(0, 1, 5)},
        "fingerprint": fake.fingerprint(item.cell),
        "model": fake.fingerprint(),
        "cell": cell_dict(item.cell),
        "provenance": {"finished": 1.0},
    }
    return Record(**values | changes)


def store_with(tmp_path: Path, *records: Record, warnings: list[str] | None = None) -> Store:
    store = Store(tmp_path, None if warnings is None else warnings.append)
    store.put((item.key, encode(item)) for item in records)
    return store


def standing(store: Store, *cells: fake.PlannedCell) -> dict[str, State]:
    return states(cells, Shelf(store, (cell.key for cell in cells)), fake.fingerprint)


def test_a_record_comes_back_exactly(tmp_path):
    item = fake.planned(1)
    there = record(item, metrics={"n": np.int64(7), "x": np.float64(1 / 3), "nan": float("nan")})
    back = store_with(tmp_path, there).get(item.key)
    assert (back.metrics["n"], back.metrics["x"]) == (7, 1 / 3)
    assert np.isnan(back.metrics["nan"])
    for name, column in there.series.items():
        assert back.series[name].dtype == column.dtype
        assert np.array_equal(back.series[name], column)
    assert (back.axes, back.cell, back.provenance) == (there.axes, there.cell, there.provenance)


def test_no_damage_goes_unnoticed():
    data = encode(record(fake.planned(1)))
    for cut in range(len(data)):
        with pytest.raises(DamagedRecord):
            decode(data[:cut])
    for place in range(len(data)):
        with pytest.raises(DamagedRecord):
            decode(data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :])


def test_a_torn_record_is_missing_with_a_warning(tmp_path):
    warnings: list[str] = []
    good, torn = fake.planned(1), fake.planned(2)
    store = store_with(tmp_path, record(good), record(torn), warnings=warnings)
    path = store.path(torn.key)
    path.write_bytes(path.read_bytes()[:-7])
    assert [item.key for item in store.records()] == [good.key]
    assert len(warnings) == 1 and str(path) in warnings[0]
    found = standing(store, good, torn)
    assert (found[good.key].state, found[torn.key].state) == ("done", "new")


def test_a_record_under_the_wrong_name_is_missing(tmp_path):
    store = store_with(tmp_path, record(fake.planned(1)))
    other = store.path(fake.planned(2).key)
    other.parent.mkdir(exist_ok=True)
    store.path(fake.planned(1).key).rename(other)
    assert store.get(fake.planned(2).key) is None


def test_every_byte_is_on_disk_before_a_record_has_its_name(tmp_path, monkeypatch):
    steps: list[str] = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(handle):
        steps.append("sync " + ("directory" if os.path.isdir(f"/proc/self/fd/{handle}") else "file"))
        real_sync(handle)

    def rename(source, target):
        steps.append("rename")
        real_replace(source, target)

    item = fake.planned(1)
    store = Store(tmp_path)
    store.path(item.key).parent.mkdir(parents=True)
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    store.put([(item.key, encode(record(item)))])
    assert steps == ["sync file", "rename", "sync directory"]


def test_states_say_why(tmp_path, monkeypatch):
    done, failed, changed, new = (fake.planned(x) for x in range(4))
    before = fake.planned(2, memory=2 << 30)
    store = store_with(tmp_path, record(done), record(failed, status="failed", error="ValueError: no"), record(before))
    cells = [done, failed, changed, new]
    found = standing(store, *cells)
    assert [found[cell.key].state for cell in cells] == ["done", "failed", "stale", "new"]
    assert found[failed.key].reason == "ValueError: no"
    assert found[changed.key].reason == f"config changed: machine.nodes.0.memory: {2 << 30} -> {1 << 30}"

    monkeypatch.setenv("FAKE_MODEL", "edited")
    found = standing(store, *cells)
    assert found[done.key] == ("stale", MODEL_CHANGED, done.key)


def test_changed_trace_contents_are_told_from_changed_code(tmp_path):
    trace = tmp_path / "trace"
    trace.write_text("old")
    item = fake.planned(1, file=str(trace))
    store = store_with(tmp_path / "out", record(item))
    trace.write_text("new")
    (state,) = standing(store, item).values()
    assert state.state == "stale" and "trace" in state.reason


def test_a_failure_of_another_config_does_not_make_a_cell_stale(tmp_path):
    store = store_with(tmp_path, record(fake.planned(1, memory=2 << 30), status="failed", error="ValueError: no"))
    (state,) = standing(store, fake.planned(1)).values()
    assert state.state == "new"


def test_differences_name_every_leaf():
    old = cell_dict(fake.planned(1).cell)
    new = cell_dict(replace(fake.planned(1).cell, kernel="6.18", duration=5))
    assert differences(old, new) == ["duration: None -> 5", "kernel: 3.1 -> 6.18"]


def test_two_sweeps_do_not_share_a_directory(tmp_path):
    with Store(tmp_path).locked():
        assert f"process {os.getpid()}" in Store(tmp_path).holder()
        with pytest.raises(Busy, match=f"process {os.getpid()}"), Store(tmp_path).locked():
            pass
    with Store(tmp_path).locked():
        pass
    assert Store(tmp_path).holder() is None


HOLD = """
import sys
from pathlib import Path
from mmrun.runner.store.store import Store
with Store(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_of_a_killed_process_is_free_and_its_leavings_go(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Busy), Store(tmp_path).locked():
        pass
    (tmp_path / "cells" / "ab").mkdir(parents=True)
    half = tmp_path / "cells" / "ab" / f".abcd.cell.{holder.pid}.tmp"
    half.write_bytes(b"mmrun-c")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with Store(tmp_path).locked():
        assert not half.exists()


def test_writers_of_one_record_never_leave_a_mixture(tmp_path):
    item = fake.planned(1)
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_often, args=(tmp_path, item, n)) for n in range(2)]
    for writer in writers:
        writer.start()
    warnings: list[str] = []
    store = Store(tmp_path, warnings.append)
    while any(writer.is_alive() for writer in writers):
        store.get(item.key)
    assert not warnings and store.get(item.key) is not None


def write_often(out: Path, item: fake.PlannedCell, number: int) -> None:
    for _ in range(50):
        Store(out).put([(item.key, encode(record(item, metrics={"n": number, "outcome": "x" * 1000 * (number + 1)})))])
