"""Contiguous memory areas, and how they are allocated."""

from mmrun.model.core.record import WAIT_QUEUE, counts, one, row, table
from mmrun.model.mm.cma.settings import CMA_COUNTERS, CONTIG_COUNTERS, REQUEST_COUNTERS

CMA_ALIGNMENT = 8  # CONFIG_CMA_ALIGNMENT: a buffer is aligned to its size, rounded up, at most to 2^8 pages
# An area (struct cma). `first`: its first frame; `bit`: where its pages begin in `cma_bitmap`; `held`, `waiting`: its
# mutex (cma_mutex, one for all, is that of the first area).
AREA = row(first="i8", pages="i8", bit="i8", zone="i8", node="i8", available="i8", held="i8", waiting=WAIT_QUEUE)

contig_settings = one(  # costs in ns; `contig_grain`: order of what is isolated together; `cma_mutex_each`: one an area
    206, "contig_settings", row(
        contig_scan="i8", drain_all_pages="i8", drain_all_cpu="i8", contig_clear_page="i8",
        contig_grain="i8", cma_mutex_each="i8",
    ),
)  # fmt: skip
contig_count = counts(207, "contig_count", *CONTIG_COUNTERS, *CMA_COUNTERS, *REQUEST_COUNTERS, "pages")
cma_areas = table(208, "cma_areas", AREA)
cma_bitmap = table(209, "cma_bitmap", "i1")  # of each page of an area: 1 in use by a driver
