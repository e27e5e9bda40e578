"""NUMA balancing: what can be set, varied and read."""

from typing import Annotated

from mmrun.model.core.mechanism import CORE, Axis, Cause, Matters, Subject, counters, hooks
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

NORMAL, MEMORY_TIERING = 1, 2  # bits of numa_balancing
BALANCED = Matters("a cell with vm.numa_balancing", lambda case, _: bool(case.cell.vm.numa_balancing))
NODES = Matters("a machine with several nodes", lambda case, _: len(case.cell.machine.nodes) > 1)

AXES = (Axis("numa_balancing", 29, "NUMA balancing: which pages hint faults move to their user's node", (), BALANCED),)

HOOKS = {
    **hooks(
        CORE,
        75,
        ("numa_tick", "task", "a timer tick finds the task on its CPU: it may be time to mark page-table words; 0"),
        (
            "hint_fault",
            "task region at write",
            "a use of a page whose word was marked: the page is mapped, maybe moved; 0",
        ),
        optional=True,
    ),
    **hooks(
        "numa_balancing",
        78,
        ("should_numa_migrate", "task last_cpupid node", "1 = the page moves to the node, where the task runs"),
    ),
    **hooks(
        CORE,
        226,
        ("set_mempolicy", "task argument", "OK: mode << 32 | mask of nodes, from now on"),
        optional=True,
    ),
}

NUMA_COUNTERS = counters("""
numa_pte_updates | none | page-table words made prot-none, so that the next use of their page faults
numa_huge_pte_updates | none | entries of huge pages among them | entries
numa_hint_faults | lower | faults on such words | faults
numa_hint_faults_local | none | of them on pages of the node where the task ran | faults
numa_pages_migrated | none | pages that hint faults moved to the node of their user
""")

COUNTERS = NUMA_COUNTERS  # of the machine
PERIOD = Range(ge=1, le=3_600_000)

FIXED = {"numa_balancing": "tables of the machine follow from it"}


@record
class Sysctl(Record):
    """Settings under /proc/sys/kernel, and since 5.13 of debugfs, sched/numa_balancing."""

    numa_balancing: Annotated[int, NODES] | None = None
    """1: pages move to the node of their user (3.13), 2: from slow nodes to fast ones (5.18), 3: both. Default 0, a
    kernel built without CONFIG_NUMA_BALANCING; with it the default of machines with several nodes is 1."""
    numa_balancing_scan_delay_ms: Annotated[int, PERIOD, BALANCED] | None = None
    """CPU time of a task before its page tables are first scanned, ms; default 1000."""
    numa_balancing_scan_period_min_ms: Annotated[int, PERIOD, BALANCED] | None = None
    """Least CPU time between two scans of a task of one window (numa_balancing_scan_size_mb), ms; default 1000."""
    numa_balancing_scan_period_max_ms: Annotated[int, PERIOD, BALANCED] | None = None
    """Most CPU time between them, ms; default 60000."""
    numa_balancing_scan_size_mb: Annotated[int, Range(ge=1, le=65_536), BALANCED] | None = None
    """Size of a window, the memory that a scan covers, MiB; default 256."""


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = BALANCED
    hint_fault: Nanoseconds = 1_500
    """A NUMA hint fault without migration (800-3000, estimate)."""
    prot_numa: Nanoseconds = 20
    """Making a page-table word prot-none (5-50, estimate)."""
    numa_scan_pte: Nanoseconds = 5
    """Passing over a page-table word on the way (2-30, estimate, as of a walk of generations)."""


CAUSES = (
    Cause(
        ("hint_fault_ns", "numa_scan_ns", "numa_hint_faults"),
        ("numa_hint_faults", "numa_pte_updates", "numa_pages_migrated", "pgpromote_success", "promotion_refused"),
        ("migrate:*",),
    ),
)  # fmt: skip

SUBJECTS = (
    Subject(
        "numa balancing",
        "Pages move to where they are used, told by hint faults: `vm.numa_balancing` 1. Of the kernel's other half, "
        "moving tasks to their memory, only the preferred node is kept: a task stays on its node. Tasks are single "
        "processes with one thread, so there are no groups of threads either.",
        ("numa_balancing", "numa_hint_faults", "numa_pages_migrated", "hint_fault_ns", "numa_scan_ns"),
        ("autonuma", "numa hinting", "hint faults", "prot_none", "numa_group", "numa_preferred_nid"),
    ),
)
