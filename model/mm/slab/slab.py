"""The slab allocator: objects of one size share order-0 pages, and a page goes back only with its last object.

A page with free places hangs on the partial list of its cache, of the node that asked for it and, while pages belong to
groups (4.5 to 5.8), of its group; new objects take the first partial page. The page's frame holds the number of its
objects. Until 5.8 whole pages are charged; since 5.9 groups share pages and are charged by the byte.
"""

from mmrun.model.core.codes import BAD_OBJECT
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.links import link_head, link_tail, unlink_row
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, geometry, node_count
from mmrun.model.mm.limits.limits import charge
from mmrun.model.mm.memcg.memcontrol import NO_GROUP, charge_kmem, mod_slab_bytes, uncharge_pages
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.gfp import GFP_KERNEL, RECLAIMABLE
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.slab.list_lru import BUSY, LISTED, PINNING, cache_of, list_of_object, put, remove
from mmrun.model.mm.slab.state import objects, slab_caches, slab_partial, slab_settings, spaces
from mmrun.model.mm.task.state import tasks
from mmrun.model.units import PAGE

slab_frame = caller("slab_frame")


@kernel
def push_partial(m, lst, pfn, at_tail):
    """Put a page with free places at the head or tail of partial list `lst`."""
    if at_tail:
        link_tail(frames(m), slab_partial(m)[lst], pfn)
    else:
        link_head(frames(m), slab_partial(m)[lst], pfn)


@kernel
def unlink_partial(m, lst, pfn):
    """Take a page off partial list `lst`."""
    row = slab_partial(m)[lst]
    if row.n == 0:
        panic(m, BAD_OBJECT, pfn)
        return
    unlink_row(frames(m), row, pfn)


@kernel
def charge_object(m, t, c, group):
    """Charge an object of cache `c` to a group by the byte; 0 when the group is out of memory (obj_cgroup_charge)."""
    row = memcgs(m)[group]
    while row.slab_pages * PAGE < row.slab_bytes + slab_caches(m)[c].bytes:
        if not charge(m, t, group):
            return 0
        row.slab_pages += 1
        charge_kmem(m, group, 1)
    row.slab_bytes += slab_caches(m)[c].bytes
    mod_slab_bytes(m, group, slab_caches(m)[c].bytes)
    return 1


@kernel
def uncharge_object(m, c, group):
    """Return an object's charge; whole pages go back once more than one is to spare (drain_obj_stock)."""
    row = memcgs(m)[group]
    row.slab_bytes -= slab_caches(m)[c].bytes
    spare = row.slab_pages * PAGE - row.slab_bytes
    if spare > PAGE:
        pages = spare // PAGE
        row.slab_pages -= pages
        charge_kmem(m, group, -pages)
        uncharge_pages(m, group, pages)
    mod_slab_bytes(m, group, -slab_caches(m)[c].bytes)


@kernel
def new_slab(m, t, c, group, lst):
    """A fresh page for cache `c` on partial list `lst`; NONE when there is no memory for it (allocate_slab)."""
    gfp = GFP_KERNEL | RECLAIMABLE if slab_caches(m)[c].reclaimable else GFP_KERNEL
    pfn = slab_frame(m, t, gfp, NO_GROUP if slab_settings(m).slab_by_bytes else group)
    if pfn == NONE:
        return NONE
    page = frames(m)[pfn]
    page.owner, page.slot = lst, 0
    push_partial(m, lst, pfn, False)
    slab_caches(m)[c].nr_pages += 1
    node_count(m)[page.node].nr_slab_pages += 1
    return pfn


@kernel
def free_slab(m, c, pfn):
    """Give a page without objects back."""
    page = frames(m)[pfn]
    if not slab_settings(m).slab_by_bytes:
        charge_kmem(m, page.memcg, -1)
        uncharge_pages(m, page.memcg, 1)
    slab_caches(m)[c].nr_pages -= 1
    slab_caches(m)[c].freed_pages += 1
    node_count(m)[page.node].nr_slab_pages -= 1
    node_count(m)[page.node].slab_pages_freed_here += current(m).in_shrinker
    current(m).reclaimed_slab += 1
    page.state = page.owner = page.slot = 0
    free_frame(m, turn(m).cpu, pfn)


@kernel
def alloc_object(m, t, s, i):
    """Make object `i` of space `s` on behalf of task `t`, listed nowhere yet; 0 when there is no memory for it.

    In the kernel: kmem_cache_alloc.
    """
    c = spaces(m)[s].cache
    cache, o = slab_caches(m)[c], objects(m)[i]
    group = tasks(m)[t].memcg if cache.accounted else 0
    if slab_settings(m).slab_by_bytes and group and not charge_object(m, t, c, group):
        return 0
    lst = (
        cache.lists
        + (0 if slab_settings(m).slab_by_bytes else group) * geometry(m).nr_nodes
        + cpus(m)[turn(m).cpu].node
    )
    pfn = slab_partial(m)[lst].head
    if pfn == NONE:
        pfn = new_slab(m, t, c, group, lst)
        if pfn == NONE:
            if slab_settings(m).slab_by_bytes and group:
                uncharge_object(m, c, group)
            return 0
    page = frames(m)[pfn]
    page.slot += 1
    if page.slot == cache.per_page:
        unlink_partial(m, lst, pfn)
    o.page, o.space, o.memcg, o.marks, o.pins = pfn + 1, s, group, o.marks & BUSY, 0
    cache.nr_objects += 1
    cache.created += 1
    m.now += slab_settings(m).slab_object_alloc
    return 1


@kernel
def free_object(m, i):
    """Free the memory of object `i`, which is on no list; its page goes too when it was the last one on it.

    In the kernel: kmem_cache_free.
    """
    o, c = objects(m)[i], cache_of(m, i)
    pfn, cache = o.page - 1, slab_caches(m)[c]
    page = frames(m)[pfn]
    lst = page.owner
    if page.slot == cache.per_page:
        push_partial(m, lst, pfn, True)
    page.slot -= 1
    if page.slot == 0:
        unlink_partial(m, lst, pfn)
        free_slab(m, c, pfn)
    if slab_settings(m).slab_by_bytes and o.memcg:
        uncharge_object(m, c, o.memcg)
    o.page = 0
    cache.nr_objects -= 1
    m.now += slab_settings(m).slab_object_free


@kernel
def release(m, i):
    """Object `i` ceases to exist; the object that it pins loses a user."""
    o = objects(m)[i]
    if o.marks & LISTED:
        remove(m, list_of_object(m, i), i)
    other = i + spaces(m)[o.space].pinned if o.marks & PINNING else NONE
    free_object(m, i)
    if other != NONE:
        objects(m)[other].pins -= 1
        if objects(m)[other].pins == 0:
            put(m, other)
