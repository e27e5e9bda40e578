"""zswap: pages on their way to swap are compressed and kept in memory, in front of all swap areas (mm/zswap.c).

A page that is swapped out is first compared with zeros, then compressed into a pool of memory of its own; only if the
pool is full, or the page does not compress, the device gets it. Entries stand on LRU lists of their groups. When the
pool is full a worker writes the oldest ones to the device they were kept from: it takes a fresh page into the swap
cache, decompresses into that and starts its write. To 6.5 swap reached it through frontswap. Source: mm/zswap.c of
6.12 and 6.18, of 5.19 to 6.6 for what was before; mm/zsmalloc.c, mm/zbud.c.
"""
