"""What can be read of changes while a cell runs, and what they cost."""

from mmrun.model.core.mechanism import CORE, Matters, Subject, Told, counters, hooks
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

CHANGES = Matters("a cell with a timeline", lambda case, _: bool(case.cell.timeline))

HOOKS = {
    **hooks(CORE, 164, ("timeline", "number", "goes through the timeline, once"), optional=True),
}

LIFE_COUNTERS = counters("""
timeline_writes | none | writes of the timeline that were done | events
timeline_refused | none | of these, such as the kernel refused (EBUSY, EAGAIN) | events
timeline_ns | none | time that they took | ns
drop_pagecache | none | times that the page cache was dropped by order | events
drop_slab | none | times that slab caches were dropped by order | events
dropped_pages | none | page-cache pages that went because of it
dropped_objects | none | slab objects that went because of it | objects
""")
COUNTERS = LIFE_COUNTERS  # of the machine
LIFE_TOLD = counters("""
nr_dying_descendants | lower | removed groups that something is still charged to when the run ends | groups
""")
TOLD = (Told("machine", LIFE_TOLD),)


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = CHANGES
    drop_page: Nanoseconds = 150
    """Taking a clean page out of the page cache by order: lookup, list, free (invalidate_mapping_pages; estimate)."""


SUBJECTS = (
    Subject(
        "timeline",
        "What changes while a cell runs: a list of entries, each with `at` and one action. `set` writes settings of "
        "the machine and limits of groups, `drop_caches` drops caches. `mmrun run` prints when each was done and what "
        "came of it (docs/life.md).",
        ("timeline.at", "timeline.set", "timeline.drop_caches", "timeline_writes"),
        ("life of a cell", "settings that change", "change at a time", "sysctl -w"),
    ),
    Subject(
        "memory.reclaim",
        "An entry of the timeline: `{at: 2s, reclaim: {cgroup: job, size: 64MiB}}`, of v2 since 5.19. Of v1 there is "
        "`force_empty: job`.",
        ("timeline.reclaim", "timeline.force_empty", "pgscan_proactive"),
        ("memory.force_empty",),
    ),
    Subject(
        "drop_caches",
        "An entry of the timeline: `{at: 2s, drop_caches: 1}` takes clean page-cache pages that nobody maps, 2 shrinks "
        "slab caches, 3 does both. Dirty pages stay.",
        ("timeline.drop_caches", "dropped_pages", "dropped_objects"),
        ("vm.drop_caches",),
    ),
)
