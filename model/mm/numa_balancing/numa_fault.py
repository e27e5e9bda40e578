"""A hint fault: who uses the page from where, whether it moves there, and what that says of the task's scans.

In the kernel: do_numa_page, task_numa_fault, task_numa_placement.
"""

from mmrun.model.core.accounting import HINT, begins, ends
from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, geometry, task_count
from mmrun.model.machine.timers import jiffies
from mmrun.model.mm.huge.state import HUGE_PAGES
from mmrun.model.mm.lru.rmap import pte_frame
from mmrun.model.mm.lru.rmap_folio import is_huge_mapped
from mmrun.model.mm.numa_balancing.cpupid import cpupid_of, is_own
from mmrun.model.mm.numa_balancing.misplaced import migrate_misplaced
from mmrun.model.mm.numa_balancing.prot_none import uses_access_time
from mmrun.model.mm.numa_balancing.scan_period import ms_to_jiffies, task_scan_max, update_task_scan_period
from mmrun.model.mm.numa_balancing.settings import MEMORY_TIERING
from mmrun.model.mm.numa_balancing.state import (
    NO_NODE,
    UNSET,
    last_cpupid,
    numa_count,
    numa_settings,
    numa_tasks,
    numab,
)
from mmrun.model.mm.page.folio import folio_of, nr_pages
from mmrun.model.mm.page.mempolicy import MODE_LOCAL
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import PTE_DIRTY, PTE_FLAGS, PTE_PRESENT, PTE_YOUNG, pte, tasks
from mmrun.model.mm.task.words import is_hint
from mmrun.model.mm.tiering.state import tiers

should_numa_migrate = caller("should_numa_migrate")
should_promote = caller("should_promote")


@kernel
def _should_migrate(m, t, pfn, here):
    """Whether the page belongs on the node that uses it (should_numa_migrate_memory)."""
    nid = frames(m)[pfn].node
    if uses_access_time(m, nid):
        return should_promote(m, t, pfn, here)
    last = last_cpupid(m)[pfn]
    last_cpupid(m)[pfn] = cpupid_of(m, t)
    if not tiers(m)[nid].top and last == UNSET:
        return 0
    return should_numa_migrate(m, t, last, here)


@kernel
def _misplaced(m, t, pfn, here):
    """The node that the page should be on by the default policy; NO_NODE: where it is (mpol_misplaced)."""
    if tasks(m)[t].mode != MODE_LOCAL or not _should_migrate(m, t, pfn, here):
        return NO_NODE
    return here if frames(m)[pfn].node != here else NO_NODE


@kernel
def restore(m, at, write):
    """The word maps its page again, for the use that has faulted."""
    word, table = pte(m)[at], pte(m)
    stored = PTE_DIRTY if write and word >= 0 else 0
    if frames(m)[folio_of(m, pte_frame(word))].order and is_huge_mapped(m, at):  # the entry of a huge page is one
        first = at // HUGE_PAGES * HUGE_PAGES
        for other in range(first, first + HUGE_PAGES):
            table[other] = (table[other] & ~PTE_FLAGS) | PTE_PRESENT
    table[at] = (word & ~PTE_FLAGS) | PTE_PRESENT | PTE_YOUNG | stored


@kernel
def _task_numa_placement(m, t):
    """After a whole scan take stock of its faults: the preferred node, the period (task_numa_placement)."""
    own = numa_tasks(m)[t]
    if own.seen_seq == own.seq:
        return
    own.seen_seq, own.scan_period_max = own.seq, task_scan_max(m, t)
    shared = private = best = 0
    for nid in range(geometry(m).nr_nodes):
        shared += own.fresh[nid, 0]
        private += own.fresh[nid, 1]
        faults = 0
        for kind in range(2):
            own.faults[nid, kind] += own.fresh[nid, kind] - own.faults[nid, kind] // 2
            own.fresh[nid, kind] = 0
            faults += own.faults[nid, kind]
        if faults > best:
            best, own.preferred = faults, nid
    update_task_scan_period(m, t, shared, private)


@kernel
def _task_numa_fault(m, t, last, nid, pages, local, failed):
    """Book a fault on pages that are on node `nid` now (task_numa_fault)."""
    own, tiering = numa_tasks(m)[t], numa_settings(m).numa_balancing & MEMORY_TIERING
    if not tiers(m)[nid].top and (tiering or last == UNSET):
        return
    private = 1 if last == UNSET or is_own(t, last) else 0
    if jiffies(m) > own.retry_at:
        _task_numa_placement(m, t)
        own.retry_at = jiffies(m) + min(geometry(m).hz, ms_to_jiffies(m, own.scan_period) // 16)
    if failed:
        own.locality[2] += pages
    own.fresh[nid, private] += pages
    own.locality[1 if local else 0] += pages


@kernel
def _move(m, at, pfn, here):
    """Move the page to node `here`; since 5.13 its word maps it only after that, and read-only (maps_late)."""
    if not numa_settings(m).maps_late:
        restore(m, at, 0)
    return migrate_misplaced(m, pfn, here)


@hook
def hint_fault(m, task, region, at, write):
    """A use of a page whose word is a hint entry."""
    pfn = folio_of(m, pte_frame(pte(m)[at]))
    page, here = frames(m)[pfn], cpus(m)[turn(m).cpu].node
    begins(m, HINT)
    m.now += numa_settings(m).hint_fault
    task_count(m)[task].minor_faults += 1
    numab(m)[region].used = 1
    nid, local, pages = page.node, page.node == here, nr_pages(m, pfn)
    numa_count(m).numa_hint_faults += 1
    numa_count(m).numa_hint_faults_local += local
    last = UNSET if uses_access_time(m, nid) else last_cpupid(m)[pfn]
    target, moved = _misplaced(m, task, pfn, here), False
    if target != NO_NODE:
        moved = _move(m, at, pfn, target)
        nid = target if moved else nid
    if is_hint(pte(m)[at]):
        restore(m, at, write)
    elif pte(m)[at] & PTE_PRESENT:
        stored = PTE_DIRTY if write and pte(m)[at] >= 0 else 0
        pte(m)[at] |= PTE_YOUNG | stored
    _task_numa_fault(m, task, last, nid, pages, local, target != NO_NODE and not moved)
    ends(m, HINT)
    return 0
