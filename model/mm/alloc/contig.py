"""A given range of frames for one user, whoever has them now (alloc_contig_range, mm/page_alloc.c).

Its pageblocks are isolated, clean pages of files dropped, everything else in it that can move migrated; what is free
then is taken off the lists. One page that stays, pinned for a moment perhaps, and all of it was in vain.
"""

from mmrun.model.core.codes import OK, SWAP_CLUSTER_MAX
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.alloc.page_isolation import (
    free_block_around,
    set_migratetype_isolate,
    test_pages_isolated,
    unset_migratetype_isolate,
)
from mmrun.model.mm.cma.state import contig_count, contig_settings
from mmrun.model.mm.migrate.isolate import (
    add_isolated,
    give_list,
    isolate_folio,
    lru_cache_disable,
    lru_cache_enable,
    putback_movable_pages,
    remove_isolated,
    take_list,
)
from mmrun.model.mm.migrate.migrate import migrate_pages
from mmrun.model.mm.migrate.state import EBUSY, ENOMEM, MR_CONTIG_RANGE, SYNC, TO_NODE, isolated
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER, free_block, take_free_block
from mmrun.model.mm.page.flags import ACTIVE, ANON, BOOT_PAGE, DIRTY, KERNEL, LRU, MOVABLE, TAIL_PAGE, WRITEBACK
from mmrun.model.mm.page.gfp import HIGHEST
from mmrun.model.mm.page.pcp import drain_all_pcps, free_frame
from mmrun.model.mm.page.state import alloc_count, frames, zones
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.vmscan import begin, own_scan
from mmrun.model.mm.task.state import tasks

shrink_batch = caller("shrink_batch")
TRIES, EINTR = 5, 4


@kernel
def _isolate_migratepages(m, pages, pfn, end):
    """Take up to 32 folios of [pfn, end) that can be migrated on the list `pages`; the frame behind the last one seen.

    An anonymous page that is pinned is left where it is. In the kernel: isolate_migratepages_range.
    """
    f, held = frames(m), isolated(m)[pages]
    while pfn < end and held.n < SWAP_CLUSTER_MAX:
        m.now += contig_settings(m).contig_scan
        head = f[pfn].owner if f[pfn].kind == TAIL_PAGE else pfn
        page = f[head]
        if page.state & LRU and not (page.state & ANON and page.pins):
            isolate_folio(m, head)
            add_isolated(m, pages, head)
            contig_count(m).contig_isolated += 1 << int(page.order)
        pfn = head + (1 << int(page.order) if page.state else 1)
    return pfn


@kernel
def _reclaim_clean_pages(m, pages):
    """Drop the clean pages of files on the list `pages` instead of copying them (reclaim_clean_pages_from_list)."""
    s, f, held = own_scan(m), frames(m), isolated(m)[pages]
    begin(m, s, 0, 0, SWAP_CLUSTER_MAX, HIGHEST)
    sc = scans(m)[s]
    sc.ignore_references, sc.may_writepage, sc.may_swap, sc.nr_taken = 1, 0, 0, 0
    pfn = held.head
    while pfn != NONE:
        following = f[pfn].next
        if not f[pfn].state & (ANON | DIRTY | WRITEBACK) and f[pfn].order == 0:
            remove_isolated(m, pages, pfn)
            f[pfn].state &= ~ACTIVE
            sc.batch[sc.nr_taken] = pfn
            sc.nr_taken += 1
        pfn = following
    if sc.nr_taken:
        contig_count(m).contig_dropped += shrink_batch(m, s)
    for i in range(sc.nr_taken):
        if sc.batch[i] != NONE:
            add_isolated(m, pages, sc.batch[i])
    sc.nr_taken = 0


