"""What can be varied and read: counters."""

from mmrun.model.core.mechanism import Subject, Told, counters
from mmrun.model.mm.memcg.stats import STATS
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

MEMCG_COUNTERS = counters("""
memcg_visits | lower | lruvecs of groups that reclaim went through, pages in them or not | events
soft_scan | lower | inactive pages scanned by soft limit reclaim, which the counters by reclaimer include
soft_steal | none | pages reclaimed from groups over their soft limit
page_cgroup_pages | lower | pages taken at boot for the page_cgroup of every frame
""")

OOM_COUNTERS = counters("""
oom_kill | lower | tasks killed for want of memory | events
""")

CGROUP_COUNTERS = counters("""
failcnt | lower | charges that memory.max did not allow | events
events_low | lower | memory.events low: the group was reclaimed although below memory.low | events
events_high | lower | memory.events high: reclaim because usage was beyond memory.high | events
events_max | lower | memory.events max: reclaim because usage would go beyond memory.max | events
events_oom | lower | memory.events oom: reclaim at memory.max came to nothing | events
events_swap_max | lower | memory.swap.events max: a page was not swapped out because of memory.swap.max | events
events_swap_fail | lower | memory.swap.events fail: a page was not swapped out for want of a slot | events
oom_kill | lower | tasks killed for want of memory | events
events_oom_group_kill | lower | memory.events oom_group_kill: all tasks of the group were killed together | events
pgscan | lower | inactive pages of the group scanned
pgsteal | none | pages of the group reclaimed
pgsteal_min | none | pages reclaimed from the copy of the group that lost least
pgsteal_max | none | pages reclaimed from the copy of the group that lost most
usage_min | none | pages charged to the copy of the group that has least
usage_max | none | pages charged to the copy of the group that has most
""")  # of each group, reported with its name in front

COUNTERS = {**MEMCG_COUNTERS, **OOM_COUNTERS}  # of the machine

CGROUP_TOLD = counters("""
usage_pages | none | pages charged to the group and those below it when the run ends
kmem_pages | none | pages of kernel memory among them
swap_pages | none | swap slots of the group and those below it when the run ends
peak_pages | none | the most that was charged to the group and those below it (memory.peak)
""")
LISTS = counters("""
inactive_anon | none | pages on its inactive lists of anonymous memory
active_anon | none | pages on its active lists of anonymous memory
inactive_file | none | pages on its inactive lists of files
active_file | none | pages on its active lists of files
""")  # in the order of the lists
SHARES = counters("""
steal_share_ratio | none | share of the pages reclaimed from all groups that the group lost
scan_share_ratio | none | share of the pages scanned in all groups that were the group's
usage_share_ratio | none | share of the pages charged to all groups that are the group's when the run ends
""", unit="1")  # fmt: skip
TOLD = (
    Told("cgroup", CGROUP_COUNTERS | CGROUP_TOLD), Told("cgroup", SHARES, counted=True),
    Told("cgroup", STATS | LISTS, counted=True),
)  # fmt: skip


@record
class Costs(Record):
    """CPU time of its steps."""

    lruvec_visit: Nanoseconds = 200
    """Visit of a group in a reclaim walk: effective protection, entry to shrink_lruvec (50-500, estimate)."""


SUBJECTS = (
    Subject(
        "memory cgroups",
        "Groups under `cgroups:`, with limits, protection and, in old versions, soft limits; what each has, lost and "
        "waited for is told as `cgroup.<name>.<metric>`.",
        ("cgroups", "cgroup_version", "memcg", "usage_pages"),
        ("memcg controller", "memory controller"),
    ),
    Subject(
        "cgroup version",
        "`cgroup_version: v1` or `v2`; left out, it is v2 since 4.5 unless groups use `soft_limit` or `swappiness`, "
        "which only v1 has. With v2 a group's dirty pages have limits of their own since 4.2 and balance_dirty_pages "
        "holds its writers back; with v1 only reclaim does, once the group is full.",
        ("cgroup_version", "cgroups", "stall_dirty_ns"),
        ("cgroup v2", "cgroup v1", "unified hierarchy", "legacy hierarchy", "cgroup writeback"),
    ),
    Subject("memory.min", "The key `min` of a group.", ("cgroups.min",)),
    Subject("memory.low", "The key `low` of a group.", ("cgroups.low", "events_low")),
    Subject("memory.high", "The key `high` of a group.", ("cgroups.high", "events_high", "stall_high_ns")),
    Subject(
        "memory.max", "The key `max` of a group.", ("cgroups.max", "events_max", "failcnt"), ("memory.limit_in_bytes",)
    ),
    Subject(
        "memory.swap.max",
        "The key `swap_max` of a group, version 2 of cgroups. The limit of version 1 for memory and swap together, "
        "memory.memsw.limit_in_bytes, is not modelled.",
        ("cgroups.swap_max",),
        ("memory.memsw.limit_in_bytes",),
    ),
    Subject("memory.soft_limit_in_bytes", "The key `soft_limit` of a group.", ("cgroups.soft_limit",), ("soft limit",)),
    Subject("memory.swappiness", "The key `swappiness` of a group, version 1 of cgroups.", ("cgroups.swappiness",)),
    Subject(
        "memory.current",
        "Told when the run ends, of a group and those below it.",
        ("usage_pages",),
        ("memory.usage_in_bytes",),
    ),
    Subject(
        "memory.peak",
        "Told of each group, pages kept ahead by CPUs included, as the kernel counts; a file since 5.19, of version 1 "
        "always.",
        ("peak_pages", "usage_pages"),
        ("memory.max_usage_in_bytes",),
    ),
    Subject(
        "memory.stat",
        "Of a group and those below it when the run ends, exact, in pages and under the kernel's names "
        "(`cgroup.<name>.anon`, `file_dirty`, `pgfault`, `inactive_file`, `workingset_refault_anon`, ...), where there "
        "is something to tell. `kernel` is `kmem_pages`, `sock` that of sockets, `zswap` in bytes. Not told: shmem, "
        "percpu, vmalloc, slab, unevictable, huge pages. What reading it costs is: `stat_read_every`.",
        ("cgroups.stat_read_every", "usage_pages", "kmem_pages", "anon", "file", "pgfault"),
        ("memory.numa_stat",),
    ),
    Subject(
        "memory.events",
        "Counters of a group and those below it: low, high, max, oom, oom_kill, oom_group_kill. sock_throttled has "
        "no mechanism here.",
        ("events_low", "events_high", "events_max", "events_oom", "oom_kill", "events_oom_group_kill"),
    ),
    Subject(
        "memory.swap.events",
        "Counters of a group and those below it: max, fail. memory.swap.high has no mechanism here.",
        ("events_swap_max", "events_swap_fail"),
    ),
    Subject(
        "memory.oom.group",
        "The key `oom_group` of a group: where one of its tasks is killed, all of those in the group and below it are.",
        ("cgroups.oom_group", "events_oom_group_kill", "oom"),
        ("oom.group",),
    ),
    Subject(
        "dying cgroups",
        "An entry of the timeline removes a group: `{at: 2s, remove: job}`. Since 3.19 it lives on as long as anything "
        "is charged to it; `nr_dying_descendants` counts such groups when the run ends, and what they hold is told of "
        "each as of any group (`file`, `kmem_pages`, `swap_pages`).",
        ("timeline.remove", "nr_dying_descendants"),
        ("offline cgroups", "rmdir", "css_offline"),
    ),
)
