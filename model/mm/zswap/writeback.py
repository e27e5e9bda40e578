"""Entries are written to the devices they were kept from, one by one (zswap_writeback_entry, shrink_memcg).

Each needs a fresh page in the swap cache, charged to its group: what is read, though nobody has touched it, counts as a
refault, and its page stays cached until reclaim comes to it.
"""

from mmrun.model.core.accounting import IN_MEMSTALL, begins, ends
from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import cond_resched, current
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, geometry
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.idle.far_memory import note_swap_in
from mmrun.model.mm.idle.state import watch
from mmrun.model.mm.lru.lru import lru_add, rotate_reclaimable
from mmrun.model.mm.memcg.memcontrol import (
    EVENT_MAX,
    NO_GROUP,
    charge_pages,
    consume_stock,
    event,
    mod_state,
    stat_updated,
    try_charge_batch,
    uncharge,
)
from mmrun.model.mm.memcg.state import memcg_settings, memcgs
from mmrun.model.mm.memcg.stats import PGPGIN
from mmrun.model.mm.memcg.victims import page_event
from mmrun.model.mm.page.flags import ANON, ANON_PAGE, DIRTY, LOCKED, NEW, RECLAIM
from mmrun.model.mm.page.gfp import GFP_KERNEL
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.pageout import swap_writepage
from mmrun.model.mm.swap.state import swapcache, swapmap
from mmrun.model.mm.swap.swap import join_swapcache
from mmrun.model.mm.writeback.page_wait import unlock_page
from mmrun.model.mm.zswap.entry import charge_anyway, drop, lruvec_at
from mmrun.model.mm.zswap.state import (
    COMPRESSED,
    zswap_entries,
    zswap_groups,
    zswap_lruvecs,
    zswap_settings,
    zswap_stats,
)

refault = caller("refault")
at_limit = caller("limit_reclaim")
DONE, EMPTY, AGAIN = 0, 1, 2  # shrink_memcg: 0, -ENOENT, -EAGAIN
WRITTEN, CACHED, FAILED = 0, 1, 2  # zswap_writeback_entry: 0, -EEXIST, others


@kernel
def _charge(m, memcg):
    """Charge a page that nobody has asked for to its group; 0: no room (mem_cgroup_swapin_charge_folio)."""
    if memcg == 0:
        memcgs(m)[0].usage += 1
        return 1
    if consume_stock(m, memcg, 1) or try_charge_batch(m, memcg):
        return 1
    if current(m).memalloc:
        charge_anyway(m, memcg, 1)
        return 1
    for _ in range(memcg_settings(m).charge_retries):
        over = charge_pages(m, memcg, 1)
        if over == NO_GROUP:
            return 1
        memcgs(m)[over].failcnt += 1
        event(m, over, EVENT_MAX)
        begins(m, IN_MEMSTALL)
        at_limit(m, over, 1)
        ends(m, IN_MEMSTALL)
    return charge_pages(m, memcg, 1) == NO_GROUP


@kernel
def _swap_cache_page(m, slot):
    """A fresh page in the swap cache for a slot: (its frame or NONE, why there is none).

    In the kernel: __read_swap_cache_async, swap_cache_alloc_folio.
    """
    memcg = swapmap(m)[slot] - 1
    pfn = alloc_pages(m, GFP_KERNEL, 0, cpus(m)[turn(m).cpu].node, ALL_NODES)
    if pfn == NONE:
        return NONE, FAILED
    if not _charge(m, memcg):
        free_frame(m, turn(m).cpu, pfn)
        return NONE, FAILED
    page = frames(m)[pfn]
    page.memcg = memcg
    mod_state(m, memcg, PGPGIN, 1)
    page_event(m, memcg, page.zone, 1)
    shadow, taken = swapcache(m)[slot], swapmap(m)[slot] - 1 == memcg  # as it is now: both may have slept
    if not taken or shadow > 0 or zswap_entries(m)[slot].kind != COMPRESSED:
        uncharge(m, memcg, 1)
        page.state = 0
        free_frame(m, turn(m).cpu, pfn)
        return NONE, CACHED if taken and shadow > 0 else FAILED
    page.state, page.owner, page.kind = ANON | NEW, NONE, ANON_PAGE
    join_swapcache(m, pfn, slot)
    if shadow < 0:
        refault(m, pfn, shadow)
    if watch(m).idle_tracking:
        note_swap_in(m, pfn, slot)
    lru_add(m, pfn)
    return pfn, WRITTEN


@kernel
def writeback_entry(m, slot):
    """Write an entry to its device: WRITTEN, CACHED when somebody has read it back, or FAILED."""
    if swapcache(m)[slot] > 0:
        return CACHED
    pfn, why = _swap_cache_page(m, slot)
    if pfn == NONE:
        return why
    frames(m)[pfn].state |= LOCKED
    cond_resched(m)  # the compressor's mutex may sleep, the page is locked meanwhile
    m.now += zswap_settings(m).decompress_ns
    unlock_page(m, pfn, m.now)
    memcg = zswap_entries(m)[slot].memcg
    drop(m, slot)
    zswap_stats(m).zswpwb += 1
    zswap_groups(m)[memcg].zswpwb += 1
    if memcg:
        stat_updated(m, memcg, 1)
    frames(m)[pfn].state |= DIRTY | RECLAIM
    if swap_writepage(m, pfn):  # it is written already
        rotate_reclaimable(m, pfn)
    return WRITTEN


@kernel
def _rotate(m, lst, slot):
    unlink_row(zswap_entries(m), lst, slot)
    link_tail(zswap_entries(m), lst, slot)


@kernel
def walk(m, group, nid, nr, shrinker):
    """Look at `nr` entries of a list, oldest first: (written, looked at, whether a shrinker met what is in use again).

    A page that was referenced has another round; one that cannot be written goes to the end, too. In the kernel:
    list_lru_walk_one with shrink_memcg_cb.
    """
    lst, written, looked = zswap_lruvecs(m)[lruvec_at(m, group, nid)].lru, 0, 0
    while looked < nr and lst.n:
        slot, looked = lst.head, looked + 1
        e = zswap_entries(m)[slot]
        m.now += zswap_settings(m).zswap_lru_walk
        _rotate(m, lst, slot)
        if e.referenced and zswap_settings(m).zswap_second_chance:
            e.referenced = 0
            continue
        result = writeback_entry(m, slot)
        if result == WRITTEN:
            zswap_stats(m).zswap_written_back_pages += 1
            written += 1
            continue
        zswap_stats(m).zswap_reject_reclaim_fail += 1
        if result == CACHED and shrinker:
            return written, looked, True
    return written, looked, False


@rare
@kernel
def shrink_memcg(m, memcg):
    """Look at one entry of the group on each node: DONE if one was written, EMPTY if there are none, else AGAIN."""
    if not zswap_groups(m)[memcg].writeback:
        return EMPTY
    written, looked = 0, 0
    for nid in range(geometry(m).nr_nodes):
        got, seen, _ = walk(m, memcg, nid, 1, False)
        written, looked = written + got, looked + seen
    if looked == 0:
        return EMPTY
    return DONE if written else AGAIN
