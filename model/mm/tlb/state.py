"""TLB arrays and what they hold, how large the pages behind page-table words are."""

from mmrun.model.core.record import counts, one, row, table
from mmrun.model.mm.tlb.settings import TLB_COUNTERS

SMALL, HUGE, GIANT = 0, 1, 2  # page sizes: 4 KiB, 2 MiB, 1 GiB
SIZE_SHIFT = 9  # each is 512 of the one before
LEVEL_2 = 3  # rows of `tlb_arrays`: a level's arrays by page size

# `first`: place of its first entry among a CPU's; `sets` 0: the level does not hold the size. `shift`: pages of 4 KiB
# an entry stands for, as a power of two; `tag`: page size in an entry.
TLB_ARRAY = row(first="i8", sets="i8", ways="i8", shift="i8", tag="i8")
# Of a task: bytes of its last-level tables; 1: something was unmapped that a flush will follow.
ADDRESS_SPACE = row(footprint="i8", stale="i8")

tlb_arrays = table(152, "tlb_arrays", TLB_ARRAY)
tlb_entries = table(153, "tlb_entries", "i8", dimensions=2)  # by CPU; most recent first in each set; 0: empty
tlb_settings = one(  # costs in ns; bytes; 0 or 1
    154, "tlb_settings", row(
        translates="i8", dtlb_l2_hit="i8", page_walk="i8", page_walk_memory="i8", cache="i8", guest="i8", pcid="i8",
        tlb_batched="i8",
    ),
)  # fmt: skip
tlb_count = counts(155, "tlb_count", *TLB_COUNTERS)
page_sizes = table(156, "page_sizes", "u1")  # of what 512 page-table words map: SMALL, HUGE, GIANT
tables_seen = table(157, "tables_seen", "u1")  # page size + 1 that a leaf table counts with in its task's footprint
address_spaces = table(158, "address_spaces", ADDRESS_SPACE)  # by task
loaded = table(159, "loaded", "i4")  # by CPU: the task + 1 whose page table it last used
