"""DMA without an IOMMU: what changed when."""

from mmrun.model.core.timeline import Dated, always, flag, gap, number, since

DATED: Dated = (
    flag("dma_cma", "coherent memory comes from contiguous memory areas if the request may sleep",
         "drivers: add Contiguous Memory Allocator, x86: integrate CMA with DMA-mapping subsystem, 3.5", since="3.5"),
    flag("dma_cma_single", "single pages, too, come from such areas",
         "bd2e75633c80 dma-contiguous: use fallback alloc_pages for single pages, 5.3", until="5.3"),
    flag("dma_retries_dma32", "a block out of reach of a device with more than 32 bits is looked for in zone DMA32",
         "kernel/dma/direct.c: __dma_direct_alloc_pages; arch/x86/kernel/pci-dma.c to 4.16", since="4.17",
         unsure="4.16 to 4.19"),
    number(
        "atomic_pool_bytes", "bytes of the atomic pool; 0: 128 KiB for each GiB of memory, for each kind of zone",
        always(256 << 10, "arch/arm/mm/dma-mapping.c: atomic_pool, 3.6"),
        since("5.8", 0, "1d659236fb43 dma-pool: scale the default DMA coherent pool size with memory capacity, 5.8"),
    ),
    flag("atomic_pools_grow", "an atomic pool that has little left is doubled",
         "54adadf9b085 dma-pool: dynamically expanding atomic pools, 5.8", since="5.8"),
    flag("isa_bounce", "the block layer copies pages that a controller of less than 32 bits cannot reach",
         "mm/bounce.c: blk_queue_bounce; block: remove BLK_BOUNCE_ISA support, 5.13", until="5.13"),
    flag("dma_pool_any_page", "a block comes from the first page of a pool that has one, by the order of pages",
         "mm/dmapool.c: dma_pool_alloc; da9619a30e73 dmapool: link blocks across pages, 6.4", until="6.4"),
    flag("dma_pool_wastes_last", "a block that ends where a boundary is counts as crossing it",
         "mm/dmapool.c: pool_initialise_page, rewritten in 6.4", until="6.4"),
    flag("kmalloc_bounces", "small buffers that share cache lines are bounced for devices that see no caches",
         "370645f41e6e dma-mapping: force bouncing if the kmalloc() size is not cache-line-aligned, 6.5", since="6.5"),
    gap("2.6.32", "6.15", "no memory is high: the block layer copies no page for want of a mapping"),
)  # fmt: skip
