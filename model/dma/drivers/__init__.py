"""Drivers of DMA devices as workloads: packets, pictures, pinned memory, old cards; what their deadlines say."""
