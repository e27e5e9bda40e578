"""Pages that code in the kernel or a device holds: pinned for a moment, or for long (mm/gup.c).

A pinned page cannot be migrated. One that is pinned for long must not stay where it would be in the way: in a
contiguous memory area, in a block that is being isolated, in ZONE_MOVABLE; it is migrated first.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.lru.lru import lru_add_drain_all
from mmrun.model.mm.migrate.isolate import add_isolated, give_list, isolate_folio, putback_movable_pages, take_list
from mmrun.model.mm.migrate.migrate import migrate_pages
from mmrun.model.mm.migrate.state import (
    EBUSY,
    ENOMEM,
    MR_LONGTERM_PIN,
    SYNC,
    TO_NODE,
    migration_settings,
)
from mmrun.model.mm.migrate.syscalls import mapped_at
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER
from mmrun.model.mm.page.flags import CMA, ISOLATE
from mmrun.model.mm.page.gfp import HIGHEST
from mmrun.model.mm.page.state import frames, pageblocks, zones

ANYWHERE = -1  # no node wanted: NUMA_NO_NODE
TRIES = 10  # a page that is not where it may stay after so many is given up; the kernel goes on for ever


@kernel
def is_longterm_pinnable(m, pfn):
    """Whether a page may be pinned for long where it is (folio_is_longterm_pinnable)."""
    kind = pageblocks(m)[pfn >> PAGEBLOCK_ORDER]
    if kind == CMA:
        return not migration_settings(m).pins_leave_cma
    return not migration_settings(m).pins_leave_movable or (
        kind != ISOLATE and zones(m)[frames(m)[pfn].zone].kind != HIGHEST
    )


@kernel
def _migrate_away(m, pfn):
    """Move one page to where it may be pinned for long; 0, or an error (migrate_longterm_unpinnable_folios)."""
    if not isolate_folio(m, pfn):
        lru_add_drain_all(m)
        if not isolate_folio(m, pfn):
            return -EBUSY
    pages = take_list(m)
    add_isolated(m, pages, pfn)
    failed = migrate_pages(m, pages, TO_NODE, ANYWHERE, SYNC, MR_LONGTERM_PIN)
    putback_movable_pages(m, pages)
    give_list(m)
    return -ENOMEM if failed else 0


@kernel
def pin_pages(m, t, page, longterm):
    """Pin the page that task `t` has mapped at `page`; its frame (a folio's first), or an error below 0.

    -ENOENT, -EFAULT: nothing is mapped there, the caller faults it in first; -ENOMEM, -EBUSY: a `longterm` pin could
    not have the page moved out of the way. In the kernel: pin_user_pages, __gup_longterm_locked.
    """
    pfn = mapped_at(m, t, page)
    for _ in range(TRIES):
        if pfn < 0 or not longterm or is_longterm_pinnable(m, pfn):
            break
        failed = _migrate_away(m, pfn)
        pfn = failed if failed else mapped_at(m, t, page)
    if pfn >= 0:
        if longterm and not is_longterm_pinnable(m, pfn):
            return -EBUSY
        frames(m)[pfn].pins += 1
    return pfn


@kernel
def unpin_page(m, pfn):
    """Release a pin (unpin_user_page)."""
    frames(m)[pfn].pins -= 1
