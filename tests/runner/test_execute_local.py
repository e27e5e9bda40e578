"""Sweeps in this process: resume, failures, staleness, batches, merged tables."""

import hashlib
import json
import shutil
import signal
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mmrun.runner.execute import execute
from mmrun.runner.execute.batches import ATTEMPTS, LONGEST, Batch, Queue
from mmrun.runner.execute.execute import Options, run_sweep
from mmrun.runner.execute.progress import Progress, duration
from mmrun.runner.execute.work import Job, memory_class
from mmrun.runner.store.columns import uniform
from mmrun.runner.store.store import Store
from tests.runner import execute_fake as fake

API = "tests.runner.execute_fake"


def sweep(plan, out: Path, **options):
    warnings: list[str] = []
    options = {"executor": "local", "api": API} | options
    return run_sweep(plan, out, Options(**options), warnings.append)


def lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_the_same_sweep_again_computes_nothing(tmp_path):
    plan = fake.grid(4, log=str(tmp_path / "log"))
    assert sweep(plan, tmp_path / "out").ran == 8
    before = (tmp_path / "out" / "runs.parquet").read_bytes()
    assert sweep(plan, tmp_path / "out").ran == 0
    assert lines(tmp_path / "log") == 8
    assert (tmp_path / "out" / "runs.parquet").read_bytes() == before


def test_only_missing_failed_and_torn_cells_are_computed(tmp_path):
    log, out = str(tmp_path / "log"), tmp_path / "out"
    plan = fake.make_plan([fake.planned(0, log=log), fake.planned(1, log=log), fake.planned(2, log=log, fail="no")])
    result = sweep(plan, out)
    assert result.counts == {"done": 2, "failed": 1}
    path = Store(out).path(plan.cells[1].key)
    path.write_bytes(path.read_bytes()[:50])
    more = fake.make_plan([*plan.cells, fake.planned(3, log=log)])
    assert sweep(more, out, keep_failed=True).ran == 2  # the torn one and the new one
    assert sweep(more, out).ran == 1  # the failed one
    assert [line.split()[0] for line in Path(log).read_text().splitlines()] == ["0", "1", "2", "1", "3", "2"]


def test_records_removed_meanwhile_are_not_counted_as_done(tmp_path, monkeypatch):
    def removing(queue, options, watch):
        for number, group in enumerate(start(queue, options, watch)):
            if number == 3:
                shutil.rmtree(tmp_path / "out" / "cells")
            yield group

    plan = fake.grid(3)
    start = execute.start
    monkeypatch.setattr(execute, "start", removing)
    said: list[str] = []
    result = run_sweep(
        plan, tmp_path / "out", Options(executor="local", api=API, batch_seconds=0, quiet=True), said.append
    )
    assert result.ran == 6 and 0 < result.counts["new"] < 6
    assert any(f"{result.counts['new']} records were removed by somebody meanwhile" in line for line in said)
    monkeypatch.setattr(execute, "start", start)
    assert sweep(plan, tmp_path / "out").counts == {"done": 6}


def test_a_model_exception_is_a_row_and_is_not_retried(tmp_path):
    log = tmp_path / "log"
    sweep(
        fake.make_plan([fake.planned(0, log=str(log), fail="zone 2\nis impossible"), fake.planned(1)]), tmp_path / "out"
    )
    assert lines(log) == 1
    rows = pq.read_table(tmp_path / "out" / "runs.parquet").to_pylist()
    assert [(row["status"], row["error"]) for row in rows] == [
        ("failed", "ValueError: zone 2 is impossible"),
        ("ok", ""),
    ]
    assert rows[0]["misses"] is None and rows[1]["misses"] is not None


def test_what_another_try_may_not_meet_is_tried_again_then_given_up(tmp_path):
    log = tmp_path / "log"
    sweep(fake.make_plan([fake.planned(0, log=str(log), unreadable="no such trace")]), tmp_path / "out")
    (row,) = pq.read_table(tmp_path / "out" / "runs.parquet").to_pylist()
    assert lines(log) == ATTEMPTS
    assert row["status"] == "failed" and "no such trace" in row["error"]


