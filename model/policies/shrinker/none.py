"""No slab caches: reclaim finds nothing to shrink beside the page lists."""

from model.jit import hook

SOURCE = "a machine without reclaimable slab"


@hook
def shrink_slab(m, s, memcg):
    return 0
