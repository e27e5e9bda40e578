"""rmdir of a group: what becomes of the memory that is charged to it (mem_cgroup_css_offline).

To 3.18 all of it moves to the group above (mem_cgroup_reparent_charges). Since 3.19 pages stay with the removed group,
which lives on until the last one is reclaimed or freed. What it has of the kernel's memory moves up since 5.3 (slab
pages; objects and all other since 5.9): before, one dentry keeps the group. Unused slab objects change lists since 4.0.
"""

from mmrun.model.core.codes import DONE, KILLED, OK
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_head
from mmrun.model.core.sleep import cond_resched, sleep_until
from mmrun.model.life.state import life_settings
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.machine.timers import SECOND
from mmrun.model.mm.huge.map import free_table
from mmrun.model.mm.limits.writes import EBUSY, write_protection
from mmrun.model.mm.lru.lists import list_of, push_head, unlink
from mmrun.model.mm.lru.lru import lru_add_drain_all, lruvec_of_frame
from mmrun.model.mm.memcg.memcg_lru import OLD, rotate
from mmrun.model.mm.memcg.memcontrol import drain_all_stocks, mod_state, uncharge_one, uncharge_pages
from mmrun.model.mm.memcg.state import memcg_settings, memcgs
from mmrun.model.mm.memcg.stats import NR_FILE_DIRTY, NR_FILE_MAPPED, NR_FILE_PAGES, NR_SWAPCACHE, NR_WRITEBACK
from mmrun.model.mm.page.flags import (
    ANON,
    DIRTY,
    KERNEL,
    KERNEL_PAGE,
    LRU,
    PAGE_TABLE,
    SLAB_PAGE,
    SWAPCACHE,
    USER,
    WRITEBACK,
)
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.slab.list_lru import LISTED, cache_of, list_at, remove
from mmrun.model.mm.slab.state import deferred, objects, shrinkers, slab_caches, slab_settings, slab_unused
from mmrun.model.mm.task.state import ptpage, tasks
from mmrun.model.units import PAGE

ENOENT = -2
TABLE_SHIFT = 9


@kernel
def in_use(m, memcg):
    """Whether rmdir finds tasks in the group, or such as will start there, or groups below it (EBUSY)."""
    for t in range(geometry(m).nr_tasks):
        task = tasks(m)[t]
        over = task.state == KILLED or (task.state == DONE and not task.stays)
        if task.memcg == memcg and not over:
            return True
    for g in range(memcg + 1, memcgs(m)[memcg].end):
        if memcgs(m)[g].parent == memcg and not memcgs(m)[g].offline:
            return True
    return False


@kernel
def _move_charge(m, memcg, pages):
    """So many pages that the group was charged for are its parent's, whose usage has them already; the root's has not.

    In the kernel: page_counter_cancel, page_counter_uncharge of mem_cgroup_move_parent, memcg_reparent_objcgs.
    """
    uncharge_one(m, memcg, pages)
    if memcgs(m)[memcg].parent == 0:
        memcgs(m)[0].usage += pages


@kernel
def _free_tables(m, memcg):
    """The page tables of the group's tasks, all of which have ended, go: here they stay until somebody asks."""
    for t in range(geometry(m).nr_tasks):
        task = tasks(m)[t]
        if task.memcg == memcg:
            for table in range(task.pte_start >> TABLE_SHIFT, (task.pte_start + task.npages + 511) >> TABLE_SHIFT):
                if ptpage(m)[table]:
                    free_table(m, table << TABLE_SHIFT)


@kernel
def _move_item(m, memcg, item, val):
    mod_state(m, memcg, item, -val)
    mod_state(m, memcgs(m)[memcg].parent, item, val)


@kernel
def _move_page(m, memcg, pfn):
    """A page on a list goes to the same list of the group above (mem_cgroup_move_parent)."""
    page, pages = frames(m)[pfn], nr_pages(m, pfn)
    unlink(m, lruvec_of_frame(m, pfn), list_of(page.state), pfn)
    page.memcg = memcgs(m)[memcg].parent
    push_head(m, lruvec_of_frame(m, pfn), list_of(page.state), pfn)
    _move_charge(m, memcg, pages)
    if page.state & ANON:
        if page.state & SWAPCACHE and memcg_settings(m).counts_swapcache:
            _move_item(m, memcg, NR_SWAPCACHE, pages)
    else:
        _move_item(m, memcg, NR_FILE_PAGES, pages)
        if page.mapcount:
            _move_item(m, memcg, NR_FILE_MAPPED, 1)
        if page.state & DIRTY:
            _move_item(m, memcg, NR_FILE_DIRTY, pages)
    if page.state & WRITEBACK:
        _move_item(m, memcg, NR_WRITEBACK, pages)
    m.now += life_settings(m).drop_page


