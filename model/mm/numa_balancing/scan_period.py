"""How often a task is scanned: bounds by its size, steps by what its faults were (task_scan_min, _max, _start).

Periods are in ms of the task's CPU time.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import geometry
from mmrun.model.machine.timers import jiffies
from mmrun.model.mm.numa_balancing.state import numa_settings, numa_tasks
from mmrun.model.mm.task.state import REGION_ANON, REGION_MMAP, pte, regions, tasks
from mmrun.model.mm.task.words import maps

MAX_SCAN_WINDOW = 2560  # MiB a second at most
SLOTS, THRESHOLD = 10, 7  # NUMA_PERIOD_SLOTS, NUMA_PERIOD_THRESHOLD


@kernel
def ms_to_jiffies(m, ms):
    """Ticks that `ms` milliseconds take, a begun one as a whole (msecs_to_jiffies)."""
    return -(-ms * geometry(m).hz // 1000)


@kernel
def rss(m, t):
    """Pages that task `t` maps (get_mm_rss)."""
    words, task, found = pte(m), tasks(m)[t], 0
    for region in range(task.first_region, task.first_region + task.nr_regions):
        r = regions(m)[region]
        if r.kind in (REGION_ANON, REGION_MMAP):
            for at in range(r.start, r.start + r.npages):
                found += 1 if maps(words[at]) else 0
    return found


@kernel
def nr_scan_windows(pages, scan_size):
    """Windows of `scan_size` MiB that so many mapped pages fill, at least one (task_nr_scan_windows)."""
    window = scan_size << 8
    return max(1, -(-pages // window))


@kernel
def scan_min(pages, scan_size, period_min):
    """The shortest period of a task that maps so many pages (task_scan_min)."""
    floor = 1000 // (MAX_SCAN_WINDOW // scan_size if scan_size < MAX_SCAN_WINDOW else 1)
    return max(floor, period_min // nr_scan_windows(pages, scan_size))


@kernel
def scan_max(pages, scan_size, period_min, period_max):
    """The longest (task_scan_max)."""
    return max(scan_min(pages, scan_size, period_min), period_max // nr_scan_windows(pages, scan_size))


@kernel
def task_scan_min(m, t):
    """The shortest period of task `t` as large as it is now."""
    own = numa_settings(m)
    return scan_min(rss(m, t), own.numa_balancing_scan_size_mb, own.numa_balancing_scan_period_min_ms)


@kernel
def task_scan_max(m, t):
    """The longest period of task `t` as large as it is now."""
    own = numa_settings(m)
    return scan_max(
        rss(m, t),
        own.numa_balancing_scan_size_mb,
        own.numa_balancing_scan_period_min_ms,
        own.numa_balancing_scan_period_max_ms,
    )


@kernel
def _above(ratio):
    """By how many slots a period grows whose ratio is at the threshold or above."""
    return max(ratio - THRESHOLD, 1)


@kernel
def stepped(period, local, remote, private, shared):
    """The next period by the faults of the last one (update_task_scan_period since 4.14).

    Longer if most of them were private, or local, for then little can be gained; else shorter.
    """
    slot = -(-period // SLOTS)
    lr = local * SLOTS // (local + remote)
    ps = private * SLOTS // (private + shared)
    if ps >= THRESHOLD:
        return period + _above(ps) * slot
    if lr >= THRESHOLD:
        return period + _above(lr) * slot
    return period - (THRESHOLD - max(lr, ps)) * slot


@kernel
def stepped_by_locality(period, local, remote, private, shared):
    """The same until 4.13: longer if most faults were local; else shorter, by less if many were shared."""
    slot = -(-period // SLOTS)
    lr = local * SLOTS // (local + remote)
    if lr >= THRESHOLD:
        return period + _above(lr) * slot
    shorter, ps = (THRESHOLD - lr) * slot, -(-private * SLOTS // (private + shared))
    return period - shorter * ps // SLOTS


@kernel
def update_task_scan_period(m, t, shared, private):
    """Adapt the period of task `t` to its faults since that was last done.

    Without faults that say anything, or if migrations failed, it doubles and what was counted stays, as in the kernel.
    """
    own = numa_tasks(m)[t]
    remote, local, failed = own.locality[0], own.locality[1], own.locality[2]
    if local + shared == 0 or (failed and numa_settings(m).failures_slow_scans):
        own.scan_period = min(own.scan_period_max, own.scan_period * 2)
        own.next_scan = jiffies(m) + ms_to_jiffies(m, own.scan_period)
        return
    if numa_settings(m).shared_faults_count:
        period = stepped(own.scan_period, local, remote, private, shared)
    else:
        period = stepped_by_locality(own.scan_period, local, remote, private, shared)
    own.scan_period = max(task_scan_min(m, t), min(task_scan_max(m, t), period))
    own.locality[0] = own.locality[1] = own.locality[2] = 0
