"""The events a workload stream is made of: one 64-bit integer each, in numpy chunks.

A stream is an iterator of one-dimensional int64 arrays of any length. Bits 0-39 are the argument, bits 40-47 the
operation. Pages are numbered from 0 within the task's address space (its regions laid end to end); what a touch does
depends on the region: a load or store through a mapping, or read()/write() of the page.

Operations from `REQUESTS` on belong to mechanisms: each is the hook in the slot of that number, called with the task
and the argument. A mechanism brings one by declaring the hook and an event-making function beside it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

OP_SHIFT = 40
ARG_MASK = (1 << OP_SHIFT) - 1
ARGUMENT_BITS = f"an event holds {OP_SHIFT} bits"

READ = 0  # argument: page
WRITE = 1  # argument: page
COMPUTE = 2  # argument: ns of computation
EXIT = 5  # the process ends and a new one starts in its place: what it had mapped goes
FREE = 3  # argument: object of a slab region, which ceases to exist (unlink, kfree)
FSYNC = 6  # argument: page of a file region: fsync(2) of its file
REQUESTS = 192  # operations from here on: the hook in that slot
REGISTER = 4  # argument: ns for which a file system that comes or goes holds shrinker_rwsem for writing


def check_argument(value: int, what: str) -> None:
    """ValueError unless `value` fits the bits of an event that hold its argument."""
    if not 0 <= value <= ARG_MASK:
        raise ValueError(f"{what} is {value}: an event holds 0 to {ARG_MASK}, which are {OP_SHIFT} bits")


def touches(pages: "np.ndarray", write: "np.ndarray") -> "np.ndarray":
    """Events that read (`write` false) or write the given pages; both arrays have one entry an event."""
    import numpy as np

    return pages.astype(np.int64) | (write.astype(np.int64) << OP_SHIFT)


def fsyncs(pages: "np.ndarray") -> "np.ndarray":
    """Events that fsync the files the pages belong to, one for each page."""
    import numpy as np

    return pages.astype(np.int64) | (FSYNC << OP_SHIFT)


def exits() -> "np.ndarray":
    """One event: the process ends, and the task goes on as a new one with the same regions, empty."""
    import numpy as np

    return np.array([EXIT << OP_SHIFT], dtype=np.int64)


def compute(ns: int) -> "np.ndarray":
    """One event: `ns` nanoseconds of computation; ValueError beyond the 18 minutes that an event holds."""
    import numpy as np

    check_argument(ns, "time of computation in ns")
    return np.array([ns | (COMPUTE << OP_SHIFT)], dtype=np.int64)
