"""The operations of a cell's timeline, and how far they have come."""

from mmrun.model.core.record import counts, one, row, table
from mmrun.model.life.settings import LIFE_COUNTERS

# What an operation does; an entry that writes several files is as many operations.
SET_VM, SET_PROTECTION, SET_HIGH, SET_MAX, RESIZE, SET_SOFT_LIMIT, SET_SWAP_MAX, SET_SWAPPINESS = range(8)
DROP_PAGECACHE, DROP_SLAB, SET_OOM_GROUP, RECLAIM, FORCE_EMPTY, REMOVE, COMPACT = range(8, 15)

# `at`: when (ns); `entry`: of the timeline; `memcg`: the group; `value`, `second`: what is written, pages (of the
# machine's settings: 1 where vm.dirty_writeback_centisecs is among them); `began`, `ended`: ns; `done`: 1 once it has
# ended; `result`: 0 or an errno; `before`, `after`: pages of the group's usage (`after` of drop_caches: what went).
OP = row(
    at="i8", action="i8", entry="i8", memcg="i8", value="i8", second="i8", began="i8", ended="i8", done="i8",
    result="i8", before="i8", after="i8",
)  # fmt: skip

life_ops = table(100, "life_ops", OP)
life_state = one(101, "life_state", row(next="i8", due="i8"))  # `due`: the operation, + 1, that Python is to do
# Costs in ns; ways of the version, 0 or 1.
life_settings = one(102, "life_settings", row(
    drop_page="i8", drop_caches_drains="i8", drop_slab_shifts="i8", interval_wakes="i8",
    pages_reparent="i8", kmem_reparents="i8", force_empty_waits="i8",
))  # fmt: skip
life_count = counts(104, "life_count", *LIFE_COUNTERS)
