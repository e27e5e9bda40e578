"""No shrinkers: slab caches, if there are any, only grow; reclaim finds nothing beside the page lists."""

from mmrun.model.core.jit import hook

SOURCE = "a machine without shrinkers"
BY_NODE = BY_GROUP = SUPERBLOCKS = MARKS_NEW = False
ZERO_SEEKS = True  # nothing divides by them


@hook
def shrink_slab(m, s, group):
    return 0


@hook
def shrink_slab_pass(m, s):
    return 0
