"""What a unit holds of its domains' tables: sets of translations, the least recently used of which makes room.

Large pages stand in a set of their own, entries of upper levels in another, from which walks begin lower.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.dma.iommu.page_table import pages_of, walk
from mmrun.model.dma.iommu.state import (
    ENTRY,
    LEVEL_BITS,
    LEVELS,
    iommu_count,
    iommu_settings,
    iommu_state,
    iommus,
    iotlb_entries,
    iotlbs,
)


@kernel
def _find(m, tlb, first, n, domain, level, tag):
    """The entry for a tag among `n`, marked as used; NONE."""
    for e in range(first, first + n):
        entry = iotlb_entries(m)[e]
        if entry.tag == tag and entry.domain == domain + 1 and entry.level == level:
            entry.used = iotlbs(m)[tlb].clock
            return e
    return NONE


@kernel
def _fill(m, tlb, first, n, domain, level, tag, word):
    """Put an entry in the place of an empty one, or of the one that was not used for longest."""
    if n == 0:
        return
    oldest = first
    for e in range(first, first + n):
        if iotlb_entries(m)[e].used < iotlb_entries(m)[oldest].used:
            oldest = e
    entry = iotlb_entries(m)[oldest]
    entry.domain, entry.level, entry.tag, entry.word, entry.used = domain + 1, level, tag, word, iotlbs(m)[tlb].clock


@kernel
def set_of(m, tlb, iova):
    """Where the set for a page begins."""
    t = iotlbs(m)[tlb]
    return t.first + iova % t.sets * t.ways


@kernel
def large_of(m, tlb):
    """Where the set of large pages begins."""
    t = iotlbs(m)[tlb]
    return t.first + t.sets * t.ways


@kernel
def walks_of(m, tlb):
    """Where the set of upper levels begins."""
    return large_of(m, tlb) + iotlbs(m)[tlb].large


@kernel
def lookup(m, tlb, domain, iova):
    """The entry that translates a page of a domain; NONE."""
    t = iotlbs(m)[tlb]
    t.clock += 1
    found = _find(m, tlb, set_of(m, tlb, iova), t.ways, domain, 0, iova)
    for level in range(1, LEVELS - 1):
        if found == NONE and t.large:
            found = _find(m, tlb, large_of(m, tlb), t.large, domain, level, iova >> LEVEL_BITS * level)
    return found


@kernel
def walk_reads(m, tlb, domain, iova, level):
    """Entries that a walk down to `level` reads, below the lowest one that the unit holds; then it holds them all."""
    t, known = iotlbs(m)[tlb], LEVELS
    for above in range(level + 1, LEVELS):
        if _find(m, tlb, walks_of(m, tlb), t.walks, domain, above, iova >> LEVEL_BITS * above) != NONE:
            known = above
            break
    for above in range(known - 1, level, -1):
        _fill(m, tlb, walks_of(m, tlb), t.walks, domain, above, iova >> LEVEL_BITS * above, 0)
    return known - level


@kernel
def miss(m, tlb, domain, iova):
    """The unit walks the domain's table for a page and holds what it finds; (the entry or 0, its level, ns it took)."""
    t, word = iotlbs(m)[tlb], walk(m, domain, iova)
    level = iommu_state(m).level
    reads = walk_reads(m, tlb, domain, iova, level)
    iommu_count(m).iotlb_misses += 1
    iommu_count(m).iotlb_walk_reads += reads
    if word and level == 0:
        _fill(m, tlb, set_of(m, tlb, iova), t.ways, domain, 0, iova, word)
    elif word:
        _fill(m, tlb, large_of(m, tlb), t.large, domain, level, iova >> LEVEL_BITS * level, word)
    return word, level, iommu_settings(m).iotlb_miss + (reads - 1) * iommu_settings(m).iotlb_walk_level


@kernel
def _drop(m, e, first, pages):
    """Take an entry away; `first`, `pages`: what was unmapped, the rest is collateral."""
    entry = iotlb_entries(m)[e]
    begins = entry.tag << LEVEL_BITS * entry.level
    entry.domain = entry.used = 0
    iommu_count(m).iotlb_dropped += 1
    if begins + pages_of(entry.level) <= first or begins >= first + pages:
        iommu_count(m).iotlb_collateral += 1


@kernel
def _drop_among(m, at, n, domain, first, pages, iova, count):
    """Take away those of `n` entries that translate pages of a region."""
    for e in range(at, at + n):
        entry = iotlb_entries(m)[e]
        begins = entry.tag << LEVEL_BITS * entry.level
        if entry.domain == domain + 1 and begins < first + pages and begins + pages_of(entry.level) > first:
            _drop(m, e, iova, count)


@kernel
def drop_region(m, unit, domain, first, pages, iova, count, upper):
    """Take away what a unit holds of a region of a domain, of which `count` pages from `iova` on were unmapped.

    `upper`: entries of upper levels, too, for tables were freed.
    """
    u = iommus(m)[unit]
    for tlb in range(u.first_tlb, u.first_tlb + u.tlbs):
        t = iotlbs(m)[tlb]
        if pages < t.sets:
            for page in range(first, first + pages):
                _drop_among(m, set_of(m, tlb, page), t.ways, domain, page, 1, iova, count)
        else:
            _drop_among(m, t.first, t.sets * t.ways, domain, first, pages, iova, count)
        _drop_among(m, large_of(m, tlb), t.large, domain, first, pages, iova, count)
        if upper:
            forget_walks(m, tlb, domain, first, pages)


@kernel
def forget_walks(m, tlb, domain, first, pages):
    """Take away entries of upper levels above a region."""
    for e in range(walks_of(m, tlb), walks_of(m, tlb) + iotlbs(m)[tlb].walks):
        entry = iotlb_entries(m)[e]
        begins = entry.tag << LEVEL_BITS * entry.level
        if entry.domain == domain + 1 and begins < first + pages and begins + pages_of(entry.level) > first:
            entry.domain = entry.used = 0


@kernel
def is_stale(m, e):
    """Whether the table says otherwise than an entry by now."""
    entry = iotlb_entries(m)[e]
    return (walk(m, entry.domain - 1, entry.tag << LEVEL_BITS * entry.level) ^ entry.word) & ENTRY != 0


@kernel
def drop_domain(m, unit, domain):
    """Take away all that a unit holds of a domain; NONE: of all of them."""
    u = iommus(m)[unit]
    for tlb in range(u.first_tlb, u.first_tlb + u.tlbs):
        upper = walks_of(m, tlb)
        for e in range(iotlbs(m)[tlb].first, upper + iotlbs(m)[tlb].walks):
            entry = iotlb_entries(m)[e]
            if entry.domain and (domain == NONE or entry.domain == domain + 1):
                if e < upper:
                    # Who still maps it loses it for nothing.
                    iommu_count(m).iotlb_dropped += 1
                    iommu_count(m).iotlb_collateral += 0 if is_stale(m, e) else 1
                entry.domain = entry.used = 0


@kernel
def drop_stale(m, unit):
    """Take away what a unit holds of pages that are mapped no longer, or otherwise."""
    u = iommus(m)[unit]
    for tlb in range(u.first_tlb, u.first_tlb + u.tlbs):
        for e in range(iotlbs(m)[tlb].first, walks_of(m, tlb)):
            entry = iotlb_entries(m)[e]
            if entry.domain and is_stale(m, e):
                entry.domain = entry.used = 0
                iommu_count(m).iotlb_dropped += 1
