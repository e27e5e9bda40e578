"""What can be varied and read: axes, hooks, counters."""

from mmrun.model.core.mechanism import CORE, Axis, counters, hooks

AXES = (
    Axis(
        "dirty_limits", 14, "how many dirty pages a zone or node may hold before pages for write() come from elsewhere"
    ),
)

HOOKS = {
    **hooks(
        CORE,
        9,
        ("finish_writes", "", "pages whose writes have ended by now"),
        ("flusher", "wb", "writes what is dirty, for ever"),
    ),
    **hooks(
        "dirty_limits",
        112,
        ("dirty_ok", "zone", "1 = dirty pages are within its limit, a page for write() may come from it"),
    ),
}

WRITEBACK_COUNTERS = counters("""
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

WB_COUNTERS = counters("""
write_bandwidth | none | estimate of the device's bandwidth when the run ends
avg_write_bandwidth | none | the same, smoothed
dirty_ratelimit | none | base rate of the device's dirtiers when the run ends
""", unit="pages/s")  # fmt: skip

COUNTERS = WRITEBACK_COUNTERS  # of the machine
