"""Page-table words and the frames behind them, as faults put them in place (set_pte_at, pte_alloc)."""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import progress, run_settings, task_count
from mmrun.model.mm.lru.rmap_file import page_mapped
from mmrun.model.mm.memcg.memcontrol import mod_state
from mmrun.model.mm.memcg.stats import NR_ANON_MAPPED, NR_FILE_MAPPED, PGMAJFAULT
from mmrun.model.mm.page.flags import (
    ANON,
    ANON_PAGE,
    NEW,
)
from mmrun.model.mm.page.folio import folio_of
from mmrun.model.mm.page.gfp import GFP_HIGHUSER_MOVABLE
from mmrun.model.mm.page.mempolicy import NO_INTERLEAVE_INDEX
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.task.state import (
    PTE_DIRTY,
    PTE_PRESENT,
    PTE_SHIFT,
    PTE_WRPROTECT,
    PTE_YOUNG,
    fault_count,
    missed,
    pte,
    tasks,
)

charged_frame = caller("charged_frame")
PTES_PER_TABLE_SHIFT = 9


@kernel
def map_page(m, at, pfn, write, protect):
    """Point page-table word `at` at the frame: young, dirty if written, write-protected if `protect`."""
    word = PTE_PRESENT | PTE_YOUNG | (pfn << PTE_SHIFT) | (PTE_DIRTY if write else 0)
    pte(m)[at] = word | PTE_WRPROTECT if protect else word
    head = folio_of(m, pfn)
    page = frames(m)[head]
    page.mapcount += 1
    if page.state & ANON:
        mod_state(m, page.memcg, NR_ANON_MAPPED, 1)
    elif page.order:
        page_mapped(m, head, pfn)
    elif page.mapcount == 1:
        zones(m)[page.zone].nr_mapped += 1
        mod_state(m, page.memcg, NR_FILE_MAPPED, 1)


@kernel
def major(m, t):
    """Book a fault that had to read: the access is a miss."""
    fault_count(m).pgmajfault += 1
    task_count(m)[t].major_faults += 1
    task_count(m)[t].misses += 1
    mod_state(m, tasks(m)[t].memcg, PGMAJFAULT, 1)
    if run_settings(m).record_misses:
        missed(m)[progress(m).accesses] = 1


@kernel
def new_anon_frame(m, t, at):
    """A charged frame for anonymous page-table word `at`, not yet on a list; NONE when out of memory."""
    pfn = charged_frame(m, t, GFP_HIGHUSER_MOVABLE, at if at != NONE else NO_INTERLEAVE_INDEX)
    if pfn == NONE:
        return NONE
    page = frames(m)[pfn]
    page.state, page.owner, page.kind = ANON | NEW, at, ANON_PAGE
    return pfn
