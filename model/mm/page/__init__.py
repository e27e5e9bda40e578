"""Physical memory: zones, the buddy allocator, per-CPU lists, watermarks, and where a task's pages come from.

Source: mm/page_alloc.c, mm/mmzone.c, mm/mempolicy.c. A frame is in exactly one place (`flags`); free blocks are lists
by order (`buddy`). Who asks for pages, and what happens when there are none, is in `alloc`.
"""
