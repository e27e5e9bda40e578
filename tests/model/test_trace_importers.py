"""Foreign formats: small files with known contents, and every way of being wrong named with file and line."""

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zstandard

from mmrun.model.trace import TraceError, open_trace
from mmrun.model.trace.importers import import_trace, lackey, oracle_general, page_list
from mmrun.model.trace.table import Columns, CsvReader


def imported(source: Iterator, tmp_path: Path, keep: bool = False) -> list[tuple[int, bool]]:
    """(page, write) of every access after the round through a trace file."""
    import_trace(source, tmp_path / "out.mmt", {}, keep=keep)
    trace = open_trace(tmp_path / "out.mmt")
    return list(zip(trace.page.tolist(), trace.write.tolist(), strict=True))


def stored(tmp_path: Path, name: str, content: bytes | str) -> str:
    """The path of a file with this content, compressed as its name says."""
    raw = content.encode() if isinstance(content, str) else content
    if name.endswith(".zst"):
        raw = zstandard.compress(raw[: len(raw) // 2]) + zstandard.compress(raw[len(raw) // 2 :])
    if name.endswith(".gz"):
        raw = gzip.compress(raw)
    (tmp_path / name).write_bytes(raw)
    return str(tmp_path / name)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_lackey_text(tmp_path, suffix):
    text = "==1== Lackey\n L 00005000,4\n S 00005008,4\nI  00400000,3\n L 00001ffe,4\n M 00005000,4\n"
    path = stored(tmp_path, f"l.txt{suffix}", text)
    assert imported(lackey(path), tmp_path) == [(0, True), (1, False), (2, False), (0, True)]
    with_code = [(0, True), (1, False), (2, False), (3, False), (0, True)]
    assert imported(lackey(path, instructions=True), tmp_path) == with_code
    assert imported(lackey(path, fold=3), tmp_path) == [(0, True), (1, False), (2, False)]
    assert imported(lackey(path), tmp_path, keep=True) == [(5, True), (1, False), (2, False), (5, True)]


@pytest.mark.parametrize("suffix", [".bin", ".zst"])
def test_oracle_general(tmp_path, suffix):
    objects = [7, 2**64 - 1, 7, 0, 12345, 2**64 - 1]
    raw = b"".join(struct.pack("<IQIq", time, name, 4096, -1) for time, name in enumerate(objects))
    path = stored(tmp_path, f"t.oracleGeneral{suffix}", raw)
    assert imported(oracle_general(path), tmp_path) == [(page, False) for page in (0, 1, 0, 2, 3, 1)]


def test_oracle_general_cut_in_a_record(tmp_path):
    path = stored(tmp_path, "t.bin", struct.pack("<IQIq", 0, 1, 1, -1) * 3 + b"12345")
    with pytest.raises(TraceError, match=r"t\.bin: 5 bytes are left after record 3: records are 24 bytes"):
        imported(oracle_general(path), tmp_path)
    assert not (tmp_path / "out.mmt").exists()


def test_oracle_general_agrees_with_struct_over_many_pieces(tmp_path):
    names = np.random.default_rng(1).integers(0, 5_000, 100_000)
    path = stored(tmp_path, "t.bin", b"".join(struct.pack("<IQIq", 0, int(name), 1, -1) for name in names))
    first: dict[int, int] = {}
    assert [p for p, _ in imported(oracle_general(path), tmp_path)] == [
        first.setdefault(name, len(first)) for name in names.tolist()
    ]


def test_page_lists(tmp_path):
    path = stored(tmp_path, "p.txt", "# pages\n10\n 0x1F\r\n\n10\n31\n0X20")
    assert [p for p, _ in imported(page_list(path), tmp_path)] == [0, 1, 0, 1, 2]
    assert [p for p, _ in imported(page_list(path), tmp_path, keep=True)] == [10, 31, 10, 31, 32]
    path = stored(tmp_path, "h.txt", "1f\n0x1F\nff\nAb\n")
    assert [p for p, _ in imported(page_list(path, hexadecimal=True), tmp_path, keep=True)] == [31, 31, 255, 171]


def test_page_lists_longer_than_a_piece(tmp_path):
    pages = np.random.default_rng(1).integers(0, 10**6, 400_000)
    path = stored(tmp_path, "p.txt", "\n".join(map(str, pages.tolist())))
    import_trace(page_list(path), tmp_path / "out.mmt", {}, keep=True)
    assert np.array_equal(open_trace(tmp_path / "out.mmt").page, pages)


@pytest.mark.parametrize("line", ["x", "1f", "-1", "1 2", "0x", "0xfg", "1e3", "9" * 19, "0x" + "1" * 17])
def test_page_lists_name_the_line_that_is_wrong(tmp_path, line):
    path = stored(tmp_path, "p.txt", f"# a comment\n1\n\n2\n{line}\n3\n")
    with pytest.raises(TraceError, match=r"p\.txt:5: expected a page number"):
        imported(page_list(path), tmp_path)


def test_kept_numbers_must_fit_32_bits(tmp_path):
    path = stored(tmp_path, "p.txt", "1\n4294967296\n")
    with pytest.raises(TraceError, match="must fit 32 bits"):
        imported(page_list(path), tmp_path, keep=True)
    assert [p for p, _ in imported(page_list(path), tmp_path)] == [0, 1]


def test_csv_by_name_and_by_index(tmp_path):
    path = stored(tmp_path, "t.csv", "time,op,addr,who\n1,R,0x5000,db\n2,w,20488,web\n3,read,0x1000,db\n")
    reader = CsvReader(path, Columns(address="addr", write="op", task="who"))
    expected = [(0, False), (0, True), (1, False)]
    assert imported(iter(reader), tmp_path) == expected
    assert open_trace(tmp_path / "out.mmt").task.tolist() == [0, 1, 0]
    assert reader.tasks == {"db": 0, "web": 1}
    reader = CsvReader(path, Columns(address="2", write="1", task="3", header=True))
    assert imported(iter(reader), tmp_path) == expected


def test_csv_without_header_and_with_other_delimiter(tmp_path):
    path = stored(tmp_path, "t.csv.gz", "5;1\n\n6;0\n5;0\n")
    assert imported(iter(CsvReader(path, Columns(page="0", write="1", delimiter=";"))), tmp_path, keep=True) == [
        (5, True),
        (6, False),
        (5, False),
    ]


def test_csv_longer_than_a_chunk(tmp_path):
    pages = np.random.default_rng(1).integers(0, 1000, 150_000).tolist()
    path = stored(tmp_path, "t.csv", "page\n" + "\n".join(map(str, pages)))
    assert [p for p, _ in imported(iter(CsvReader(path, Columns(page="page"))), tmp_path, keep=True)] == pages


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1,maybe,1", "t.csv:4: expected r or w"),
        ("1,w", "t.csv:4: the line has 2 columns, column 2 is wanted"),
        ("1,w,1.5", "t.csv:4: expected a number"),
        ("1,w,", "t.csv:4: expected a number"),
        ("1,w,-3", "t.csv:4: expected a number"),
        ("1,w,1_0", "t.csv:4: expected a number"),
        (f"1,w,{1 << 63}", "t.csv:4: expected a number"),
        ('1,w,"3', "t.csv:"),
    ],
)
def test_csv_names_the_line_that_is_wrong(tmp_path, line, says):
    path = stored(tmp_path, "t.csv", f"time,op,page\n1,w,1\n1,r,0x10\n{line}\n")
    with pytest.raises(TraceError, match=says):
        imported(iter(CsvReader(path, Columns(page="page", write="op"))), tmp_path)


