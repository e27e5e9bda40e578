"""What can be varied and read: axes, hooks, counters."""

from typing import Annotated

from mmrun.model.core.mechanism import CORE, Axis, Cause, counters, hooks
from mmrun.model.mm.swap.settings import HAS_SWAP
from mmrun.model.mm.writeback.settings import ON_DISK
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

AXES = (
    Axis("kswapd", 1, "background reclaim: when a node is balanced, how its daemon works towards that", ("SCOPE",)),
    Axis("direct_reclaim", 2, "reclaim by the allocating or charging task itself", ("SCOPE",)),
    Axis("reclaim_writeback", 3, "what reclaim does with the dirty file pages it meets", (), ON_DISK),
    Axis(
        "reclaim_throttle", 12, "when reclaimers sleep because what they meet is still being written, and for how long"
    ),
)

HOOKS = {
    **hooks(
        CORE,
        2,
        ("shrink_inactive", "sc lruvec lru nr_to_scan", "pages reclaimed"),
        ("shrink_active", "sc lruvec lru nr_to_scan", "0"),
        ("shrink_batch", "sc", "pages freed of those isolated in sc.batch"),
        ("kswapd", "node", "balance_pgdat, for ever"),
    ),
    **hooks(
        "kswapd",
        64,
        ("balance_pgdat", "node", "reclaim on it until it is balanced or this is in vain; 0"),
        ("kswapd_try_to_sleep", "node", "rest until somebody wakes its daemon, unless there is more to do; 0"),
        ("kswapd_needed", "zone order highest_zoneidx", "1 = an allocation that found it low should wake the daemon"),
    ),
    **hooks(
        "direct_reclaim",
        72,
        ("direct_reclaim", "node gfp nodemask", "pages reclaimed"),
        ("retry_zone", "node order fruitless nodemask alloc_flags", "zone + 1 for whose sake to try again, or 0"),
        ("memcg_reclaim", "memcg nr_to_reclaim swappiness proactive", "pages reclaimed; swappiness -1: the group's"),
    ),
    **hooks(
        "reclaim_writeback",
        80,
        ("pageout_file", "frame sc verdict", "what reclaim does with a dirty file page: KEEP or ACTIVATE"),
        ("meet_writeback", "frame sc", "and with one being written: KEEP, ACTIVATE, or RECLAIM_PAGE: waited for"),
        ("all_dirty", "sc", "every page of a batch was dirty and none was being written"),
    ),
    **hooks(
        "reclaim_throttle",
        88,
        ("throttle_batch", "sc", "after a batch from an inactive list"),
        ("throttle_node", "sc", "after the lruvecs of a node (or zone) were shrunk at one priority"),
        ("throttle_pass", "sc preferred_zone", "after a direct reclaimer's pass at one priority"),
        ("throttle_kswapd", "node below_min", "after a pass of kswapd in trouble; 1 = a zone is below min"),
        ("throttle_retry", "zone fruitless", "before an allocation tries again"),
    ),
}

RECLAIM_COUNTERS = counters("""
pgscan_kswapd | lower | inactive pages scanned by kswapd
pgscan_direct | lower | inactive pages scanned by reclaiming tasks, also for the limits of groups
pgscan_proactive | none | inactive pages scanned because user space asked for reclaim
pgscan_anon | lower | anonymous inactive pages scanned
pgscan_file | lower | file inactive pages scanned
pgsteal_kswapd | none | pages reclaimed by kswapd
pgsteal_direct | none | pages reclaimed by tasks
pgsteal_proactive | none | pages reclaimed because user space asked for it
pgsteal_anon | lower | anonymous pages reclaimed
pgsteal_file | lower | file pages reclaimed
allocstall | lower | allocations that entered direct reclaim | events
pgscan_direct_throttle | lower | direct reclaimers that waited for half of the reserves to be free (3.6) | events
pageoutrun | none | times kswapd started balancing a node | events
kswapd_low_wmark_hit_quickly | none | kswapd woke early from its nap: a zone fell below low again | events
kswapd_skip_congestion_wait | none | times kswapd went on instead of sleeping: a zone was below min | events
congestion_wait | lower | sleeps of reclaimers until a queue has room, a tenth of a second at most | events
wait_iff_congested | none | times reclaimers would have slept so, had a queue been full and their zone marked | events
mm_vmscan_throttled | lower | sleeps of reclaimers in reclaim_throttle | events
nr_throttled_written | none | pages written while reclaimers slept over writeback
kswapd_high_wmark_hit_quickly | none | kswapd could not nap: a zone was below high at once | events
zone_reclaim_success | none | node_reclaim calls that freed enough | events
zone_reclaim_failed | lower | node_reclaim calls that did not | events
""")

