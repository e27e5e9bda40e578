"""TLBs of known cores: arrays by level, and the second-level data cache that page tables lie in.

Arrays that share entries among page sizes stand once, with all the sizes they hold. Sources: manuals and measurements
where the comment says so, else common knowledge that nobody has checked; ways marked `est` are estimates.
"""

from typing import NamedTuple

KIB, MIB = 1 << 10, 1 << 20
SMALL, HUGE, GIANT, GIANT_AS_HUGE = "4KiB", "2MiB", "1GiB", "1GiB-as-2MiB"


class Array(NamedTuple):
    """Entries, ways of a set (0: one set of them all), page sizes."""

    entries: int
    ways: int
    holds: tuple[str, ...]


class Core(NamedTuple):
    """Both levels, and bytes of the data cache behind the first."""

    l1: tuple[Array, ...]
    l2: tuple[Array, ...]
    cache: int


_ANY, _BOTH = (SMALL, HUGE, GIANT), (SMALL, HUGE)
_INTEL = (Array(64, 4, (SMALL,)), Array(32, 4, (HUGE,)), Array(4, 0, (GIANT,)))

CORES = {
    # Entries read; 1 GiB pages have no second level.
    "haswell": Core(_INTEL, (Array(1024, 8, _BOTH),), 256 * KIB),
    # Entries of 4 KiB and 2 MiB read. The cache is the server's (a client has 256 KiB).
    "skylake": Core(_INTEL, (Array(1536, 12, _BOTH), Array(16, 4, (GIANT,))), MIB),
    # 2 MiB pages share half of the 2048; here that half is beside them. Stores have 16 entries of their own.
    "ice-lake": Core(
        (Array(64, 4, (SMALL,)), Array(32, 4, (HUGE,)), Array(8, 0, (GIANT,))),
        (Array(2048, 16, (SMALL,)), Array(1024, 16, (HUGE,)), Array(16, 4, (GIANT,))),
        1280 * KIB,
    ),
    # Read; 2048 entries in skewed ways of 12, here 170 sets of them.
    "zen2": Core((Array(64, 0, _ANY),), (Array(2048, 12, (SMALL, HUGE, "1GiB-as-2MiB")),), 512 * KIB),
    "zen3": Core((Array(64, 0, _ANY),), (Array(2048, 16, (SMALL, HUGE, "1GiB-as-2MiB")),), 512 * KIB),  # ways: est
    "zen4": Core((Array(72, 0, _ANY),), (Array(3072, 24, (SMALL, HUGE, "1GiB-as-2MiB")),), MIB),  # ways: est
    # Read.
    "a72": Core((Array(32, 0, _ANY),), (Array(1024, 4, _ANY),), MIB),
    # Cortex-A76's manual; N1 is its server core.
    "n1": Core((Array(48, 0, _ANY),), (Array(1280, 5, _ANY),), MIB),
    "v1": Core((Array(40, 0, _ANY),), (Array(2048, 4, _ANY),), MIB),  # ways: est
    "n2": Core((Array(44, 0, _ANY),), (Array(1280, 5, _ANY),), MIB),  # ways: est
}
