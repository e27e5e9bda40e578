"""Tasks and files: what can be read."""

from mmrun.model.core.mechanism import Case, Cause, Subject, Told, counters, some
from mmrun.model.fs.vfs.settings import TASK_COUNTERS as JOURNAL_COUNTERS
from mmrun.model.mm.khugepaged.settings import TASK_COUNTERS as MMAP_COUNTERS
from mmrun.model.mm.tlb.settings import TASK_COUNTERS as TLB_COUNTERS
from mmrun.model.sched.settings import TASK_COUNTERS as SCHED_COUNTERS

FAULT_COUNTERS = counters("""
pgfault | lower | page faults, minor and major | faults
pgmajfault | lower | faults that had to read the page | faults
""")

FILEMAP_COUNTERS = counters("""
pgpgin | none | file pages read from disks
readahead | none | file pages read ahead
readahead_folios | none | folios of more than one page that readahead made | folios
""")

TASK_COUNTERS = counters("""
accesses | none | events of the task's stream that touched a page | accesses
misses | lower | accesses that found the page neither mapped nor cached | accesses
minor_faults | lower | faults served without reading | faults
first_touches | none | first touches of anonymous pages: a frame is filled without reading | faults
major_faults | lower | faults that read from swap or a file | faults
think_ns | none | time of computation between accesses, and asleep until a time of the task's own choosing | ns
hit_ns | lower | time of accesses that found the page | ns
remote_touches | lower | touches of pages on another node | accesses
stall_alloc_ns | lower | time in direct reclaim, that of a node (zone_reclaim_mode) included | ns
stall_memcg_ns | lower | time reclaiming for a cgroup limit | ns
stall_high_ns | lower | time reclaiming and asleep over memory.high | ns
stall_swap_ns | lower | time waiting for swap reads and writes | ns
stall_file_ns | lower | time waiting for file reads | ns
stall_oom_ns | lower | time asleep until a task killed for want of memory has given it back | ns
stall_migration_ns | lower | time waiting for pages that are being migrated, or over which their mover waits | ns
stall_compaction_ns | lower | time compacting memory, for an allocation of its own or on demand | ns
stall_isolated_ns | lower | part of that: asleep while too many pages are isolated | ns
stall_queue_ns | lower | time in dirty throttling waiting for room in a disk's queue | ns
stall_fsync_ns | lower | time in fsync | ns
fsyncs | none | calls of fsync | events
fsync_errors | lower | calls of fsync that were told of a failed write | events
stall_dirty_ns | lower | time asleep in dirty throttling | ns
dirtier_written | lower | pages that writers in dirty throttling submitted themselves | pages
dirty_pauses | lower | sleeps in dirty throttling | events
stall_congestion_ns | lower | part of the time in reclaim: asleep until a queue has room | ns
stall_writeback_ns | lower | part of the time in reclaim: asleep until pages are written | ns
stall_congested_ns | lower | part of the time in reclaim: asleep in reclaim_throttle, all dirty pages being written | ns
stall_noprogress_ns | lower | part of the time in reclaim: asleep in reclaim_throttle for want of progress | ns
stall_pfmemalloc_ns | lower | part of the time in reclaim: asleep until half of the reserves is free again | ns
stall_request_ns | lower | part of the time in reclaim: waiting for a free request of a disk's queue | ns
stall_lock_ns | lower | part of the time in reclaim: waiting for lru_lock | ns
stall_channel_ns | lower | time waiting for memory channels | ns
fault_ns | lower | CPU time of fault handling, reclaim excluded | ns
hint_fault_ns | lower | time of NUMA hint faults, what they move included | ns
numa_scan_ns | lower | time of marking page-table words for NUMA balancing | ns
stall_demotion_ns | lower | part of the time in reclaim: moving pages to slower nodes, waiting for locks included | ns
""", unit="ns")  # fmt: skip

LATENCIES = counters("""
write_calls | none | calls of write(), a page each | calls
write_p50_ns | lower | time of a write(), throttling included: half of them were shorter; in four buckets an octave
write_p99_ns | lower | time of a write(), throttling included: 99 of 100 were shorter; in four buckets an octave
write_p999_ns | lower | time of a write(), throttling included: 999 of 1000 were shorter; in four buckets an octave
read_calls | none | calls of read(), a page each | calls
read_p50_ns | lower | time of a read(): half of them were shorter; in four buckets an octave
read_p99_ns | lower | time of a read(): 99 of 100 were shorter; in four buckets an octave
read_p999_ns | lower | time of a read(): 999 of 1000 were shorter; in four buckets an octave
fault_calls | none | page faults, minor ones too | calls
fault_p50_ns | lower | time of a page fault: half of them were shorter; in four buckets an octave
fault_p99_ns | lower | time of a page fault: 99 of 100 were shorter; in four buckets an octave
fault_p999_ns | lower | time of a page fault: 999 of 1000 were shorter; in four buckets an octave
fsync_calls | none | calls of fsync | calls
fsync_p50_ns | lower | time of an fsync: half of them were shorter; in four buckets an octave
fsync_p99_ns | lower | time of an fsync: 99 of 100 were shorter; in four buckets an octave
fsync_p999_ns | lower | time of an fsync: 999 of 1000 were shorter; in four buckets an octave
""", unit="ns")  # fmt: skip