PAGEOUT_COUNTERS = counters("""
nr_vmscan_write | lower | pages that reclaim itself wrote
writepage_file_kswapd | lower | file pages among them by kswapd, whatever their file system did (mm_vmscan_writepage)
writepage_file_direct | lower | file pages among them by reclaiming tasks
reclaim_queue_ns | lower | time in which reclaim waited for a free request of a disk's queue | ns
nr_vmscan_immediate_reclaim | none | dirty pages marked for reclaim as soon as they are written
""")

COUNTERS = {**RECLAIM_COUNTERS, **PAGEOUT_COUNTERS}  # of the machine


@record
class Sysctl(Record):
    """Settings under /proc/sys/vm."""

    swappiness: Annotated[int, HAS_SWAP] | None = None
    """Relative cost of swapping against dropping file pages: 0-100, since 5.8 0-200; default 60."""


@record
class Costs(Record):
    """CPU time of its steps."""

    scan_page: Nanoseconds = 300
    """Isolate, rmap walk and reference check of one page during reclaim (100-1000)."""
    reclaim_page: Nanoseconds = 700
    """Unmap and free one clean page, scan included (300-2000)."""
    tlb_shootdown: Nanoseconds = 1_000
    """One flush of other CPUs' TLBs, for what reclaim has unmapped (1-10 us)."""


CAUSES = (
    Cause(
        ("stall_alloc_ns", "allocstall", "pgscan_direct", "pgsteal_direct", "stall_lock_ns"),
        (
            "allocstall", "pgscan_direct", "pgsteal_direct", "pgscan_kswapd", "pgsteal_kswapd", "kswapd_wake",
            "nr_vmscan_write", "nr_vmscan_immediate_reclaim", "pgrefill", "pgactivate",
        ),
        ("vmscan:*",),
    ),
    Cause(
        ("kswapd_ns", "kswapd_asleep_ns", "pgscan_kswapd", "pgsteal_kswapd", "pgscan", "pgsteal", "nr_vmscan_write"),
        (
            "pgscan_kswapd", "pgsteal_kswapd", "kswapd_wake", "pageoutrun", "nr_vmscan_write", "pgrefill", "pgactivate",
            "pgrotated", "nr_vmscan_immediate_reclaim", "writepage_file_kswapd",
        ),
        ("vmscan:*",),
    ),
    Cause(
        ("stall_congestion_ns", "stall_writeback_ns", "stall_congested_ns", "stall_noprogress_ns", "stall_request_ns"),
        (
            "congestion_wait", "wait_iff_congested", "mm_vmscan_throttled", "nr_throttled_written", "nr_vmscan_write",
            "nr_vmscan_immediate_reclaim", "writepage_file_direct", "nr_written", "busy_ns", "wait_ns",
        ),
        ("vmscan:mm_vmscan_throttled", "writeback:writeback_congestion_wait", "vmscan:mm_vmscan_lru_shrink_inactive"),
    ),
    Cause(("stall_pfmemalloc_ns",), ("pgscan_direct_throttle", "allocstall", "pgsteal_kswapd"), ("vmscan:*",)),
)  # fmt: skip
