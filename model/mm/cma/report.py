"""What is told of contiguous memory."""

import numpy as np

from mmrun.model.machine.built import Built
from mmrun.model.mm.cma.settings import LATENCIES
from mmrun.model.mm.cma.state import cma_areas, contig_count
from mmrun.model.mm.driver.state import driver_log
from mmrun.model.mm.page.state import zones


def sampled(built: Built) -> dict[str, int]:
    """Free pages of areas, and pages that drivers have."""
    m = built.memory.m
    kept = built.modules["contiguous"].AREA == "kept"
    return {
        "nr_free_cma": int(zones(m)["nr_free_cma"].sum()), "contig_pages": int(contig_count(m).pages),
        "contig_idle_pages": int(cma_areas(m)["available"].sum()) if kept else 0,
    }  # fmt: skip


def metrics(built: Built) -> dict[str, int | float]:
    """How many requests for contiguous memory were served, and how long they took, of the first that were noted."""
    m = built.memory.m
    rows = built.memory.table("buffer_results")[: int(driver_log(m).results)]
    times = np.sort(rows["ns"][rows["contig"] > 0])
    if not len(times):
        return {}
    at = {part: int(times[min(len(times) - 1, int(len(times) * part))]) for part in (0.5, 0.99)}
    count = contig_count(m)
    share = float(count.contig_alloc_success / (count.contig_alloc_success + count.contig_alloc_fail))
    told = (share, int(times[0]), int(times.mean()), at[0.5], at[0.99], int(times[-1]))
    return dict(zip(LATENCIES, told, strict=True))
