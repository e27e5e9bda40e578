"""What there was at the moment of a kill, written down for the report that the kernel prints (dump_header)."""

from mmrun.model.core.events import ARG_MASK, OP_SHIFT, WRITE
from mmrun.model.core.jit import kernel
from mmrun.model.core.state import turn
from mmrun.model.machine.state import geometry, nodes, run_settings
from mmrun.model.mm.limits.points import alive, total_pages
from mmrun.model.mm.limits.state import (
    MOST_REPORTS,
    ORDERS,
    READ,
    UNWRITTEN,
    WRITTEN,
    oom_pages,
    oom_state,
    oom_tasks,
    oom_zones,
    ooms,
)
from mmrun.model.mm.lru.gens import gen_of, is_active
from mmrun.model.mm.lru.lists import list_of
from mmrun.model.mm.lru.lru import lruvec_of_frame
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.memcg.memcontrol import lru_size
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.flags import (
    ANON,
    DIRTY,
    ISOLATED,
    KERNEL,
    LOCKED,
    LRU,
    PAGE_TABLE,
    SLAB,
    SWAPCACHE,
    USER,
    WRITEBACK,
    ZRAM_PAGE,
)
from mmrun.model.mm.page.state import MIGRATETYPES, frames, pcps, zones
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.vmscan import own_scan
from mmrun.model.mm.slab.state import slab_caches, slab_settings
from mmrun.model.mm.swap.state import swap_settings
from mmrun.model.mm.swap.swap import nr_swap_pages
from mmrun.model.mm.task.state import (
    NOBODY,
    PTE_FLAGS,
    PTE_FRAME,
    PTE_PRESENT,
    PTE_SHIFT,
    REGION_ANON,
    fault_settings,
    pte,
    ptpage,
    regions,
    stream,
    tasks,
)

TABLE_SHIFT = 9  # page-table words a table page holds


@kernel
def _note_task(m, noted, t):
    """A task's pages by what its page tables say (get_mm_counter)."""
    task, words = tasks(m)[t], pte(m)
    noted.memcg = task.memcg
    for region in range(task.first_region, task.first_region + task.nr_regions):
        r = regions(m)[region]
        for at in range(r.start, r.start + r.npages):
            there = words[at] & PTE_FLAGS  # also on its way to another frame
            if words[at] & PTE_PRESENT and (words[at] >> PTE_SHIFT) & PTE_FRAME == fault_settings(m).zero_pfn:
                continue
            if there and r.kind == REGION_ANON:
                noted.anon += 1
            elif there:
                noted.file += 1
            elif words[at]:
                noted.swapents += 1
    first = task.pte_start
    for at in range(first >> TABLE_SHIFT, (first + task.npages + (1 << TABLE_SHIFT) - 1) >> TABLE_SHIFT):
        if ptpage(m)[at]:
            noted.tables += 1


@kernel
def _list_now(m, pfn):
    """The list that a frame counts in: of generations the two youngest are active."""
    state = frames(m)[pfn].state
    if lru_settings(m).lru_gen:
        active = 1 if is_active(m, lruvec_of_frame(m, pfn), gen_of(state)) else 0
        return (0 if state & ANON else 2) + active
    return list_of(state)


@kernel
def _note_busy(noted, state):
    """Count a page on a list if reclaim cannot take it as it is."""
    kind = 0 if state & ANON else 1
    if state & WRITEBACK:
        noted.busy[kind, WRITTEN] += 1
    elif state & LOCKED:
        noted.busy[kind, READ] += 1
    elif kind and state & DIRTY:
        noted.busy[kind, UNWRITTEN] += 1


@kernel
def _note_user_page(m, noted, pfn):
    """Count a page of a task or file."""
    page = frames(m)[pfn]
    anon = page.state & ANON
    if page.state & LRU:
        noted.lists[_list_now(m, pfn)] += 1
        _note_busy(noted, page.state)
    if page.state & ISOLATED:
        noted.isolated[0 if anon else 1] += 1
    if page.state & WRITEBACK:
        noted.writeback += 1
    if anon:
        noted.anon += 1
        if page.state & SWAPCACHE:
            noted.swapcache += 1
        return
    noted.file += 1
    if page.mapcount:
        noted.file_mapped += 1
    if page.state & DIRTY:
        noted.file_dirty += 1


@kernel
def _reclaimable(m, lst):
    """Whether slab pages with this partial list are of a cache that a shrinker shrinks."""
    cache = 0
    while cache + 1 < slab_settings(m).nr_slab_caches and slab_caches(m)[cache + 1].lists <= lst:
        cache += 1
    return slab_caches(m)[cache].reclaimable


