"""Rows of the ring; who the actors are."""

from mmrun.model.core.actors import NEVER
from mmrun.model.core.guard import functions
from mmrun.model.core.jit import Hook
from mmrun.model.core.tracepoint import POINTS
from mmrun.model.machine.built import Built, Plan
from mmrun.model.machine.state import cpus
from mmrun.model.tracing.ring import trace_event
from mmrun.model.tracing.state import trace_actors, trace_off, trace_points, tracing
from mmrun.model.tracing.watch import FIRST_PID, PRIO, Seen, Who

COMM = 15  # characters of a name that the kernel keeps (TASK_COMM_LEN)
DAEMONS = 30  # where their pids begin


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    words = plan.watch.buffer // 8 if plan.watch else 0
    actors = sum(plan.actors.values())
    return {
        "trace_ring": words, "trace_points": POINTS, "trace_actors": actors, "trace_off": actors,
        "trace_cpus": plan.cpus,
    }  # fmt: skip


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return (trace_event,)


def start(built: Built) -> None:
    """Let those events in that are wanted."""
    m, watch = built.memory.m, built.plan.watch
    if watch is None:
        return
    m.tracing = 1
    trace_off(m)[:] = 1
    tracing(m).begin, tracing(m).end = watch.begin, NEVER if watch.end is None else watch.end
    for number in watch.points:
        trace_points(m)[number] = 1
    trace_actors(m)[:] = [
        (not watch.tasks or who.task in watch.tasks or who.task.rpartition(".")[0] in watch.tasks)
        and (not watch.nodes or who.node in watch.nodes)
        and (not watch.groups or who.group in watch.groups or who.group.rpartition(".")[0] in watch.groups)
        for who in _actors(built)
    ]


def seen(built: Built) -> Seen | None:
    """What was watched in the run."""
    if built.plan.watch is None:
        return None
    m = built.memory.m
    words = built.memory.table("trace_ring")[: int(tracing(m).head)].copy()
    return Seen(words, int(tracing(m).lost), _actors(built))


def _actors(built: Built) -> list[Who]:
    """Everybody that may be named by an event: tasks, then daemons by the function that each runs."""
    m, tasks, found = built.memory.m, list(built.plan.tasks.items()), []
    for at, row in enumerate(built.memory.table("actors")):
        node = int(cpus(m)[int(row.cpu)].node)
        if at < len(tasks):
            name, task = tasks[at]
            found.append(Who(_comm(name), FIRST_PID + at, node, task.cgroup or "", name, PRIO + task.nice))
        else:
            name = f"{functions[int(row.entry)].__name__}{int(row.index)}"
            found.append(Who(_comm(name), DAEMONS + at - len(tasks), node))
    return found


def _comm(name: str) -> str:
    """A name that scripts take: letters, digits and dashes."""
    return "".join(each if each.isascii() and each.isalnum() else "-" for each in name)[:COMM]
