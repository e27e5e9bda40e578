"""The tree of later kernels without magazines: what they save is the difference.

Searches below 4 GiB and others have starts of their own; a search that finds nothing goes on from the top, and a size
that was not to be had below 4 GiB is not searched for again until something there is freed.
"""

from mmrun.model.core.jit import hook
from mmrun.model.dma.iova.domain import gave, took_back
from mmrun.model.dma.iova.tree import alloc_range, free_range

SOURCE = "drivers/iommu/iova.c, 6.12: alloc_iova, __alloc_and_insert_iova_range"
QUEUE = "version"


@hook
def alloc_iova(m, domain, pages, limit_pfn):
    return gave(m, domain, alloc_range(m, domain, pages, limit_pfn, 1, 1), pages)


@hook
def free_iova(m, domain, iova, pages):
    free_range(m, domain, iova)
    return took_back(m, domain, pages)
