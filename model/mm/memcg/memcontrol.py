"""Memory cgroups: usage counted up the tree, charges in per-CPU stocks, statistics that lag, events.

What a group counts is in `memcg.stat` (model/mm/memcg/stats.py), without what its descendants count. Reclaim does not
read a group's exact list sizes but statistics of its subtree, `lruvec.seen_*`. Until 5.14 a CPU adds what it has of one
of them once that is more than a batch (`note_size`). Since 5.15 they are summed from per-CPU deltas now and then
(`fold`): by a worker every two seconds, or by a reader of memory.stat once enough updates are
pending, of the whole machine until 6.7, of the group since.
Source: try_charge_memcg, refill_stock, memcg_rstat_updated, flush_memcg_stats_dwork of 5.15, 6.1, 6.18.
"""

from mmrun.model.core.codes import BAD_CHARGE
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.panic import panic
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, geometry, nodes, progress
from mmrun.model.mm.lru.state import lru_settings, lruvecs
from mmrun.model.mm.memcg.state import SIZES, memcg_settings, memcgs, size_pending, stat_pending
from mmrun.model.mm.memcg.stats import PGPGOUT
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.task.state import tasks
from mmrun.model.units import PAGE

FLUSH_NS = 2_000_000_000  # FLUSH_TIME
NO_GROUP = -1

EVENT_LOW, EVENT_HIGH, EVENT_MAX, EVENT_OOM, EVENT_OOM_KILL, EVENT_SWAP_MAX, EVENT_SWAP_FAIL = range(7)
EVENT_OOM_GROUP_KILL = 7


@rare
@kernel
def event(m, memcg, what):
    """Count an event of memory.events or memory.swap.events on the group and its ancestors (memcg_memory_event)."""
    at = memcg
    while at:
        group = memcgs(m)[at]
        if what == EVENT_LOW:
            group.events_low += 1
        elif what == EVENT_HIGH:
            group.events_high += 1
        elif what == EVENT_MAX:
            group.events_max += 1
        elif what == EVENT_OOM:
            group.events_oom += 1
        elif what == EVENT_SWAP_MAX:
            group.events_swap_max += 1
        elif what == EVENT_SWAP_FAIL:
            group.events_swap_fail += 1
        elif what == EVENT_OOM_GROUP_KILL:
            group.events_oom_group_kill += 1
        else:
            group.oom_kill += 1
        at = group.parent


@kernel
def fold(m, memcg):
    """Make the statistics of the group and its descendants exact (cgroup_rstat_flush), not those of its parents."""
    table, vecs, nr = memcgs(m), lruvecs(m), geometry(m).nr_zones
    for g in range(table[memcg].end - 1, memcg - 1, -1):
        table[g].stat_updates = 0
        if memcg_settings(m).folds_by_group:
            for c in range(geometry(m).nr_cpus):
                stat_pending(m)[c * geometry(m).nr_memcgs + g] = 0
        for z in range(nr):
            vec = vecs[g * nr + z]
            for lru in range(4):
                vec.seen_size[lru] = vec.lists[lru].n
            for kind in range(2):
                vec.seen_activated[kind] = vec.activated[kind]
    for g in range(table[memcg].end - 1, memcg, -1):
        above = table[g].parent
        for z in range(nr):
            for lru in range(4):
                vecs[above * nr + z].seen_size[lru] += vecs[g * nr + z].seen_size[lru]


@kernel
def note_size(m, lv, which, delta):
    """List `which` of a group's lruvec changed by `delta` pages, or (4, 5) its activated refaults of a kind.

    Until 5.14 the running CPU keeps that to itself up to a batch (__mod_lruvec_state, 5.8).
    """
    vecs, batch = lruvecs(m), memcg_settings(m).charge_batch
    if memcg_settings(m).folds or vecs[lv].memcg == 0:
        return
    pending, at = size_pending(m), (turn(m).cpu * len(vecs) + lv) * SIZES + which
    pending[at] += delta
    kept = pending[at]
    if abs(kept) <= batch:
        return
    pending[at] = 0
    while vecs[lv].memcg:
        if which < 4:
            vecs[lv].seen_size[which] += kept
        else:
            vecs[lv].seen_activated[which - 4] += kept
        lv += (memcgs(m)[vecs[lv].memcg].parent - vecs[lv].memcg) * geometry(m).nr_zones


