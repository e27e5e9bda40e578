"""Tables of IOMMUs are frames, each in one; domains map as many pages as they count."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.core.record import NONE
from mmrun.model.dma.iommu.state import (
    ENTRIES,
    ENTRY,
    FRAME_SHIFT,
    LARGE,
    LEVEL_BITS,
    LEVELS,
    VIRTIO,
    iommu_count,
    iommu_domains,
    iommu_state,
    iommus,
)
from mmrun.model.machine.built import Built
from mmrun.model.mm.page.flags import IOMMU_PAGE
from mmrun.model.units import PAGE_SHIFT


def leaves(built: Built, domain: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """What a domain maps: (first page, entry, level) of each mapping entry as columns; its words; its tables' rows."""
    words = built.memory.table("iommu_words").reshape(-1, ENTRIES)
    top = int(iommu_domains(built.memory.m)[domain].top)
    found, entries, tables = [], [], []
    below = [] if top == NONE else [(top, LEVELS - 1, 0)]
    while below:
        row, level, first = below.pop()
        tables.append(row)
        for slot in np.flatnonzero(words[row]).tolist():
            word, begins = int(words[row, slot]), first + (slot << LEVEL_BITS * level)
            if level and not word & LARGE:
                below.append((word >> FRAME_SHIFT, level - 1, begins))
            else:
                found.append((begins, 1 << LEVEL_BITS * level))
                entries.append(word)
    return np.array(found, dtype=np.int64).reshape(-1, 2), np.array(entries, dtype=np.int64), tables


def verify(built: Built, seen: np.ndarray) -> None:
    """Tables against frames, entries against counts."""
    m, frames = built.memory.m, built.memory.table("frames")
    rows = built.memory.table("iommu_tables")[: int(iommu_state(m).used)]
    owned = frames["kind"] == IOMMU_PAGE
    used = np.flatnonzero(rows["domain"] != NONE)
    backed = used[rows["frame"][used] != NONE]
    require(
        owned.sum() == len(backed), lambda: f"{len(backed)} tables of IOMMUs, and {owned.sum()} frames of that kind"
    )
    require((frames["owner"][rows["frame"][backed]] == backed).all(), lambda: "a frame is another table's")
    for d in range(len(iommu_domains(m))):
        domain = iommu_domains(m)[d]
        own = used[rows["domain"][used] == d]
        require(domain.tables == len(own), lambda d=d: f"domain {d} miscounts its tables")
        spans, words, tables = leaves(built, d)
        require(len(set(tables)) == len(tables), lambda d=d: f"domain {d} reaches a table twice")
        require(np.isin(tables, own).all(), lambda d=d: f"domain {d} reaches a table that is free")
        require(spans[:, 1].sum() == domain.pages, lambda d=d: f"domain {d} maps other pages than it counts")
        last = ((words & ENTRY) >> FRAME_SHIFT) + spans[:, 1]
        require((last <= len(frames)).all(), lambda d=d: f"domain {d} maps what is no memory")
        virtual = iommus(m)[domain.unit].kind == VIRTIO
        require((rows["frame"][own] == NONE).all() or not virtual, lambda: "a hypervisor's table is in this memory")
        require(domain.pending >= 0, lambda d=d: f"domain {d} has more pages out of reach than were unmapped")
        require(0 <= domain.kept <= domain.pages << PAGE_SHIFT, lambda d=d: f"domain {d} keeps more than it maps")
    count = iommu_count(m)
    require(count.iotlb_collateral <= count.iotlb_dropped, lambda: "more collateral than was dropped")