@kernel
def _migrate_range(m, nid, start, end):
    """Move whatever can move out of frames [start, end): OK, EBUSY, ENOMEM or EINTR (__alloc_contig_migrate_range)."""
    lru_cache_disable(m)
    pages, pfn, tries, result = take_list(m), start, 0, OK
    while result == OK and m.broken == 0 and (pfn < end or isolated(m)[pages].n):
        if turn(m).task != NONE and tasks(m)[turn(m).task].killed:
            result = EINTR
        elif isolated(m)[pages].n == 0:
            pfn, tries = _isolate_migratepages(m, pages, pfn, end), 0
        else:
            tries += 1
        if tries == TRIES:
            result = EBUSY
        if result == OK and isolated(m)[pages].n:
            _reclaim_clean_pages(m, pages)
            if isolated(m)[pages].n and migrate_pages(m, pages, TO_NODE, nid, SYNC, MR_CONTIG_RANGE) == -ENOMEM:
                result = ENOMEM
    putback_movable_pages(m, pages)
    give_list(m)
    lru_cache_enable(m)
    return result


@kernel
def _take_range(m, z, start, end):
    """Take [start, end) off the free lists, whole blocks of them, and give back what is beyond: OK, or EBUSY.

    In the kernel: test_pages_isolated, isolate_freepages_range, free_contig_range.
    """
    f, first = frames(m), free_block_around(m, start)
    if first == NONE or not test_pages_isolated(m, first, end):
        return EBUSY
    pfn = first
    while pfn < end:
        order = take_free_block(m, z, pfn)
        for frame in range(pfn, pfn + (1 << order)):
            f[frame].order = f[frame].state = f[frame].kind = 0
        pfn += 1 << order
    contig_count(m).contig_isolated += pfn - first
    for frame in range(first, start):
        free_block(m, z, frame, 0)
    for frame in range(end, pfn):
        free_block(m, z, frame, 0)
    alloc_count(m).pgfree += pfn - first - (end - start)
    return OK


@kernel
def alloc_contig_range(m, z, start, end, mt):
    """Take frames [start, end) of zone `z`, whose pageblocks are of type `mt`: OK, or why not.

    They are in nobody's use then, of order 0 each. EBUSY: a page of them stayed where it was; ENOMEM: there was nowhere
    to move one to; EINTR: the task is being killed.
    """
    grain, nid = contig_settings(m).contig_grain, zones(m)[z].node
    step = 1 << grain - PAGEBLOCK_ORDER
    first = (start >> PAGEBLOCK_ORDER) // step * step
    last = -(-((end - 1 >> PAGEBLOCK_ORDER) + 1) // step) * step
    block, result = first, OK
    while block < last and set_migratetype_isolate(m, z, block, mt, grain):
        block += 1
    if block < last:
        result = EBUSY
    else:
        m.now += contig_settings(m).drain_all_pages + contig_settings(m).drain_all_cpu * geometry(m).nr_cpus
        drain_all_pcps(m, z)
        result = _migrate_range(m, nid, start, end)
        if result in (OK, EBUSY):  # what stood in the way may have gone meanwhile
            result = _take_range(m, z, start, end)
    for isolated_block in range(first, block):
        unset_migratetype_isolate(m, z, isolated_block, mt)
    for frame in range(start, end if result == OK else start):
        frames(m)[frame].zone, frames(m)[frame].node = z, nid
    return result


@kernel
def free_contig_range(m, start, pages):
    """Give frames in the kernel's use back one by one (free_contig_range)."""
    for pfn in range(start, start + pages):
        free_frame(m, turn(m).cpu, pfn)


@kernel
def _range_valid(m, start, end):
    """Whether frames [start, end) may be worth a try: none of them is there for ever (pfn_range_valid_contig)."""
    for pfn in range(start, end):
        page = frames(m)[pfn]
        if page.state & KERNEL and page.kind == BOOT_PAGE:
            return False
    return True


@kernel
def alloc_contig_pages(m, nid, pages):
    """The first range of so many frames on node `nid`, aligned to their number, that can be had; NONE.

    `pages` is a power of two. In the kernel: alloc_contig_pages (5.5), alloc_gigantic_page before.
    """
    for z in range(nodes(m)[nid].first_zone + nodes(m)[nid].nr_zones - 1, nodes(m)[nid].first_zone - 1, -1):
        zone = zones(m)[z]
        start, end = -(-zone.start // pages) * pages, zone.start + zone.span
        while start + pages <= end:
            end_of = start + pages
            if _range_valid(m, start, end_of) and alloc_contig_range(m, z, start, end_of, MOVABLE) == OK:
                return start
            start += pages
    return NONE
