"""What can be set."""

from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds


@record
class Costs(Record):
    """CPU time of its steps."""

    damon_sample: Nanoseconds = 800
    """DAMON prepares and checks one sampled page (300-2000)."""
