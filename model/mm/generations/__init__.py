"""The multi-generational LRU: page-table walks, aging, the refault controller, eviction (mm/vmscan.c, since 6.1)."""
