"""What can be set, varied and read: the axis, hooks, requests, counters, sysctls, costs."""

from mmrun.model.core.mechanism import CORE, Axis, Cause, Matters, Subject, counters, hooks
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

AXES = (
    Axis("compaction", 21, "where the two scanners of compaction begin and look", ("COMPACTS", "CACHES", "CAPTURES")),
)
HOOKS = {
    **hooks(
        "compaction",
        53,
        ("begin_scanners", "control", "sets where they begin; 1 = a pass over the whole zone"),
        ("find_migrateblock", "control", "the frame at which the migrate scanner goes on"),
        ("isolate_freepages", "control", "take free blocks until there are as many pages as are to be moved; 0"),
    ),
    **hooks(CORE, 56, ("kcompactd", "node", "the daemon of a node, for ever")),
    **hooks(
        CORE,
        160,
        ("wakeup_kcompactd", "node order highest_zoneidx", "0"),
        ("reset_isolation_suitable", "node", "its kswapd goes to sleep: pageblocks may be looked at again; 0"),
    ),
    **hooks(
        CORE,
        198,
        ("compact_memory", "task node", "OK; argument: node + 1, 0: all of them"),
        ("set_proactiveness", "task value", "OK; 0 to 100, and every node is looked at anew"),
    ),
}  # fmt: skip

COMPACTION_COUNTERS = counters("""
compact_stall | lower | times a task compacted for its own allocation, or was put off (since 4.8) | events
compact_fail | lower | among them, those that got no block | events
compact_success | higher | among them, those that got one | events
compact_migrate_scanned | lower | pages passed by scanners for pages to move
compact_free_scanned | lower | pages passed by scanners for free ones
compact_isolated | none | pages taken by both scanners: about twice those moved
compact_daemon_wake | none | times kcompactd worked for a block | events
compact_daemon_migrate_scanned | lower | pages passed by its scanners for pages to move, also without a request
compact_daemon_free_scanned | lower | pages passed by its scanners for free ones
compact_daemon_ns | lower | CPU time of kcompactd | ns
""")

COUNTERS = COMPACTION_COUNTERS  # of the machine

HAS_DAEMON = Matters("a cell that has kcompactd (4.6) and uses blocks of pages", lambda case, _: True)


@record
class Sysctl(Record):
    """Settings under /proc/sys/vm."""

    extfrag_threshold: int | None = None
    """Compaction is not tried for an order above 3 (to 4.8 for any) whose fragmentation index is at most this: memory
    is short then, not in pieces. 0-1000, default 500."""
    compaction_proactiveness: int | None = None
    """How far kcompactd goes unasked: it begins where free memory is fragmented by more than 110 less this percent, and
    ends 10 below. 0 (never) to 100; default 20 where huge pages or drivers may want blocks, else 0. Not before 5.9."""


@record
class Costs(Record):
    """CPU time of its steps."""

    compact_attempt: Nanoseconds = 2_000
    """A pass of compaction over a zone that ends at once (estimate)."""
    compact_migrate_scan: Nanoseconds = 15
    """One page passed by the scanner for pages to move (5-50, estimate)."""
    compact_free_scan: Nanoseconds = 10
    """One page passed by the scanner for free ones (5-50, estimate)."""


CAUSES = (
    Cause(
        ("stall_compaction_ns", "stall_isolated_ns"),
        (
            "compact_stall", "compact_success", "compact_fail", "compact_migrate_scanned", "compact_free_scanned",
            "compact_isolated", "mm_page_alloc_extfrag",
        ),
        ("compaction:*",),
    ),
)  # fmt: skip

SUBJECTS = (
    Subject(
        "compaction",
        "Pages move together so that larger blocks become free: by the allocating task, by kcompactd (4.6), unasked "
        "(5.9), and when told to. `compact_memory()` is an event; `vm.extfrag_threshold` and "
        "`vm.compaction_proactiveness` can be set. Mlocked pages do not exist, so compact_unevictable_allowed has "
        "nothing to decide.",
        ("compaction", "extfrag_threshold", "compaction_proactiveness", "compact_stall"),
        (
            "compact_memory", "kcompactd", "direct compaction", "proactive compaction", "compact_unevictable_allowed",
            "fragmentation", "fragmentation index", "defer_compaction", "skip bits",
        ),
    ),
)  # fmt: skip
