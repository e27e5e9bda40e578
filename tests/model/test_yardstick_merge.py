"""Merging tasks' streams: the order of touches, shared pages, bounded look-ahead."""

import heapq

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.model.core.events import compute, touches
from mmrun.model.yardstick.merge import Source, merged


def everything(sources) -> list[tuple[int, bool]]:
    return [(int(p), bool(w)) for page, write in merged(sources) for p, w in zip(page, write, strict=True)]


def chunk(*pages: int, write: bool = False) -> np.ndarray:
    return touches(np.array(pages), np.full(len(pages), write))


def test_tasks_advance_at_their_own_pace():
    slow = Source([chunk(0, 1)], period=5)
    fast = Source([chunk(0, 1), chunk(2, 3, 4)], base=(100,), period=2)
    assert [page for page, _ in everything([slow, fast])] == [100, 101, 0, 102, 103, 1, 104]


def test_a_start_and_a_computation_delay_what_follows():
    busy = Source([np.concatenate([chunk(0), compute(100), chunk(1, write=True)])])
    late = Source([chunk(7)], start=50)
    assert everything([busy, late]) == [(0, False), (7, False), (1, True)]


def test_regions_that_share_a_file_share_pages():
    one = Source([chunk(0, 9, 10, 12)], first=(0, 10), base=(0, 500))
    two = Source([chunk(0, 3, 4)], first=(0, 4), base=(500, 10), start=10)
    assert [page for page, _ in everything([one, two])] == [0, 9, 500, 502, 500, 503, 10]


def test_nothing_to_merge():
    assert everything([]) == []
    assert everything([Source([]), Source([chunk()])]) == []


task = st.tuples(st.lists(st.integers(0, 20), max_size=30), st.integers(1, 9), st.integers(0, 40))


@settings(deadline=None)
@given(tasks=st.lists(task, max_size=4), cut=st.integers(1, 8))
def test_the_merged_stream_is_the_heap_merge(tasks, cut):
    sources = [
        Source(
            [chunk(*pages[i : i + cut]) for i in range(0, len(pages), cut)],
            base=(100 * number,), period=period, start=start,
        )
        for number, (pages, period, start) in enumerate(tasks)
    ]  # fmt: skip
    timed = [
        [(start + (k + 1) * period, number, page + 100 * number) for k, page in enumerate(pages)]
        for number, (pages, period, start) in enumerate(tasks)
    ]
    assert [page for page, _ in everything(sources)] == [page for _, _, page in heapq.merge(*timed)]
