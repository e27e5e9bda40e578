"""The trace file: what goes in comes out, whatever the encoding; what is damaged is refused."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmrun.model.trace import TraceError, TraceWriter, open_trace, read_header, write_trace
from mmrun.model.trace.format import ALIGN, BLOCK, ENCODINGS, PREAMBLE, decode_block, encode_block

SHARED_FOLDER = [HealthCheck.function_scoped_fixture]


def columns(seed: int, count: int, npages: int, tasks: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, npages, count), rng.random(count) < 0.3, rng.integers(0, tasks, count)


def same(path: Path, page: np.ndarray, write: np.ndarray, task: np.ndarray | None) -> bool:
    """Whether the file holds exactly this, both read whole and read in blocks."""
    trace = open_trace(path)
    blocks = list(trace.blocks())
    assert all(block[0].size == BLOCK for block in blocks[:-1])
    assert (trace.page.dtype, trace.write.dtype) == (np.uint32, np.bool_) or page.size == 0
    if task is None:
        assert trace.task is None and all(block[2] is None for block in blocks)
    else:
        assert trace.task is not None and np.array_equal(trace.task, task)
        assert np.array_equal(np.concatenate([block[2] for block in blocks]), task)
    whole = np.array_equal(trace.page, page) and np.array_equal(trace.write, write)
    parts = [np.concatenate([block[k] for block in blocks]) if blocks else np.zeros(0) for k in (0, 1)]
    return whole and np.array_equal(parts[0], page) and np.array_equal(parts[1], write)


@settings(max_examples=30, deadline=None, suppress_health_check=SHARED_FOLDER)
@given(
    seed=st.integers(0, 2**32),
    count=st.one_of(st.integers(0, 300), st.integers(BLOCK - 3, BLOCK + 3), st.integers(4 * BLOCK, 5 * BLOCK)),
    npages=st.sampled_from([1, 300, 70_000, 2**32]),
    tasks=st.sampled_from([1, 5, 700]),
    piece=st.sampled_from([1_000, BLOCK, 10**6]),
    raw=st.booleans(),
)
def test_what_goes_in_comes_out(tmp_path, seed, count, npages, tasks, piece, raw):
    page, write, task = columns(seed, count, npages, tasks)
    cuts = [slice(start, start + piece) for start in range(0, count, piece)]
    header = write_trace(tmp_path / "t.mmt", [(page[c], write[c], task[c]) for c in cuts], {"note": "x"}, raw=raw)
    several = count > 0 and int(task.max()) > 0
    assert same(tmp_path / "t.mmt", page, write, task if several else None)
    assert header.accesses == count and header.writes == write.sum()
    assert header.npages == (int(page.max()) + 1 if count else 0)
    assert open_trace(tmp_path / "t.mmt").meta == {"note": "x"}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("dtype", ["u1", "<u2", "<u4"])
def test_encodings_are_inverses(encoding, dtype):
    values = np.random.default_rng(1).integers(0, 2 ** (8 * np.dtype(dtype).itemsize), 1_001, dtype=dtype)
    assert np.array_equal(decode_block(encode_block(values, encoding), np.dtype(dtype), encoding), values)


def test_the_encoding_is_chosen_by_size(tmp_path):
    count = 200_000
    shapes = {
        "zstd+delta": np.arange(count) * 3,
        "zstd": np.tile(np.random.default_rng(1).integers(0, 2**32, 50), count // 50),
        "zstd+planes": np.random.default_rng(1).integers(0, 1 << 16, count),
        "raw": np.random.default_rng(1).integers(0, 1 << 32, count),
    }
    for encoding, page in shapes.items():
        header = write_trace(tmp_path / "t.mmt", [(page, np.zeros(count, bool))], {})
        assert header.sections["page"].encoding == encoding
        assert same(tmp_path / "t.mmt", page, np.zeros(count, bool), None)


def test_the_digest_is_of_the_content_not_of_the_encoding(tmp_path):
    page, write, task = columns(1, 100_000, 500, 2)
    digests = set()
    for number, options in enumerate(({}, {"raw": True}, {"level": 1})):
        digests.add(write_trace(tmp_path / f"{number}.mmt", [(page, write, task)], {"n": number}, **options).digest)
    assert len(digests) == 1
    flipped = write.copy()
    flipped[77] = ~flipped[77]
    other = [
        write_trace(tmp_path / "o.mmt", [(page, flipped, task)], {}).digest,
        write_trace(tmp_path / "o.mmt", [(page, write)], {}).digest,
        write_trace(tmp_path / "o.mmt", [(page, write, task)], {}, npages=501).digest,
    ]
    assert len(set(other) | digests) == 4


def test_raw_pages_are_mapped_and_sections_aligned(tmp_path):
    page, write, _ = columns(1, 70_000, 500)
    header = write_trace(tmp_path / "t.mmt", [(page, write)], {}, raw=True)
    assert isinstance(open_trace(tmp_path / "t.mmt").page, np.memmap)
    assert all(section.offset % ALIGN == 0 for section in header.sections.values())


def test_an_open_trace_travels_without_its_columns(tmp_path):
    page, write, _ = columns(1, 70_000, 500)
    write_trace(tmp_path / "t.mmt", [(page, write)], {}, raw=True)
    trace = open_trace(tmp_path / "t.mmt")
    assert np.array_equal(trace.page, page)
    sent = pickle.dumps(trace)
    assert len(sent) < 4_000 and np.array_equal(pickle.loads(sent).page, page)


def test_byte_layout_is_as_documented(tmp_path):
    """Reads a raw trace with nothing but the document's offsets."""
    page, write, _ = columns(1, 1_000, 500)
    write_trace(tmp_path / "t.mmt", [(page, write)], {}, raw=True)
    raw = (tmp_path / "t.mmt").read_bytes()
    assert raw[:8] == b"\x89MMT\r\n\x1a\n" and int.from_bytes(raw[8:12], "little") == 1
    size, offset = int.from_bytes(raw[12:16], "little"), int.from_bytes(raw[16:24], "little")
    assert int.from_bytes(raw[24:32], "little") == len(raw)
    assert hashlib.sha256(raw[offset : offset + size]).digest() == raw[32:64]
    assert np.array_equal(np.frombuffer(raw, "<u4", 1_000, offset=64), page)
    bits = np.frombuffer(raw, "u1", 125, offset=64 + 4_032)
    assert np.array_equal(bits[np.arange(1_000) // 8] >> (np.arange(1_000) % 8) & 1, write)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """A compressed and a raw two-task trace: bytes and contents."""
    folder, page_write_task = tmp_path_factory.mktemp("samples"), columns(3, 3_000, 400, 2)
    for name, raw in (("packed", False), ("raw", True)):
        write_trace(folder / f"{name}.mmt", [page_write_task], {"made": "here"}, raw=raw)
    return {name: (folder / f"{name}.mmt").read_bytes() for name in ("packed", "raw")}, page_write_task


@pytest.mark.parametrize("name", ["packed", "raw"])
@settings(max_examples=150, deadline=None, suppress_health_check=SHARED_FOLDER)
@given(data=st.data())
def test_a_flipped_byte_is_refused_or_harmless(samples, tmp_path, name, data):
    good, contents = samples[0][name], samples[1]
    at = data.draw(st.one_of(st.integers(0, PREAMBLE.size - 1), st.integers(0, len(good) - 1)))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))
    (tmp_path / "bad.mmt").write_bytes(bad)
    try:
        harmless = same(tmp_path / "bad.mmt", *contents)
    except TraceError as error:
        assert "bad.mmt" in str(error)
    else:
        assert harmless and is_padding(good, at)