@kernel
def _move_pages(m, memcg):
    """One look at all frames: those of the group move up; pages that are in somebody's hands just now."""
    left = 0
    lru_add_drain_all(m)
    for pfn in range(geometry(m).nr_frames):
        page = frames(m)[pfn]
        if page.memcg == memcg and page.state & LRU:
            _move_page(m, memcg, pfn)
        elif page.memcg == memcg and page.state & USER:
            left += 1
    return left


@kernel
def _reparent_pages(m, memcg):
    """Every page of the group becomes one of the group above, however long that takes (mem_cgroup_reparent_charges)."""
    while _move_pages(m, memcg) and m.broken == 0:
        sleep_until(m, m.now + SECOND // geometry(m).hz)


@kernel
def _reparent_lists(m, memcg, to):
    """Unused objects change to the lists of the group above, in front (memcg_reparent_list_lrus)."""
    for c in range(slab_settings(m).nr_slab_caches):
        for node in range(geometry(m).nr_nodes if slab_caches(m)[c].by_group else 0):
            src, dst = list_at(m, c, node, memcg), list_at(m, c, node, to)
            while slab_unused(m)[src].n:
                i = slab_unused(m)[src].tail
                remove(m, src, i)
                objects(m)[i].memcg = to
                link_head(objects(m), slab_unused(m)[dst], i)
                objects(m)[i].marks |= LISTED
                slab_caches(m)[cache_of(m, i)].nr_unused += 1


@kernel
def _reparent_deferred(m, memcg, to):
    """What shrinkers have put off for the group is put off for the one above (reparent_shrinker_deferred)."""
    for h in range(slab_settings(m).nr_shrinkers):
        sh = shrinkers(m)[h]
        for node in range(geometry(m).nr_nodes if sh.by_group else 0):
            src = sh.deferred + memcg * geometry(m).nr_nodes + (node if sh.by_node else 0)
            deferred(m)[src + (to - memcg) * geometry(m).nr_nodes] += deferred(m)[src]
            deferred(m)[src] = 0


@kernel
def _reparent_objects(m, memcg, to):
    """Objects are the upper group's from now on; their bytes with them where groups are charged by the byte (5.9)."""
    for i in range(len(objects(m))):
        if objects(m)[i].page and objects(m)[i].memcg == memcg:
            objects(m)[i].memcg = to
    if slab_settings(m).slab_by_bytes:
        group, above = memcgs(m)[memcg], memcgs(m)[to]
        if to:
            above.slab_bytes += group.slab_bytes
            above.slab_pages += group.slab_pages
            _move_kmem(m, memcg, group.slab_pages)
            spare = (above.slab_pages * PAGE - above.slab_bytes) // PAGE
            above.slab_pages -= spare
            above.kmem -= spare
            uncharge_pages(m, to, spare)
        else:  # nobody counts the root's
            group.kmem -= group.slab_pages
            uncharge_one(m, memcg, group.slab_pages)
        group.slab_bytes = group.slab_pages = 0


@kernel
def _move_kmem(m, memcg, pages):
    memcgs(m)[memcg].kmem -= pages
    memcgs(m)[memcgs(m)[memcg].parent].kmem += pages
    _move_charge(m, memcg, pages)


@kernel
def _reparent_kmem(m, memcg, to):
    """Frames of the kernel's that the group was charged for are the upper group's (memcg_offline_kmem, 5.3)."""
    for pfn in range(geometry(m).nr_frames):
        page = frames(m)[pfn]
        if page.memcg == memcg and page.state & KERNEL and page.kind in (KERNEL_PAGE, PAGE_TABLE, SLAB_PAGE):
            page.memcg = to
            _move_kmem(m, memcg, 1)
    memcgs(m)[to].kmem_stock += memcgs(m)[memcg].kmem_stock
    memcgs(m)[memcg].kmem_stock = 0


@kernel
def _next_in_line(m, memcg):
    """Generations: whatever the removed group has is reclaimed before others' (lru_gen_offline_memcg)."""
    for nid in range(geometry(m).nr_nodes):
        rotate(m, lruvec_of(m, memcg, nid, nodes(m)[nid].first_zone), OLD)


@kernel
def rmdir(m, memcg):
    """Remove a group; 0, EBUSY, or ENOENT where it is gone."""
    if memcgs(m)[memcg].offline:
        return ENOENT
    if in_use(m, memcg):
        return EBUSY
    group, to, ways = memcgs(m)[memcg], memcgs(m)[memcg].parent, life_settings(m)
    write_protection(m, memcg, 0, 0)
    _free_tables(m, memcg)
    drain_all_stocks(m, memcg)
    if memcg_settings(m).kmem_accounting:
        _reparent_lists(m, memcg, to)
        _reparent_deferred(m, memcg, to)
        _reparent_objects(m, memcg, to)
        if ways.kmem_reparents:
            _reparent_kmem(m, memcg, to)
    if ways.pages_reparent:
        _reparent_pages(m, memcg)
    if memcg_settings(m).memcg_lru:
        _next_in_line(m, memcg)
    group.offline = 1
    cond_resched(m)
    return OK
