"""Events that have a task's buffers mapped for its device: one 64-bit integer each, in numpy arrays."""

from typing import TYPE_CHECKING, Any

from mmrun.model.core.events import OP_SHIFT, check_argument
from mmrun.model.mm.driver.events import NUMBER_BITS

if TYPE_CHECKING:
    import numpy as np

DMA_MAP, DMA_UNMAP, DMA_SYNC = 200, 201, 202
DIRECTION_SHIFT, SIZE_SHIFT = NUMBER_BITS, NUMBER_BITS + 2  # of a DMA_MAP's argument: number, direction, bytes
SIZE_BITS = 22
DIRECTIONS = ("bidirectional", "to_device", "from_device")  # enum dma_data_direction


def dma_map(numbers: Any, nbytes: int, direction: str = "bidirectional") -> "np.ndarray":
    """One event a number: the first `nbytes` of the task's buffer are mapped for its device."""
    import numpy as np

    check_argument(nbytes << OP_SHIFT - SIZE_BITS, "size of a mapping, shifted,")
    what = nbytes << SIZE_SHIFT | DIRECTIONS.index(direction) << DIRECTION_SHIFT
    return np.atleast_1d(np.asarray(numbers, dtype=np.int64)) | what | DMA_MAP << OP_SHIFT


def dma_unmap(numbers: Any) -> "np.ndarray":
    """One event a number: the buffer's mapping goes; nothing where there is none."""
    import numpy as np

    return np.atleast_1d(np.asarray(numbers, dtype=np.int64)) | DMA_UNMAP << OP_SHIFT


def dma_sync(numbers: Any, to_device: bool = False) -> "np.ndarray":
    """One event a number: driver (or device) sees what the other has written to the mapped buffer."""
    import numpy as np

    return np.atleast_1d(np.asarray(numbers, dtype=np.int64)) | int(to_device) << DIRECTION_SHIFT | DMA_SYNC << OP_SHIFT
