"""Records are read once a command at most, and not at all while their files are as the last sweep knew them."""

import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mmrun.runner.execute.execute import Options, Result, run_sweep
from mmrun.runner.store import index
from mmrun.runner.store.records import decode, encode
from mmrun.runner.store.shelf import CHUNK, Shelf
from mmrun.runner.store.store import Store
from tests.runner import execute_fake as fake
from tests.runner.test_execute_store import record

PLAN = fake.grid(3, 2, samples=2)
TABLES = ("runs.parquet", "series.parquet")


def sweep(out: Path, plan=PLAN, **options) -> Result:
    warnings: list[str] = []
    return run_sweep(plan, out, Options(executor="local", api=fake.__name__, **options), warnings.append)


@pytest.fixture
def reads(monkeypatch) -> list[Path]:
    """Files of records that are read."""
    found: list[Path] = []
    real = Store.raw
    monkeypatch.setattr(Store, "raw", lambda store, path: found.append(path) or real(store, path))
    return found


@pytest.fixture
def out(tmp_path: Path, monkeypatch) -> Path:
    """A swept directory, long after its records were written."""
    monkeypatch.setattr(index, "TICK", -index.TICK)
    assert sweep(tmp_path / "out").ran == 6
    return tmp_path / "out"


def test_nothing_is_read_that_has_not_changed_and_nothing_twice(out: Path, reads: list[Path]):
    """But for samples, which are read when their table is written."""
    before = [(out / name).read_bytes() for name in TABLES]
    assert sweep(out).ran == 0 and not reads
    one = Store(out).path(PLAN.cells[1].key)
    os.utime(one, ns=(1, 1))
    assert sweep(out).ran == 0 and reads == [one]
    for lost, times in (("index.json", 1), ("runs.parquet", 2)):
        reads.clear()
        (out / lost).unlink()
        assert sweep(out).ran == 0 and {reads.count(path) for path in Store(out).paths()} == {times}
    Store(out).path(PLAN.cells[4].key).unlink()
    reads.clear()
    assert sweep(out).ran == 1 and max(map(reads.count, reads)) == 2
    assert [(out / name).read_bytes() for name in TABLES] == before


@pytest.mark.parametrize("how", ["in place, times set back", "replaced", "torn"])
def test_a_record_that_changed_is_seen(out: Path, how: str):
    """Also where size and time of its contents are as before."""
    item = PLAN.cells[2]
    path = Store(out).path(item.key)
    there = path.stat()
    old = decode(path.read_bytes())
    data = encode(record(item, metrics=old.metrics | {"misses": old.metrics["misses"] ^ 1}, series=old.series))
    if how == "torn":
        path.write_bytes(path.read_bytes()[:-1])
    elif how == "replaced":
        Store(out).put([(item.key, data)])
    else:
        with open(path, "r+b") as file:
            file.write(data)
            file.truncate()
        os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns))
    assert sweep(out, keep_stale=True).ran == (how == "torn")
    rows = pq.read_table(out / "runs.parquet").to_pylist()
    assert rows[2]["misses"] == old.metrics["misses"] ^ (how != "torn") and rows[2]["status"] == "ok"


@pytest.mark.parametrize("text", [b"", b"0\n[]", b'{"a": 1}', None])
def test_a_torn_index_is_no_index(out: Path, reads: list[Path], text: bytes | None):
    whole = (out / "index.json").read_bytes()
    (out / "index.json").write_bytes(whole[:-2] if text is None else text)
    assert sweep(out).ran == 0 and len(reads) == 6
    assert (out / "index.json").read_bytes() == whole


def test_the_index_of_a_copy_is_worth_nothing(out: Path, tmp_path: Path, reads: list[Path]):
    shutil.copytree(out, tmp_path / "copy")
    assert sweep(tmp_path / "copy").ran == 0 and len(reads) == 6


def test_what_was_just_written_is_read_again(tmp_path: Path, reads: list[Path]):
    """Another change in the same tick of the clock could not be told."""
    sweep(tmp_path)
    assert index.load(tmp_path) == {}
    reads.clear()
    assert sweep(tmp_path).ran == 0 and len(reads) == 6


def test_metrics_of_many_records_come_back_exactly(tmp_path: Path):
    """Also big, fractional and missing ones, and of records whose names differ."""
    values = [{"n": 2**60 + 1, "x": 0.1}, {"n": 7}, {"x": 3, "text": "a"}, {"n": -1, "x": 2**70}, {}]
    items = [fake.planned(number) for number in range(len(values))]
    store = Store(tmp_path)
    store.put((item.key, encode(record(item, metrics=found))) for item, found in zip(items, values, strict=True))
    shelf = Shelf(store, [item.key for item in items], metrics=True)
    table = shelf.table([None, *(item.key for item in items)])
    assert table["n"].to_pylist() == [None, 2**60 + 1, 7, None, -1, None]
    assert table["x"].to_pylist() == [None, 0.1, None, 3.0, float(2**70), None]
    assert table["text"].to_pylist() == [None, None, None, "a", None, None]
    late = Shelf(store, [item.key for item in items])
    assert late.table([item.key for item in items])["x"].to_pylist() == table["x"].to_pylist()[1:] and CHUNK > 1
