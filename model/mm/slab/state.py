"""Slab caches, their objects, shrinkers."""

from mmrun.model.core.record import LIST, counts, one, row, table
from mmrun.model.mm.slab.settings import SLAB_VM_COUNTERS

# A slab object is found by its number alone. `page`: frame + 1, 0 while the object does not exist; `pins`: objects that
# hold it in use.
OBJECT = row(next="i4", prev="i4", page="i4", space="i2", memcg="i2", marks="i2", pins="i2")
# Objects of one cache in one file system. `pinned`: number of an object's pinned object minus its own, 0: it pins none.
SPACE = row(first="i8", nr="i8", cache="i8", disk="i8", pinned="i8", pinned_space="i8")
SLAB_CACHE = row(  # `lists`: first of its rows in the tables of unused objects and partial slabs
    bytes="i8", per_page="i8", reclaimable="i8", accounted="i8", pins="i8", shrinker="i8", lists="i8",
    by_node="i8", by_group="i8", nr_objects="i8", nr_pages="i8", nr_unused="i8", scanned="i8", freed="i8",
    freed_pages="i8", hits="i8", misses="i8", created="i8", dropped="i8", share="i8",
)  # fmt: skip
SHRINKER = row(  # `deferred`: first of its rows in the table of deferred work; `read_at` etc.: its last two callers
    first_cache="i8", nr_caches="i8", seeks="i8", batch="i8", filesystem="i8", by_node="i8", by_group="i8",
    deferred="i8", refused="i8", read_at="i8", read_nr="i8", read_by="i8", wrote_at="i8", wrote_over="i8",
    wrote_by="i8",
)  # fmt: skip

objects = table(110, "objects", OBJECT)
spaces = table(111, "spaces", SPACE)
slab_caches = table(112, "slab_caches", SLAB_CACHE)
slab_unused = table(113, "slab_unused", LIST)
slab_partial = table(114, "slab_partial", LIST)
shrinkers = table(115, "shrinkers", SHRINKER)
deferred = table(116, "deferred", "i8")
slab_settings = one(  # costs in ns, `vfs_cache_pressure` in percent
    117, "slab_settings", row(
        nr_shrinkers="i8", nr_slab_caches="i8", vfs_cache_pressure="i8", slab_by_bytes="i8", slab_marks_new="i8",
        slab_lookup="i8", slab_object_alloc="i8", slab_object_scan="i8", slab_object_free="i8",
    ),
)  # fmt: skip
slab_state = one(118, "slab_state", row(shrinkers_busy_until="i8"))  # ns
slab_count = counts(119, "slab_count", *SLAB_VM_COUNTERS)
