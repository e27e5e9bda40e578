"""The counters of the model, under the kernel's names, each defined once: unit, meaning, direction."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Counter:
    """One counter: its kernel name, its unit, what it counts, and which direction is better."""

    name: str
    unit: str
    doc: str
    better: Literal["lower", "higher", "none"] = "none"


def _table(text: str, unit: str = "pages") -> dict[str, Counter]:
    """Parse lines `name | better | meaning [| unit]` into counters."""
    counters = {}
    for line in text.strip().splitlines():
        name, better, doc, *own = (part.strip() for part in line.split("|"))
        counters[name] = Counter(name, own[0] if own else unit, doc, better)  # type: ignore[arg-type]
    return counters


FAULT_COUNTERS = _table("""
pgfault | lower | page faults, minor and major | faults
pgmajfault | lower | faults that had to read the page | faults
""")

ALLOC_COUNTERS = _table("""
pgalloc | none | pages handed out by the allocator
pgfree | none | pages given back to the allocator
""")

LRU_COUNTERS = _table("""
pgactivate | none | pages moved to an active list
pgdeactivate | none | pages moved from an active to an inactive list
pgrefill | lower | pages scanned on active lists
pgrefill_anon | lower | anonymous pages scanned on active lists
pgrefill_file | lower | file pages scanned on active lists
rotated_anon | none | anonymous pages that reclaim found in use: active ones referenced, inactive ones activated
rotated_file | none | file pages that reclaim found in use: active ones referenced, inactive ones activated
pgrotated | none | pages moved to the inactive tail when their writeback ended
""")

RECLAIM_COUNTERS = _table("""
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

SWAP_COUNTERS = _table("""
pswpin | lower | pages read from swap
pswpout | lower | pages written to swap
swap_ra | none | pages read ahead from swap
swap_ra_hit | higher | pages read ahead from swap and then used
""")

WORKINGSET_COUNTERS = _table("""
workingset_refault_anon | lower | anonymous pages that came back after eviction
workingset_refault_file | lower | file pages that came back after eviction
workingset_activate_anon | none | anonymous refaults close enough to be activated at once
workingset_activate_file | none | file refaults close enough to be activated at once
workingset_restore_anon | none | anonymous refaults of pages evicted while part of the workingset
workingset_restore_file | none | file refaults of pages evicted while part of the workingset
""")

PAGEOUT_COUNTERS = _table("""
nr_vmscan_write | lower | pages that reclaim itself wrote
writepage_file_kswapd | lower | file pages among them by kswapd, whatever their file system did (mm_vmscan_writepage)
writepage_file_direct | lower | file pages among them by reclaiming tasks
reclaim_queue_ns | lower | time in which reclaim waited for a free request of a disk's queue | ns
nr_vmscan_immediate_reclaim | none | dirty pages marked for reclaim as soon as they are written
""")

WRITEBACK_COUNTERS = _table("""
nr_dirtied | none | file pages that became dirty
nr_written | none | file pages written back
nr_unstable | none | pages a file server has answered for but not committed, when the run ends; counted to 5.8
nfs_commits | none | COMMIT calls to file servers | events
inode_switch_wbs | none | files that moved to the group whose pages they hold | events
foreign_flushes | none | times a throttled group had the flushers of other groups write its pages | events
writeback_errors | lower | file pages whose write failed and that stay dirty
nr_dirty | none | dirty file pages that are not being written, when the run ends
nr_writeback | none | pages of files and of swap being written when the run ends
nr_dirty_threshold | none | dirty pages at which writers are stopped, when somebody last asked
nr_dirty_background_threshold | none | dirty pages from which the flushers write, when somebody last asked
balance_dirty_pages | none | calls of writers into dirty throttling | events
""")

FILEMAP_COUNTERS = _table("""
pgpgin | none | file pages read from disks
readahead | none | file pages read ahead
""")

MEMCG_COUNTERS = _table("""
memcg_visits | lower | lruvecs of groups that reclaim went through, pages in them or not | events
soft_scan | lower | inactive pages scanned by soft limit reclaim, which the counters by reclaimer include
soft_steal | none | pages reclaimed from groups over their soft limit
page_cgroup_pages | lower | pages taken at boot for the page_cgroup of every frame
""")

SLAB_VM_COUNTERS = _table("""
slabs_scanned | none | slab objects that shrinkers asked for | objects
slab_objects_freed | none | slab objects freed by shrinkers | objects
slab_pages_freed | none | slab pages given back by shrinkers: a page goes with its last object
shrink_refused | none | shrinker calls refused for want of __GFP_FS | events
shrink_raced | lower | shrinker calls that worked from, or overwrote, a count another caller had changed | events
shrink_contended | lower | reclaim calls that shrank no slab because shrinker_rwsem was taken | events
""")

