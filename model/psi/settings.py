"""Pressure: what can be read, and the hook by which whoever changes an actor's state says so."""

from mmrun.model.core.mechanism import CORE, Case, Counter, Subject, Told, hooks

HOOKS = {
    **hooks(CORE, 16, ("psi_task_change", "actor at", "0; the actor's flags may have changed at that time")),
}

KINDS = {
    "io_some": "some task waited for I/O", "io_full": "some waited for I/O and none ran",
    "memory_some": "some task stalled over memory", "memory_full": "some stalled over memory and no other got on",
    "cpu_some": "some task waited for a CPU", "cpu_full": "some waited for a CPU and none had one (0 of the machine)",
}  # fmt: skip
"""The states by name, in their order."""
WINDOWS = (10, 60, 300)
ONE = "0.01 %"


def name_of(kind: str, what: str) -> str:
    """A metric's name: `memory_pressure_some_avg10`, after the kernel's file memory.pressure."""
    resource, degree = kind.split("_")
    return f"{resource}_pressure_{degree}_{what}"


TOTALS = {
    name_of(kind, "ns"): Counter(name_of(kind, "ns"), "ns", f"{text}; mean over CPUs by time not idle", "lower")
    for kind, text in KINDS.items()
}
AVERAGES = {
    name_of(kind, f"avg{s}"): Counter(name_of(kind, f"avg{s}"), ONE, f"{text}, running average over {s} s", "lower")
    for kind, text in KINDS.items()
    for s in WINDOWS
}


def has_psi(case: Case) -> bool:
    """Whether the kernel's version knows of pressure."""
    return bool(case.flags["psi"])


TOLD = tuple(
    Told(scope, table, sampled=True, when=has_psi, total=table is TOTALS)
    for scope in ("machine", "cgroup")
    for table in (TOTALS, AVERAGES)
)

SUBJECTS = (
    Subject(
        "psi",
        "Pressure stall information since 4.20: `some` and `full` for memory, io and cpu, of the machine and of each "
        "group, as totals in ns and as the kernel's averages over 10, 60 and 300 s (hundredths of a per cent, as of "
        "the last update, which is every two seconds). No `irq`, no triggers. What each task waits for is told with "
        "it. The controller `proactive/senpai` goes by the stalls of a group's tasks instead.",
        ("memory_pressure_some_ns", "memory_pressure_some_avg10", "stall_alloc_ns", "senpai"),
        ("pressure", "memory.pressure", "io.pressure", "cpu.pressure", "PSI"),
    ),
)
