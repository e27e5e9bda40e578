"""A page is swapped out: noted as zeros, compressed into the pool, or refused (zswap_store, swap_writepage)."""

from mmrun.model.core.jit import hook, kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import cond_resched, current, wake
from mmrun.model.machine.state import costs
from mmrun.model.mm.memcg.memcontrol import stat_updated
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.zswap.contents import INCOMPRESSIBLE, WORD_FILLED, ZERO_FILLED, compressed_length, contents
from mmrun.model.mm.zswap.entry import alloc_entry, charge_zswap, drop, free_entry, lru_add
from mmrun.model.mm.zswap.state import (
    COMPRESSED,
    NOTHING,
    SAME_FILLED,
    ZEROS,
    zswap_entries,
    zswap_groups,
    zswap_settings,
    zswap_state,
    zswap_stats,
)
from mmrun.model.mm.zswap.writeback import DONE, shrink_memcg, walk
from mmrun.model.mm.zswap.zpool import largest, zpool_malloc
from mmrun.model.units import PAGE

REFUSED, STORED, HELD = 0, 1, 2


@kernel
def may_write(m, memcg):
    """Whether the group's pages may be written to a device (mem_cgroup_zswap_writeback_enabled)."""
    return zswap_groups(m)[memcg].writeback


@kernel
def may_zswap(m, memcg):
    """Whether the group and its ancestors have less in zswap than they may have (obj_cgroup_may_zswap)."""
    at = memcg
    while at:
        if zswap_groups(m)[at].subtree // PAGE >= zswap_groups(m)[at].limit:
            return False
        at = memcgs(m)[at].parent
    return True


@kernel
def is_full(m):
    """Whether the pool is as large as it may be (zswap_is_full)."""
    most = zswap_settings(m).max_pages
    return zswap_state(m).pool >= most if zswap_settings(m).zswap_compares_pages else zswap_state(m).pool > most


@kernel
def can_accept(m):
    """Whether a full pool has shrunk enough to take pages again (zswap_can_accept)."""
    enough = zswap_settings(m).accept_pages
    return zswap_state(m).pool <= enough if zswap_settings(m).zswap_compares_pages else zswap_state(m).pool < enough


@kernel
def _make_room(m):
    """Whoever finds the pool full writes an entry himself (zswap_shrink, to 5.6); whether it is full still."""
    if not is_full(m):
        return False
    zswap_stats(m).zswap_pool_limit_hit += 1
    written, _, _ = walk(m, 0, 0, 1, False)
    return written == 0 or is_full(m)


@kernel
def check_limits(m):
    """Whether the pool refuses pages: it was full, and has not shrunk enough since (zswap_check_limits)."""
    if not zswap_settings(m).zswap_by_worker:
        return _make_room(m)
    if is_full(m):
        zswap_stats(m).zswap_pool_limit_hit += 1
        zswap_state(m).full = 1
    elif zswap_state(m).full and can_accept(m):
        zswap_state(m).full = 0
    return zswap_state(m).full != 0


@kernel
def _compress(m, memcg, what):
    """Bytes that the page is stored in, or 0, counted as refused (zswap_compress)."""
    m.now += zswap_settings(m).compress_ns
    length = compressed_length(m, what)
    if what == INCOMPRESSIBLE and zswap_settings(m).zswap_stores_raw and may_write(m, memcg):
        return PAGE
    if what == INCOMPRESSIBLE and zswap_settings(m).zswap_buffer_of_a_page:
        zswap_stats(m).zswap_reject_compress_fail += 1
        return 0
    if what == INCOMPRESSIBLE or length > largest(m):
        zswap_stats(m).zswap_reject_compress_poor += 1
        return 0
    return length


