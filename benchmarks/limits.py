"""What memory allows: loops that do nothing but touch tables as large as the model's."""

import numpy as np

from benchmarks.measure import cpu_seconds
from mmrun.model.core.jit import kernel
from mmrun.model.units import PAGE

ACCESSES = 10_000_000
ROUNDS = 1_000_000


@kernel
def update_all(table, index):
    """Read and change one entry an index."""
    for i in range(len(index)):
        table[index[i]] += 1


def random_updates(entries: int, dtype: str = "i4") -> float:
    """Read-modify-writes a CPU second at random places of a table of that many entries."""
    index = np.random.default_rng(0).integers(0, entries, ACCESSES, dtype=np.int32)
    table = np.zeros(entries, dtype=dtype)
    update_all(table, index)
    return ACCESSES / cpu_seconds(lambda: update_all(table, index))


@kernel
def chase(frames, words, slots, rounds):
    """Twelve touches a round, each of a place that the one before tells; `i` keeps it out of circles."""
    at = 0
    for i in range(rounds):
        for _ in range(4):
            at = frames[at + i & len(frames) - 1]
            at = words[at & len(words) - 1]
            at = slots[at & len(slots) - 1]
    return at


def dependent_rounds(memory: int) -> float:
    """Rounds of `chase` a CPU second over tables as of a machine with so much memory and twice as many pages in use.

    Frames take 32 bytes, page-table words 4, cache slots 8.
    """
    pages, rng = memory // PAGE, np.random.default_rng(0)
    frames, slots = (rng.integers(0, 1 << 40, count) for count in (4 * pages, 2 * pages))
    words = rng.integers(0, 1 << 31, 2 * pages, dtype=np.int32)
    chase(frames, words, slots, ROUNDS)
    return ROUNDS / cpu_seconds(lambda: chase(frames, words, slots, ROUNDS))
