"""When a task's page tables are scanned, by the clock of its own CPU time, and which part of them (task_numa_work)."""

from mmrun.model.core.accounting import NUMA_SCAN, begins, ends
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current
from mmrun.model.machine.state import geometry
from mmrun.model.machine.timers import SECOND, jiffies
from mmrun.model.mm.numa_balancing.prot_none import change_prot_numa
from mmrun.model.mm.numa_balancing.scan_period import ms_to_jiffies, task_scan_max, task_scan_min
from mmrun.model.mm.numa_balancing.state import numa_settings, numa_tasks, numab
from mmrun.model.mm.page.mempolicy import MODE_LOCAL
from mmrun.model.mm.task.state import REGION_ANON, REGION_MMAP, regions, tasks

VIRTUAL = 8  # times what a scan marks: how much address space it looks at
HUGE = 512  # a scan ends at the border of a page table
RESET_PERIODS = 4  # scan delays that make a window in which a mapping counts as used
MS = 1_000_000


@kernel
def cpu_time(m):
    """CPU time of the running actor since it began, ns (sum_exec_runtime)."""
    return current(m).ran + m.now


@kernel
def _suitable(m, region):
    """Whether pages of the mapping may move: no mapping that is only read, as those of programs are."""
    r = regions(m)[region]
    return r.kind == REGION_ANON or (r.kind == REGION_MMAP and not r.exec)


@kernel
def _first_seen(m, region, seq):
    """A scan comes to the mapping for the first time."""
    vma, now = numab(m)[region], jiffies(m)
    delay = ms_to_jiffies(m, numa_settings(m).numa_balancing_scan_delay_ms)
    vma.known, vma.start_seq, vma.done_seq = 1, seq, seq - 1
    vma.next_scan, vma.reset_at = now + delay, now + delay + RESET_PERIODS * delay
    vma.used = vma.used_before = 0


@kernel
def _unused(m, region, own, first):
    """Whether the mapping is left out because the task had no hint fault in it lately (vma_is_accessed).

    Not in its first two scans, nor when a scan is in the middle of it, nor when it was left out of the last one.
    """
    vma = numab(m)[region]
    if own.seq - vma.start_seq < 2 or vma.used or vma.used_before:
        return False
    return own.offset <= first and own.seq <= vma.done_seq + 1


@kernel
def _skipped(m, region, own, first):
    """1: the mapping is left out of this scan, 2: because it is not used."""
    if not _suitable(m, region):
        return 1
    vma = numab(m)[region]
    if not vma.known:
        _first_seen(m, region, own.seq)
    if not numa_settings(m).skips_unused:
        return 0
    if own.seq and jiffies(m) < vma.next_scan:
        return 1
    if jiffies(m) > vma.reset_at:
        vma.reset_at += ms_to_jiffies(m, RESET_PERIODS * numa_settings(m).numa_balancing_scan_delay_ms)
        vma.used_before, vma.used = vma.used, 0
    if vma.done_seq == own.seq:
        return 1
    return 2 if _unused(m, region, own, first) else 0


@kernel
def _scan_mapping(m, region, start, pages, virtual):
    """Mark words of the mapping from word `start` on: (where it stopped, pages and address space left to do)."""
    r = regions(m)[region]
    end, at = r.start + r.npages, max(start, r.start)
    while at < end and pages > 0 and virtual > 0:
        last = min((at + pages + HUGE - 1) // HUGE * HUGE, end)
        pages -= last - at if change_prot_numa(m, at, last) else 0
        virtual -= last - at
        at = last
    return at, pages, virtual


@kernel
def _region_from(m, t, at):
    """The first mapping of task `t` that ends behind word `at`, NONE behind the last (find_vma)."""
    task = tasks(m)[t]
    for region in range(task.first_region, task.first_region + task.nr_regions):
        if regions(m)[region].start + regions(m)[region].npages > at:
            return region
    return NONE


@kernel
def _one_sequence(m, t):
    """From mapping to mapping until enough is marked; whether the end of the address space was not reached."""
    task, own, forced, left_out = tasks(m)[t], numa_tasks(m)[t], False, False
    pages = numa_settings(m).numa_balancing_scan_size_mb << 8
    virtual, start = pages * VIRTUAL, task.pte_start + own.offset
    region = _region_from(m, t, start)
    if region == NONE:
        own.seq, own.offset, start = own.seq + 1, 0, task.pte_start
        region = task.first_region
    begin = region
    while region < task.first_region + task.nr_regions:
        skipped = _skipped(m, region, own, regions(m)[region].start - task.pte_start)
        left_out = left_out or skipped == 2
        if skipped == 0 or (skipped == 2 and forced):
            start, pages, virtual = _scan_mapping(m, region, start, pages, virtual)
            through = pages > 0 and virtual > 0
            numab(m)[region].done_seq = own.seq if through else numab(m)[region].done_seq
            if forced or not through:
                own.offset = start - task.pte_start
                return True
        region += 1
        if region == task.first_region + task.nr_regions and left_out and not forced:
            forced, region, start = True, begin, task.pte_start + own.offset  # one that was left out, after all
    return False


@kernel
def task_numa_work(m, t):
    """Mark the next stretch of task `t`'s page table, if its address space is due."""
    own, now, tick = numa_tasks(m)[t], jiffies(m), SECOND // geometry(m).hz
    if own.next_scan == 0:
        own.next_scan = now + ms_to_jiffies(m, numa_settings(m).numa_balancing_scan_delay_ms)
    if now < own.next_scan or tasks(m)[t].mode != MODE_LOCAL:
        return
    begins(m, NUMA_SCAN)
    before = m.now
    own.next_scan = now + ms_to_jiffies(m, own.scan_period)
    own.node_stamp += 2 * tick
    if not _one_sequence(m, t):
        own.seq, own.offset = own.seq + 1, 0
    own.node_stamp += 32 * (m.now - before)  # no more than a 33rd of the task's time
    ends(m, NUMA_SCAN)


@hook
def numa_tick(m, task):
    """A timer tick finds the task on its CPU (task_tick_numa)."""
    own, tick = numa_tasks(m)[task], SECOND // geometry(m).hz
    own.next_tick = (m.now // tick + 1) * tick
    period = own.scan_period * MS
    if cpu_time(m) <= own.node_stamp + period:
        return 0
    if own.node_stamp == 0:
        own.scan_period, own.scan_period_max = task_scan_min(m, task), task_scan_max(m, task)
    own.node_stamp += period
    if jiffies(m) >= own.next_scan:
        task_numa_work(m, task)
    return 0
