"""Pools of huge pages by size, their free pages by node, and what mappings were promised."""

from mmrun.model.core.record import LIST, counts, one, row, table
from mmrun.model.machine.state import MAX_NODES
from mmrun.model.mm.hugetlb.settings import HUGETLB_COUNTERS

POOLS, MIB2, GIB1 = 2, 0, 1
ORDERS = (9, 18)  # of a page of each pool

# A size (struct hstate), in pages of it: `nr` with surplus ones, `free`, `resv` of them promised; by node `nr_node`,
# `surplus_node`, `lists` the free ones. `next_alloc`, `next_free`: the node whose turn it is.
POOL = row(
    nr="i8", free="i8", resv="i8", surplus="i8", overcommit="i8", next_alloc="i8", next_free="i8",
    nr_node=("i8", (MAX_NODES,)), surplus_node=("i8", (MAX_NODES,)), lists=(LIST, (MAX_NODES,)),
)  # fmt: skip
# Of a region: its pool + 1 (0: none), whether it was mapped, pages it may still take of what it reserved, pages it has.
MAPPING = row(pool="i8", noreserve="i8", mapped="i8", reserved="i8", pages="i8")

pools = table(194, "pools", POOL)
mappings = table(195, "mappings", MAPPING)
hugetlb_settings = one(  # ns; the era's ways 0 or 1; pages
    196, "hugetlb_settings", row(
        hugetlb_clear="i8", hugetlb_clear_1g="i8", hugetlb_movable="i8", hugetlb_gives_up="i8",
        hugetlb_vmemmap_kept="i8", hugetlb_charged="i8",
    ),
)  # fmt: skip
hugetlb_count = counts(197, "hugetlb_count", *HUGETLB_COUNTERS)
