"""Watermarks at least a thousandth of the zone apart (watermark_scale_factor), so the distance grows with memory.

gap = max(min/4, managed * watermark_scale_factor / 10000); low = min + gap; high = low + gap; promo = high + gap.
"""

SOURCE = "mm/page_alloc.c: __setup_per_zone_wmarks, 4.6 to 6.18"
MIN_FREE_CEILING_KB = 262144
PARAMS = {
    "ceiling_kb": (262144, "KiB", "the most that min_free_kbytes is by default (64 MiB until 5.7)",
                   "mm/page_alloc.c: init_per_zone_wmark_min, 5.8", (128, 1073741824, "an arbitrary most")),
}  # fmt: skip


def gap(share: int, managed: int, scale_factor: int) -> int:
    """Distance between two neighbouring watermarks in pages."""
    return max(share // 4, managed * scale_factor // 10000)
