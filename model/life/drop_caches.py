"""/proc/sys/vm/drop_caches: clean page-cache pages that nobody uses go, slab caches are shrunk at priority 0.

Source: fs/drop_caches.c; mm/truncate.c: invalidate_mapping_pages; mm/vmscan.c: drop_slab.
"""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.sleep import cond_resched
from mmrun.model.life.state import life_count, life_settings
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.lru.lists import list_of, unlink
from mmrun.model.mm.lru.lru import lru_add_drain_all, lruvec_of_frame
from mmrun.model.mm.memcg.memcontrol import mod_state, stat_updated, uncharge, uncharge_folio
from mmrun.model.mm.memcg.stats import NR_FILE_PAGES
from mmrun.model.mm.memcg.victims import page_event
from mmrun.model.mm.page.flags import DIRTY, LOCKED, LRU, MOVING, QUEUED, WRITEBACK
from mmrun.model.mm.page.folio import folio_of, free_folio, nr_pages
from mmrun.model.mm.page.gfp import HIGHEST
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.vmscan import begin, own_scan, reclaimable_pages
from mmrun.model.mm.task.state import cache, files

shrink_slab = caller("shrink_slab")
shrink_slab_pass = caller("shrink_slab_pass")
IN_USE = DIRTY | WRITEBACK | LOCKED | MOVING | QUEUED
ENOUGH = 10  # objects that a round of drop_slab frees at least if another one follows, before drop_slab_shifts
MOST_ROUNDS = 64


@kernel
def can_go(m, pfn):
    """Whether a folio of a file is on a list, clean, and in nobody's hands (mapping_evict_folio)."""
    page = frames(m)[pfn]
    return page.state & LRU and not page.state & IN_USE and page.mapcount == 0 and page.pins == 0


@kernel
def invalidate(m, pfn):
    """Take such a folio out of the page cache, without a shadow, and free it; its pages (__filemap_remove_folio)."""
    page, pages = frames(m)[pfn], nr_pages(m, pfn)
    unlink(m, lruvec_of_frame(m, pfn), list_of(page.state), pfn)
    stat_updated(m, page.memcg, pages)
    for slot in range(page.owner, page.owner + pages):
        cache(m)[slot] = 0
    files(m)[page.slot].nr_cached -= pages
    zones(m)[page.zone].nr_file -= pages
    mod_state(m, page.memcg, NR_FILE_PAGES, -pages)
    if page.order:
        uncharge_folio(m, page.memcg, pages)
    else:
        uncharge(m, page.memcg, 1)
    page_event(m, page.memcg, page.zone, pages)
    free_folio(m, pfn)
    m.now += life_settings(m).drop_page
    return pages


@kernel
def invalidate_mapping_pages(m, file, first, end):
    """Let all that can go of a file's slots [first, end) go; pages that went."""
    entries, at, gone = cache(m), first, 0
    while at < end and files(m)[file].nr_cached:
        if entries[at] > 0:
            pfn = folio_of(m, entries[at] - 1)
            pages = nr_pages(m, pfn)
            at = frames(m)[pfn].owner + pages - 1
            if can_go(m, pfn):
                gone += invalidate(m, pfn)
        at += 1
        if at & 63 == 0:
            cond_resched(m)
    return gone


@kernel
def drop_pagecache(m):
    """Every file in turn; pages that went (drop_pagecache_sb)."""
    gone = 0
    if life_settings(m).drop_caches_drains:
        lru_add_drain_all(m)
    for file in range(len(files(m))):
        row = files(m)[file]
        gone += invalidate_mapping_pages(m, file, row.start, row.start + row.npages)
    life_count(m).drop_pagecache += 1
    life_count(m).dropped_pages += gone
    return gone


@kernel
def _drop_slab_once(m, s):
    """One round over nodes and groups, as if all of their pages had been scanned at priority 0; objects freed."""
    freed, pages = 0, 0
    for z in range(geometry(m).nr_zones):
        pages += reclaimable_pages(m, z, 1)
    for nid in range(geometry(m).nr_nodes):
        for group in range(geometry(m).nr_memcgs):
            begin(m, s, 0, 0, 0, HIGHEST)
            sc = scans(m)[s]
            sc.node, sc.zone, sc.lruvec_scanned, sc.nr_scanned = nid, nodes(m)[nid].first_zone, 0, pages
            freed += shrink_slab(m, s, group)
        cond_resched(m)
    begin(m, s, 0, 0, 0, HIGHEST)
    scans(m)[s].nr_scanned = pages
    return freed + shrink_slab_pass(m, s)


@kernel
def drop_slab(m):
    """Shrink slab caches until a round frees hardly anything; objects freed."""
    total, s = 0, own_scan(m)
    for number in range(MOST_ROUNDS):
        freed = _drop_slab_once(m, s)
        total += freed
        enough = freed >> number > 1 if life_settings(m).drop_slab_shifts else freed > ENOUGH
        if not enough or m.broken:
            break
    life_count(m).drop_slab += 1
    life_count(m).dropped_objects += total
    return total
