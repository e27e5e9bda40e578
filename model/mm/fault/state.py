"""What faults count beside those of tasks."""

from mmrun.model.core.record import counts
from mmrun.model.mm.fault.settings import ZERO_COUNTERS

zero_count = counts(198, "zero_count", *ZERO_COUNTERS)
