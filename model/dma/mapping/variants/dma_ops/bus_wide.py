"""One set of operations and one translation for all devices of the bus, chosen once at boot (dma_ops, set_pci_dma_ops).

All devices behind a unit share one domain: its tables, its addresses, the lock of those, its flushes. Its addresses are
as the most limited device needs them, and passed through they are only if every device reaches all of memory: one
device that does not sends all others through the IOMMU (AGP GART, Calgary, the DART of 64-bit PowerMacs).
"""

SOURCE = "arch/x86/kernel/pci-gart_64.c, pci-calgary_64.c, arch/powerpc/sysdev/dart_iommu.c, 2.6.32"
ONE_FOR_ALL = 1
