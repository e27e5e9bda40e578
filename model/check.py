"""Conservation: every frame in exactly one place, every list, charge and mapping consistent (`--check`).

Each mechanism has its law in its check.py.
"""

import numpy as np

from mmrun.model.core.law import Violation, require
from mmrun.model.machine.built import Built
from mmrun.model.mechanisms import parts

__all__ = ["Violation", "verify"]


def verify(built: Built) -> None:
    """Check every law; Violation names the first one that does not hold."""
    seen = np.zeros(len(built.memory.table("frames")), dtype=np.int8)
    for part in parts("check"):
        part.verify(built, seen)
    require((seen == 1).all(), lambda: f"frame {int(np.argmax(seen != 1))} is in {int(seen[seen != 1][0])} places")
