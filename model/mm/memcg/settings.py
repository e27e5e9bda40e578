"""What can be varied and read: counters."""

from mmrun.model.core.mechanism import counters
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
oom_kill | lower | tasks killed for want of memory | events
pgscan | lower | inactive pages of the group scanned
pgsteal | none | pages of the group reclaimed
pgsteal_min | none | pages reclaimed from the copy of the group that lost least
pgsteal_max | none | pages reclaimed from the copy of the group that lost most
usage_min | none | pages charged to the copy of the group that has least
usage_max | none | pages charged to the copy of the group that has most
""")  # of each group, reported with its name in front

COUNTERS = {**MEMCG_COUNTERS, **OOM_COUNTERS}  # of the machine


@record
class Costs(Record):
    """CPU time of its steps."""

    lruvec_visit: Nanoseconds = 200
    """Visit of a group in a reclaim walk: effective protection, entry to shrink_lruvec (50-500, estimate)."""
