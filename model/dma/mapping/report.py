"""What is told of mappings."""

from mmrun.model.dma.mapping.settings import GAUGES
from mmrun.model.dma.mapping.state import mapping_count
from mmrun.model.machine.built import Built


def sampled(built: Built) -> dict[str, int]:
    """Mappings there are, and pages shared."""
    return {name: int(mapping_count(built.memory.m)[name]) for name in GAUGES}
