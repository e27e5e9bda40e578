"""What memory allows: random reads and updates of a table, in a loop that does nothing else."""

import numpy as np

from benchmarks.measure import cpu_seconds
from model.jit import kernel

ACCESSES = 10_000_000


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