def test_stale_cells_are_computed_again_unless_they_are_to_stay_and_then_have_no_numbers(tmp_path, monkeypatch):
    plan, out = fake.grid(2, 1, samples=2), tmp_path / "out"
    sweep(plan, out)
    before = [(out / name).read_bytes() for name in ("runs.parquet", "series.parquet")]
    monkeypatch.setenv("FAKE_MODEL", "edited")
    result = sweep(fake.make_plan([*plan.cells, fake.planned(2)]), out, keep_stale=True)
    assert (result.ran, result.counts) == (1, {"stale": 2, "done": 1})
    rows = pq.read_table(out / "runs.parquet").to_pylist()
    assert [row["status"] for row in rows] == ["stale", "stale", "ok"]
    assert rows[0]["stale"].startswith("model code changed") and rows[2]["stale"] == ""
    assert [row["misses"] is None for row in rows] == [True, True, False]
    assert pq.read_table(out / "series.parquet").num_rows == 0
    result = sweep(plan, out)
    assert (result.ran, result.counts) == (2, {"done": 2})
    assert [(out / name).read_bytes() for name in ("runs.parquet", "series.parquet")] == before


def test_everything_is_computed_again_when_forced(tmp_path):
    log = tmp_path / "log"
    plan = fake.grid(2, 1, log=str(log))
    assert sweep(plan, tmp_path / "out").ran == sweep(plan, tmp_path / "out", force=True).ran == 2 and lines(log) == 4


def test_an_old_config_comes_back_without_computing(tmp_path):
    log, out = str(tmp_path / "log"), tmp_path / "out"
    old, new = fake.make_plan([fake.planned(0, log=log)]), fake.make_plan([fake.planned(0, log=log, memory=2 << 30)])
    sweep(old, out)
    assert sweep(new, out, keep_stale=True).counts == {"stale": 1}
    assert sweep(new, out).ran == 1
    assert sweep(old, out).counts == {"done": 1}
    assert lines(Path(log)) == 2


def test_cells_that_are_the_same_run_once_and_fill_all_their_rows(tmp_path):
    log = tmp_path / "log"
    item = fake.planned(0, log=str(log))
    twin = fake.PlannedCell(item.key, {"x": "zero"}, item.cell, item.replicate)
    sweep(fake.make_plan([item, twin]), tmp_path / "out")
    rows = pq.read_table(tmp_path / "out" / "runs.parquet").to_pylist()
    assert lines(log) == 1
    assert [row["x"] for row in rows] == ["0", "zero"] and rows[0]["misses"] == rows[1]["misses"]


def test_tables_have_the_promised_shape(tmp_path):
    plan = fake.make_plan([fake.planned(1, samples=3), fake.planned(0), fake.planned(2, samples=2)])
    sweep(plan, tmp_path)
    runs, series = pq.read_table(tmp_path / "runs.parquet"), pq.read_table(tmp_path / "series.parquet")
    assert runs.column_names == [
        "x",
        "replicate",
        "random",
        "status",
        "error",
        "stale",
        "miss_ratio",
        "misses",
        "outcome",
    ]
    assert runs["x"].to_pylist() == [1, 0, 2]
    assert json.loads(runs.schema.metadata[b"mmrun"]) == {"axes": ["x"], "metrics": ["miss_ratio", "misses", "outcome"]}
    assert series.column_names == ["x", "replicate", "access", "time_ns", "pgfault"]
    assert series["x"].to_pylist() == [1, 1, 1, 2, 2]
    record = Store(tmp_path).get(plan.cells[2].key)
    assert series["pgfault"].to_pylist()[3:] == record.series["pgfault"].tolist()


def test_no_series_is_an_empty_table(tmp_path):
    sweep(fake.grid(1, 1), tmp_path)
    assert pq.read_table(tmp_path / "series.parquet").num_rows == 0


