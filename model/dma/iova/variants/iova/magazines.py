"""Magazines before the tree: a range of up to 32 pages comes from the CPU that freed it, the last freed first.

Sizes below 32 pages, to 5.10 all, are rounded up to a power of two. A CPU that runs out takes a full magazine from the
depot, one that has too many gives it a full one; the tree is asked when both have none, and once more after all CPUs'
magazines were emptied. Up to 6.6 a depot holds 32 magazines and what is more goes to the tree at once; since then it
holds any number, and each 100 ms one beyond as many as there are CPUs goes back.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.dma.iova.domain import gave, took_back
from mmrun.model.dma.iova.rcache import free_cached, rcache_get, rcache_insert
from mmrun.model.dma.iova.state import iova_settings
from mmrun.model.dma.iova.tree import alloc_2011, alloc_range, free_range, roundup_pow_of_two

SOURCE = "drivers/iommu/iova.c, 4.7 to 6.12: alloc_iova_fast, free_iova_fast"
QUEUE = "version"
LARGEST = 32  # pages: 1 << IOVA_RANGE_CACHE_MAX_SIZE - 1
PARAMS = {
    "entries": (127, "ranges", "ranges that a magazine holds", "IOVA_MAG_SIZE, 6.12", (1, 128, "rows of 128")),
    "depot": (0, "magazines", "full magazines that a depot holds, 0: any number", "MAX_GLOBAL_MAGS, 4.7",
              (0, 1024, "an arbitrary most")),
    "anchored": (True, "", "the tree beneath always has a range to begin at, for addresses below 4 GiB and for others",
                 "iommu/iova: Add rbtree anchor node, 4.15"),
    "max32": (True, "", "a size that was not to be had below 4 GiB is not searched for again for a while",
              "iommu/iova: Optimise attempts to allocate iova from 32bit address range, 4.20"),
    "retry": (True, "", "a search that finds nothing goes on from the top",
              "iommu/iova: Retry from last rb tree node if iova search fails, 5.11"),
    "flush_depots": (True, "", "depots are emptied for want of addresses, as CPUs' magazines are",
                     "iommu/iova: Free global iova rcache on iova alloc failure, 5.11"),
}  # fmt: skip
params = parameters("iova", PARAMS, 427)


@kernel
def from_tree(m, domain, pages, limit_pfn):
    """A range that no magazine has, by the version's search."""
    if params(m).anchored:
        return alloc_range(m, domain, pages, limit_pfn, params(m).max32, params(m).retry)
    return alloc_2011(m, domain, pages, limit_pfn)


@kernel
def alloc_iova_fast(m, domain, pages, limit_pfn, flush):
    """A range from this CPU, from the tree; if `flush`, from the tree with what all CPUs have kept."""
    if pages < LARGEST or not iova_settings(m).iova_natural_size:
        pages = roundup_pow_of_two(pages)
    found = rcache_get(m, domain, pages, limit_pfn + 1)
    if not found:
        found = from_tree(m, domain, pages, limit_pfn)
    if not found and flush:
        free_cached(m, domain, params(m).flush_depots)
        found = from_tree(m, domain, pages, limit_pfn)
    return found


@hook
def alloc_iova(m, domain, pages, limit_pfn):
    return gave(m, domain, alloc_iova_fast(m, domain, pages, limit_pfn, True), pages)


@hook
def try_iova(m, domain, pages, limit_pfn):
    return gave(m, domain, alloc_iova_fast(m, domain, pages, limit_pfn, False), pages)


@hook
def free_iova(m, domain, iova, pages):
    if not rcache_insert(m, domain, iova, pages, params(m).entries, params(m).depot):
        free_range(m, domain, iova)
    return took_back(m, domain, pages)
