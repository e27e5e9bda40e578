"""What can be varied and read: axes, hooks, counters."""

from mmrun.model.core.mechanism import Axis, Told, counters, hooks
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

AXES = (
    Axis("lru", 0, "page replacement: which pages of a lruvec are scanned, kept, activated, reclaimed", ("SCOPE",)),
)

HOOKS = {
    **hooks(
        "lru",
        32,
        ("lruvec_begin", "sc", "start on sc.lruvec; 1 = there is something to do"),
        ("lruvec_round", "sc", "one bounded piece of work on it, adding to sc.round_reclaimed; 1 = there is more"),
        ("lruvec_end", "sc", "done with it for this pass"),
        ("page_referenced", "frame sc", "young words that map it, cleared; plus 1 << 16 for an executable mapping"),
        default=True,
    ),
    **hooks(
        "lru",
        36,
        ("new_anon_active", "", "1 = a fresh anonymous page starts on the active list"),
        ("prepare_scan", "sc", "what may be deactivated, cache_trim and costs, before a node or zone is shrunk"),
        ("scan_count", "sc", "how much of each list to scan, into sc.nr"),
        ("after_round", "sc", "1 = enough, stop shrinking this lruvec", 1),
        ("age_anon", "sc", "1 = shrink one batch of active anon after the lruvec"),
        ("may_shrink_active", "sc file", "1 = the active list may be scanned"),
        ("check_references", "frame young executable", "RECLAIM .. ACTIVATE; young: page-table words that were"),
        ("note_inactive", "lruvec file scanned reclaimed pageout", "after a batch from an inactive list"),
        ("note_active", "lruvec file young rotated", "after a batch from an active list"),
        ("refault", "frame shadow", "a page comes back that was evicted before"),
        ("evict", "frame sc", "the shadow to leave behind, 0 = none"),
        ("age_nonresident", "lruvec", "a page was activated"),
        ("end_reclaim", "sc", "a direct or memcg reclaim call ends"),
    ),
}

LRU_COUNTERS = counters("""
pgactivate | none | pages moved to an active list
pgdeactivate | none | pages moved from an active to an inactive list
pgrefill | lower | pages scanned on active lists
pgrefill_anon | lower | anonymous pages scanned on active lists
pgrefill_file | lower | file pages scanned on active lists
rotated_anon | none | anonymous pages that reclaim found in use: active ones referenced, inactive ones activated
rotated_file | none | file pages that reclaim found in use: active ones referenced, inactive ones activated
pgrotated | none | pages moved to the inactive tail when their writeback ended
""")

WORKINGSET_COUNTERS = counters("""
workingset_refault_anon | lower | anonymous pages that came back after eviction
workingset_refault_file | lower | file pages that came back after eviction
workingset_activate_anon | none | anonymous refaults close enough to be activated at once
workingset_activate_file | none | file refaults close enough to be activated at once
workingset_restore_anon | none | anonymous refaults of pages evicted while part of the workingset
workingset_restore_file | none | file refaults of pages evicted while part of the workingset
""")

COUNTERS = {**LRU_COUNTERS, **WORKINGSET_COUNTERS}  # of the machine

LIST_GAUGES = counters("""
nr_inactive_anon | none | pages on inactive lists of anonymous memory when the run ends
nr_active_anon | none | pages on active lists of anonymous memory when the run ends
nr_inactive_file | none | pages on inactive lists of files when the run ends
nr_active_file | none | pages on active lists of files when the run ends
""")  # in the order of the lists
TOLD = (Told("machine", LIST_GAUGES, sampled=True), Told("node", LIST_GAUGES, sampled=True))


@record
class Costs(Record):
    """CPU time of its steps."""

    lru_lock: Nanoseconds = 20
    """Time lru_lock is held per page and list it is moved on (estimate)."""
