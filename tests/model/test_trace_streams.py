"""The steps of making and describing a trace, each against a plain reference: parsing, folding, numbering, reuse."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.model.trace import TraceError, open_trace, write_trace
from mmrun.model.trace.dense import Numbering
from mmrun.model.trace.fold import Folder
from mmrun.model.trace.info import describe
from mmrun.model.trace.lackey import accesses
from mmrun.model.trace.reuse import ReuseDistances

ACCESSES = st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=200)


def pieces(text: bytes, size: int):
    """A reader of `text` in pieces of `size` bytes."""
    parts = iter([text[start : start + size] for start in range(0, len(text), size)])
    return lambda: next(parts, b"")


def parsed(text: bytes, size: int = 1 << 20, instructions: bool = False) -> list[tuple[int, bool]]:
    chunks = accesses(pieces(text, size), "t", instructions)
    return [(int(p), bool(w)) for page, write in chunks for p, w in zip(page, write, strict=True)]


LACKEY = b"""==17== Lackey, an example Valgrind tool
==17==
I  0401ab70,3
 S 1fff000ffc,8
 L 04222c60,8
--17-- a warning
 M 0422a000,4
I  04000fff,2
 L 0ffffffffffff000,16
"""


def test_lackey_lines_become_page_accesses():
    data = [(0x1FFF000, True), (0x1FFF001, True), (0x4222, False), (0x422A, True), (0x0FFFFFFFFFFFF, False)]
    for size in (1, 7, 64, 1 << 20):
        assert parsed(LACKEY, size) == data
    fetched = [(0x401A, False), *data[:4], (0x4000, False), (0x4001, False), data[4]]
    assert parsed(LACKEY, instructions=True) == fetched
    assert parsed(LACKEY.rstrip(b"\n")) == data
    assert parsed(b"") == []


@pytest.mark.parametrize(
    "line",
    [b" X 04222c60,8", b" L 04222c6g,8", b" L ,8", b" L 04222c60", b" L 04222c60,", b" L 04222c60,0", b"L 04222c60,8",
     b" L 04222c60,8x", b" L 11112222333344445,8", b" L 04222c60,99999", b"hello world", b"\xff\xfe\x00", b" "],
)  # fmt: skip
@pytest.mark.parametrize("size", [5, 1 << 20])
def test_lines_that_are_not_lackeys_are_refused_with_their_number(line, size):
    with pytest.raises(TraceError, match=r"^t:4: expected a line such as"):
        parsed(b" L 04222c60,8\n==1==\n\n" + line + b"\n", size)


def test_text_without_lines_does_not_fill_memory():
    with pytest.raises(TraceError, match="does not end"):
        parsed(b"x" * 200_000, 1 << 16)


def folded_plainly(stream: list[tuple[int, bool]], window: int) -> Iterator[list]:
    """The definition in `mmrun.model.trace.fold`, with lists."""
    recent: list[int] = []
    written: dict[int, bool] = {}
    used: dict[int, int] = {}
    noted: dict[int, int] = {}
    records: list[list] = []
    for time, (page, write) in enumerate(stream):
        used_before, used[page] = dict(used), time
        if page not in recent:
            for other in recent[:-1] if len(recent) == window else ():
                if noted[other] < noted[recent[-1]]:
                    noted[other] = used_before[other]
                    records.append([noted[other], other, False])
            records = sorted(records, key=lambda record: record[0])
        if page not in recent or (write and not written[page]):
            if page in recent and records[-1][1] == page:
                records[-1][2] = True
            else:
                records.append([time, page, write])
                noted[page] = time
            written[page] = write
        recent = [page, *(other for other in recent if other != page)][:window]
    yield from ([page, write] for _, page, write in records)


def folded(stream: list[tuple[int, bool]], window: int, piece: int) -> list[list]:
    folder, out = Folder(window), []
    for start in range(0, len(stream), piece):
        page, write = zip(*stream[start : start + piece], strict=True)
        out.append(folder.fold(np.array(page, dtype=np.int64), np.array(write)))
    out.append(folder.finish())
    return [[int(p), bool(w)] for page, write in out for p, w in zip(page, write, strict=True)]


@settings(max_examples=100, deadline=None)
@given(stream=ACCESSES, window=st.integers(1, 6), piece=st.sampled_from([1, 3, 1000]))
def test_folding_is_as_defined_in_any_chunking(stream, window, piece):
    assert folded(stream, window, piece) == list(folded_plainly(stream, window))


@settings(max_examples=50, deadline=None)
@given(stream=ACCESSES, window=st.integers(1, 6))
def test_folding_twice_is_folding_with_the_wider_window(stream, window):
    once = [(page, write) for page, write in folded(stream, 1, 1000)]
    assert folded(once, window, 1000) == folded(stream, window, 1000)


def test_window_one_merges_runs_and_keeps_their_writes():
    stream = [(1, False), (1, True), (1, False), (2, False), (2, False), (1, False), (1, True)]
    assert folded(stream, 1, 2) == [[1, True], [2, False], [1, True]]


@pytest.mark.parametrize("window", [0, -1, 1025])
def test_impossible_windows_are_refused(window):
    with pytest.raises(ValueError, match="fold window"):
        Folder(window)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=200), st.integers(0, 30))
def test_numbers_follow_first_appearance(keys, repeats):
    keys = keys + keys[:repeats]
    numbering = Numbering()
    first: dict[int, int] = {}
    expected = [first.setdefault(key, len(first)) for key in keys]
    half = len(keys) // 2
    found = [*numbering.number(np.array(keys[:half], np.uint64)), *numbering.number(np.array(keys[half:], np.uint64))]
    assert found == expected and numbering.count == len(first)


def test_numbering_survives_growth():
    keys = np.random.default_rng(2).permutation(300_000) * 4096
    numbering = Numbering()
    assert np.array_equal(numbering.number(keys), np.arange(300_000))
    assert np.array_equal(numbering.number(keys[::-1]), np.arange(300_000)[::-1])


def misses_plainly(pages: list[int], npages: int) -> list[int]:
    """An LRU stack for every memory size."""
    stack: list[int] = []
    misses = [0] * (npages + 1)
    for page in pages:
        depth = stack.index(page) if page in stack else npages
        for size in range(depth + 1):
            misses[size] += 1
        stack = [page, *(other for other in stack if other != page)]
    return misses


@settings(max_examples=60, deadline=None)
@given(pages=st.lists(st.integers(0, 15), max_size=300), piece=st.integers(1, 100))
def test_reuse_distances_are_those_of_an_lru_stack(pages, piece):
    reuse = ReuseDistances(16)
    for start in range(0, len(pages), piece):
        reuse.feed(np.array(pages[start : start + piece], dtype=np.uint32))
    assert reuse.misses().tolist() == misses_plainly(pages, 16)


def test_reuse_distances_survive_compaction():
    """Several times as many accesses as time slots."""
    rng = np.random.default_rng(4)
    pages = np.minimum(rng.geometric(0.05, 30_000) - 1, 39)
    reuse = ReuseDistances(40)
    assert reuse._tree.size < pages.size / 5
    reuse.feed(pages)
    assert reuse.misses().tolist() == misses_plainly(pages.tolist(), 40)


def test_a_loop_misses_everything_until_it_fits():
    reuse = ReuseDistances(100)
    reuse.feed(np.arange(1_000) % 100)
    assert reuse.misses().tolist() == [1_000] * 100 + [100]


def test_describe_counts_what_is_there(tmp_path):
    rng = np.random.default_rng(6)
    page, write, task = rng.integers(0, 50, 90_000), rng.random(90_000) < 0.2, rng.integers(0, 3, 90_000)
    write[page > 40] = False
    write_trace(tmp_path / "t.mmt", [(page, write, task)], {"by": "test"}, npages=60)
    found = describe(open_trace(tmp_path / "t.mmt"), window=7_000)
    assert (found.npages, found.touched, found.written) == (60, 50, 41)
    assert (found.accesses, found.writes) == (90_000, int(write.sum()))
    assert found.accesses_by_task == np.bincount(task).tolist()
    assert found.misses[50] == 50 and found.misses[0] == 90_000
    seen: set[int] = set()
    for row in found.working_set.tolist():
        part = slice(row[0], row[0] + 7_000)
        now = set(page[part].tolist())
        assert row[1:] == [len(now), len(set(page[part][write[part]].tolist())), len(now - seen)]
        seen |= now
    assert len(found.working_set) == 13
    plain = found.plain()
    assert plain["lru"][-1] == {"pages": 50, "misses": 50, "miss_ratio": 50 / 90_000}


def test_describe_takes_an_empty_trace(tmp_path):
    write_trace(tmp_path / "t.mmt", [], {})
    found = describe(open_trace(tmp_path / "t.mmt"))
    assert (found.accesses, found.touched, found.npages) == (0, 0, 0)
    assert found.plain()["write_ratio"] == 0
