"""Patrol scrubbing: what can be set, varied and read."""

from typing import Annotated

from mmrun.model.core.mechanism import CORE, Axis, counters, hooks
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

AXES = (Axis("scrub", 31, "patrol scrubbing: in which order frames are read"),)

HOOKS = {
    **hooks(CORE, 140, ("scrubd", "node", "reads the node's frames, for ever")),
    **hooks("scrub", 141, ("next_frame", "node at", "the frame that is read after frame `at`, -1: none is", -1)),
}

SCRUB_COUNTERS = counters("""
pages_scrubbed | none | pages that scrubbers read
""")

COUNTERS = SCRUB_COUNTERS  # of the machine


@record
class Sysctl(Record):
    """Settings under /proc/sys/vm."""

    scrub_pages_per_ms: Annotated[int, Range(ge=1, le=1000)] | None = None
    """Pages that each node's scrubber reads in a millisecond; default 16."""


@record
class Costs(Record):
    """CPU time of its steps."""

    scrub_page: Nanoseconds = 100
    """Reading a page's 64 cache lines (estimate)."""
