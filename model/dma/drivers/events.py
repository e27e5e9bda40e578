"""Events that make drivers and their devices work: one 64-bit integer each, in numpy arrays."""

from typing import TYPE_CHECKING, Any

from mmrun.model.core.events import OP_SHIFT, check_argument
from mmrun.model.mm.driver.events import NUMBER_BITS

if TYPE_CHECKING:
    import numpy as np

PACKETS, CLOSE, ATTACH, DETACH, PICTURE, DEADLINE, DRAW, RELEASE = range(240, 248)
WRITE_SHIFT = NUMBER_BITS  # of a PICTURE's argument: the device writes it
MOST_SHIFT, OBJECT_BITS = 20, 20  # of a DRAW's argument: object, then pages that may be bound


def _events(operation: int, arguments: Any) -> "np.ndarray":
    import numpy as np

    return np.atleast_1d(np.asarray(arguments, dtype=np.int64)) | operation << OP_SHIFT


def packets(count: int) -> "np.ndarray":
    """The task's queue handles so many packets; it is opened with the first event."""
    check_argument(count, "packets")
    return _events(PACKETS, count)


def close() -> "np.ndarray":
    """What the device still has comes back, and the queue is closed."""
    return _events(CLOSE, 0)


def attach(numbers: Any) -> "np.ndarray":
    """One event a number: the task's buffer is mapped for its device, for long."""
    return _events(ATTACH, numbers)


def detach(numbers: Any) -> "np.ndarray":
    """One event a number: the mapping goes; nothing where there is none."""
    return _events(DETACH, numbers)


def pictures(numbers: Any, write: bool) -> "np.ndarray":
    """One event a number: the device writes or reads the whole buffer; the task waits until it has."""
    import numpy as np

    return _events(PICTURE, np.atleast_1d(np.asarray(numbers, dtype=np.int64)) | int(write) << WRITE_SHIFT)


def deadline(at: Any) -> "np.ndarray":
    """What came before was to be done `at`, ns after the task's start; else a deadline is missed."""
    import numpy as np

    at = np.atleast_1d(np.asarray(at, dtype=np.int64))
    check_argument(int(at.max(initial=0)), "a deadline in ns")
    return _events(DEADLINE, at)


def draws(objects: Any, most: int) -> "np.ndarray":
    """One event an object: it is bound, for which others go beyond `most` pages, and the device reads it."""
    import numpy as np

    check_argument(most << MOST_SHIFT, "pages of an aperture, shifted,")
    return _events(DRAW, np.atleast_1d(np.asarray(objects, dtype=np.int64)) | most << MOST_SHIFT)


def release(objects: Any) -> "np.ndarray":
    """One event an object: it is unbound, if it is bound."""
    return _events(RELEASE, objects)
