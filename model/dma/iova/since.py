"""Addresses for devices: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, param, since

V4_7 = "9257b4a206fc iommu/iova: introduce per-cpu caching to iova allocation, 4.7"
ANCHOR = "iommu/iova: Add rbtree anchor node, 4.15"
DEPOT = "iommu/iova: Make the rcache depot scale better, 6.7"

DATED: Dated = (
    axis("iova", always("tree-2011", "drivers/pci/iova.c, 2.6.32"), since("4.7", "magazines", V4_7)),
    param("iova/magazines", "entries", always(128, V4_7),
          since("6.0", 127, "iommu/iova: change IOVA_MAG_SIZE to 127 to save memory, July 2022",
                unsure="6.0 or later, before the depots of 6.7")),
    param("iova/magazines", "depot", always(32, f"MAX_GLOBAL_MAGS; {V4_7}"), since("6.7", 0, DEPOT)),
    param("iova/magazines", "anchored", always(False, "drivers/iommu/iova.c, 4.7"), since("4.15", True, ANCHOR)),
    param("iova/magazines", "max32", always(False, "drivers/iommu/iova.c, 4.15"),
          since("4.20", True, "iommu/iova: Optimise attempts to allocate iova from 32bit address range, 4.20")),
    param("iova/magazines", "retry", always(False, "drivers/iommu/iova.c, 4.20"),
          since("5.11", True, "iommu/iova: Retry from last rb tree node if iova search fails, 5.11")),
    param("iova/magazines", "flush_depots", always(False, V4_7),
          since("5.11", True, "iommu/iova: Free global iova rcache on iova alloc failure, 5.11")),
    flag("iova_natural_size", "a range is aligned to its size rounded up to a power of two, but not made as large",
         "intel_alloc_iova to 5.10, which rounds up; drivers/iommu/dma-iommu.c, 5.11", since="5.11"),
    flag("iova_32bit_workaround", "a device that found no address below 4 GiB never tries there again",
         "iommu: Optimise PCI SAC address trick, 6.5", since="6.5", unsure="between 6.3 and 6.6"),
    flag("fq_per_cpu", "each CPU has queues of its own for what awaits a flush; before, there was one of all domains",
         "iommu/vt-d: per-cpu deferred invalidation queues, 4.7", since="4.7"),
    gap("4.7", "4.13", "Intel's queues of 250 entries a CPU, for all domains together, have 255 a CPU and domain here, "
        "as since 4.14 (iommu/iova: Add flush-queue data structures)"),
    gap("2.6.32", "6.18", "ranges, magazines and bitmaps of addresses take no memory"),
)  # fmt: skip
