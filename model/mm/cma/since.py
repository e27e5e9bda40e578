"""Contiguous memory: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, number, since

DATED: Dated = (
    axis(
        "contiguous",
        always("carve-out", "memory kept from the kernel at boot, as drivers of vendors' trees did"),
        since("3.5", "cma", "drivers: add Contiguous Memory Allocator; mm/page_alloc.c: MIGRATE_CMA, 3.5"),
    ),
    number(
        "contig_grain", "order of the blocks that are isolated to empty a contiguous range",
        always(10, "mm/page_alloc.c: alloc_contig_range, pfn_max_align_down, 3.5"),
        since("5.19", 9, "mm: make alloc_contig_range work at pageblock granularity, 5.19"),
    ),
    flag("cma_mutex_each", "each area has a mutex of its own under which a range of it is emptied",
         "mm/cma.c: cma_range_alloc, 6.18", since="6.15", unsure="after 6.12, before 6.18"),
)  # fmt: skip
