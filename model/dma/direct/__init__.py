"""DMA without an IOMMU: addresses are those of memory, what is out of a device's reach is bounced or allocated lower.

Coherent memory comes from the zone that the device's mask allows, from contiguous memory areas, or for requests that
may not sleep from atomic pools; pools of small blocks are cut from it. To 5.12 the block layer copies pages itself for
controllers of less than 32 bits. Source: kernel/dma/direct.c, pool.c, mm/dmapool.c; block/bounce.c.
"""
