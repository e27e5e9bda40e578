"""DMA: devices that read and write memory by themselves, and what stands between them and it."""
