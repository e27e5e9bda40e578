"""What can be varied and read: axes, hooks, counters."""

from typing import Annotated

from mmrun.model.core.mechanism import CORE, NO_FRAME, Axis, Matters, Subject, Told, counters, hooks, some
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Record, record
from mmrun.model.units import PAGE, Bytes, Nanoseconds

HAS_CACHES = Matters("a cell with slab caches", lambda case, _: bool(case.cell.slab))
OF_FILESYSTEMS = Matters(
    "a cell with slab caches of a file system", lambda case, _: any(c.filesystem for c in case.cell.slab.values())
)
AXES = (
    Axis(
        "shrinker",
        9,
        "slab shrinkers: how many objects of a cache a reclaim call asks for",
        ("BY_GROUP", "BY_NODE", "MARKS_NEW", "SUPERBLOCKS", "ZERO_SEEKS"),
        HAS_CACHES,
    ),
)

HOOKS = {
    **hooks(
        CORE,
        12,
        ("slab_frame", "task gfp group", "a frame for slab objects, or NONE; group: to charge, or NO_GROUP", NO_FRAME),
        ("slab_access", "task region object operation", "OK or OUT_OF_MEMORY"),
        optional=True,
    ),
    **hooks(
        "shrinker",
        116,
        ("shrink_slab", "sc group", "objects freed, after the group's lruvec on the node (or zone) was shrunk"),
        ("shrink_slab_pass", "sc", "the same, after one priority: of a task's zonelist, of kswapd's zone or node"),
    ),
}

SLAB_VM_COUNTERS = counters("""
slabs_scanned | none | slab objects that shrinkers asked for | objects
slab_objects_freed | none | slab objects freed by shrinkers | objects
slab_pages_freed | none | slab pages given back by shrinkers: a page goes with its last object
shrink_refused | none | shrinker calls refused for want of __GFP_FS | events
shrink_raced | lower | shrinker calls that worked from, or overwrote, a count another caller had changed | events
shrink_contended | lower | reclaim calls that shrank no slab because shrinker_rwsem was taken | events
""")

SLAB_COUNTERS = counters("""
objects | none | objects of the slab cache when the run ends
pages | none | slab pages of the cache when the run ends | pages
unused | none | objects of the cache that stand on a list_lru when the run ends
scanned | none | objects of the cache that shrinkers asked for
freed | none | objects of the cache freed by shrinkers
freed_pages | none | slab pages of the cache given back | pages
hits | higher | lookups that found the object
misses | lower | lookups that had to make the object
created | none | objects made
dropped | none | objects removed by their users
""", unit="objects")  # fmt: skip

GAUGES = counters("""
nr_slab_reclaimable | none | slab pages of caches with a shrinker when the run ends
nr_slab_unreclaimable | none | slab pages of caches without one when the run ends
nr_deferred | lower | objects that shrinkers have put off when the run ends | objects
""")

COUNTERS = SLAB_VM_COUNTERS  # of the machine

SAMPLED = ("objects", "pages", "unused")
TOLD = (
    Told("machine", GAUGES, sampled=True),
    Told("slab", SLAB_COUNTERS),
    Told("slab", some(SLAB_COUNTERS, SAMPLED), sampled=True),
)


@record
class SlabCache(Record):
    """A slab cache with its shrinker: objects of one size in slab pages of order 0, unused ones on a list_lru."""

    object: Annotated[Bytes, Range(ge=8, le=PAGE), Why("slab pages are of order 0")]
    """Size of an object; 4KiB divided by it, rounded down, share a slab page."""
    seeks: Annotated[int, Range(ge=0, le=1000), Why("the default is 2")] = 2
    """Cost of making an object again, in disk seeks (DEFAULT_SEEKS 2); 0 since 4.20: free to make again."""
    batch: Annotated[int, Range(ge=1), Why("128 is the kernel's default")] | None = None
    """Objects a shrinker call asks for at a time. None: 128 (SHRINK_BATCH), 1024 for a superblock."""
    reclaimable: bool = True
    """False: nothing shrinks the cache, its pages count as nr_slab_unreclaimable."""
    filesystem: bool = False
    """The shrinker belongs to a file system: it refuses requests without __GFP_FS and obeys vfs_cache_pressure."""
    numa_aware: bool = True
    """Objects are listed per node (since 3.12)."""
    memcg_aware: bool = True
    """Objects are charged to the allocating group (since 4.5) and listed per group."""
    superblock: str | None = None
    """Caches that name the same one share a shrinker, which splits a request between them (since 3.1)."""
    pins: str | None = None
    """Cache whose object of the same number each object holds in use while it lives, as a dentry does its inode."""


@record
class Sysctl(Record):
    """Settings under /proc/sys/vm."""

    vfs_cache_pressure: Annotated[int, OF_FILESYSTEMS] | None = None
    """Percent of their unused objects that file systems' shrinkers report as freeable; default 100."""


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = HAS_CACHES
    slab_lookup: Nanoseconds = 100
    """Finding an object in its cache's hash table (50-300)."""
    slab_object_alloc: Nanoseconds = 100
    """Taking and initialising a slab object (50-500)."""
    slab_object_scan: Nanoseconds = 30
    """Looking at one object on a shrinker's list (10-100)."""
    slab_object_free: Nanoseconds = 100
    """Freeing a slab object (50-500)."""


SUBJECTS = (
    Subject(
        "slab",
        "Caches under `slab:`, with objects of one size in pages of order 0 and a shrinker; SLUB's per-CPU lists and "
        "pages of higher order are not modelled, nor other kernel memory (vmalloc, per-CPU memory, stacks).",
        ("shrinker", "vfs_cache_pressure", "objects"),
        ("slub", "kmem", "kmalloc", "vmalloc", "percpu", "dentry", "dentries", "inodes", "shrinkers", "kernel memory"),
    ),
)
