"""The multi-generational LRU."""

from mmrun.model.core.record import LIST, counts, one, row, table
from mmrun.model.machine.state import ZONES_PER_NODE
from mmrun.model.mm.generations.settings import GENERATION_COUNTERS

TABLE_SHIFT = 9  # page-table words of a leaf table, as a power of two
MAX_GENS, MAX_TIERS, BLOOM_BYTES = 4, 4, 1 << 13  # two bloom filters a lruvec, of 2^15 bits each

# Multi-generational lists of a lruvec, by generation (sequence number modulo 4), kind (0 anon, 1 file) and zone kind.
# `pages` counts by the generation that pages say they are in, `lists` are where they stand until eviction sorts them.
# `next`, `prev`, `memcg_*`: where the group itself stands among the groups of the node.
LRUGEN = row(
    max_seq="i8", min_seq=("i8", (2,)), born=("i8", (MAX_GENS,)), lists=(LIST, (MAX_GENS, 2, ZONES_PER_NODE)),
    pages=("i8", (MAX_GENS, 2, ZONES_PER_NODE)), avg_refaulted=("i8", (2, MAX_TIERS)),
    avg_total=("i8", (2, MAX_TIERS)), refaulted=("i8", (2, MAX_TIERS)), evicted=("i8", (2, MAX_TIERS)),
    protected=("i8", (2, MAX_TIERS)), filters="i8",
    next="i4", prev="i4", memcg_gen="i4", memcg_bin="i4", memcg_seg="i4",
)  # fmt: skip

lrugens = table(40, "lrugens", LRUGEN)
bloom = table(41, "bloom", "u1")
leaf_young = table(44, "leaf_young", "u1")  # whether the entry for a leaf table is young: a page below was looked up
generation_settings = one(  # `walk_pte`: ns a page-table word; the others 0 or 1, as the variant's parameters
    42, "generation_settings", row(walk_pte="i8", walk_small="i8", go_by_priority="i8", queued_off_lru="i8"),
)  # fmt: skip
generation_count = counts(43, "generation_count", *GENERATION_COUNTERS)