@kernel
def fold_periodically(m):
    """The two-second worker: every group's statistics become exact."""
    if m.now >= progress(m).next_flush:
        progress(m).next_flush += ((m.now - progress(m).next_flush) // FLUSH_NS + 1) * FLUSH_NS
        if memcg_settings(m).folds:
            fold(m, 0)


@kernel
def read_stat(m, memcg):
    """Somebody reads memory.stat: it folds when more than a batch a CPU is pending (mem_cgroup_flush_stats)."""
    who = memcg if memcg_settings(m).folds_by_group else 0
    if memcg_settings(m).folds and memcgs(m)[who].stat_updates > memcg_settings(m).fold_beyond:
        fold(m, who)


@kernel
def _updated_anywhere(m, updates):
    """Until 6.7 a CPU counts updates of all groups together, and what is beyond whole batches is forgotten.

    The root's `stat_updates` are such batches then; other groups have none.
    """
    pending, at = stat_pending(m), turn(m).cpu * geometry(m).nr_memcgs
    pending[at] += updates
    if pending[at] > memcg_settings(m).charge_batch:
        memcgs(m)[0].stat_updates += pending[at] // memcg_settings(m).charge_batch
        pending[at] = 0


@kernel
def stat_updated(m, memcg, updates):
    """Note that the running CPU changed the group's statistics, and with them its ancestors', by `updates` in all.

    In the kernel: memcg_rstat_updated.
    """
    if not memcg_settings(m).folds_by_group:
        _updated_anywhere(m, updates)
        return
    pending, first, at = stat_pending(m), turn(m).cpu * geometry(m).nr_memcgs, memcg
    batch, due = memcg_settings(m).charge_batch, memcg_settings(m).fold_beyond
    while True:
        group = memcgs(m)[at]
        # Who is due for a fold needs no more counting, nor do the ancestors: theirs is due as well.
        if group.stat_updates > due:
            return
        pending[first + at] += updates
        if pending[first + at] >= batch:
            group.stat_updates += pending[first + at]
            pending[first + at] = 0
        if at == 0:
            return
        at = group.parent


@kernel
def mod_state(m, memcg, item, val):
    """Change an item of model/mm/memcg/stats.py by `val` in the group (mod_memcg_state, count_memcg_events)."""
    group = memcgs(m)[memcg]
    group.stat[item] += val
    if group.stat_updates <= memcg_settings(m).fold_beyond:  # else not worth a call
        stat_updated(m, memcg, abs(val))


@kernel
def mod_slab_bytes(m, memcg, nbytes):
    """Slab objects of the group came or went: an update once more than a page of bytes changed (mod_objcg_state).

    Until 6.6 it counts as many updates as bytes.
    """
    group = memcgs(m)[memcg]
    before = group.slab_stat_bytes
    group.slab_stat_bytes += nbytes
    if before and abs(group.slab_stat_bytes) > PAGE:
        changed = abs(group.slab_stat_bytes)
        stat_updated(m, memcg, changed // PAGE if memcg_settings(m).updates_in_pages else changed)
        group.slab_stat_bytes = 0


@kernel
def lru_size(m, lv, lru):
    """Size of a list in the lruvec's group and its descendants, as reclaim sees it: statistics, exact for the root."""
    vec = lruvecs(m)[lv]
    if vec.memcg:
        return max(vec.seen_size[lru], 0)  # lruvec_page_state_local
    if lru_settings(m).zone_lruvecs:
        return zones(m)[vec.zone].nr_lru[lru]
    node, total = nodes(m)[vec.node], 0
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        total += zones(m)[z].nr_lru[lru]
    return total


@kernel
def _covered(m, usage, setting):
    if usage <= setting:
        return usage
    return setting if memcg_settings(m).shares_overcommitted else 0


@kernel
def propagate_protection(m, memcg):
    """Let the parent know how much of the group's usage its min and low cover (propagate_protected_usage).

    Until 5.6 they cover nothing of a group that is above them.
    """
    group = memcgs(m)[memcg]
    above = memcgs(m)[group.parent]
    covered = _covered(m, group.usage, group.memory_min)
    above.children_min += covered - group.min_usage
    group.min_usage = covered
    covered = _covered(m, group.usage, group.memory_low)
    above.children_low += covered - group.low_usage
    group.low_usage = covered


@kernel
def _add_usage(m, at, pages):
    group = memcgs(m)[at]
    group.usage += pages
    if group.usage < 0:
        panic(m, BAD_CHARGE, at)
    if group.usage > group.peak:
        group.peak = group.usage
    if group.protects:
        propagate_protection(m, at)


@kernel
def charge_pages(m, memcg, pages):
    """Add `pages` to the group and its ancestors: NO_GROUP, or the one without room for them, nothing charged then."""
    table, at = memcgs(m), memcg
    while True:
        if table[at].usage + pages > table[at].limit:
            undo = memcg
            while undo != at:
                _add_usage(m, undo, -pages)
                undo = table[undo].parent
            return at
        _add_usage(m, at, pages)
        at = table[at].parent
        if at == 0:
            return NO_GROUP


@kernel
def uncharge_pages(m, memcg, pages):
    """Take `pages` off the group and its ancestors; the root only counts what is charged to it alone."""
    at = memcg
    while True:
        _add_usage(m, at, -pages)
        at = memcgs(m)[at].parent
        if at == 0:
            return


@kernel
def uncharge_one(m, memcg, pages):
    """Take `pages` off the group alone: those above it keep them (page_counter_cancel)."""
    _add_usage(m, memcg, -pages)


@kernel
def over_swap_max(m, memcg):
    """The group or nearest ancestor that is at its memory.swap.max, or NO_GROUP."""
    at = memcg
    while at:
        if memcgs(m)[at].swap_pages >= memcgs(m)[at].swap_limit:
            return at
        at = memcgs(m)[at].parent
    return NO_GROUP


@kernel
def room_for_swap(m, memcg):
    """Whether the group and its ancestors are below their memory.swap.max."""
    return over_swap_max(m, memcg) == NO_GROUP


@kernel
def charge_swap(m, memcg, slots):
    """Count swap slots taken (or, negative, freed) in the group and its ancestors (__mem_cgroup_try_charge_swap)."""
    at = memcg
    while True:
        memcgs(m)[at].swap_pages += slots
        at = memcgs(m)[at].parent
        if at == 0:
            return


@kernel
def over_high_group(m, memcg):
    """The group or nearest ancestor that uses more than its memory.high; 0 = none."""
    at = memcg
    while at:
        if memcgs(m)[at].usage > memcgs(m)[at].memory_high:
            return at
        at = memcgs(m)[at].parent
    return 0


@kernel
def consume_stock(m, memcg, pages):
    """Take pages from the CPU's stock; 1 when it held so many for this group."""
    cpu = cpus(m)[turn(m).cpu]
    for i in range(memcg_settings(m).stocks):
        if cpu.stock_memcg[i] == memcg and cpu.stock[i] >= pages:
            cpu.stock[i] -= pages
            return 1
    return 0


@kernel
def drain_stock(m, c, i):
    """Give what CPU `c` holds in place `i` of its stock back to its group; the place is free."""
    cpu = cpus(m)[c]
    if cpu.stock[i]:
        uncharge_pages(m, cpu.stock_memcg[i], cpu.stock[i])
    cpu.stock[i] = cpu.stock_memcg[i] = 0


@kernel
def refill_stock(m, memcg, pages):
    """Put `pages` charged pages of the group into the CPU's stock, for want of a place instead of another group's.

    With several places 6.18 evicts a random one; here they go in turn.
    """
    cpu, free = cpus(m)[turn(m).cpu], -1
    for i in range(memcg_settings(m).stocks):
        if cpu.stock_memcg[i] == memcg:
            cpu.stock[i] += pages
            if cpu.stock[i] > memcg_settings(m).charge_batch:
                drain_stock(m, turn(m).cpu, i)
            return
        if free < 0 and cpu.stock_memcg[i] == 0:
            free = i
    if free < 0:
        free = cpu.stock_turn
        cpu.stock_turn = (free + 1) % memcg_settings(m).stocks
        drain_stock(m, turn(m).cpu, free)
    cpu.stock_memcg[free], cpu.stock[free] = memcg, pages
    if pages > memcg_settings(m).charge_batch:
        drain_stock(m, turn(m).cpu, free)


@kernel
def drain_all_stocks(m, memcg):
    """Give every CPU's stock for this group or a descendant back (drain_all_stock)."""
    for c in range(geometry(m).nr_cpus):
        for i in range(memcg_settings(m).stocks):
            if memcg <= cpus(m)[c].stock_memcg[i] < memcgs(m)[memcg].end:
                drain_stock(m, c, i)


@kernel
def try_charge_batch(m, memcg):
    """Charge one page, and a batch into the CPU's stock if every limit has room for it; pages charged now, or 0.

    In the kernel: page_counter_try_charge.
    """
    if charge_pages(m, memcg, memcg_settings(m).charge_batch) == NO_GROUP:
        refill_stock(m, memcg, memcg_settings(m).charge_batch - 1)
        return memcg_settings(m).charge_batch
    return 1 if charge_pages(m, memcg, 1) == NO_GROUP else 0


@kernel
def uncharge(m, memcg, pages):
    """Return the charge of `pages` pages of a task or file (mem_cgroup_uncharge)."""
    mod_state(m, memcg, PGPGOUT, pages)
    uncharge_pages(m, memcg, pages)


@kernel
def uncharge_folio(m, memcg, pages):
    """Return the charge of a large folio of a file: one event, whatever its size (uncharge_folio)."""
    mod_state(m, memcg, PGPGOUT, 1)
    uncharge_pages(m, memcg, pages)


@kernel
def charge_kmem(m, memcg, pages):
    """Count `pages` charged to the group (or, negative, about to be uncharged) as memory of the kernel's.

    In the kernel: memcg_account_kmem.
    """
    memcgs(m)[memcg].kmem += pages
    stat_updated(m, memcg, abs(pages))


@kernel
def kmem_group(m, t):
    """Group that pays for kernel memory used on behalf of task `t`: the root before kernel memory was accounted."""
    return tasks(m)[t].memcg if memcg_settings(m).kmem_accounting else 0
