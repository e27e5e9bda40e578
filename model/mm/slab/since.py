"""Slab caches and their shrinkers: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, param, since, sysctl, within

DATED: Dated = (
    axis(
        "shrinker",
        always("single-callback", "mm/vmscan.c: shrink_slab, 3.0"),
        since("3.1", "batched-clamped", "vmscan: shrinker->nr updates race and go wrong; reduce wind up, 3.1"),
        since("3.12", "count-scan", "shrinker: convert superblock shrinkers to new API, 3.12"),
        since("4.16", "priority-min", "mm: use sc->priority for slab shrink targets, 4.16"),
        since("5.13", "priority", "mm: vmscan: use per memcg nr_deferred of shrinker, 5.13"),
    ),
    param(
        "shrinker/priority-min", "floor",
        always(False, "mm/vmscan.c: do_shrink_slab, 4.16"),
        since("4.19", True, "mm: slowly shrink slabs with a relatively small number of objects, 4.19"),
        since("5.0", False, "Revert \"mm: slowly shrink slabs ...\", 5.0"),
    ),
    param(
        "shrinker/priority", "lockless",
        always(False, "mm/vmscan.c: do_shrink_slab, 5.15"),
        since("6.7", True, "mm: shrinker: make global slab shrink lockless, 6.7"),
    ),
    sysctl("vfs_cache_pressure", always(100, "fs/dcache.c")),
    within("vfs_cache_pressure", always((0, 1000), "an arbitrary most")),
    flag("slab_by_bytes", "groups share slab pages and are charged by the byte",
         "mm: memcg/slab: use a single set of kmem_caches for all accounted allocations, 5.9", since="5.9"),
)  # fmt: skip
