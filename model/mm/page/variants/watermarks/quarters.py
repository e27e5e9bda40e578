"""Watermarks a quarter of min apart: low = min + min/4, high = min + min/2.

The zone's min is its share of min_free_kbytes by size. On large machines the distance is small: 32 MiB between min and
high on 1 TiB, which a few fast allocators cross before kswapd wakes up.
"""

SOURCE = "mm/page_alloc.c: setup_per_zone_wmarks, 3.1"
MIN_FREE_CEILING_KB = 65536


def gap(share: int, managed: int, scale_factor: int) -> int:
    """Distance between two neighbouring watermarks in pages."""
    return share // 4
