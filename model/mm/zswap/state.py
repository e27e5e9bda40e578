"""Entries by swap slot, the lists they stand on, what groups have, the memory of the pool."""

from mmrun.model.core.record import LIST, WAIT_QUEUE, counts, one, row, table
from mmrun.model.mm.zswap.settings import ZSWAP_COUNTERS

# What is kept for a slot (ENTRY.kind): nothing; a compressed page; a page of one word; of zeros, in the area's bitmap.
NOTHING, COMPRESSED, SAME_FILLED, ZEROS = 0, 1, 2, 3
# Of a slot (struct zswap_entry). `zspage`: row + 1; `half`: of a page of zbud's, 1 its first; `slab`: frame + 1 of its
# entry; `length`: bytes it compressed to; `contents`: what its page is, known from its first store on.
ENTRY = row(
    next="i4", prev="i4", zspage="i4", slab="i4", length="i2", memcg="i2", node="i1", kind="i1", referenced="i1",
    half="i1", contents="i1",
)  # fmt: skip
# Of a group on a node: its entries, oldest first; pages that devices read back since the shrinker last asked; what the
# shrinker has put off.
LRUVEC = row(lru=LIST, nr_disk_swapins="i8", deferred="i8")
# Of a group, in pages but for bytes: `subtree`: bytes of it and its descendants; `charged`: pages it pays for;
# `forced`: it was charged beyond its limit.
GROUP = row(
    limit="i8", writeback="i8", zswap="i8", subtree="i8", charged="i8", zswapped="i8", zswpin="i8", zswpout="i8",
    zswpwb="i8", forced="i8",
)  # fmt: skip
# Some frames of the pool, the first of them linked to the next. Of zsmalloc: its class, objects in it; of zbud: what
# its halves take, in chunks.
ZSPAGE = row(next="i4", prev="i4", first="i4", size_class="i2", inuse="i2", halves=("i1", (2,)), listed="i2")
SIZE_CLASS = row(pages="i4", objects="i4")  # of zsmalloc: frames of a zspage, objects that it holds

zswap_entries = table(340, "zswap_entries", ENTRY)
zswap_lruvecs = table(341, "zswap_lruvecs", LRUVEC)  # by group and node; the first has them all where there is one list
zswap_groups = table(342, "zswap_groups", GROUP)
zspages = table(343, "zspages", ZSPAGE)
size_classes = table(344, "size_classes", SIZE_CLASS)
class_of = table(345, "class_of", "i2")  # by the number of 16 bytes: the class that objects of this size are in
zpool_lists = table(346, "zpool_lists", LIST)  # zspages with room: by class and fullness; zbud: by free chunks
zswap_settings = one(  # `zsmalloc`, ways of the version: 0 or 1; bytes; shares of 65,536; ns; pages
    347, "zswap_settings", row(
        zswap="i8", zsmalloc="i8", length="i8", zero_filled="i8", same_filled="i8", incompressible="i8",
        compress_ns="i8", decompress_ns="i8", zswap_fill="i8", zswap_lru_walk="i8", max_pages="i8", accept_pages="i8",
        shrinks="i8",
        frontswap="i8", zswap_by_worker="i8", zswap_to_threshold="i8", zswap_by_group="i8", zswap_skips_empty="i8",
        zswap_second_chance="i8", zswap_exclusive="i8", zswap_same_filled="i8", swap_zeromap="i8",
        zswap_large_folios="i8", zswap_compares_pages="i8", zswap_charged="i8", zswap_buffer_of_a_page="i8",
        zswap_stores_raw="i8", zsmalloc_evicts="i8", zs_tenths="i8",
    ),
)  # fmt: skip
# `pool`: its frames; `free_zspage`: first free row + 1, `zspage_rows`: rows ever used; `slabs`: slabs of entries with
# room; `full`: refuses pages until it has shrunk; `next_group`: where the worker goes on; `queued`: it has work.
zswap_state = one(348, "zswap_state", row(
    pool="i8", stored="i8", same_filled="i8", free_zspage="i8", zspage_rows="i8", slabs=LIST, slab_pages="i8",
    full="i8", next_group="i8", queued="i8", wait=WAIT_QUEUE,
))  # fmt: skip
zswap_stats = counts(349, "zswap_stats", *ZSWAP_COUNTERS)