IDLE_COUNTERS = _table("""
idle_scan_ns | lower | CPU time of idle page scanners | ns
idle_rounds | none | rounds of an idle page scanner that were compared with the truth | events
ws_true | none | pages of the working set by truth, summed over those rounds
ws_estimated | none | pages the scanner took for the working set, summed over those rounds
ws_over | lower | pages by which it overestimated the working set, summed over the rounds where it did
ws_under | lower | pages by which it underestimated the working set, summed over the rounds where it did
cold_found | higher | cold pages that the scanner called cold, summed over rounds
cold_missed | lower | cold pages that it took for the working set, summed over rounds
cold_false | lower | pages of the working set that it called cold, summed over rounds
damon_samples | lower | pages whose accessed bit DAMON sampled
damon_samplings | none | times that DAMON sampled a page of every region | events
damos_nr_tried | none | regions that a DAMON scheme took | regions
damos_sz_tried | none | size of those regions | bytes
damos_sz_applied | none | what the scheme reclaimed of them | bytes
far_ws | none | pages of the working set as far memory sees it, summed over minutes
far_cold | none | cold pages in memory and pages in far memory, summed over minutes
far_stored | none | pages in far memory, summed over minutes
far_rejected | lower | pages that far memory compressed in vain
damos_qt_exceeds | lower | charge windows in which a scheme's quota was used up | events
proactive_ns | lower | CPU time of proactive reclaimers | ns
""")

GENERATION_COUNTERS = _table("""
lru_gen_aged | none | times a lruvec got a new youngest generation | events
lru_gen_leaf_total | lower | page-table words that aging walks looked at | words
lru_gen_leaf_young | none | young page-table words that aging walks found and cleared | words
lru_gen_walk_ns | lower | CPU time of aging walks, on the clock of whoever reclaims | ns
""")

OOM_COUNTERS = _table("""
oom_kill | lower | tasks killed for want of memory | events
""")

VM_COUNTERS = {  # of the machine, in the order of reports
    **FAULT_COUNTERS,
    **ALLOC_COUNTERS,
    **LRU_COUNTERS,
    **RECLAIM_COUNTERS,
    **SWAP_COUNTERS,
    **WORKINGSET_COUNTERS,
    **PAGEOUT_COUNTERS,
    **WRITEBACK_COUNTERS,
    **FILEMAP_COUNTERS,
    **MEMCG_COUNTERS,
    **SLAB_VM_COUNTERS,
    **IDLE_COUNTERS,
    **GENERATION_COUNTERS,
    **OOM_COUNTERS,
}

NODE_COUNTERS = _table("""
numa_hit | higher | pages allocated on the node that wanted them there
numa_miss | lower | pages allocated here although another node was preferred
numa_foreign | lower | pages wanted here but allocated elsewhere
interleave_hit | none | interleaved pages that landed on the intended node
local_node | higher | pages allocated here by a CPU of this node
other_node | lower | pages allocated here by a CPU of another node
pgscan | lower | inactive pages of the node scanned
pgsteal | none | pages of the node reclaimed
nr_slab_pages | none | slab pages on the node when the run ends
slab_scanned_for | none | slab objects scanned because the node was short of pages | objects
slab_pages_freed_here | none | slab pages of the node given back by shrinkers
kswapd_wake | none | times the node's kswapd was woken | events
kswapd_ns | lower | CPU time of the node's kswapd | ns
kswapd_asleep_ns | none | time the node's kswapd slept over writeback | ns
""")

TASK_COUNTERS = _table("""
accesses | none | events of the task's stream that touched a page | accesses
misses | lower | accesses that found the page neither mapped nor cached | accesses
minor_faults | lower | faults served without reading | faults
first_touches | none | first touches of anonymous pages: a frame is filled without reading | faults
major_faults | lower | faults that read from swap or a file | faults
hit_ns | lower | time of accesses that found the page | ns
remote_touches | lower | touches of pages on another node | accesses
stall_alloc_ns | lower | time in direct reclaim | ns
stall_memcg_ns | lower | time reclaiming for a cgroup limit | ns
stall_high_ns | lower | time reclaiming and asleep over memory.high | ns
stall_swap_ns | lower | time waiting for swap reads and writes | ns
stall_file_ns | lower | time waiting for file reads | ns
stall_queue_ns | lower | time in dirty throttling waiting for room in a disk's queue | ns
stall_fsync_ns | lower | time in fsync | ns
fsyncs | none | calls of fsync | events
fsync_errors | lower | calls of fsync that were told of a failed write | events
stall_dirty_ns | lower | time asleep in dirty throttling | ns
dirtier_written | lower | pages that writers in dirty throttling submitted themselves | pages
dirty_pauses | lower | sleeps in dirty throttling | events
stall_congestion_ns | lower | part of stall_alloc_ns asleep until a queue has room | ns
stall_writeback_ns | lower | part of stall_alloc_ns asleep in reclaim_throttle for writeback | ns
stall_congested_ns | lower | part of stall_alloc_ns asleep in reclaim_throttle, all dirty pages being written | ns
stall_noprogress_ns | lower | part of stall_alloc_ns asleep in reclaim_throttle for want of progress | ns
stall_request_ns | lower | part of stall_alloc_ns and stall_memcg_ns waiting for a free request of a disk's queue | ns
stall_lock_ns | lower | part of stall_alloc_ns, stall_memcg_ns and stall_high_ns spent waiting for lru_lock | ns
stall_channel_ns | lower | time waiting for memory channels | ns
fault_ns | lower | CPU time of fault handling, reclaim excluded | ns
""", unit="ns")  # fmt: skip

