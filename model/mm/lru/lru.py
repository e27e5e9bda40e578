"""How pages enter and move on the lists outside reclaim: per-CPU batches and mark_accessed (mm/swap.c).

A page joins its list only when its CPU's batch is full or reclaim on that CPU drains it; until then reclaim cannot see
it. Activation of a page already on a list goes through a second batch.
"""

from mmrun.model.core.accounting import IN_RECLAIM
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.server import hold
from mmrun.model.core.sleep import current
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, geometry, task_count
from mmrun.model.mm.lru.ahead import ask_for_neighbours
from mmrun.model.mm.lru.gens import count_access
from mmrun.model.mm.lru.lists import list_of, push_head, push_tail, unlink
from mmrun.model.mm.lru.state import lru_count, lru_settings, lruvecs
from mmrun.model.mm.memcg.memcontrol import mod_state, stat_updated
from mmrun.model.mm.memcg.stats import PGACTIVATE
from mmrun.model.mm.page.flags import ACTIVE, ANON, BATCHED, IDLE, LRU, NEW, QUEUED, RECLAIM, REFERENCED
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.page.zones import lruvec_of

age_nonresident = caller("age_nonresident")


@kernel
def lruvec_of_frame(m, pfn):
    """Number of the lruvec the frame belongs to."""
    page = frames(m)[pfn]
    return lruvec_of(m, page.memcg, page.node, page.zone)


@kernel
def _note_added(m, lv, state):
    """A page joins a list or turns active outside reclaim: counts as scanned, and rotated if active (to 5.7)."""
    vec, file = lruvecs(m)[lv], 0 if state & ANON else 1
    vec.recent_scanned[file] += 1
    if state & ACTIVE:
        vec.recent_rotated[file] += 1


@kernel
def drain_lru_add(m, c):
    """Put the pages of CPU `c`'s lru_add batch on their lists (lru_add_drain_cpu)."""
    f, cpu = frames(m), cpus(m)[c]
    for i in range(cpu.n):
        pfn = cpu.pfn[i]
        f[pfn].state &= ~BATCHED
        lv = lruvec_of_frame(m, pfn)
        push_head(m, lv, list_of(f[pfn].state), pfn)
        _note_added(m, lv, f[pfn].state)
        stat_updated(m, f[pfn].memcg, nr_pages(m, pfn))
    cpu.n = 0


@kernel
def drain_lru_activate(m, c):
    """Activate the pages that wait in CPU `c`'s activate batch."""
    f, cpu = frames(m), cpus(m)[c]
    for i in range(cpu.n_activate):
        pfn = cpu.activate[i]
        state = f[pfn].state
        f[pfn].state &= ~QUEUED
        if state & LRU and not state & ACTIVE:
            lv = lruvec_of_frame(m, pfn)
            unlink(m, lv, list_of(state), pfn)
            f[pfn].state |= ACTIVE
            push_head(m, lv, list_of(f[pfn].state), pfn)
            _note_added(m, lv, f[pfn].state)
            pages = nr_pages(m, pfn)
            lru_count(m).pgactivate += pages if lru_settings(m).activation_counts_pages else 1
            stat_updated(m, f[pfn].memcg, 2 * pages)
            mod_state(m, f[pfn].memcg, PGACTIVATE, pages if lru_settings(m).activation_counts_pages else 1)
    cpu.n_activate = 0


@kernel
def lru_add_drain(m, c):
    """Empty CPU `c`'s batches; reclaim calls it for its own CPU before it isolates pages."""
    if cpus(m)[c].n:
        drain_lru_add(m, c)
    if cpus(m)[c].n_activate:
        drain_lru_activate(m, c)


@kernel
def lru_add_drain_all(m):
    """Empty every CPU's batches."""
    for c in range(geometry(m).nr_cpus):
        lru_add_drain(m, c)


@kernel
def lru_add(m, pfn):
    """Queue a new page for its list; the batch drains when it is full, or the page large (lru_cache_add)."""
    cpu = cpus(m)[turn(m).cpu]
    # A page that a fault brings in starts active under the multi-generational LRU (folio_add_lru).
    page = frames(m)[pfn]
    page.state = (page.state & ~NEW) | BATCHED | (ACTIVE if current(m).in_lru_fault else 0)
    cpu.pfn[cpu.n] = pfn
    cpu.n += 1
    if cpu.n >= lru_settings(m).lru_batch or page.order:
        drain_lru_add(m, turn(m).cpu)


@kernel
def _activate_in_batch(m, pfn):
    """A page still in the running CPU's lru_add batch will join the active list; one in another CPU's will not."""
    cpu = cpus(m)[turn(m).cpu]
    for i in range(cpu.n - 1, -1, -1):
        if cpu.pfn[i] == pfn:
            frames(m)[pfn].state |= ACTIVE
            return


@kernel
def queue_activation(m, pfn):
    """A page on a list will be activated when the running CPU's batch is full, or the page large (folio_activate)."""
    cpu = cpus(m)[turn(m).cpu]
    frames(m)[pfn].state |= QUEUED
    ask_for_neighbours(m, pfn)
    cpu.activate[cpu.n_activate] = pfn
    cpu.n_activate += 1
    if cpu.n_activate >= lru_settings(m).lru_batch or frames(m)[pfn].order:
        drain_lru_activate(m, turn(m).cpu)


@kernel
def mark_accessed(m, pfn):
    """read() (to 4.6 write()) used the page: inactive unreferenced -> referenced -> active (folio_mark_accessed).

    In the kernel: mark_page_accessed.
    """
    f = frames(m)
    f[pfn].state &= ~IDLE
    if lru_settings(m).lru_gen:
        count_access(m, pfn)
        return
    state = f[pfn].state
    if not state & REFERENCED:
        f[pfn].state |= REFERENCED
        return
    if state & ACTIVE:
        return
    if state & LRU:
        queue_activation(m, pfn)
    elif lru_settings(m).activates_in_batch:
        _activate_in_batch(m, pfn)
    else:
        return
    f[pfn].state &= ~REFERENCED
    for _ in range(nr_pages(m, pfn)):
        age_nonresident(m, lruvec_of_frame(m, pfn))


@kernel
def rotate_reclaimable(m, pfn):
    """Writeback of a page that reclaim wants has ended: it goes to the inactive tail (folio_rotate_reclaimable)."""
    f = frames(m)
    state = f[pfn].state
    f[pfn].state &= ~RECLAIM
    if state & LRU and state & RECLAIM:
        lv = lruvec_of_frame(m, pfn)
        unlink(m, lv, list_of(state), pfn)
        f[pfn].state &= ~ACTIVE
        push_tail(m, lv, 0 if state & ANON else 2, pfn)
        lru_count(m).pgrotated += nr_pages(m, pfn) if lru_settings(m).activation_counts_pages else 1
        stat_updated(m, f[pfn].memcg, 2 * nr_pages(m, pfn))


@kernel
def hold_lru_lock(m, lv, ns):
    """Hold a lruvec's lock for `ns`; a task that reclaims counts how long it waits for it."""
    row, waited = current(m), hold(m, lruvecs(m)[lv].lock, ns)
    if row.doing & IN_RECLAIM and row.task != NONE:
        task_count(m)[row.task].stall_lock_ns += waited
