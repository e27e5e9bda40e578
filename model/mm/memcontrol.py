"""Memory cgroups: one hard limit a group, charges in per-CPU stocks, statistics that lag.

Reclaim does not read a group's exact list sizes but statistics that are summed from per-CPU deltas now and then: by a
worker every two seconds, or by a reader of memory.stat once enough updates are pending. `lruvec.seen_*` are those sums.
Source: try_charge_memcg, memcg_rstat_updated, flush_memcg_stats_dwork of 6.18.
"""

from model.jit import kernel, lruvecs, memcgs, stat_pending, tasks
from model.mm.lists import panic
from model.mm.state import BAD_CHARGE

STAT_BATCH = 64  # updates a CPU keeps to itself (MEMCG_CHARGE_BATCH)
FLUSH_NS = 2_000_000_000  # FLUSH_TIME


@kernel
def fold(m, memcg):
    """Make the group's statistics exact (cgroup_rstat_flush)."""
    group = memcgs(m)[memcg]
    group.stat_updates = 0
    for c in range(m.cfg.nr_cpus):
        stat_pending(m)[c * m.cfg.nr_memcgs + memcg] = 0
    for lv in range(memcg * m.cfg.nr_zones, (memcg + 1) * m.cfg.nr_zones):
        vec = lruvecs(m)[lv]
        for lru in range(4):
            vec.seen_size[lru] = vec.lists[lru].n
        for kind in range(2):
            vec.seen_activated[kind] = vec.activated[kind]


@kernel
def fold_periodically(m):
    """The two-second worker: every group's statistics become exact."""
    if m.clock.now >= m.clock.next_flush:
        m.clock.next_flush += ((m.clock.now - m.clock.next_flush) // FLUSH_NS + 1) * FLUSH_NS
        for memcg in range(m.cfg.nr_memcgs):
            fold(m, memcg)


@kernel
def read_stat(m, memcg):
    """Somebody reads memory.stat: it folds when more updates are pending than 64 a CPU."""
    if memcgs(m)[memcg].stat_updates > STAT_BATCH * m.cfg.online_cpus:
        fold(m, memcg)


@kernel
def stat_updated(m, memcg, updates):
    """Note that the running CPU changed the group's statistics by `updates` in all."""
    pending, at = stat_pending(m), m.clock.cpu * m.cfg.nr_memcgs + memcg
    pending[at] += updates
    if pending[at] >= STAT_BATCH:
        group = memcgs(m)[memcg]
        if group.stat_updates <= STAT_BATCH * m.cfg.online_cpus:
            group.stat_updates += pending[at]
        pending[at] = 0


@kernel
def lru_size(m, lv, lru):
    """The list's size as reclaim decisions see it: exact for the root group, folded statistics for others."""
    vec = lruvecs(m)[lv]
    return vec.lists[lru].n if vec.memcg == 0 else vec.seen_size[lru]


@kernel
def charge_pages(m, memcg, pages):
    """Add `pages` to the group and its ancestors; 0, with nothing charged, when one of them has no room for them."""
    table, at = memcgs(m), memcg
    while True:
        if table[at].usage + pages > table[at].limit:
            m.clock.over_limit = at
            undo = memcg
            while undo != at:
                table[undo].usage -= pages
                undo = table[undo].parent
            return 0
        table[at].usage += pages
        at = table[at].parent
        if at == 0:
            return 1


@kernel
def uncharge_pages(m, memcg, pages):
    """Take `pages` off the group and its ancestors; the root only counts what is charged to it alone."""
    table, at = memcgs(m), memcg
    while True:
        table[at].usage -= pages
        if table[at].usage < 0:
            panic(m, BAD_CHARGE, at)
        at = table[at].parent
        if at == 0:
            return


@kernel
def consume_stock(m, memcg):
    """Take one page from the CPU's stock; 1 when it held one for this group."""
    cpu = m.cpus[m.clock.cpu]
    if cpu.stock_memcg != memcg or cpu.stock == 0:
        return 0
    cpu.stock -= 1
    return 1


@kernel
def drain_stock(m, c):
    """Give CPU `c`'s stock back to its group."""
    cpu = m.cpus[c]
    if cpu.stock:
        uncharge_pages(m, cpu.stock_memcg, cpu.stock)
        cpu.stock = 0


@kernel
def drain_all_stocks(m, memcg):
    """Give every CPU's stock for this group or a descendant back."""
    for c in range(m.cfg.nr_cpus):
        if memcg <= m.cpus[c].stock_memcg < memcgs(m)[memcg].end:
            drain_stock(m, c)


@kernel
def try_charge_batch(m, memcg):
    """Charge one page, and a batch into the CPU's stock if every limit has room for it.

    0 when not even one fits: `clock.over_limit` is then the group, this one or an ancestor, that has no room.
    """
    if consume_stock(m, memcg):
        return 1
    if charge_pages(m, memcg, m.cfg.charge_batch):
        cpu = m.cpus[m.clock.cpu]
        if cpu.stock_memcg != memcg:
            drain_stock(m, m.clock.cpu)
            cpu.stock_memcg = memcg
        cpu.stock += m.cfg.charge_batch - 1
        if cpu.stock > m.cfg.charge_batch:
            drain_stock(m, m.clock.cpu)
        return 1
    return charge_pages(m, memcg, 1)


@kernel
def uncharge(m, memcg):
    """Return one page's charge."""
    uncharge_pages(m, memcg, 1)


@kernel
def kmem_group(m, t):
    """Group that pays for kernel memory used on behalf of task `t`: the root before kernel memory was accounted."""
    return tasks(m)[t].memcg if m.cfg.kmem_accounting else 0
