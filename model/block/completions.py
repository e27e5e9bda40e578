"""What disks will have done when: a binary heap of (time, sequence, request), so that ends come in a fixed order.

A negative entry is a disk of which nothing but its number is known: it is free for its next request then.
"""

from mmrun.model.block.state import block_state, io_heap
from mmrun.model.core.codes import BAD_IO
from mmrun.model.core.jit import kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE


@kernel
def _before(a, b):
    return a.at < b.at or (a.at == b.at and a.seq < b.seq)


@kernel
def _swap(a, b):
    a.at, b.at = b.at, a.at
    a.seq, b.seq = b.seq, a.seq
    a.what, b.what = b.what, a.what


@kernel
def announce(m, what, at):
    """Note that request `what` ends at time `at`, or that disk -1 - `what` is free then."""
    heap = io_heap(m)
    if block_state(m).nr_io >= len(io_heap(m)):
        panic(m, BAD_IO, what)
        return
    i = block_state(m).nr_io
    heap[i].at, heap[i].seq, heap[i].what = at, block_state(m).io_seq, what
    block_state(m).nr_io += 1
    block_state(m).io_seq += 1
    while i > 0 and _before(heap[i], heap[(i - 1) // 2]):
        _swap(heap[i], heap[(i - 1) // 2])
        i = (i - 1) // 2


@kernel
def next_completion(m):
    """When something of it happens next, or a time beyond every other when nothing is in flight."""
    return io_heap(m)[0].at if block_state(m).nr_io else 1 << 62


@kernel
def pop_completed(m, now):
    """(what has happened first by `now`, when), or (NONE, now)."""
    heap = io_heap(m)
    if block_state(m).nr_io == 0 or heap[0].at > now:
        return NONE, now
    what, at = heap[0].what, heap[0].at
    block_state(m).nr_io -= 1
    last = block_state(m).nr_io
    _swap(heap[0], heap[last])
    i = 0
    while True:
        child = 2 * i + 1
        if child >= last:
            return what, at
        if child + 1 < last and _before(heap[child + 1], heap[child]):
            child += 1
        if not _before(heap[child], heap[i]):
            return what, at
        _swap(heap[child], heap[i])
        i = child
