"""Events by which a task changes the pools while the machine runs: one 64-bit integer each, in numpy arrays."""

from typing import TYPE_CHECKING

from mmrun.model.core.events import OP_SHIFT, check_argument

if TYPE_CHECKING:
    import numpy as np

SET_NR_HUGEPAGES, SET_NR_OVERCOMMIT = 204, 205
GIGANTIC_BIT = 1 << 39


def set_nr_hugepages(count: int, gigantic: bool = False) -> "np.ndarray":
    """One event: so many pages of 2 MiB (`gigantic`: of 1 GiB) shall be persistent, as /proc/sys/vm/nr_hugepages."""
    import numpy as np

    check_argument(count, "number of huge pages")
    return np.array([count | (GIGANTIC_BIT if gigantic else 0) | SET_NR_HUGEPAGES << OP_SHIFT], dtype=np.int64)


def set_nr_overcommit_hugepages(count: int) -> "np.ndarray":
    """One event: so many pages of 2 MiB may be surplus."""
    import numpy as np

    check_argument(count, "number of huge pages")
    return np.array([count | SET_NR_OVERCOMMIT << OP_SHIFT], dtype=np.int64)
