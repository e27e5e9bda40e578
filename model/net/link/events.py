"""Events that cut cables and heal them: one 64-bit integer each."""

from typing import TYPE_CHECKING

from mmrun.model.core.events import OP_SHIFT

if TYPE_CHECKING:
    import numpy as np

CUT_CABLE, HEAL_CABLE = 219, 220
OWN = 0  # the argument: the link of the task's stream; else a link's number + 1


def _event(operation: int, link: int | None) -> "np.ndarray":
    import numpy as np

    return np.array([(OWN if link is None else link + 1) | operation << OP_SHIFT], dtype=np.int64)


def cut_cable(link: int | None = None) -> "np.ndarray":
    """One event: the cable is cut; `link`: by number, None: the one that the task's stream names."""
    return _event(CUT_CABLE, link)


def heal_cable(link: int | None = None) -> "np.ndarray":
    """One event: the cable is whole again."""
    return _event(HEAL_CABLE, link)
