"""What an allocation has been granted: ALLOC flags under the kernel's names and values (mm/internal.h, 6.12)."""

WMARK_MIN, WMARK_LOW, WMARK_HIGH = 0, 1, 2  # which watermark it must leave
WMARK_MASK = 3
NO_WATERMARKS = 4
OOM = 8  # a victim of the OOM killer (4.14): half of min
NON_BLOCK = 0x10  # may not sleep; to 6.3 HARDER: a quarter below min
MIN_RESERVE = 0x20  # __GFP_HIGH: half of min; to 6.3 ALLOC_HIGH
ALLOC_CMA = 0x80  # movable: contiguous memory areas are open to it
NOFRAGMENT = 0x100  # no fallback below a whole pageblock
ALLOC_HIGHATOMIC = 0x200  # blocks of the high-atomic reserve are open to it
ALLOC_KSWAPD = 0x800  # may wake kswapd
FAIR = 0x1000  # from a zone of the preferred node that has not yet given its share (3.12 to 4.7)
REFILL = 0x2000  # the next block of a refill of a per-CPU list: the search goes on where the last one ended
