"""Bounce buffers: memory every device can reach, through which data is copied for those that cannot reach all of it.

A pool is set aside below 4 GiB at boot and cut into slots of 2 KiB. A mapping takes adjacent slots of a segment of 128,
found from where the last search of its area ended; when there are none it fails, and with it what the driver wanted to
do. Source: lib/swiotlb.c (to 4.18), kernel/dma/swiotlb.c.
"""
