"""Watermarks at least a thousandth of the zone apart (watermark_scale_factor), so the distance grows with memory.

gap = max(min/4, managed * watermark_scale_factor / 10000); low = min + gap; high = low + gap; promo = high + gap.
"""

SOURCE = "mm/page_alloc.c: __setup_per_zone_wmarks, 4.6 to 6.18"
MIN_FREE_CEILING_KB = 262144


def gap(share: int, managed: int, scale_factor: int) -> int:
    """Distance between two neighbouring watermarks in pages."""
    return max(share // 4, managed * scale_factor // 10000)
