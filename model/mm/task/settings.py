"""Tasks and files: what can be read."""

from mmrun.model.core.mechanism import counters

FAULT_COUNTERS = counters("""
pgfault | lower | page faults, minor and major | faults
pgmajfault | lower | faults that had to read the page | faults
""")

FILEMAP_COUNTERS = counters("""
pgpgin | none | file pages read from disks
readahead | none | file pages read ahead
""")

TASK_COUNTERS = counters("""
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

LATENCIES = counters("""
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

COUNTERS = {**FAULT_COUNTERS, **FILEMAP_COUNTERS}  # of the machine