def test_csv_columns_that_are_not_there(tmp_path):
    path = stored(tmp_path, "t.csv", "a,b\n1,2\n")
    with pytest.raises(TraceError, match="no column is called 'page'; there are a, b"):
        imported(iter(CsvReader(path, Columns(page="page"))), tmp_path)
    for wrong in ({}, {"page": "a", "address": "b"}, {"page": "a", "delimiter": ""}):
        with pytest.raises(ValueError, match=r"column of the page|delimiter"):
            Columns(**wrong)


@pytest.mark.parametrize("name", ["t.zst", "t.gz"])
def test_compressed_input_that_is_damaged(tmp_path, name):
    (tmp_path / name).write_bytes(b"not compressed at all")
    with pytest.raises(TraceError, match="cannot be read or decompressed"):
        imported(page_list(str(tmp_path / name)), tmp_path)


@pytest.mark.parametrize("name", ["t.zst", "t.gz"])
def test_compressed_input_that_is_cut_off(tmp_path, name):
    path = Path(stored(tmp_path, name, "\n".join(map(str, range(100_000)))))
    assert len(imported(page_list(str(path)), tmp_path)) == 100_000
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TraceError, match="cannot be read or decompressed"):
        imported(page_list(str(path)), tmp_path)


def test_absent_and_empty_input(tmp_path):
    with pytest.raises(TraceError, match="cannot be read"):
        imported(page_list(str(tmp_path / "none")), tmp_path)
    with pytest.raises(TraceError, match="holds no accesses"):
        imported(page_list(stored(tmp_path, "e.txt", "# nothing\n")), tmp_path)