DISK_COUNTERS = _table("""
seeks | lower | hdd: requests for which the head moved or waited for its sector; usb: erase blocks opened | requests
seek_ns | lower | hdd: time of seeks and rotation | ns
reads | none | read requests the device served | requests
writes | none | write requests the device served | requests
merged | none | writes that joined a waiting request next to them | requests
pages_read | none | pages read from the device
pages_written | none | pages written to the device
busy_ns | none | time the device served requests; with several servers the mean of them | ns
wait_ns | lower | time that requests waited for the device, summed over them | ns
write_errors | lower | writes that failed | requests
""")  # of each disk, reported with its name in front

WB_COUNTERS = _table("""
write_bandwidth | none | estimate of the device's bandwidth when the run ends
avg_write_bandwidth | none | the same, smoothed
dirty_ratelimit | none | base rate of the device's dirtiers when the run ends
""", unit="pages/s")  # fmt: skip

CGROUP_COUNTERS = _table("""
failcnt | lower | charges that memory.max did not allow | events
events_low | lower | memory.events low: the group was reclaimed although below memory.low | events
events_high | lower | memory.events high: reclaim because usage was beyond memory.high | events
events_max | lower | memory.events max: reclaim because usage would go beyond memory.max | events
events_oom | lower | memory.events oom: reclaim at memory.max came to nothing | events
oom_kill | lower | tasks killed for want of memory | events
pgscan | lower | inactive pages of the group scanned
pgsteal | none | pages of the group reclaimed
pgsteal_min | none | pages reclaimed from the copy of the group that lost least
pgsteal_max | none | pages reclaimed from the copy of the group that lost most
usage_min | none | pages charged to the copy of the group that has least
usage_max | none | pages charged to the copy of the group that has most
""")  # of each group, reported with its name in front

SLAB_COUNTERS = _table("""
objects | none | objects of the slab cache when the run ends
pages | none | slab pages of the cache when the run ends | pages
unused | none | objects of the cache that stand on a list_lru when the run ends
scanned | none | objects of the cache that shrinkers asked for
freed | none | objects of the cache freed by shrinkers
freed_pages | none | slab pages of the cache given back | pages
hits | higher | lookups that found the object
misses | lower | lookups that had to make the object
created | none | objects made
dropped | none | objects removed by their users
""", unit="objects")  # fmt: skip

GAUGES = _table("""
nr_slab_reclaimable | none | slab pages of caches with a shrinker when the run ends
nr_slab_unreclaimable | none | slab pages of caches without one when the run ends
nr_deferred | lower | objects that shrinkers have put off when the run ends | objects
""")

LATENCIES = _table("""
write_calls | none | calls of write(), a page each | calls
write_p50_ns | lower | time of a write(), sleeps in dirty throttling included: median
write_p99_ns | lower | the same: 99 of 100 were shorter
write_p999_ns | lower | the same: 999 of 1000 were shorter
read_calls | none | calls of read(), a page each | calls
read_p50_ns | lower | time of a read(): median
read_p99_ns | lower | the same: 99 of 100 were shorter
read_p999_ns | lower | the same: 999 of 1000 were shorter
fault_calls | none | page faults, minor ones too | calls
fault_p50_ns | lower | time of a page fault: median
fault_p99_ns | lower | the same: 99 of 100 were shorter
fault_p999_ns | lower | the same: 999 of 1000 were shorter
fsync_calls | none | calls of fsync | calls
fsync_p50_ns | lower | time of an fsync: median
fsync_p99_ns | lower | the same: 99 of 100 were shorter
fsync_p999_ns | lower | the same: 999 of 1000 were shorter
""", unit="ns")  # fmt: skip

COUNTERS: dict[str, Counter] = {**CGROUP_COUNTERS, **VM_COUNTERS, **NODE_COUNTERS, **TASK_COUNTERS}
