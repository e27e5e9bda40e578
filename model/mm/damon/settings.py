"""What can be set."""

from mmrun.model.core.mechanism import Matters
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = Matters("a cell with idle: damon", lambda case, _: case.variants["idle"].name == "damon")
    damon_sample: Nanoseconds = 800
    """DAMON prepares and checks one sampled page (300-2000)."""