@kernel
def _note_page(m, noted, pfn):
    """Count a page that is in use."""
    page = frames(m)[pfn]
    if page.state & USER:
        _note_user_page(m, noted, pfn)
    elif page.state & SLAB:
        noted.slab += 1
        if _reclaimable(m, page.owner):
            noted.slab_reclaimable += 1
    elif page.kind == PAGE_TABLE:
        noted.pagetables += 1
    elif page.kind == ZRAM_PAGE:
        noted.zram += 1
    else:
        noted.kernel += 1


@kernel
def _note_pages(m, i, over):
    """Count pages by zone and by what they are: all of them, then those charged to the subtree of group `over`."""
    end = memcgs(m)[over].end
    for pfn in range(geometry(m).nr_frames):
        page = frames(m)[pfn]
        if page.state & (USER | KERNEL):
            _note_page(m, oom_pages(m)[i, page.zone], pfn)
            if over == 0 or over <= page.memcg < end:
                _note_page(m, oom_pages(m)[i, geometry(m).nr_zones + page.zone], pfn)


@kernel
def _note_zones(m, i):
    """Free pages and lists of every zone."""
    for z in range(geometry(m).nr_zones):
        zone, noted = zones(m)[z], oom_zones(m)[i, z]
        noted.free, noted.scanned, noted.unreclaimable = zone.nr_free, zone.pages_scanned, zone.all_unreclaimable
        noted.pending = zone.nr_file_dirty + zone.nr_writeback
        noted.failures = nodes(m)[zone.node].kswapd_failures
        for lru in range(4):
            noted.lists[lru] = zone.nr_lru[lru]
        for cpu in range(geometry(m).nr_cpus):
            noted.pcp += pcps(m)[cpu, z].count
        for order in range(ORDERS):
            for kind in range(MIGRATETYPES):
                noted.areas[order] += zone.areas[order, kind].nr_free


@kernel
def _note_group(m, noted, over):
    """The group at its limit: its counters, and what its statistics say of its lists."""
    group = memcgs(m)[over]
    noted.usage, noted.limit, noted.failcnt, noted.kmem = group.usage, group.limit, group.failcnt, group.kmem
    noted.swap_pages, noted.swap_limit = group.swap_pages, group.swap_limit
    for at in range(over, group.end):
        noted.pgscan += memcgs(m)[at].pgscan
        noted.pgsteal += memcgs(m)[at].pgsteal
    for nid in range(geometry(m).nr_nodes):
        first = nodes(m)[nid].first_zone
        for z in range(first, first + (nodes(m)[nid].nr_zones if lru_settings(m).zone_lruvecs else 1)):
            for lru in range(4):
                noted.seen[lru] += lru_size(m, lruvec_of(m, over, nid, z), lru)


@kernel
def _protected(m, over):
    """Pages in use by groups below `over` that memory.min covers."""
    at, total = over + 1, 0
    while at < memcgs(m)[over].end:
        group = memcgs(m)[at]
        if group.emin and group.usage <= group.emin:
            total += group.usage
            at = group.end
        else:
            at += 1
    return total


@kernel
def _note_reclaim(m, noted):
    """The last reclaim of who asks: how far down it went, what came of it."""
    sc = scans(m)[own_scan(m)]
    noted.priority, noted.nr_scanned, noted.nr_reclaimed = sc.priority, sc.nr_scanned, sc.nr_reclaimed
    noted.swappiness = sc.swappiness


@kernel
def note_kill(m, asker, over, victim, points):
    """Write down a kill that has been decided on, before anything follows from it."""
    i = oom_state(m).reports
    oom_state(m).reports += 1
    if i >= MOST_REPORTS:
        return
    noted = ooms(m)[i]
    noted.now, noted.asker, noted.victim, noted.over = m.now, asker, victim, over
    noted.points, noted.total = points, total_pages(m, asker, over)
    noted.node = turn(m).actor - geometry(m).nr_tasks if asker == NOBODY else tasks(m)[asker].node
    if asker != NOBODY:
        noted.event = stream(m)[asker * run_settings(m).chunk + tasks(m)[asker].pos]
        if noted.event >> OP_SHIFT <= WRITE:
            noted.word = pte(m)[tasks(m)[asker].pte_start + (noted.event & ARG_MASK)]
    noted.swap_free, noted.swap_total = nr_swap_pages(m), swap_settings(m).total_swap
    _note_group(m, noted, over)
    noted.protected = _protected(m, over)
    _note_reclaim(m, noted)
    _note_pages(m, i, over)
    _note_zones(m, i)
    for t in range(geometry(m).nr_tasks):
        if alive(m, t, over):
            oom_tasks(m)[i, t].lives = 1
            _note_task(m, oom_tasks(m)[i, t], t)
