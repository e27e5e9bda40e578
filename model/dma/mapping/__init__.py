"""The DMA-mapping API: what drivers call, and the operations behind it, of a bus or of each device.

Source: include/linux/dma-mapping.h, kernel/dma/mapping.c; arch/x86/kernel/pci-dma.c, arch/arm/mm/dma-mapping.c.
"""
