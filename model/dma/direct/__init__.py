"""DMA without an IOMMU: addresses are those of memory, what is out of a device's reach is bounced or allocated lower.

Source: kernel/dma/direct.c, pool.c, mm/dmapool.c; block/bounce.c to 5.x.
"""
