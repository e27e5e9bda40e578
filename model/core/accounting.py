"""What an actor's time is counted as: work, or a stall over something (kernel/delayacct.c, kernel/sched/psi.c).

Time is counted whenever what an actor does changes: it is resumed, falls asleep, begins or ends a stall. So counters
are right at any moment, but for who sleeps just then: `count_sleepers` brings theirs up to date.
"""

from mmrun.model.core.actor import PER
from mmrun.model.core.actors import due
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.state import actors, turn
from mmrun.model.machine.state import geometry, node_count, task_count
from mmrun.model.mm.idle.state import idle_count
from mmrun.model.mm.reclaim.state import pageout_count
from mmrun.model.psi.state import PSI_OWN, RUNNING, psi_settings, psi_tasks

psi_task_change = caller("psi_task_change")

TASK, KSWAPD, SCANNER, CONTROLLER = (PER.index(per) for per in ("task", "node", "scanner", "controller"))
# What an actor may be doing (ACTOR.doing): a task handles a fault, and stalls, for several reasons at once maybe.
ASLEEP, FAULT = 1, 2
ALLOC, MEMCG, HIGH, SWAP, FILE, FSYNC, DIRTY = 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7, 1 << 8
REQUEST, DIRTIER_REQUEST = 1 << 9, 1 << 10
# Sleeps of reclaimers: until a queue has room, and in reclaim_throttle by reason, in the order of mm/wait_queue.py.
CONGESTION, OVER_WRITEBACK, OVER_CONGESTED, OVER_NOPROGRESS = 1 << 11, 1 << 12, 1 << 13, 1 << 14
FOR_CPU = 1 << 15  # waits for a CPU, whatever it was doing
MMAP = 1 << 19  # a fault waits for the mmap lock
ASIDE = 1 << 17  # a task sleeps until a time of its own choosing
OOM = 1 << 16  # asleep until a task that was killed has given back what it has
MIGRATION = 1 << 18  # waits for a page that is being migrated, or a mover for a page that it cannot have yet
COMPACTION = 1 << 25  # compacts memory, for its own allocation or because it was told to
OVER_ISOLATED = 1 << 26  # sleeps meanwhile, as too many pages are isolated
NUMA_SCAN, HINT = 1 << 22, 1 << 23  # marks page-table words for NUMA balancing; handles a fault on one of them
DEMOTION = 1 << 24  # part of reclaim: moves pages to a slower node
# Beside that, for pressure: inside psi_memstall_enter and _leave; asleep in io_schedule.
IN_MEMSTALL, IN_IOWAIT = 1 << 20, 1 << 21
JOURNAL = 1 << 29  # waits for its file system: a journal, a page that must hold still
PFMEMALLOC = 1 << 27  # a direct reclaimer sleeps until half of the reserves is free again
IN_RECLAIM = ALLOC | MEMCG | HIGH
THROTTLED = CONGESTION | OVER_WRITEBACK | OVER_CONGESTED | OVER_NOPROGRESS
NOTHING = 0


@kernel
def _count_stalls(stat, why, ns):
    """A task has stalled for `ns` for each of some reasons."""
    if why & ALLOC:
        stat.stall_alloc_ns += ns
    if why & MEMCG:
        stat.stall_memcg_ns += ns
    if why & HIGH:
        stat.stall_high_ns += ns
    if why & SWAP:
        stat.stall_swap_ns += ns
    if why & FILE:
        stat.stall_file_ns += ns
    if why & FSYNC:
        stat.stall_fsync_ns += ns
    if why & DIRTY:
        stat.stall_dirty_ns += ns
    if why & MMAP:
        stat.stall_mmap_ns += ns
    if why & OOM:
        stat.stall_oom_ns += ns
    if why & MIGRATION:
        stat.stall_migration_ns += ns
    if why & ASIDE:
        stat.think_ns += ns
    if why & COMPACTION:
        stat.stall_compaction_ns += ns
    if why & OVER_ISOLATED:
        stat.stall_isolated_ns += ns
    if why & NUMA_SCAN:
        stat.numa_scan_ns += ns
    if why & HINT:
        stat.hint_fault_ns += ns
    if why & DEMOTION:
        stat.stall_demotion_ns += ns
    if why & REQUEST:
        stat.stall_request_ns += ns
    if why & DIRTIER_REQUEST:
        stat.stall_queue_ns += ns
    if why & CONGESTION:
        stat.stall_congestion_ns += ns
    if why & OVER_WRITEBACK:
        stat.stall_writeback_ns += ns
    if why & OVER_CONGESTED:
        stat.stall_congested_ns += ns
    if why & OVER_NOPROGRESS:
        stat.stall_noprogress_ns += ns
    if why & JOURNAL and not why & (FSYNC | IN_RECLAIM):
        stat.stall_journal_ns += ns
    if why & PFMEMALLOC:
        stat.stall_pfmemalloc_ns += ns


