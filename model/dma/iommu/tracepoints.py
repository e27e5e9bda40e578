"""Tracepoints of IOMMU domains (include/trace/events/iommu.h); the formats of 6.18 were read."""

from mmrun.model.core.timeline import since
from mmrun.model.core.tracepoint import tracepoint

SHOWN = "IOMMU: iova=0x{iova:016x} - 0x{end:016x}"

iommu_map_event = tracepoint(
    70, "iommu", "map", "iova end paddr size",
    since("3.14", SHOWN + " paddr=0x{paddr:016x} size={size}", "iommu: Add event tracing feature to iommu"),
)  # fmt: skip
iommu_unmap_event = tracepoint(
    71, "iommu", "unmap", "iova end size unmapped",
    since("3.14", SHOWN + " size={size} unmapped_size={unmapped}", "iommu: Add event tracing feature to iommu"),
)  # fmt: skip
