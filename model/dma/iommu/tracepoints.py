"""Tracepoints of IOMMU domains (include/trace/events/iommu.h); read in 4.4, 4.9, 5.19, 6.1, 6.12 and 6.18."""

from mmrun.model.core.timeline import since
from mmrun.model.core.tracepoint import tracepoint

FIRST, RANGE = "iommu: Add event tracing feature to iommu", "include/trace/events/iommu.h, 5.19"
SHOWN, UNSURE = "IOMMU: iova=0x{iova:016x} - 0x{end:016x}", "4.10 to 5.19"

iommu_map_event = tracepoint(
    70, "iommu", "map", "iova end paddr size",
    since("3.13", "IOMMU: iova=0x{iova:016x} paddr=0x{paddr:016x} size={size}", FIRST, "3.7 to 4.4"),
    since("5.7", SHOWN + " paddr=0x{paddr:016x} size={size}", RANGE, UNSURE),
)  # fmt: skip
iommu_unmap_event = tracepoint(
    71, "iommu", "unmap", "iova end size unmapped",
    since("3.13", "IOMMU: iova=0x{iova:016x} size={size} unmapped_size={unmapped}", FIRST, "3.7 to 4.4"),
    since("5.7", SHOWN + " size={size} unmapped_size={unmapped}", RANGE, UNSURE),
)  # fmt: skip