@kernel
def _counts_of_node(m, who):
    """The counters of the node whose kswapd actor `who` is: they follow the tasks."""
    return node_count(m)[who - geometry(m).nr_tasks]


@kernel
def _count_work(m, who, ns):
    """Daemon `who` has worked for `ns`."""
    kind = actors(m)[who].kind
    if kind == KSWAPD:
        _counts_of_node(m, who).kswapd_ns += ns
    elif kind == SCANNER:
        idle_count(m).idle_scan_ns += ns
    elif kind == CONTROLLER:
        idle_count(m).proactive_ns += ns


@kernel
def _count_wait(m, who, ns):
    """Actor `who` has waited `ns` for a CPU (sched_info.run_delay)."""
    row = actors(m)[who]
    if row.kind == TASK:
        task_count(m)[row.task].stall_cpu_ns += ns
    elif row.kind == KSWAPD:
        _counts_of_node(m, who).kswapd_wait_ns += ns


@kernel
def _count(m, who, doing, ns):
    """Actor `who` has spent `ns` so."""
    row, why = actors(m)[who], doing & ~(ASLEEP | IN_MEMSTALL | IN_IOWAIT)
    if why & FOR_CPU:
        _count_wait(m, who, ns)
        return
    if why & REQUEST:
        pageout_count(m).reclaim_queue_ns += ns
    if row.kind == TASK:
        if why == FAULT and not doing & ASLEEP:  # whoever sleeps says over what
            task_count(m)[row.task].fault_ns += ns
        else:
            _count_stalls(task_count(m)[row.task], why, ns)
    elif not doing & ASLEEP:
        _count_work(m, who, ns)
        if row.kind == KSWAPD and why & DEMOTION:
            _counts_of_node(m, who).demotion_ns += ns
    elif row.kind == KSWAPD and why & THROTTLED:
        _counts_of_node(m, who).kswapd_asleep_ns += ns


@kernel
def count_time(m, who, now):
    """Count actor `who`'s time up to `now` as what it has been doing."""
    row = actors(m)[who]
    ns, doing = now - row.counted, row.doing
    row.counted = now
    if doing == FAULT:  # mostly
        task_count(m)[row.task].fault_ns += ns
    elif doing > ASLEEP or row.kind:  # a task that sleeps over nothing is not counted
        _count(m, who, doing, ns)


@kernel
def begins(m, what):
    """From now on the running actor does `what`, too."""
    count_time(m, turn(m).actor, m.now)
    actors(m)[turn(m).actor].doing |= what
    if what & IN_MEMSTALL:
        psi_task_change(m, turn(m).actor, m.now)


@kernel
def ends(m, what):
    """The running actor no longer does `what`."""
    count_time(m, turn(m).actor, m.now)
    actors(m)[turn(m).actor].doing &= ~what
    if what & IN_MEMSTALL:
        psi_task_change(m, turn(m).actor, m.now)


@kernel
def memstall_was(m, ns):
    """For the last `ns` the running actor was in a memory stall, and did not sleep."""
    row = actors(m)[turn(m).actor]
    if ns > 0 and not row.doing & IN_MEMSTALL:
        row.doing |= IN_MEMSTALL
        psi_task_change(m, turn(m).actor, m.now - ns)
        row.doing &= ~IN_MEMSTALL
        psi_task_change(m, turn(m).actor, m.now)


@kernel
def has_stalled(m, why, ns):
    """The running task has stalled for `ns` until now, without a sleep: cheaper than to begin and end."""
    row = actors(m)[turn(m).actor]
    row.counted += ns
    if row.kind == TASK:
        _count_stalls(task_count(m)[row.task], why, ns)


@kernel
def work_as(m, kind):
    """From now on the running daemon's work counts as that of a daemon of this kind; the kind it had."""
    count_time(m, turn(m).actor, m.now)
    row = actors(m)[turn(m).actor]
    had, row.kind = row.kind, kind
    return had


@kernel
def wakes_up(m, who):
    """Actor `who` goes on."""
    count_time(m, who, m.now)
    actors(m)[who].doing &= ~ASLEEP
    if psi_settings(m).mode == PSI_OWN and not psi_tasks(m)[who].state & RUNNING:
        psi_task_change(m, who, m.now)


@kernel
def falls_asleep(m, who):
    """Actor `who` sleeps, or its turn is over."""
    count_time(m, who, m.now)
    actors(m)[who].doing |= ASLEEP
    if psi_settings(m).mode == PSI_OWN and due(m, who) > m.now:
        psi_task_change(m, who, m.now)


@kernel
def count_sleeper(m, who, now):
    """Count what actor `who` sleeps over up to time `now`; what that is too much is taken back when it wakes before."""
    row = actors(m)[who]
    over = row.doing & ~(ASLEEP | FAULT)  # nothing: its turn is over, or it lets others catch up
    if row.doing & ASLEEP and over and row.counted < now:
        count_time(m, who, now)


@kernel
def count_sleepers(m, now):
    """The same for everybody who is asleep."""
    for who in range(len(actors(m))):
        count_sleeper(m, who, now)
