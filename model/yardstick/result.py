"""What a yardstick counted."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass
class Result:
    """Counts of one run, in pages."""

    accesses: int
    misses: int
    writebacks: int
    """Dirty pages that left memory."""
    miss_bits: "np.ndarray | None" = None
    """One bool an access, when asked for."""

    @property
    def miss_ratio(self) -> float:
        """Misses over accesses; 0 of an empty stream."""
        return self.misses / self.accesses if self.accesses else 0.0
