"""A results directory from a stranger: nothing in it stops a command, takes memory, or leads writing elsewhere."""

import hashlib
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from mmrun.runner.report.report import ReportError, rebuild_report
from mmrun.runner.store import index, made
from mmrun.runner.store.manifest import DamagedManifest, read_manifest
from mmrun.runner.store.records import MAGIC, DamagedRecord, Record, decode, encode
from mmrun.runner.store.store import Store
from mmrun.runner.store.table_file import read_table

GOOD = Record(
    key="ab" * 10, axes={"a": 1}, replicate=0, status="ok", metrics={"outcome": "ok", "misses": 3}, fingerprint="f",
    model="m", cell={"kernel": "6.18"}, provenance={"finished": 1.0}, series={"time_ns": np.arange(5), "x": np.ones(5)},
)  # fmt: skip


def sealed(body: bytes) -> bytes:
    """A record's file with this payload, length and checksum right."""
    payload = zstandard.ZstdCompressor().compress(body)
    return MAGIC + f"{hashlib.sha256(payload).hexdigest()} {len(payload)}\n".encode() + payload


def forged(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The good record with another head."""
    data = encode(GOOD)
    body = zstandard.ZstdDecompressor().decompress(data[data.index(b"\n") + 1 :])
    size = int.from_bytes(body[:8], "little")
    head = json.loads(body[8 : 8 + size])
    changed = change(head)
    text = json.dumps(head if changed is None else changed).encode()
    return sealed(len(text).to_bytes(8, "little") + text + body[8 + size :])


ODD = (None, 5, 1.5, "x", [1], {"a": [1]}, {"a": {}}, True, -1, 10**30)
LAWFUL = {("replicate", 5), ("replicate", 10**30), ("error", "x"), ("axes", True)}


@pytest.mark.parametrize("field", list(GOOD.__dataclass_fields__))
@pytest.mark.parametrize("value", ODD, ids=str)
def test_every_field_has_its_type(field, value):
    inside = ("status", "series", "axes", "metrics", "kills", "death", "changes")  # what is in them matters, too
    same_type = type(value) is type(getattr(GOOD, field)) and field not in inside
    data = forged(lambda head: head.update({field: value}))
    for series in (False, True):
        if same_type and value != -1:
            assert getattr(decode(data, series=series), field) == value
        else:
            with pytest.raises(DamagedRecord):
                decode(data, series=series)


@pytest.mark.parametrize(
    "columns",
    [
        [["x", "O", 5]], [["x", "S3", 1]], [["x", "<i8", 10**12]], [["x", "<i8", -1]], "x", [["x", "i8,i8", 5]],
        [["x", "(9,)i8", 5]], [["x", ["<i8"], 5]], [["x", "<i8", 5], ["y", "<i8", 6]], [[5, "<i8", 5]], [["x", "<i8"]],
        [["x", "<i8", 5.0]], [["x", "<i8", True]], [5], {"x": 1}, [["x", "<f8", 1 << 26], ["y", "<f8", 1 << 27]],
    ],
)  # fmt: skip
def test_no_series_is_believed_even_where_it_is_not_read(columns):
    for series in (False, True):
        with pytest.raises(DamagedRecord):
            decode(forged(lambda head: head.update(series=columns)), series=series)


def test_a_series_that_is_not_there_ends_the_record():
    with pytest.raises(DamagedRecord, match=r"ends .* bytes early"):
        decode(forged(lambda head: head.update(series=[["x", "<f8", 1 << 26]])))


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head.update(metrics={"misses": "abc"}), lambda head: head.update(metrics={"outcome": 5}),
        lambda head: head.update(provenance={"finished": "yesterday"}), lambda head: head.update(zzz=5),
        lambda head: head.update(provenance={"finished": float("nan")}), lambda head: head.pop("fingerprint") and None,
        lambda head: head.update(provenance={"cpu_seconds": 1e300}), lambda head: [head], lambda head: 5,
    ],
)  # fmt: skip
def test_forged_heads_are_damage(change):
    with pytest.raises(DamagedRecord):
        decode(forged(change), series=False)


BODIES = {
    "empty": b"",
    "short": b"1234",
    "list": (2).to_bytes(8, "little") + b"[]",
    "huge": (1 << 62).to_bytes(8, "little"),
    "early": (9).to_bytes(8, "little") + b"{}",
    "deep": (200_000).to_bytes(8, "little") + b"[" * 200_000,
    "digits": (5_000).to_bytes(8, "little") + b"9" * 5_000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_bodies_that_are_no_record(body):
    with pytest.raises(DamagedRecord):
        decode(sealed(body))


def test_a_checksum_does_not_make_it_zstd():
    data = b"notzstd" * 20
    with pytest.raises(DamagedRecord, match="not compressed as it should be"):
        decode(MAGIC + f"{hashlib.sha256(data).hexdigest()} {len(data)}\n".encode() + data)


def test_a_bomb_takes_no_memory():
    """Two gigabytes of zeros in sixty kilobytes: only what a record may have is unpacked."""
    packer = zstandard.ZstdCompressor().compressobj()
    parts = [packer.compress((10).to_bytes(8, "little"))]
    parts += [packer.compress(bytes(1 << 24)) for _ in range(128)] + [packer.flush()]
    payload = b"".join(parts)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DamagedRecord):
        decode(MAGIC + f"{hashlib.sha256(payload).hexdigest()} {len(payload)}\n".encode() + payload)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


def test_what_is_too_large_to_be_read_is_not_written(monkeypatch):
    monkeypatch.setattr("mmrun.runner.store.records.MOST_SERIES", 79)
    with pytest.raises(ValueError, match="a record has room for a series of 0 MiB: sample less often"):
        encode(GOOD)


def test_control_characters_of_an_error_do_not_get_in():
    data = forged(lambda head: head.update(status="failed", error="a\x1b[31m\nb"))
    assert decode(data, series=False).error == "a\\x1b[31m\\nb"


@pytest.fixture
def store(tmp_path: Path) -> tuple[Store, list[str]]:
    said: list[str] = []
    store = Store(tmp_path / "out", said.append)
    with store.locked():
        store.put([(GOOD.key, encode(GOOD))])
    return store, said


BAD: dict[str, Callable[[Path], Any]] = {
    "directory": Path.mkdir,
    "pipe": os.mkfifo,
    "loop": lambda path: path.symlink_to(path),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "bytes": lambda path: path.write_bytes(b"x\x1b"),
    "list": lambda path: path.write_bytes(forged(lambda head: [])),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_record_is_named_and_the_rest_goes_on(kind, store):
    store, said = store
    path = store.path("abcd")
    BAD[kind](path)
    assert [record.key for record in store.records()] == [GOOD.key]
    assert len(said) == 1 and said[0].startswith(f"{path}: damaged record, treated as missing")


LINKS = ("lock", "cells", "cells/ab")


@pytest.mark.parametrize("name", LINKS)
def test_no_link_is_followed_to_write(name, store, tmp_path):
    store, _ = store
    victim = tmp_path / "victim"
    place = store.out / name
    if place.is_dir():
        place.rename(victim)
        (victim / "..precious.tmp").write_text("precious")
    else:
        place.unlink()
        victim.write_text("precious")
    place.symlink_to(victim)
    before = {path: path.read_bytes() for path in [victim, *victim.rglob("*")] if path.is_file()}
    with pytest.raises(OSError, match="a symbolic link"), store.locked():
        store.put([(GOOD.key, encode(GOOD))])
    assert {path: path.read_bytes() for path in [victim, *victim.rglob("*")] if path.is_file()} == before


@pytest.mark.parametrize("name", ["manifest.json", ".manifest.json.PID.tmp"])
def test_links_in_the_place_of_files_are_replaced(name, store, tmp_path):
    store, _ = store
    (tmp_path / "victim").write_text("precious")
    (store.out / name.replace("PID", str(os.getpid()))).symlink_to(tmp_path / "victim")
    store.write_manifest({"name": "x", "cells": [], "fingerprint": ""})
    assert (tmp_path / "victim").read_text() == "precious"
    assert json.loads((store.out / "manifest.json").read_text())["name"] == "x"
    assert not (store.out / "manifest.json").is_symlink()


LOCKS: dict[str, Callable[[Path], Any]] = {name: BAD[name] for name in ("directory", "pipe", "device")}


@pytest.mark.parametrize("kind", [*LOCKS, "garbage"])
def test_a_lock_of_another_kind_has_no_holder(kind, store):
    store, _ = store
    path = store.out / "lock"
    path.unlink()
    LOCKS.get(kind, lambda path: path.write_bytes(b"\xff{"))(path)
    assert store.holder() is None


def test_notes_and_index_lead_nowhere_else(tmp_path):
    """`made.json` that names files outside, and either of them a pipe: neither is followed nor waited for."""
    (tmp_path / "out").mkdir()
    for outside in ("/dev/zero", "../victim"):
        note = {"of": f"{made.code()} x", "files": {outside: ""}}
        (tmp_path / "out" / "made.json").write_text(json.dumps({"tables": note}))
        assert made.Made(tmp_path / "out").fresh("tables", "x") is None
    (tmp_path / "out" / "made.json").unlink()
    for name in ("made.json", "index.json"):
        os.mkfifo(tmp_path / "out" / name)
    assert made.Made(tmp_path / "out").notes == {} and index.load(tmp_path / "out") == {}


MANIFESTS = (
    "", "[]", "5", "null", '{"name": 5}', '{"cells": 5}', '{"cells": [1]}', '{"cells": [{"x": 1}]}', "[" * 100_000,
    '{"report": 5}', '{"description": 5}', "9" * 5_000, '{"cells": [{"key": 1, "axes": {}}]}',
)  # fmt: skip


@pytest.mark.parametrize("text", MANIFESTS, ids=lambda text: text[:30])
def test_manifests_that_are_none(text, tmp_path):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DamagedManifest):
        read_manifest(tmp_path / "manifest.json")
    with pytest.raises(ReportError, match=r"manifest\.json: damaged"):
        rebuild_report(tmp_path)
    said: list[str] = []
    assert Store(tmp_path, said.append).manifest() is None and "damaged manifest" in said[0]


@pytest.mark.parametrize("report", [{"tables": 5}, {"tables": None}, {"tables": [{"zzz": 1}]}, {"labels": [1]}])
def test_report_blocks_that_are_none(report, tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "x", "report": report}))
    with pytest.raises(ReportError, match="its report block is damaged"):
        rebuild_report(tmp_path)


METADATA = (
    {},
    {"mmrun": "{"},
    {"mmrun": "[]"},
    {"mmrun": '{"axes": 5}'},
    {"mmrun": '{"axes": ["nope"]}'},
    {"mmrun": "[" * 99_999},
)


@pytest.mark.parametrize("metadata", METADATA, ids=lambda metadata: str(metadata)[:30])
def test_tables_that_are_none(metadata, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    good = pa.table({"a": [1, 2], "replicate": [0, 1]})
    parquet.write_table(good.replace_schema_metadata({"mmrun": '{"axes": ["a"]}'}), tmp_path / "good.parquet")
    assert read_table(tmp_path / "good.parquet")[1] == ["a"]
    parquet.write_table(good.replace_schema_metadata(metadata), tmp_path / "runs.parquet")
    with pytest.raises(ValueError, match=r"runs\.parquet: no results of a sweep"):
        read_table(tmp_path / "runs.parquet")
    for data in (b"", b"PAR1" * 9, (tmp_path / "good.parquet").read_bytes()[:-20]):
        (tmp_path / "runs.parquet").write_bytes(data)
        with pytest.raises(ValueError, match="no results of a sweep"):
            read_table(tmp_path / "runs.parquet")
    (tmp_path / "runs.parquet").unlink()
    os.mkfifo(tmp_path / "runs.parquet")
    with pytest.raises(OSError, match="a pipe"):
        read_table(tmp_path / "runs.parquet")
