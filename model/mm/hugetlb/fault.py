"""Memory of a pool is mapped, touched for the first time, and let go (hugetlb_fault, hugetlb_no_page).

A mapping is made with its first touch, as streams have no event for mmap(). Like all huge mappings it fills a
page-table word for every 4 KiB; translations know its size.
"""

from mmrun.model.core.codes import OK, OUT_OF_MEMORY
from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import cond_resched
from mmrun.model.machine.state import task_count
from mmrun.model.mm.hugetlb.pool import dequeue, free_page, fresh_surplus, reserve, unreserve
from mmrun.model.mm.hugetlb.state import MIB2, ORDERS, hugetlb_count, hugetlb_settings, mappings, pools
from mmrun.model.mm.memcg.memcontrol import NO_GROUP, charge_pages, uncharge_pages
from mmrun.model.mm.memcg.state import memcg_settings
from mmrun.model.mm.page.mempolicy import policy_node, policy_nodemask
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import (
    PTE_DIRTY,
    PTE_FRAME,
    PTE_PRESENT,
    PTE_SHIFT,
    PTE_WRPROTECT,
    PTE_YOUNG,
    fault_settings,
    pte,
    regions,
    tasks,
)
from mmrun.model.mm.tlb.state import SIZE_SHIFT, SMALL, page_sizes, tlb_settings

at_limit = caller("limit_reclaim")
PARTS = 512  # in which a gigantic page is cleared


@kernel
def _ends_with(m, t):
    """Task `t` gets SIGBUS, or has no memory to go on with: no OOM kill."""
    tasks(m)[t].killed = 1
    return OUT_OF_MEMORY


@kernel
def _map_region(m, t, region):
    """mmap(): all pages of the mapping are promised, or it fails; 0 then."""
    mapping = mappings(m)[region]
    size, pages = mapping.pool - 1, -(-regions(m)[region].npages >> ORDERS[mapping.pool - 1])
    if not mapping.noreserve:
        if not reserve(m, size, pages, policy_node(m, t, regions(m)[region].start)):
            hugetlb_count(m).hugetlb_enomem += 1
            return 0
        mapping.reserved = pages
    mapping.mapped = 1
    return 1


@kernel
def _take_page(m, t, region, at):
    """A page of the pool for the mapping: one that was promised, a free one, a surplus one, or NONE.

    In the kernel: alloc_hugetlb_folio.
    """
    mapping = mappings(m)[region]
    size, nid, nodemask = mapping.pool - 1, policy_node(m, t, at), policy_nodemask(m, t)
    pool, pfn = pools(m)[size], NONE
    if mapping.reserved or pool.free > pool.resv:
        pfn = dequeue(m, size, nid, nodemask)
    if pfn == NONE:
        pfn = fresh_surplus(m, size, nid, nodemask)
    if pfn != NONE and mapping.reserved:
        mapping.reserved -= 1
        pool.resv -= 1
    return pfn


@kernel
def _charge(m, t, size):
    """Charge a page of the pool to the task's group, where groups pay for them (mem_cgroup_charge_hugetlb, 6.7).

    Nobody is killed for it (__GFP_RETRY_MAYFAIL); 0: the group has no room.
    """
    memcg, pages = tasks(m)[t].memcg, 1 << ORDERS[size]
    for _ in range(memcg_settings(m).charge_retries + 1):
        over = charge_pages(m, memcg, pages)
        if over == NO_GROUP:
            return 1
        at_limit(m, over, pages)
    return 0


@kernel
def _clear(m, size):
    """Clear a page, letting others run (folio_zero_user)."""
    if size == MIB2:
        m.now += hugetlb_settings(m).hugetlb_clear
        cond_resched(m)
        return
    for _ in range(PARTS):
        m.now += hugetlb_settings(m).hugetlb_clear_1g // PARTS
        cond_resched(m)


@kernel
def _map_page(m, region, size, first, pfn, bits):
    """Point the words of a page of the pool at its frames, those beyond the region left out."""
    r, table = regions(m)[region], pte(m)
    for at in range(first, min(first + (1 << ORDERS[size]), r.start + r.npages)):
        table[at] = PTE_PRESENT | pfn + at - first << PTE_SHIFT | bits
    if tlb_settings(m).translates:
        for leaf in range(first >> SIZE_SHIFT, (first >> SIZE_SHIFT) + (1 << ORDERS[size] - SIZE_SHIFT)):
            if leaf < len(page_sizes(m)):
                page_sizes(m)[leaf] = size + 1


@kernel
def _make_writable(m, t, region, size, first):
    """The first store to a page that was mapped by a load: it is the task's alone (hugetlb_wp)."""
    r, table = regions(m)[region], pte(m)
    m.now += fault_settings(m).minor_fault_file
    for at in range(first, min(first + (1 << ORDERS[size]), r.start + r.npages)):
        table[at] &= ~PTE_WRPROTECT


@hook
def hugetlb_fault(m, t, region, page, write):
    r, mapping = regions(m)[region], mappings(m)[region]
    size, at = mapping.pool - 1, r.start + page - r.first
    first = at >> ORDERS[size] << ORDERS[size]
    task_count(m)[t].minor_faults += 1
    if not mapping.mapped and not _map_region(m, t, region):
        return _ends_with(m, t)
    if pte(m)[at] & PTE_PRESENT:
        _make_writable(m, t, region, size, first)
    else:
        if hugetlb_settings(m).hugetlb_charged and not _charge(m, t, size):
            return OUT_OF_MEMORY
        pfn = _take_page(m, t, region, at)
        if pfn == NONE:
            if hugetlb_settings(m).hugetlb_charged:
                uncharge_pages(m, tasks(m)[t].memcg, 1 << ORDERS[size])
            hugetlb_count(m).hugetlb_sigbus += 1
            return _ends_with(m, t)
        if hugetlb_settings(m).hugetlb_charged:
            frames(m)[pfn].memcg = tasks(m)[t].memcg
        mapping.pages += 1
        task_count(m)[t].first_touches += 1
        _clear(m, size)
        _map_page(m, region, size, first, pfn, 0 if write else PTE_WRPROTECT)
    pte(m)[at] |= PTE_YOUNG | (PTE_DIRTY if write else 0)
    return OK


@hook
def hugetlb_unmap(m, t, region):
    r, mapping, table = regions(m)[region], mappings(m)[region], pte(m)
    size = mapping.pool - 1
    step = 1 << ORDERS[size]
    for first in range(r.start, r.start + r.npages, step):
        word = table[first]
        if word & PTE_PRESENT:
            pfn = (word >> PTE_SHIFT) & PTE_FRAME
            for at in range(first, min(first + step, r.start + r.npages)):
                table[at] = 0
            if hugetlb_settings(m).hugetlb_charged:
                uncharge_pages(m, frames(m)[pfn].memcg, step)
                frames(m)[pfn].memcg = NO_GROUP
            free_page(m, size, pfn)
            mapping.pages -= 1
        if tlb_settings(m).translates:
            for leaf in range(first >> SIZE_SHIFT, min((first + step >> SIZE_SHIFT), len(page_sizes(m)))):
                page_sizes(m)[leaf] = SMALL
    if mapping.reserved:
        unreserve(m, size, mapping.reserved)
    mapping.mapped = mapping.reserved = 0
    return 0
