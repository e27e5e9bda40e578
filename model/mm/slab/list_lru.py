"""Unused slab objects in the order of their release, sharded by node and group (mm/list_lru.c).

Objects join at the tail, shrinkers walk from the head. A use of an object that is listed only marks it; an object that
is in use stays listed until a walk meets it. Where a cache or era is not node- or group-aware, list 0 holds them all.
"""

from mmrun.model.core.codes import BAD_OBJECT
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.panic import panic
from mmrun.model.machine.state import geometry
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.slab.state import objects, slab_caches, slab_settings, slab_unused, spaces

REFERENCED, LISTED, PINNING = 1, 2, 4
BUSY = 8  # somebody makes it, perhaps asleep, or reads what is to be in it (I_NEW): others wait


@kernel
def cache_of(m, i):
    """Number of the cache of object `i`."""
    return spaces(m)[objects(m)[i].space].cache


@kernel
def list_at(m, c, node, group):
    """Number of the list of cache `c` for a node and group."""
    cache = slab_caches(m)[c]
    return cache.lists + (group if cache.by_group else 0) * geometry(m).nr_nodes + (node if cache.by_node else 0)


@kernel
def list_of_object(m, i):
    """Number of the list that object `i` belongs on: that of its page's node and of its group."""
    o = objects(m)[i]
    return list_at(m, cache_of(m, i), frames(m)[o.page - 1].node, o.memcg)


@kernel
def append(m, lst, i):
    """Put object `i` at the tail of list `lst` (list_lru_add)."""
    link_tail(objects(m), slab_unused(m)[lst], i)
    objects(m)[i].marks |= LISTED
    slab_caches(m)[cache_of(m, i)].nr_unused += 1


@kernel
def remove(m, lst, i):
    """Take object `i` off list `lst` (list_lru_del)."""
    table, row = objects(m), slab_unused(m)[lst]
    if not table[i].marks & LISTED or row.n == 0:
        panic(m, BAD_OBJECT, i)
        return
    unlink_row(table, row, i)
    table[i].marks &= ~LISTED
    slab_caches(m)[cache_of(m, i)].nr_unused -= 1


@kernel
def rotate(m, lst, i):
    """Give a referenced object another round: it loses its mark and goes to the tail (LRU_ROTATE)."""
    remove(m, lst, i)
    objects(m)[i].marks &= ~REFERENCED
    append(m, lst, i)


@kernel
def put(m, i):
    """The last user of object `i` lets go of it: it is listed, or marked if it already is (dput, iput_final).

    Until 4.12 a fresh object was marked as well, so that each survived one walk.
    """
    o = objects(m)[i]
    if not slab_caches(m)[cache_of(m, i)].reclaimable:
        return
    if o.marks & LISTED:
        o.marks |= REFERENCED
        return
    append(m, list_of_object(m, i), i)
    if slab_settings(m).slab_marks_new:
        o.marks |= REFERENCED
