"""CPU sharing: what can be varied and read: an axis, counters."""

from mmrun.model.core.mechanism import Axis, counters
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

AXES = (Axis("sched", 15, "CPUs: whether actors share them, and who runs on them", ("SHARED",)),)

NODE_COUNTERS = counters("""
kswapd_wait_ns | lower | time the node's kswapd waited for a CPU | ns
""")

TASK_COUNTERS = counters("""
stall_cpu_ns | lower | time waiting for a CPU while others have them, whatever else the task was about | ns
nr_voluntary_switches | none | times the task gave its CPU up: it slept or ended; counted where CPUs are shared | events
nr_involuntary_switches | lower | times another took its place on the CPU although it could have gone on | events
""")


@record
class Costs(Record):
    """CPU time of its steps."""

    context_switch: Nanoseconds = 2_000
    """Where CPUs are shared: a CPU turns from one task or daemon to another that waited (1000-3000, estimate)."""
