"""Swap areas and their slots."""

from mmrun.model.core.record import counts, one, row, table
from mmrun.model.mm.swap.settings import SWAP_COUNTERS

SWAP_PARTITION, SWAP_ZRAM, SWAP_NBD, SWAP_NFS, SWAP_ISCSI, SWAP_RDMA = 0, 1, 2, 3, 4, 5
ORDERS = 10  # of folios that swap has rows of slots for
FIRST_HITS = 4  # that readahead begins with: swapin_readahead_hits at boot, GET_SWAP_RA_VAL of a new VMA (4.14)

# `disk`: where the area lies, for one on a server the client's row; `out_ns`, `in_ns`: of zram's (de)compression.
SWAP = row(
    first="i8", nslots="i8", used="i8", disk="i8", kind="i8", priority="i8", out_ns="i8", in_ns="i8",
    cluster="i8", cluster_next="i8", cluster_end="i8", scan="i8", free_clusters_gone="i8", turn="i8",
    stored_bytes="i8", stored="i8", pool="i8", pool_frames="i8", pool_node="i8", first_block="i8",
)  # fmt: skip

swaps = table(130, "swaps", SWAP)
swapcache = table(131, "swapcache", "i8")
swapmap = table(132, "swapmap", "i2")
row_clusters = table(137, "row_clusters", "i8")  # by area and order: the next slot of the cluster that has such rows
zram_stored = table(136, "zram_stored", "i1")  # whether zram holds something for the slot
swap_settings = one(  # `page_cluster`: pages read around, as a power of two; `total_swap`: slots; `swap_path`: ns
    133, "swap_settings", row(
        total_swap="i8", page_cluster="i8", swap_by_vma="i8", swap_path="i8", swapin_synchronous="i8",
        swapin_plugged="i8", swapin_marked="i8", swap_rw="i8", zram_forgets="i8", zswap="i8",
    ),
)  # fmt: skip
# What readahead by slot goes by: hits since the last window, its size, the last slot that was looked at.
swap_ra = one(135, "swap_ra", row(hits="i8", win="i8", prev="i8"))
swap_count = counts(134, "swap_count", *SWAP_COUNTERS)
