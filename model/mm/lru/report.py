"""What is told of LRU lists."""

from mmrun.model.machine.built import Built
from mmrun.model.mm.page.state import zones

LISTS = ("nr_inactive_anon", "nr_active_anon", "nr_inactive_file", "nr_active_file")


def sampled(built: Built) -> dict[str, int]:
    """Pages on the lists of all lruvecs."""
    sizes = zones(built.memory.m)["nr_lru"].sum(axis=0)
    return {name: int(size) for name, size in zip(LISTS, sizes, strict=True)}