def is_padding(good: bytes, at: int) -> bool:
    """Whether no section, nor header, nor preamble covers a byte."""
    from io import BytesIO

    from mmrun.model.trace.header import _read_header

    header = _read_header(BytesIO(good), len(good))
    size, offset = PREAMBLE.unpack(good[: PREAMBLE.size])[2:4]
    covered = [(0, PREAMBLE.size), (offset, size), *((s.offset, s.size) for s in header.sections.values())]
    return not any(start <= at < start + length for start, length in covered)


@pytest.mark.parametrize("name", ["packed", "raw"])
def test_every_truncation_and_extension_is_refused(samples, tmp_path, name):
    good = samples[0][name]
    for length in [*range(130), *range(130, len(good), 97), len(good) - 1]:
        (tmp_path / "cut.mmt").write_bytes(good[:length])
        with pytest.raises(TraceError, match=r"cut\.mmt"):
            open_trace(tmp_path / "cut.mmt")
    (tmp_path / "cut.mmt").write_bytes(good + b"x")
    with pytest.raises(TraceError, match="truncated or damaged"):
        open_trace(tmp_path / "cut.mmt")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "does not start as"),
        (b"PK\x03\x04 a zip", "mmrun trace import"),
        (b"\x89MMT\r\n\x1a\n" + bytes(10), "cut off"),
        (b"\x89MMT\r\n\x1a\n" + (9).to_bytes(4, "little") + bytes(100), "version 9"),
    ],
)
def test_foreign_files_are_refused_in_a_sentence(tmp_path, content, says):
    (tmp_path / "f.mmt").write_bytes(content)
    with pytest.raises(TraceError, match=says):
        open_trace(tmp_path / "f.mmt")


