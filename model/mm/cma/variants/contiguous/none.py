"""Nobody asks for contiguous memory: the machine has no area, and no task whose driver wants any."""

from mmrun.model.core.jit import hook
from mmrun.model.core.record import NONE

SOURCE = "a machine without devices that need any"
AREA = "none"


@hook
def dma_alloc(m, t, buffer, pages):
    """There is none."""
    return NONE


@hook
def dma_free(m, buffer):
    """Nothing was given."""
    return 0
