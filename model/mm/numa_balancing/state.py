"""NUMA balancing: what is known of tasks, their mappings and of pages; and how it is set."""

from mmrun.model.core.record import counts, one, row, table
from mmrun.model.machine.state import MAX_NODES
from mmrun.model.mm.numa_balancing.settings import NUMA_COUNTERS

UNSET = -1  # no last user is known of a page
PID_BITS = 8
NO_NODE = -1

# Of a task and its address space. `node_stamp`: CPU time of the last scan that was due (ns); `next_tick`: of the timer
# (ns); `scan_period`, `scan_period_max` in ms of CPU time; `next_scan`, `retry_at`: jiffies; `offset`: the page where
# the scan goes on; `seq`: whole scans so far, `seen_seq`: up to which stock of the faults was taken; `locality`: remote
# and local faults and failed migrations since; `faults`, `fresh`: by node, shared (0) and private (1), decayed and new.
NUMA_TASK = row(
    node_stamp="i8", next_tick="i8", scan_period="i8", scan_period_max="i8", next_scan="i8", offset="i8", seq="i8",
    seen_seq="i8", retry_at="i8", preferred="i8", locality=("i8", (3,)), faults=("i8", (MAX_NODES, 2)),
    fresh=("i8", (MAX_NODES, 2)),
)  # fmt: skip
# Of a mapping (struct vma_numab_state). `known`: a scan has come to it; `start_seq`, `done_seq`: when, and when one was
# last through with it; `next_scan`, `reset_at`: jiffies; `used`, `used_before`: it had a hint fault in this window of
# four scan delays, in the one before.
NUMAB = row(
    known="i8", start_seq="i8", done_seq="i8", next_scan="i8", reset_at="i8", used="i8", used_before="i8",
)  # fmt: skip

numa_tasks = table(220, "numa_tasks", NUMA_TASK)
# Of a frame: CPU << 8 | number of the task that last faulted on it; with tiering, of a slow node's frame, the time when
# its word was made prot-none, ms in ACCESS_TIME_BITS (_last_cpupid).
last_cpupid = table(221, "last_cpupid", "i4")
numab = table(222, "numab", NUMAB)  # by region
numa_settings = one(  # costs in ns; the era's ways 0 or 1
    223, "numa_settings", row(
        numa_balancing="i8", numa_balancing_scan_delay_ms="i8", numa_balancing_scan_period_min_ms="i8",
        numa_balancing_scan_period_max_ms="i8", numa_balancing_scan_size_mb="i8", hint_fault="i8", prot_numa="i8",
        numa_scan_pte="i8", tlb_shootdown="i8", failures_slow_scans="i8",
        leaves_local="i8", shared_faults_count="i8", leaves_dirty_files="i8", early_faults_migrate="i8",
        maps_late="i8", skips_unused="i8",
    ),
)  # fmt: skip
numa_count = counts(224, "numa_count", *NUMA_COUNTERS)
