"""What follows when a group has more than it may have: memory.max, memory.high; and memory.reclaim."""

from mmrun.model.core.accounting import HIGH, IN_MEMSTALL, MEMCG, begins, ends
from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.sleep import sleep_until
from mmrun.model.machine.state import geometry
from mmrun.model.mm.limits.oom import out_of_memory
from mmrun.model.mm.lru.lru import lru_add_drain_all
from mmrun.model.mm.memcg.memcontrol import (
    EVENT_HIGH,
    EVENT_MAX,
    EVENT_OOM,
    NO_GROUP,
    charge_pages,
    consume_stock,
    drain_all_stocks,
    event,
    over_high_group,
    refill_stock,
    try_charge_batch,
)
from mmrun.model.mm.memcg.state import memcg_settings, memcgs
from mmrun.model.mm.page.gfp import DIRECT_RECLAIM, NORETRY
from mmrun.model.mm.page.zones import MAX_RECLAIM_RETRIES
from mmrun.model.mm.task.state import tasks
from mmrun.model.psi.state import psi_settings

memcg_reclaim = caller("memcg_reclaim")
at_limit = caller("limit_reclaim")
over_high = caller("over_high")
PRECISION_SHIFT, SCALING_SHIFT = 20, 14  # MEMCG_DELAY_PRECISION_SHIFT, MEMCG_DELAY_SCALING_SHIFT
MAX_DELAY_S = 2
SECOND_NS = 1_000_000_000
COSTLY_PAGES = 8  # PAGE_ALLOC_COSTLY_ORDER
ITS_OWN = -1  # swappiness: the group's or the machine's


@kernel
def _note_over_high(m, t, memcg, pages):
    """Charges beyond somebody's memory.high are a debt the task works off (done_restock)."""
    if over_high_group(m, memcg):
        tasks(m)[t].over_high += pages


@kernel
def throttle_over_high(m, t):
    """A charge has been put to use: a task with much debt works it off before it leaves the kernel."""
    if tasks(m)[t].over_high > memcg_settings(m).charge_batch:
        over_high(m, t, 1)


@kernel
def _charge_at_limit(m, t, memcg):
    """Reclaim, drain stocks, kill until one page fits; 0 when task `t` itself is to be killed.

    In the kernel: mem_cgroup_out_of_memory.
    """
    retries, drained = memcg_settings(m).charge_retries, False
    while True:
        over = charge_pages(m, memcg, 1)
        if over == NO_GROUP:
            return 1
        if tasks(m)[t].killed:
            return 0
        memcgs(m)[over].failcnt += 1
        event(m, over, EVENT_MAX)
        begins(m, IN_MEMSTALL)
        got = at_limit(m, over, 1)
        ends(m, IN_MEMSTALL)
        if charge_pages(m, memcg, 1) == NO_GROUP:
            return 1
        if not drained:
            drain_all_stocks(m, over)
            drained = True
        elif got == 0 and retries:
            retries -= 1
        elif got == 0:
            event(m, over, EVENT_OOM)
            ends(m, MEMCG)
            helped = out_of_memory(m, t, over)
            begins(m, MEMCG)
            if not helped:
                return 0
            retries = memcg_settings(m).charge_retries


@hook
def limit_reclaim(m, memcg, want):
    """Default: one reclaim call for the subtree of the group at its limit (since 3.9).

    In the kernel: try_to_free_mem_cgroup_pages.
    """
    return memcg_reclaim(m, memcg, want, ITS_OWN, 0)


@kernel
def charge(m, t, memcg):
    """Charge one page of task `t` to a group, reclaiming at its limit; 0 when the group is out of memory.

    In the kernel: mem_cgroup_charge, try_charge_memcg.
    """
    if memcg == 0:
        memcgs(m)[0].usage += 1
        return 1
    if consume_stock(m, memcg, 1):
        return 1
    pages = try_charge_batch(m, memcg)
    if pages == 0:
        begins(m, MEMCG)
        pages = _charge_at_limit(m, t, memcg)
        ends(m, MEMCG)
        if pages == 0:
            return 0
    _note_over_high(m, t, memcg, pages)
    return 1


@kernel
def _room(m, memcg):
    """Pages that the group and its ancestors have room for (mem_cgroup_margin)."""
    return memcgs(m)[memcg].limit - memcgs(m)[memcg].usage


@kernel
def _charge_folio_at_limit(m, memcg, pages, gfp):
    """Reclaim and drain stocks for a folio's charge, as far as `gfp` lets it; nobody is killed for one. 1: charged."""
    retries, drained = memcg_settings(m).charge_retries, False
    while True:
        over = charge_pages(m, memcg, pages)
        if over == NO_GROUP:
            return 1
        if not gfp & DIRECT_RECLAIM:
            return 0
        memcgs(m)[over].failcnt += 1
        event(m, over, EVENT_MAX)
        begins(m, IN_MEMSTALL)
        got = at_limit(m, over, pages)
        ends(m, IN_MEMSTALL)
        if _room(m, over) >= pages:
            continue
        if not drained:
            drain_all_stocks(m, over)
            drained = True
        elif gfp & NORETRY or (retries == 0 and not (got and pages <= COSTLY_PAGES)):
            return 0
        elif not got or pages > COSTLY_PAGES:
            retries -= 1