COUNTERS = {**FAULT_COUNTERS, **FILEMAP_COUNTERS}  # of the machine

TIMES = counters("""
elapsed_ns | lower | simulated time from start to end
mean_task_elapsed_ns | lower | simulated time at which tasks ended, mean over them
""", unit="ns")  # fmt: skip
SPREAD = counters("""
rate_spread_ratio | lower | (fastest - slowest) / mean rate of accesses among the copies of a task
""", unit="1")  # fmt: skip
# What a task does or waits for: one of these at a time, so that they make up all of its time from its start on.
APART = (
    "think_ns", "hit_ns", "walk_ns", "fault_ns", "stall_channel_ns", "stall_cpu_ns", "stall_alloc_ns", "stall_memcg_ns",
    "stall_high_ns", "stall_swap_ns", "stall_file_ns", "stall_queue_ns", "stall_dirty_ns", "stall_fsync_ns",
    "stall_oom_ns", "stall_migration_ns", "stall_compaction_ns", "stall_mmap_ns", "hint_fault_ns", "numa_scan_ns",
    "stall_journal_ns",
)  # fmt: skip
RECLAIMS = ("stall_alloc_ns", "stall_memcg_ns", "stall_high_ns")
OF_RECLAIM = (  # parts of those, one at a time again; the rest is its work
    "stall_congestion_ns", "stall_writeback_ns", "stall_congested_ns", "stall_noprogress_ns", "stall_request_ns",
    "stall_lock_ns", "stall_pfmemalloc_ns",
)  # fmt: skip
BEFORE = counters("""
not_started_ns | none | time before the task started
""", unit="ns")  # fmt: skip
SPENT = some(TASK_COUNTERS | TLB_COUNTERS | MMAP_COUNTERS | SCHED_COUNTERS | JOURNAL_COUNTERS, (*APART, *OF_RECLAIM))
EACH_TASKS = ("misses", "accesses", "stall_dirty_ns")
EACH_TASK = 256  # more tasks than this are reported in sum only
EACH_NAME = 64  # of more tasks than this, copies together, it is not told where their time went


def several(case: Case) -> bool:
    """Whether a task has copies to compare."""
    return any(task.count > 1 for task in case.cell.tasks.values())


def few(case: Case) -> bool:
    """Whether each task is reported."""
    return sum(task.count for task in case.cell.tasks.values()) <= EACH_TASK


def few_names(case: Case) -> bool:
    """Whether it is told where the time of each task went."""
    return len(case.cell.tasks) <= EACH_NAME


TOLD = (
    Told("machine", TIMES),
    Told("task", some(TIMES, ["elapsed_ns"]) | some(TASK_COUNTERS, EACH_TASKS), when=few),
    Told("machine", SPREAD, when=several),
    Told("copies", SPREAD),
    Told("machine", LATENCIES, counted=True),
    Told("tasks", LATENCIES, counted=True),
    Told("tasks", BEFORE | SPENT, when=few_names),
    Told("cgroup", SPENT),
)

CAUSES = (
    Cause(
        ("think_ns", "hit_ns", "fault_ns"),
        ("accesses", "misses", "minor_faults", "major_faults", "first_touches", "remote_touches", "thp_fault_alloc"),
    ),
    Cause(
        ("stall_file_ns", "pgpgin", "readahead"),
        ("pgmajfault", "pgpgin", "readahead", "workingset_refault_file", "pgsteal_file", "busy_ns", "wait_ns", "seeks"),
    ),
)  # fmt: skip

SUBJECTS = (
    Subject(
        "page tables",
        "Each task has page-table words in tables of 512; since kmem accounting they are charged to its group. Upper "
        "levels are not modelled; `machine.tlb` says what walks of the hardware cost.",
        ("walk_pte", "page_walk", "lru_gen_leaf_total", "kmem_accounting"),
        ("pte", "pagetables", "page table", "nr_page_table_pages"),
    ),
    Subject(
        "shared memory",
        "Tasks that name the same `file` share its page cache. tmpfs, shmem and System V memory are not modelled, nor "
        "fork and copy on write, nor pages merged by ksm.",
        ("tasks.memory.file",),
        ("shmem", "tmpfs", "shm", "fork", "cow", "copy on write", "ksm"),
    ),
    Subject(
        "mlock",
        "Not modelled: all pages of tasks can be reclaimed.",
        (),
        ("mlocked", "unevictable", "ramdisk", "nr_unevictable", "pinned pages"),
    ),
    Subject(
        "overcommit",
        "Promises of memory are not modelled: what is touched is allocated, what is not costs nothing.",
        ("oom",),
        ("overcommit_memory", "vm.overcommit_memory", "vm.overcommit_ratio", "overcommit_ratio", "commit limit"),
    ),
)
