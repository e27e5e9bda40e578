"""Writes in flight: a binary heap of (time, sequence, frame), so that completions come in a fixed order."""

from model.jit import io_heap, kernel
from model.layout import NONE
from model.mm.lists import panic
from model.mm.state import BAD_IO


@kernel
def _before(a, b):
    return a.at < b.at or (a.at == b.at and a.seq < b.seq)


@kernel
def _swap(a, b):
    a.at, b.at = b.at, a.at
    a.seq, b.seq = b.seq, a.seq
    a.pfn, b.pfn = b.pfn, a.pfn


@kernel
def submit(m, pfn, at):
    """Note that the write of frame `pfn` ends at time `at`."""
    heap = io_heap(m)
    if m.clock.nr_io >= m.rows.io:
        panic(m, BAD_IO, pfn)
        return
    i = m.clock.nr_io
    heap[i].at, heap[i].seq, heap[i].pfn = at, m.clock.io_seq, pfn
    m.clock.nr_io += 1
    m.clock.io_seq += 1
    while i > 0 and _before(heap[i], heap[(i - 1) // 2]):
        _swap(heap[i], heap[(i - 1) // 2])
        i = (i - 1) // 2


@kernel
def next_completion(m):
    """When the first write in flight ends, or a time beyond every other when none is."""
    return io_heap(m)[0].at if m.clock.nr_io else 1 << 62


@kernel
def pop_completed(m, now):
    """The frame of the first write that has ended by `now`, or NONE."""
    heap = io_heap(m)
    if m.clock.nr_io == 0 or heap[0].at > now:
        return NONE
    pfn = heap[0].pfn
    m.clock.nr_io -= 1
    last = m.clock.nr_io
    _swap(heap[0], heap[last])
    i = 0
    while True:
        child = 2 * i + 1
        if child >= last:
            return pfn
        if child + 1 < last and _before(heap[child + 1], heap[child]):
            child += 1
        if not _before(heap[child], heap[i]):
            return pfn
        _swap(heap[child], heap[i])
        i = child
