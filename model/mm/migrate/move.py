"""What passes from a folio to the frames it moves to (folio_migrate_mapping, folio_migrate_flags, mm/migrate.c)."""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.idle.state import idle_age, last_touch, tried, watch
from mmrun.model.mm.lru.state import TWO_TOUCH, lru_settings
from mmrun.model.mm.memcg.memcontrol import NO_GROUP, stat_updated
from mmrun.model.mm.migrate.entries import remove_migration_ptes
from mmrun.model.mm.migrate.isolate import join_list
from mmrun.model.mm.migrate.state import migration_settings
from mmrun.model.mm.numa_balancing.settings import MEMORY_TIERING
from mmrun.model.mm.numa_balancing.state import UNSET, last_cpupid, numa_settings
from mmrun.model.mm.page.flags import (
    ACTIVE,
    ANON,
    DIRTY,
    IDLE,
    LRU,
    QUEUED,
    RECLAIM,
    REFERENCED,
    REFS_MASK,
    SWAPCACHE,
    WORKINGSET,
    WRITEBACK,
    YOUNG,
)
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.swap.state import swapcache
from mmrun.model.mm.task.state import cache, files
from mmrun.model.mm.tiering.state import tiers
from mmrun.model.mm.writeback.page_wait import wake_page

leave_deferred = caller("leave_deferred")
KEPT = ACTIVE | REFERENCED | WORKINGSET | DIRTY | RECLAIM | ANON | SWAPCACHE | IDLE | YOUNG  # RECLAIM: readahead


@kernel
def extra_references(m, pfn):
    """References to an isolated folio beyond those of its mapping and caches (folio_expected_ref_count)."""
    page = frames(m)[pfn]
    return page.pins + (1 if page.state & QUEUED else 0)


@kernel
def _move_caches(m, pfn, new):
    """The new folio is what page cache or swap cache hold; zones count it (folio_migrate_mapping)."""
    page = frames(m)[pfn]
    pages, old_zone, new_zone = nr_pages(m, pfn), zones(m)[page.zone], zones(m)[frames(m)[new].zone]
    if page.state & ANON:
        if page.state & SWAPCACHE:
            for i in range(pages):
                swapcache(m)[page.slot - 1 + i] = new + i + 1
        return
    for i in range(pages):
        cache(m)[page.owner + i] = new + i + 1
    old_zone.nr_file -= pages
    new_zone.nr_file += pages
    if page.state & DIRTY and files(m)[page.slot].disk != NONE:
        old_zone.nr_file_dirty -= pages
        new_zone.nr_file_dirty += pages
    if page.zone != frames(m)[new].zone:
        stat_updated(m, page.memcg, 2 * pages)


@kernel
def _move_flags(m, pfn, new):
    """What the old folio's state tells of its use is true of the new one (folio_migrate_flags, mem_cgroup_migrate).

    Accesses through files that generations count pass on since 6.14 (folio_migrate_refs).
    """
    page, other = frames(m)[pfn], frames(m)[new]
    kept = KEPT | REFS_MASK if lru_settings(m).lru_gen == TWO_TOUCH else KEPT
    other.state, other.kind = page.state & kept, page.kind
    other.owner, other.slot, other.memcg = page.owner, page.slot, page.memcg
    other.mapcount = other.pins = 0
    page.memcg, page.slot = NO_GROUP, 0
    if numa_settings(m).numa_balancing:  # not between tiers: a slow page's last user is the time of its mark
        lost = numa_settings(m).numa_balancing & MEMORY_TIERING and tiers(m)[page.node].top != tiers(m)[other.node].top
        last_cpupid(m)[new] = UNSET if lost else last_cpupid(m)[pfn]
    if watch(m).idle_tracking:
        for i in range(nr_pages(m, pfn)):
            idle_age(m)[new + i], last_touch(m)[new + i] = idle_age(m)[pfn + i], last_touch(m)[pfn + i]
            tried(m)[new + i] = tried(m)[pfn + i]


@kernel
def copy_cost(m, pfn, new):
    """Time of copying a folio (folio_copy)."""
    own = migration_settings(m)
    each = own.migrate_copy if frames(m)[pfn].node == frames(m)[new].node else own.migrate_copy_remote
    return each * nr_pages(m, pfn)


@kernel
def migrate_folio_to(m, pfn, new):
    """Move an isolated, locked, unmapped folio to the frame `new` (NEW, of the same order): 1, and its own is unused.

    0: somebody refers to it, writes it or has mapped it, and all is as it was (migrate_folio, move_to_new_folio).
    """
    page = frames(m)[pfn]
    if extra_references(m, pfn) or page.mapcount or page.state & (WRITEBACK | LRU):
        return 0
    m.now += copy_cost(m, pfn, new)
    if page.order and page.state & ANON:
        leave_deferred(m, pfn)
    _move_caches(m, pfn, new)
    _move_flags(m, pfn, new)
    remove_migration_ptes(m, pfn, new)
    join_list(m, new)
    page.state = 0
    wake_page(m, pfn, m.now)
    return 1
