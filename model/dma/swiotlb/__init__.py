"""Bounce buffers: memory every device can reach, through which data is copied for those that cannot reach all of it.

Source: lib/swiotlb.c (to 4.18), kernel/dma/swiotlb.c.
"""
