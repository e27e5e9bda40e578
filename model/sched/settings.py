"""CPU sharing: what can be varied and read: an axis, counters."""

from mmrun.model.core.mechanism import Axis, Cause, Matters, Subject, counters
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

SHARED = Matters(
    "a cell whose tasks share CPUs (more of them than CPUs, or policy.sched)",
    lambda case, _: bool(case.variants["sched"].constants.get("SHARED")),
)
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

    MATTERS = SHARED
    context_switch: Nanoseconds = 2_000
    """Where CPUs are shared: a CPU turns from one task or daemon to another that waited (1000-3000, estimate)."""


CAUSES = (
    Cause(
        ("stall_cpu_ns", "kswapd_wait_ns"),
        ("nr_voluntary_switches", "nr_involuntary_switches", "kswapd_ns", "kswapd_wake", "idle_scan_ns"),
    ),
)  # fmt: skip

SUBJECTS = (
    Subject(
        "cpu scheduling",
        "CFS and EEVDF, where a node has more tasks than CPUs or `policy.sched` asks for it; else every task has a "
        "CPU of its own. Groups of tasks, bandwidth limits, real-time classes and autogroups are not modelled "
        "(docs/sched.md).",
        ("sched", "stall_cpu_ns", "tasks.nice"),
        ("cpu.max", "cpu.weight", "cpu.shares", "cfs", "eevdf", "scheduler", "sched_ext", "cpuset"),
    ),
)
