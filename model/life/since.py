"""Changes while a machine runs: what changed when. What writing a limit does stands in model/mm/limits/since.py."""

from mmrun.model.core.timeline import Dated, flag, gap

DATED: Dated = (
    flag("drop_caches_drains", "drop_caches has every CPU's pages join their lists first, so that they can go",
         "fs/drop_caches.c: drop_caches_sysctl_handler, 6.1", since="5.18", unsure="between 5.16 and 6.1"),
    flag("drop_slab_shifts", "drop_slab goes on while a round freed more than 2 objects, then 4, 8 and so on; before, "
         "more than 10", "mm/vmscan.c: drop_slab, 5.15", since="5.15", unsure="5.14 or 5.15"),
    flag("pages_reparent", "the pages of a group that is removed become pages of the group above",
         "b2052564e66d mm: memcontrol: continue cache reclaim from offlined groups, 3.19", until="3.19"),
    flag("kmem_reparents", "kernel memory of a group that is removed is charged to the group above",
         "fb2f2b0adb98 mm: memcg/slab: reparent memcg kmem_caches on cgroup removal, 5.3", since="5.3"),
    flag("force_empty_waits", "memory.force_empty sleeps a tenth of a second after a reclaim for nothing",
         "mm/memcontrol.c: mem_cgroup_force_empty, congestion_wait to 5.15", until="5.16"),
    flag("memory_reclaim", "groups have memory.reclaim",
         "94968384dde1 memcg: introduce per-memcg reclaim interface, 5.19", since="5.19"),
    flag("reclaim_swappiness", "memory.reclaim takes swappiness=",
         "68cd9050d871 mm: add swappiness= arg to memory.reclaim, 6.9", since="6.9", unsure="6.8 or 6.9"),
    flag("reclaim_anon_only", "memory.reclaim takes swappiness=max",
         "mm: add swappiness=max arg to memory.reclaim for only anon reclaim, 6.16", since="6.16",
         unsure="6.15 or 6.16"),
    gap("2.6.32", "3.18", "memory.force_empty only reclaims, as since 3.19; what it could not free was moved up"),
    flag("interval_wakes", "flushers look at their files when vm.dirty_writeback_centisecs is written",
         "94af58469209 writeback: schedule periodic writeback with sysctl, 4.15", since="4.15"),
)  # fmt: skip