@kernel
def charge_folio(m, t, memcg, pages, gfp):
    """Charge a folio of task `t` to a group, with a batch for the CPU's stock if it is small enough; 0: no room.

    In the kernel: try_charge_memcg, with the gfp mask of the folio's allocation.
    """
    if memcg == 0:
        memcgs(m)[0].usage += pages
        return 1
    batch = memcg_settings(m).charge_batch
    if pages <= batch and consume_stock(m, memcg, pages):
        return 1
    if batch > pages and charge_pages(m, memcg, batch) == NO_GROUP:
        refill_stock(m, memcg, batch - pages)
        _note_over_high(m, t, memcg, batch)
        return 1
    if charge_pages(m, memcg, pages) != NO_GROUP:
        begins(m, MEMCG)
        charged = _charge_folio_at_limit(m, memcg, pages, gfp)
        ends(m, MEMCG)
        if not charged:
            return 0
    _note_over_high(m, t, memcg, pages)
    return 1


@kernel
def overage(usage, high):
    """By how much usage exceeds memory.high, as a fraction of it in 2^-20 (calculate_overage)."""
    return 0 if usage <= high else ((usage - high) << PRECISION_SHIFT) // max(high, 1)


@kernel
def high_delay(most, pages, batch, hz):
    """Ticks that a task which charged `pages` sleeps when the largest overage of its groups is `most`.

    calculate_high_delay; a `batch` of such pages sleeps the whole delay. An overage of 64 times the limit is the most.
    """
    capped = min(most, 64 << PRECISION_SHIFT)
    delay = (capped * capped * hz) >> PRECISION_SHIFT >> SCALING_SHIFT
    return min(delay * pages // batch, MAX_DELAY_S * hz)


@kernel
def _largest_overage(m, memcg):
    """The largest overage among the group and its ancestors (mem_find_max_overage)."""
    at, most = memcg, 0
    while at:
        most = max(most, overage(memcgs(m)[at].usage, memcgs(m)[at].memory_high))
        at = memcgs(m)[at].parent
    return most


@kernel
def _reclaim_up(m, t, pages):
    """Reclaim `pages` from each group over memory.high, from the task's own upwards; pages reclaimed (reclaim_high)."""
    at, got = tasks(m)[t].memcg, 0
    while at:
        if memcgs(m)[at].usage > memcgs(m)[at].memory_high:
            event(m, at, EVENT_HIGH)
            begins(m, IN_MEMSTALL)
            got += memcg_reclaim(m, at, pages, ITS_OWN, 0)
            ends(m, IN_MEMSTALL)
        at = memcgs(m)[at].parent
    return got


@kernel
def reclaim_high(m, t):
    """On its way back to user space the task reclaims as much as it charged beyond memory.high (until 5.3)."""
    pages = tasks(m)[t].over_high
    tasks(m)[t].over_high = 0
    begins(m, HIGH)
    _reclaim_up(m, t, pages)
    ends(m, HIGH)


@kernel
def reclaim_and_sleep(m, t):
    """Reclaim, again while that helps or sixteen times in vain, then sleep (mem_cgroup_handle_over_high, 5.9).

    Delays of a hundredth of a second or less are not worth it.
    """
    task, pages = tasks(m)[t], tasks(m)[t].over_high
    task.over_high, retries, want = 0, MAX_RECLAIM_RETRIES, pages
    begins(m, HIGH)
    while True:
        got = _reclaim_up(m, t, want)
        ticks = high_delay(_largest_overage(m, task.memcg), pages, memcg_settings(m).charge_batch, geometry(m).hz)
        if ticks <= geometry(m).hz // 100:
            break
        if got == 0 and retries == 0:
            begins(m, psi_settings(m).psi_over_high * IN_MEMSTALL)
            sleep_until(m, m.now + ticks * (SECOND_NS // geometry(m).hz))
            ends(m, psi_settings(m).psi_over_high * IN_MEMSTALL)
            break
        if got == 0:
            retries -= 1
        want = SWAP_CLUSTER_MAX
    ends(m, HIGH)


@kernel
def proactive_reclaim(m, memcg, pages, swappiness):
    """memory.reclaim: reclaim `pages` of a group's subtree (0: the machine) in ever smaller batches; pages reclaimed.

    `swappiness` is 0-200, 201 for anonymous pages only, -1 for the group's own. Less than `pages` stands for EAGAIN,
    after sixteen fruitless batches; before the last one, pages in per-CPU batches join their lists.
    In the kernel: memory_reclaim.
    """
    total, retries = 0, MAX_RECLAIM_RETRIES
    while total < pages:
        if retries == 0:
            lru_add_drain_all(m)
        got = memcg_reclaim(m, memcg, (pages - total) // 4, swappiness, 1)
        if got == 0:
            if retries == 0:
                break
            retries -= 1
        total += got
    return total
