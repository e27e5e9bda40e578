"""Socket memory is part of what a group has: its main counter, through the CPUs' stocks (version 2 of cgroups, 4.5).

A charge takes from the CPU's stock; without enough there it adds a batch to the group and all above it, the root
included, an atomic operation a level. A sender at the limit reclaims from its group and may have somebody killed; for
packets that arrive there is no waiting. Groups of version 1 keep a counter of their own, charged without a batch, as
long as they have a limit.

What a level costs is accesses to the counter's cache line, each a transfer when others use it: the change of usage, the
comparison with memory.high when a batch was charged; with `false_sharing` another one for limit and parent, which lie
on the same line. With `exchanges` there are two more where memory.min or memory.low are set, to the same line or,
without false sharing, to one of their own.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus
from mmrun.model.mm.limits.limits import charge, charge_folio
from mmrun.model.mm.memcg.memcontrol import (
    EVENT_MAX,
    charge_pages,
    consume_stock,
    event,
    refill_stock,
    stat_updated,
    uncharge_pages,
)
from mmrun.model.mm.memcg.state import memcg_settings, memcgs
from mmrun.model.mm.page.gfp import GFP_KERNEL
from mmrun.model.net.tcp_mem.groups import (
    CHARGED,
    MAY_SLEEP,
    NO_GROUP,
    NOFAIL,
    OVER,
    REFUSED,
    above,
    add_usage,
    fits,
    walk,
)
from mmrun.model.net.tcp_mem.line import protection_line, usage_line, use_line
from mmrun.model.net.tcp_mem.state import sock_groups, tcp_mem_count, tcp_mem_settings

SOURCE = "mm/memcontrol.c: mem_cgroup_charge_skmem, try_charge_memcg, mm/page_counter.c, 6.12"
PAYS = "groups"
BEYOND_ROOT = 1
PARAMS = {
    "false_sharing": (
        False, "", "limit and parent of a counter lie on the cache line of its usage",
        "mm: page_counter: rearrange struct page_counter fields, 6.1",
    ),
    "exchanges": (
        False, "", "every charge of a group with memory.min or memory.low writes what they protect, changed or not",
        "mm: page_counter: remove unneeded atomic ops for low/min, 6.1",
    ),
    "batch": (
        0, "pages", "pages that a CPU charges at once, for all memory of groups; 0: the version's",
        "MEMCG_CHARGE_BATCH: 32, 64 since 6.1", (0, 1024, "an arbitrary most"),
    ),
}  # fmt: skip
params = parameters("tcp_accounting", PARAMS, 288)
COSTLY_PAGES = 8  # PAGE_ALLOC_COSTLY_ORDER


@kernel
def walk_usage(m, group, batch):
    """Change usage of a group and all above it, comparing with memory.high if a batch was charged."""
    at, shared, exchanges = group, params(m).false_sharing, params(m).exchanges
    while at != NO_GROUP:
        writes = 2 if exchanges and memcgs(m)[at].protects else 0
        use_line(m, usage_line(at), 1 + batch + (1 + writes if shared else 0), 0)
        if writes and not shared:
            use_line(m, protection_line(at), writes, 0)
        at = above(m, at)
    tcp_mem_count(m).skmem_charges += 1


@kernel
def _force(m, group, pages):
    """Charge beyond limits (page_counter_charge), for __GFP_NOFAIL and what is privileged."""
    uncharge_pages(m, group, -pages)
    at = group
    while at:
        if memcgs(m)[at].usage > memcgs(m)[at].limit:
            sock_groups(m)[at].forced = 1
            event(m, at, EVENT_MAX)
        at = memcgs(m)[at].parent


@kernel
def _charge_or_kill(m, t, group, pages):
    """Charge page by page, by way of the out-of-memory killer; nobody is killed for more than a few pages at once."""
    if pages > COSTLY_PAGES:
        return False
    row, done = sock_groups(m)[group], 0
    while done < pages and charge(m, t, group):
        done += 1
        row.in_hand += 1
    row.in_hand -= done
    if done < pages and done:
        uncharge_pages(m, group, done)
    return done == pages


@kernel
def _try_charge(m, group, pages, how):
    """What the CPU's stock does not hold, with a batch for it if that fits; True: charged."""
    t, batch = turn(m).task, memcg_settings(m).charge_batch
    walk_usage(m, group, 1 if batch > pages else 0)
    if how & MAY_SLEEP and t != NONE:
        return charge_folio(m, t, group, pages, GFP_KERNEL) or _charge_or_kill(m, t, group, pages)
    if batch > pages and charge_pages(m, group, batch) == NO_GROUP:
        refill_stock(m, group, batch - pages)
        return True
    return charge_pages(m, group, pages) == NO_GROUP


@kernel
def _charge_legacy(m, group, pages, how):
    """The counter of version 1 (memcg1_charge_skmem): a failed charge raises the group's flag, the next lowers it."""
    walk(m, group, 1, 0)
    row, room = sock_groups(m)[group], fits(m, group, pages)
    row.pressure = 0 if room else 1
    if room or how & NOFAIL:
        add_usage(m, group, pages)
        return CHARGED
    if tcp_mem_settings(m).skmem_charges_anyway:
        add_usage(m, group, pages)
        return OVER
    row.failcnt += 1
    return REFUSED


@hook
def charge_skmem(m, memcg, pages, how):
    settings = tcp_mem_settings(m)
    if settings.legacy:
        return _charge_legacy(m, memcg, pages, how)
    answer = CHARGED
    stocked = pages <= memcg_settings(m).charge_batch and consume_stock(m, memcg, pages)
    if not stocked and not _try_charge(m, memcg, pages, how):
        privileged = how & NOFAIL or (settings.skmem_atomic_is_privileged and not how & MAY_SLEEP)
        if not privileged and not settings.skmem_charges_anyway:
            return REFUSED
        _force(m, memcg, pages)
        answer = CHARGED if privileged else OVER
    stat_updated(m, memcg, pages)
    return answer


@kernel
def _evicted(m, group):
    """The group whose pages must leave the CPU's stock for those of another, or 0 (refill_stock)."""
    cpu, stocks = cpus(m)[turn(m).cpu], memcg_settings(m).stocks
    for i in range(stocks):
        if cpu.stock_memcg[i] == group or cpu.stock_memcg[i] == 0:
            return 0
    return cpu.stock_memcg[cpu.stock_turn] if cpu.stock[cpu.stock_turn] else 0


@hook
def uncharge_skmem(m, memcg, pages):
    if tcp_mem_settings(m).legacy:
        walk(m, memcg, 1, 0)
        add_usage(m, memcg, -pages)
        return 0
    stat_updated(m, memcg, pages)
    before, other = memcgs(m)[memcg].usage, _evicted(m, memcg)
    refill_stock(m, memcg, pages)
    if memcgs(m)[memcg].usage != before:
        walk_usage(m, memcg, 0)
    if other:
        walk_usage(m, other, 0)
    return 0
