"""What can be varied and read: hooks."""

from mmrun.model.core.mechanism import CORE, hooks
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

HOOKS = {
    **hooks(
        CORE,
        8,
        ("access", "task region page operation", "OK or OUT_OF_MEMORY"),
    ),
}


@record
class Costs(Record):
    """CPU time of its steps."""

    minor_fault_anon: Nanoseconds = 1_000
    """Anonymous first touch, zeroing included (500-3500)."""
    minor_fault_file: Nanoseconds = 600
    """Mapping a page that is already cached (300-1200)."""
