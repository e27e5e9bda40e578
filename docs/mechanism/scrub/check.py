"""What was counted was read, and nothing else."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.machine.built import Built
from mmrun.model.mm.scrub.state import scrub_count


def verify(built: Built, seen: np.ndarray) -> None:
    """The counter is the sum over frames."""
    read, counted = int(built.memory.table("scrubbed").sum()), int(scrub_count(built.memory.m).pages_scrubbed)
    require(read == counted, lambda: f"{counted} pages are counted as scrubbed, {read} were read")
