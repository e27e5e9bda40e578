"""When each frame was last read, and what the daemon is told."""

from mmrun.model.core.record import counts, one, row, table
from mmrun.model.mm.scrub.settings import SCRUB_COUNTERS

scrubbed = table(470, "scrubbed", "i4")  # of a frame: how often it was read
# Filled by name: a sysctl, a cost (ns).
scrub_settings = one(471, "scrub_settings", row(scrub_pages_per_ms="i8", scrub_page="i8"))
scrub_count = counts(472, "scrub_count", *SCRUB_COUNTERS)
