"""Each device has operations of its own (archdata.dma_ops): one behind an IOMMU those of its unit, with a domain of its
group's and a mode of its own; any other those of memory itself, with bounce buffers for what it cannot reach.

What one device cannot do costs no other anything. On ARM boards there are such operations since 3.5; before, the API
knew no IOMMU, and addresses were those of memory.
"""

SOURCE = "arch/x86/include/asm/dma-mapping.h: get_dma_ops, 2.6.27; ARM: dma-mapping: implement dma_map_ops, 3.5"
ONE_FOR_ALL = 0
