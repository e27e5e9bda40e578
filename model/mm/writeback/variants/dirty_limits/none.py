"""The machine's limit alone: pages for write() come from the first zone above its low watermark (to 3.2).

A small zone that allocations try first fills with dirty pages while the machine as a whole is far from its limit.
"""

from mmrun.model.core.jit import hook

SOURCE = "mm/page_alloc.c: get_page_from_freelist, 3.1"


@hook
def dirty_ok(m, zone):
    return 1
