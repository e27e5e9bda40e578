"""Making page-table words prot-none, so that the next use of their page faults (change_prot_numa, change_pte_range)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus
from mmrun.model.mm.huge.state import HUGE_PAGES
from mmrun.model.mm.lru.rmap import drop_entry, mark_dirty, pte_frame
from mmrun.model.mm.lru.rmap_folio import is_huge_mapped
from mmrun.model.mm.numa_balancing.settings import MEMORY_TIERING, NORMAL
from mmrun.model.mm.numa_balancing.state import last_cpupid, numa_count, numa_settings
from mmrun.model.mm.page.flags import ANON, DIRTY, IDLE, USER, YOUNG
from mmrun.model.mm.page.folio import folio_of
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import PTE_DIRTY, PTE_FLAGS, PTE_PRESENT, PTE_YOUNG, files, pte
from mmrun.model.mm.task.words import stored_through
from mmrun.model.mm.tiering.state import tiers

ACCESS_TIME_BITS = 21  # of the field for the last user: 8 of the PID, 13 of the CPU where there may be 8192
MS = 1_000_000


@kernel
def access_time(m):
    """The time as a slow page keeps it: ms, wrapped to the width of its field (jiffies_to_msecs)."""
    return m.now // MS & (1 << ACCESS_TIME_BITS) - 1


@kernel
def uses_access_time(m, nid):
    """Whether pages of the node keep the time when they were marked in place of their last user."""
    return numa_settings(m).numa_balancing & MEMORY_TIERING and not tiers(m)[nid].top


@kernel
def _left_alone(m, pfn, here):
    """Whether a word is not worth a fault: its page would not move, or could not; that of zeros is nobody's."""
    page, own = frames(m)[pfn], numa_settings(m)
    if not page.state & USER or (own.leaves_local and page.node == here):  # every process here has one thread
        return True
    if not own.numa_balancing & NORMAL and tiers(m)[page.node].top:
        return True
    if page.state & ANON:
        return page.pins > 0
    return own.leaves_dirty_files and page.state & DIRTY != 0


@kernel
def _mark(m, at, pfn):
    """Make word `at`, which maps a part of folio `pfn`, a hint entry; the folio keeps what it knew of its use."""
    table, page = pte(m), frames(m)[pfn]
    word = table[at]
    if word & PTE_YOUNG:
        page.state = (page.state & ~IDLE) | YOUNG
    if stored_through(word) and (page.state & ANON or files(m)[page.slot].disk != NONE):
        mark_dirty(m, pfn)
    table[at] = (word & ~PTE_FLAGS) | PTE_DIRTY
    drop_entry(m, at)


@kernel
def _mark_entry(m, at, pfn):
    """Mark the entry that word `at` stands for: the word, or all 512 of a huge page's; how many (change_huge_pmd)."""
    if uses_access_time(m, frames(m)[pfn].node):
        last_cpupid(m)[pfn] = access_time(m)
    if not frames(m)[pfn].order or not is_huge_mapped(m, at):
        _mark(m, at, pfn)
        return 1
    for word in range(at, at + HUGE_PAGES):
        _mark(m, word, pfn)
    numa_count(m).numa_huge_pte_updates += 1
    return HUGE_PAGES


@kernel
def change_prot_numa(m, first, last):
    """Mark words `first` to `last` - 1 of the running task but for those left alone; how many there were."""
    table, here, updates, at = pte(m), cpus(m)[turn(m).cpu].node, 0, first
    while at < last:
        step = 1
        if table[at] & PTE_PRESENT:
            pfn = folio_of(m, pte_frame(table[at]))
            if not _left_alone(m, pfn, here):
                step = _mark_entry(m, at, pfn)
                updates += step
        at += step
    own = numa_settings(m)
    m.now += own.numa_scan_pte * (last - first) + own.prot_numa * updates + (own.tlb_shootdown if updates else 0)
    numa_count(m).numa_pte_updates += updates
    return updates
