"""What can be varied and read: hooks."""

from mmrun.model.core.mechanism import CORE, Subject, counters, hooks
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

HOOKS = {
    **hooks(
        CORE,
        8,
        ("access", "task region page operation", "OK or OUT_OF_MEMORY"),
    ),
}

ZERO_COUNTERS = counters("""
zero_page_maps | none | loads that mapped the shared page of zeros | faults
zero_page_copies | none | first stores to memory that mapped it | faults
""")

COUNTERS = ZERO_COUNTERS  # of the machine

FIXED = {"zero_page": "it is how the kernel was built"}


@record
class Sysctl(Record):
    """Settings of the model's own."""

    zero_page: bool | None = None
    """Whether a load of anonymous memory that was never written maps the page of zeros that all share, and the first
    store takes a page, as all these kernels do. Default false: each first touch takes a page, as all studies here were
    made; with it, memory that is only read takes none. Not a setting of the kernel's."""


@record
class Costs(Record):
    """CPU time of its steps."""

    minor_fault_anon: Nanoseconds = 1_000
    """Anonymous first touch, zeroing included (500-3500)."""
    minor_fault_file: Nanoseconds = 600
    """Mapping a page that is already cached (300-1200)."""


SUBJECTS = (
    Subject(
        "zero page",
        "With vm.zero_page a load of anonymous memory that was never written maps the shared page of zeros, and the "
        "first store takes a page of its own. Off by default, when a first read allocates as a write does.",
        ("vm.zero_page", "zero_page_maps"),
        ("zeropage", "shared zero page", "empty_zero_page"),
    ),
)
