"""Physically contiguous memory for devices: the contiguous memory allocator, and what is used in its place.

An area is set aside at boot. Under CMA (mm/cma.c, 3.5) its pages are lent to whoever's pages can be moved, and a driver
that wants some gets them after what is there has been moved away or dropped. The axis `contiguous` has its rivals:
memory that is kept free for drivers (`carve-out`), compaction of ordinary memory, an IOMMU that makes single pages look
adjacent, and an area lent only to copies that can be dropped at once (`gcma`).
"""
