"""Events that ask for contiguous memory and give it back: one 64-bit integer each, in numpy arrays."""

from typing import TYPE_CHECKING, Any

from mmrun.model.core.events import OP_SHIFT, check_argument
from mmrun.model.mm.driver.events import NUMBER_BITS

if TYPE_CHECKING:
    import numpy as np

CONTIG_ALLOC, CONTIG_RELEASE = 216, 217


def contig_alloc(numbers: Any, pages: int) -> "np.ndarray":
    """One event a number: a buffer of so many adjacent pages. Numbers are the task's, those of `alloc_buffers` too."""
    import numpy as np

    check_argument(pages << NUMBER_BITS, "pages of a buffer, shifted,")
    return np.atleast_1d(np.asarray(numbers, dtype=np.int64)) | pages << NUMBER_BITS | CONTIG_ALLOC << OP_SHIFT


def contig_release(numbers: Any) -> "np.ndarray":
    """One event a number: the buffer is given back; nothing where there is none."""
    import numpy as np

    return np.atleast_1d(np.asarray(numbers, dtype=np.int64)) | CONTIG_RELEASE << OP_SHIFT
