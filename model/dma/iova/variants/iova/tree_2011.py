"""A tree under one lock, and nothing before it: searches go down from the last range given out, and never back up.

What lives long stands in the way of every search that passes it. Ranges of mixed sizes leave holes that are too small,
and each search goes past all of them: the walk grows with the number of mappings, and all CPUs wait for it.
"""

from mmrun.model.core.jit import hook
from mmrun.model.dma.iova.domain import gave, took_back
from mmrun.model.dma.iova.tree import alloc_2011, free_range

SOURCE = "drivers/pci/iova.c, 2.6.32; drivers/iommu/iova.c, 3.6: alloc_iova, __get_cached_rbnode"
QUEUE = "version"  # where unmapped ranges wait: as the kernel's version has it


@hook
def alloc_iova(m, domain, pages, limit_pfn):
    return gave(m, domain, alloc_2011(m, domain, pages, limit_pfn), pages)


@hook
def free_iova(m, domain, iova, pages):
    free_range(m, domain, iova)
    return took_back(m, domain, pages)
