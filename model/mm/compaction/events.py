"""Events with which a program has memory compacted: one 64-bit integer each, in numpy arrays."""

from typing import TYPE_CHECKING

from mmrun.model.core.events import OP_SHIFT

if TYPE_CHECKING:
    import numpy as np

COMPACT_MEMORY, SET_PROACTIVENESS = 198, 199


def compact_memory(node: int | None = None) -> "np.ndarray":
    """Compact a node whole (/sys/devices/system/node/node<n>/compact), without `node` all (vm.compact_memory)."""
    import numpy as np

    return np.array([(0 if node is None else node + 1) | COMPACT_MEMORY << OP_SHIFT], dtype=np.int64)


def set_proactiveness(value: int) -> "np.ndarray":
    """Write vm.compaction_proactiveness: 0 to 100."""
    import numpy as np

    return np.array([value | SET_PROACTIVENESS << OP_SHIFT], dtype=np.int64)
