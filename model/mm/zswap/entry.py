"""Entries: their slab, the lists they stand on, what their groups pay (zswap_entry_free, zswap_lru_add)."""

from mmrun.model.core.jit import hook, kernel, rare
from mmrun.model.core.links import link_head, link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import geometry
from mmrun.model.mm.memcg.memcontrol import charge_kmem, stat_updated, uncharge_pages
from mmrun.model.mm.memcg.state import memcg_settings, memcgs
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE
from mmrun.model.mm.page.gfp import GFP_KERNEL
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.zswap.state import (
    COMPRESSED,
    NOTHING,
    SAME_FILLED,
    zswap_entries,
    zswap_groups,
    zswap_lruvecs,
    zswap_settings,
    zswap_state,
)
from mmrun.model.mm.zswap.zpool import reserve_pages, zpool_free
from mmrun.model.units import PAGE

ENTRY_BYTES = 56  # struct zswap_entry of 6.12 on 64 bits; two words more before 6.9
ENTRIES = PAGE // ENTRY_BYTES  # in a slab


@kernel
def lruvec_at(m, group, nid):
    """Row of the list of a group and node; to 6.7 there is one."""
    return group * geometry(m).nr_nodes + nid if zswap_settings(m).zswap_by_group else 0


@kernel
def alloc_entry(m, nid):
    """An entry of the slab cache: the slab's frame, or NONE (zswap_entry_cache_alloc)."""
    s = zswap_state(m)
    pfn = s.slabs.head
    if pfn == NONE:
        pfn = reserve_pages(m, GFP_KERNEL, nid)
        if pfn == NONE:
            return NONE
        page = frames(m)[pfn]
        page.state, page.kind, page.memcg, page.owner, page.slot = KERNEL, KERNEL_PAGE, 0, NONE, 0
        link_head(frames(m), s.slabs, pfn)
        s.slab_pages += 1
    frames(m)[pfn].slot += 1
    if frames(m)[pfn].slot == ENTRIES:
        unlink_row(frames(m), s.slabs, pfn)
    return pfn


@kernel
def free_entry(m, pfn):
    """An entry of the slab goes, and the slab with its last one."""
    s, page = zswap_state(m), frames(m)[pfn]
    if page.slot == ENTRIES:
        link_head(frames(m), s.slabs, pfn)
    page.slot -= 1
    if page.slot == 0:
        unlink_row(frames(m), s.slabs, pfn)
        s.slab_pages -= 1
        page.state = 0
        free_frame(m, turn(m).cpu, pfn)


@rare
@kernel
def charge_anyway(m, memcg, pages):
    """Charge pages to the group and its ancestors, beyond their limits if need be: reclaim must not reclaim.

    In the kernel: try_charge_memcg, under PF_MEMALLOC.
    """
    uncharge_pages(m, memcg, -pages)
    at = memcg
    while at:
        if memcgs(m)[at].usage > memcgs(m)[at].limit:
            zswap_groups(m)[at].forced = 1
        at = memcgs(m)[at].parent


@kernel
def _count(m, memcg, nbytes, pages):
    """So much more is kept for the group (mod_memcg_state: MEMCG_ZSWAP_B, MEMCG_ZSWAPPED)."""
    row, at = zswap_groups(m)[memcg], memcg
    row.zswap += nbytes
    row.zswapped += pages
    while True:
        zswap_groups(m)[at].subtree += nbytes
        if at == 0:
            break
        at = memcgs(m)[at].parent
    if memcg and zswap_settings(m).zswap_charged:
        stat_updated(m, memcg, 2 if memcg_settings(m).updates_in_pages else abs(nbytes) + 1)


@kernel
def charge_zswap(m, memcg, nbytes):
    """The group pays for a page's compressed bytes, whatever its limit (obj_cgroup_charge_zswap)."""
    _count(m, memcg, nbytes, 1)
    row = zswap_groups(m)[memcg]
    if memcg and zswap_settings(m).zswap_charged:
        while row.charged * PAGE < row.zswap:
            charge_anyway(m, memcg, 1)
            charge_kmem(m, memcg, 1)
            row.charged += 1


@kernel
def uncharge_zswap(m, memcg, nbytes):
    """It no longer does; a page that is to spare stays with the group (drain_obj_stock)."""
    _count(m, memcg, -nbytes, -1)
    row = zswap_groups(m)[memcg]
    spare = row.charged * PAGE - row.zswap
    if spare > PAGE:
        pages = spare // PAGE
        row.charged -= pages
        charge_kmem(m, memcg, -pages)
        uncharge_pages(m, memcg, pages)


@kernel
def lru_add(m, slot):
    """The entry is the newest of its list (zswap_lru_add)."""
    e = zswap_entries(m)[slot]
    link_tail(zswap_entries(m), zswap_lruvecs(m)[lruvec_at(m, e.memcg, e.node)].lru, slot)


@kernel
def lru_del(m, slot):
    """The entry leaves its list."""
    e = zswap_entries(m)[slot]
    unlink_row(zswap_entries(m), zswap_lruvecs(m)[lruvec_at(m, e.memcg, e.node)].lru, slot)


@kernel
def drop(m, slot):
    """What is kept for the slot goes: entry, memory, charge; a page of zeros loses its bit (zswap_entry_free)."""
    e, s = zswap_entries(m)[slot], zswap_state(m)
    if e.kind == COMPRESSED:
        lru_del(m, slot)
        zpool_free(m, e.zspage - 1, e.half)
    if e.kind == COMPRESSED or e.kind == SAME_FILLED:
        s.same_filled -= 1 if e.kind == SAME_FILLED else 0
        s.stored -= 1
        uncharge_zswap(m, e.memcg, e.length)
        free_entry(m, e.slab - 1)
    e.kind, e.zspage, e.slab, e.length = NOTHING, 0, 0, 0


@hook
def zswap_invalidate(m, slot):
    e = zswap_entries(m)[slot]
    if e.kind != NOTHING:
        drop(m, slot)
    e.contents = 0
    return 0