def test_the_manifest_says_what_was_swept(tmp_path):
    trace = tmp_path / "trace"
    trace.write_text("pages")
    sweep(fake.make_plan([fake.planned(0, file=str(trace))]), tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["cells"][0]["axes"] == {"x": 0} and manifest["fingerprint"] == fake.fingerprint()
    assert manifest["traces"][str(trace)] == hashlib.sha256(b"pages").hexdigest()
    assert {"python", "numpy", "numba"} <= manifest["versions"].keys() and manifest["seeds"] == ["mmrun"]


def test_an_interrupt_keeps_what_was_done(tmp_path):
    plan = fake.grid(40, 1, seconds=0.05, log=str(tmp_path / "log"))
    threading.Timer(0.5, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        sweep(plan, tmp_path / "out")
    kept = sum(1 for _ in Store(tmp_path / "out").records())
    assert 0 < kept < 40
    assert sweep(plan, tmp_path / "out").ran == 40 - kept
    assert lines(tmp_path / "log") <= 41


def job(item: fake.PlannedCell, memory: int = 1) -> Job:
    return Job(item.key, item.axes, item.replicate, item.cell, "f", "m", memory)


def test_batches_follow_the_cost_of_cells():
    queue = Queue([job(fake.planned(x)) for x in range(1000)], seconds=2.0)
    assert queue.size(2) == 1
    queue.measured(0.1)
    assert len(queue.take(2).jobs) == 20
    for _ in range(100):
        queue.measured(1e-5)
    assert len(queue.take(1).jobs) == min(979 // 2, LONGEST)
    queue.measured(50.0)
    assert queue.size(2) == 2
    while len(queue) > 8:
        queue.take_one()
    for _ in range(100):
        queue.measured(1e-5)
    assert queue.size(2) == 2  # the last cells are shared among the workers


def test_a_batch_is_of_one_memory_class():
    queue = Queue([job(fake.planned(x), memory=1 + x // 3) for x in range(6)])
    queue.measured(1e-6)
    queue.pending.extend(job(fake.planned(x), memory=9) for x in range(50, 90))
    assert [item.memory for item in queue.take(1).jobs] == [1, 1, 1]


def test_the_guilty_cell_of_a_lost_batch_is_found():
    jobs = [job(fake.planned(x)) for x in range(5)]
    queue = Queue(jobs)
    batch = Batch(tuple(queue.pending), 1)
    queue.pending.clear()
    assert queue.lost(batch, {jobs[0].key}, "crash") == []
    guilty, given_up = jobs[3].key, []
    while queue:
        batch = queue.take(2)
        assert len(batch.jobs) == 1
        if batch.jobs[0].key == guilty:
            given_up += queue.lost(batch, set(), "crash")
    assert [item.key for item in given_up] == [guilty]


@pytest.mark.parametrize(("size", "expected"), [(1, 64), (64, 64), (65, 96), (97, 128), (129, 192), (5000, 6144)])
def test_memory_classes(size, expected):
    assert memory_class(size << 20) == expected << 20


@pytest.mark.parametrize(
    ("column", "expected"),
    [([1, None, 2], [1, None, 2]), ([1, 2.5], [1.0, 2.5]), ([2**63, 1], [2.0**63, 1.0]), ([True, 1], ["True", "1"]),
     ([1, "a", None], ["1", "a", None])],
)  # fmt: skip
def test_columns_have_one_type(column, expected):
    result = uniform(column)
    assert result == expected and list(map(type, result)) == list(map(type, expected))


def test_progress_counts(capsys):
    with Progress(4, live=False) as progress:
        progress.running(2)
        time.sleep(0.01)
        progress.finished(1, 1)
        assert progress.line().startswith("2/4 cells, 2 running, 1 failed, ")
        assert progress.line().endswith(" left")
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("2/4 cells")


def test_compiling_is_told_and_does_not_count_as_time_of_cells(tmp_path, capsys, monkeypatch):
    def warm(cell, progress=None):
        progress("compiling 7 kernels")
        time.sleep(1.5)
        return 1.5

    monkeypatch.setattr(fake, "warm", warm)
    monkeypatch.setattr("mmrun.runner.execute.warm._done", set())
    sweep(fake.grid(10, 1, seconds=0.01), tmp_path)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "compiling 7 kernels"
    rate = float(said[-1].split(", ")[3].removesuffix(" cells/s"))
    assert rate > 10  # ten cells in the time of compiling would be fewer than 7


def test_durations_read_well():
    assert [duration(x) for x in (0, 59.4, 61, 3600, 7500)] == ["0 s", "59 s", "1 min 1 s", "1 h 0 min", "2 h 5 min"]
