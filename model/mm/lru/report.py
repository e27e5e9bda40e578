"""What is told of LRU lists."""

from mmrun.model.machine.built import Built
from mmrun.model.mm.lru.settings import LIST_GAUGES
from mmrun.model.mm.page.state import zones


def sampled(built: Built) -> dict[str, int]:
    """Pages on the lists of all lruvecs."""
    sizes = zones(built.memory.m)["nr_lru"].sum(axis=0)
    return {name: int(size) for name, size in zip(LIST_GAUGES, sizes, strict=True)}