def test_absent_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path / "none.mmt", tmp_path):
        with pytest.raises(TraceError, match="cannot be read"):
            read_header(path)
    with pytest.raises(TraceError, match="cannot be written"):
        write_trace(tmp_path / "no" / "t.mmt", [], {})


def forged(path: Path, page: np.ndarray, **changes) -> None:
    """A well-formed file, checksums and all, whose header tells something untrue."""
    from dataclasses import replace

    writer = TraceWriter(path, {}, raw=True)
    writer.append(page, page > 0)
    seal = writer._seal
    writer._seal = lambda header: seal(replace(header, **changes))
    writer.close()


def test_pages_outside_the_declared_footprint_are_refused(tmp_path):
    forged(tmp_path / "f.mmt", np.arange(10), npages=5)
    with pytest.raises(TraceError, match="outside the 5 pages"):
        _ = open_trace(tmp_path / "f.mmt").page
    with pytest.raises(TraceError, match="outside the 5 pages"):
        list(open_trace(tmp_path / "f.mmt").blocks())


@pytest.mark.parametrize("change", [{"accesses": 11}, {"accesses": -1}, {"npages": 1 << 40}, {"tasks": "two"}])
def test_headers_that_make_no_sense_are_refused(tmp_path, change):
    forged(tmp_path / "f.mmt", np.arange(10), **change)
    with pytest.raises(TraceError, match="not a usable trace"):
        open_trace(tmp_path / "f.mmt")


def test_a_failed_writer_leaves_nothing_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "t.mmt"
    write_trace(path, [(np.arange(5), np.zeros(5, bool))], {})
    before = path.read_bytes()

    def broken():
        yield np.arange(9), np.zeros(9, bool)
        raise RuntimeError("broken source")

    with pytest.raises(RuntimeError, match="broken source"):
        write_trace(path, broken(), {})
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("page", "write", "task"),
    [([-1], [False], 0), ([1 << 32], [False], 0), ([1], [False], 1 << 16), ([1, 2], [False], 0), ([[1]], [[True]], 0)],
)
def test_values_out_of_range_are_refused(tmp_path, page, write, task):
    with pytest.raises(ValueError, match="must"):
        write_trace(tmp_path / "t.mmt", [(np.array(page), np.array(write), task)], {})
    assert not list(tmp_path.iterdir())