@kernel
def _store_page(m, pfn, slot, memcg, nid):
    """Keep one page; 0: it is refused (zswap_store_page)."""
    e, what = zswap_entries(m)[slot], contents(m, pfn, slot)
    slab, at, half, length, kind = alloc_entry(m, nid), NONE, 0, 0, COMPRESSED
    if slab == NONE:
        zswap_stats(m).zswap_reject_kmemcache_fail += 1
        return 0
    if zswap_settings(m).zswap_same_filled and what in (ZERO_FILLED, WORD_FILLED):
        m.now += zswap_settings(m).zswap_fill
        kind = SAME_FILLED
    else:
        length = _compress(m, memcg, what)
        if length:
            at, half = zpool_malloc(m, length, nid)
            zswap_stats(m).zswap_reject_alloc_fail += 1 if at == NONE else 0
        if at == NONE:
            free_entry(m, slab)
            return 0
    e.kind, e.slab, e.zspage, e.half = kind, slab + 1, at + 1 if at != NONE else 0, half
    e.length, e.memcg, e.node, e.referenced = length, memcg, nid, 1
    charge_zswap(m, memcg, length)
    if kind == COMPRESSED:
        lru_add(m, slot)
    zswap_state(m).stored += 1
    zswap_state(m).same_filled += 1 if kind == SAME_FILLED else 0
    return 1


@kernel
def _admits(m, memcg):
    """Whether limits let a page of the group in; one at its own has an entry written first, since 6.8."""
    if zswap_settings(m).zswap_charged and not may_zswap(m, memcg):  # noqa: SIM102
        if not zswap_settings(m).zswap_by_group or shrink_memcg(m, memcg) != DONE:
            return False
    return not check_limits(m)


@rare
@kernel
def _call_worker(m):
    """The pool is full: its worker has to run, and may here, as the reclaimer would let it after every page.

    In the kernel: queue_work, cond_resched in shrink_folio_list.
    """
    if not zswap_state(m).queued:
        zswap_state(m).queued = 1
        wake(m, zswap_state(m).wait, 1, m.now + costs(m).kswapd_wake)
    cond_resched(m)


@kernel
def _store_folio(m, pfn, first, pages):
    """Keep all pages of a folio, or none; whether they are kept."""
    page = frames(m)[pfn]
    memcg, nid, done = page.memcg, page.node, 0
    if pages > 1 and not zswap_settings(m).zswap_large_folios:
        return False
    for slot in range(first, first + pages):
        if zswap_entries(m)[slot].kind != NOTHING:
            drop(m, slot)  # stale: its page was written to since
    current(m).memalloc += 1  # it works for reclaim, which must not reclaim; in groups' own that is so since 4.9
    admitted = _admits(m, memcg)
    current(m).memalloc -= 1
    if admitted:
        while done < pages and _store_page(m, pfn + done, first + done, memcg, nid):
            done += 1
        if done == pages:
            return True
        for slot in range(first, first + done):
            drop(m, slot)
    if zswap_state(m).full:
        _call_worker(m)
    return False


@kernel
def _note_zeros(m, pfn, first, pages):
    """A folio of nothing but zeros is noted in its area's bitmap (swap_zeromap_folio_set, 6.12)."""
    for i in range(pages):
        m.now += zswap_settings(m).zswap_fill
        if contents(m, pfn + i, first + i) != ZERO_FILLED:
            return False
    for slot in range(first, first + pages):
        zswap_entries(m)[slot].kind = ZEROS
    zswap_stats(m).swpout_zero += pages
    return True


@hook
def zswap_store(m, pfn):
    first, pages, memcg = frames(m)[pfn].slot - 1, nr_pages(m, pfn), frames(m)[pfn].memcg
    if zswap_settings(m).swap_zeromap and zswap_settings(m).zero_filled and _note_zeros(m, pfn, first, pages):
        return STORED
    if _store_folio(m, pfn, first, pages):
        zswap_stats(m).zswpout += pages
        zswap_groups(m)[memcg].zswpout += pages
        if memcg:
            stat_updated(m, memcg, pages + 2 * pages * zswap_settings(m).frontswap)  # NR_WRITEBACK, there and back
        return STORED
    return REFUSED if may_write(m, memcg) else HELD
