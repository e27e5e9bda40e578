"""Traces whose checksums are right and whose headers lie: refused in a sentence, before memory is taken for them."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import zstandard

from mmrun.model.files import NotRegular, TooLarge, open_regular, read_regular, refuse_odd_target
from mmrun.model.trace import TraceError, open_trace, read_header, write_trace
from mmrun.model.trace.format import BLOCK, MAGIC, PREAMBLE
from mmrun.model.trace.importers import PIECE, opened
from mmrun.model.trace.info import describe


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> bytes:
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("good") / "t.mmt"
    write_trace(
        path, [(rng.integers(0, 50, 3_000), rng.random(3_000) < 0.3, rng.integers(0, 2, 3_000))], {"by": "test"}
    )
    return path.read_bytes()


def forge(good: bytes, change) -> bytes:
    """The file with another header, its checksum made right."""
    size, offset = PREAMBLE.unpack(good[: PREAMBLE.size])[2:4]
    header = json.loads(good[offset : offset + size])
    change(header)
    raw = json.dumps(header).encode()
    front = PREAMBLE.pack(MAGIC, 1, len(raw), offset, offset + len(raw), hashlib.sha256(raw).digest())
    return front + good[PREAMBLE.size : offset] + raw


VALUES = (10**15, 10**30, -1, 1.5, "x", None, True, [1], {}, 0)
FIELDS = ("npages", "accesses", "writes", "tasks", "page_size", "digest", "made", "sections")
PARTS = ("name", "encoding", "offset", "size", "sha256")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_no_field_of_a_header_is_believed(good, tmp_path, field, value):
    path = tmp_path / "f.mmt"
    path.write_bytes(forge(good, lambda header: header.update({field: value})))
    if (field, value) == ("made", {}):  # the one field in which anything may stand
        assert describe(open_trace(path)).accesses == 3_000
        return
    with pytest.raises(TraceError, match=r"f\.mmt"):
        describe(open_trace(path))


@pytest.mark.parametrize("field", PARTS)
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_no_field_of_a_section_is_believed(good, tmp_path, field, value):
    (tmp_path / "f.mmt").write_bytes(forge(good, lambda header: header["sections"][0].update({field: value})))
    with pytest.raises(TraceError, match=r"f\.mmt"):
        describe(open_trace(tmp_path / "f.mmt"))


def test_deep_and_long_headers_are_refused(good, tmp_path):
    for raw in (b"[" * 100_000, b"{" * 10, b"9" * 5_000, b'{"format": "mmrun trace"}'):
        front = PREAMBLE.pack(MAGIC, 1, len(raw), 64, 64 + len(raw), hashlib.sha256(raw).digest())
        (tmp_path / "f.mmt").write_bytes(front + raw)
        with pytest.raises(TraceError, match=r"f\.mmt"):
            read_header(tmp_path / "f.mmt")


def test_a_claimed_digest_is_no_identity_and_is_found_out(good, tmp_path):
    """Two contents with one digest: the keys of results differ, and a description refuses the lie."""
    (tmp_path / "true.mmt").write_bytes(good)
    write_trace(tmp_path / "other.mmt", [(np.arange(9), np.zeros(9, bool))], {})
    digest = read_header(tmp_path / "true.mmt").digest
    lie = forge((tmp_path / "other.mmt").read_bytes(), lambda header: header.update(digest=digest))
    (tmp_path / "other.mmt").write_bytes(lie)
    assert read_header(tmp_path / "other.mmt").digest == digest
    assert read_header(tmp_path / "other.mmt").identity != read_header(tmp_path / "true.mmt").identity
    with pytest.raises(TraceError, match="forged"):
        describe(open_trace(tmp_path / "other.mmt"))


def test_columns_end_where_the_header_says(tmp_path):
    write_trace(tmp_path / "f.mmt", [(np.arange(3_000) % 7, np.zeros(3_000, bool))], {})
    lie = forge((tmp_path / "f.mmt").read_bytes(), lambda header: header.update(accesses=8))
    (tmp_path / "f.mmt").write_bytes(lie)
    with pytest.raises(TraceError, match="holds more than the header says"):
        list(open_trace(tmp_path / "f.mmt").blocks())


def test_a_task_beyond_the_declared_ones_is_refused(tmp_path):
    write_trace(tmp_path / "t.mmt", [(np.arange(9), np.zeros(9, bool), np.arange(9))], {})
    (tmp_path / "t.mmt").write_bytes(forge((tmp_path / "t.mmt").read_bytes(), lambda header: header.update(tasks=2)))
    with pytest.raises(TraceError, match="none of the 2 tasks"):
        _ = open_trace(tmp_path / "t.mmt").task


def test_a_sparse_address_space_costs_memory_by_the_pages_touched(tmp_path):
    """Four thousand million pages declared, three touched: arrays of the declared size would be 340 GB."""
    write_trace(tmp_path / "t.mmt", [(np.array([5, 2**32 - 1, 5, 9]), np.array([0, 1, 0, 0], bool))], {})
    found = describe(open_trace(tmp_path / "t.mmt"))
    assert (found.npages, found.touched, found.written) == (2**32, 3, 1)
    assert found.misses[1:].tolist() == [4, 3, 3] and found.misses.size == 4


def test_windows_too_small_are_refused(good, tmp_path):
    count = 80 * BLOCK
    write_trace(tmp_path / "t.mmt", [(np.zeros(count, "i8"), np.zeros(count, bool))], {})
    with pytest.raises(ValueError, match="windows of 1 accesses are 5,242,880 rows"):
        describe(open_trace(tmp_path / "t.mmt"), window=1)


def test_a_writer_makes_nothing_that_a_reader_refuses(tmp_path):
    with pytest.raises(ValueError, match="more than a trace can number"):
        write_trace(tmp_path / "t.mmt", [(np.arange(5), np.zeros(5, bool))], {}, npages=2**40)
    assert not list(tmp_path.iterdir())


def test_a_bomb_of_zstd_comes_in_bounded_pieces(tmp_path):
    """200 MB of the same digit in one line, some ten kilobytes compressed."""
    (tmp_path / "bomb.zst").write_bytes(zstandard.ZstdCompressor().compress(b"7" * 200_000_000))
    sizes = []
    with opened(str(tmp_path / "bomb.zst")) as read:
        while piece := read():
            sizes.append(len(piece))
    assert sum(sizes) == 200_000_000 and max(sizes) <= 65 * PIECE


def odd_files(folder: Path) -> dict[str, Path]:
    (folder / "file").write_bytes(b"x")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "link").symlink_to(folder / "file")
    return {path.name: path for path in folder.iterdir()} | {"device": Path("/dev/zero")}


def test_only_regular_files_are_read(tmp_path):
    odd = odd_files(tmp_path)
    assert read_regular(odd["file"], 1) == read_regular(odd["link"], 1) == b"x"
    for name, says in (("folder", "a directory"), ("pipe", "a pipe"), ("device", "a device")):
        with pytest.raises(NotRegular, match=f"it is {says}, not a regular file"):
            open_regular(odd[name])
        with pytest.raises(TraceError, match=f"cannot be read: it is {says}"):
            read_header(odd[name])
    for name in (odd["loop"], "a\0b", "\ud800", tmp_path / "absent", tmp_path / ("x" * 5_000)):
        with pytest.raises(OSError):
            open_regular(name)
    with pytest.raises(TooLarge, match="larger than 0 bytes"):
        read_regular(odd["file"], 0)


def test_only_regular_files_are_replaced(tmp_path):
    odd = odd_files(tmp_path)
    refuse_odd_target(odd["file"])
    refuse_odd_target(tmp_path / "absent")
    for name in ("folder", "pipe", "device", "loop", "link"):
        with pytest.raises(NotRegular):
            refuse_odd_target(odd[name])
        with pytest.raises(TraceError, match="cannot be written"):
            write_trace(odd[name], [(np.arange(5), np.zeros(5, bool))], {})
    assert odd["file"].read_bytes() == b"x" and odd["link"].is_symlink() and odd["pipe"].is_fifo()
    with pytest.raises(TraceError, match="cannot be written"):
        write_trace(tmp_path / ".", [], {})
