"""CPU queues of a machine record, and where each actor stands."""

import numpy as np

from mmrun.model.core.actor import PER
from mmrun.model.core.actors import NEVER
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.machine.state import cpus, geometry, nodes
from mmrun.model.mm.task.place import expand
from mmrun.model.sched.state import ANY_NODE, rqs, sched, sched_settings
from mmrun.model.sched.weights import scaling, weight_of
from mmrun.model.units import MS, S

AT_BOOT = -1  # nothing has happened up to then
LATENCY, MIN_GRANULARITY, WAKEUP_GRANULARITY = 6_000_000, 750_000, 1_000_000  # ns on one CPU: 3.0, 3.6, 5.17
VERSION, CFS = 0, 1  # values of the parameter `algorithm`


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    return {"entities": sum(plan.actors.values()), "rqs": plan.cpus}


def start(built: Built) -> None:
    """Settings of the kernel's version, idle CPUs, sleeping actors; nobody waits."""
    m, flags = built.memory.m, era(built.cell.kernel).flags
    s, count = sched_settings(m), int(geometry(m).nr_cpus)
    algorithm = built.cell.policy["sched"].params.get("algorithm", VERSION)
    s.shared, s.eevdf = (
        int(built.modules["sched"].SHARED),
        int(flags["eevdf"] if algorithm == VERSION else algorithm != CFS),
    )
    factor = scaling(count)
    s.latency, s.min_granularity = LATENCY * factor, MIN_GRANULARITY * factor
    s.wakeup_granularity, s.slice = WAKEUP_GRANULARITY * factor, flags["base_slice"] * factor
    s.floor = s.min_granularity if flags["slice_floor"] else 0
    s.tick, s.imbalance_pct = S // built.cell.machine.hz, flags["imbalance_pct"]
    s.small_imbalance = int(flags["small_imbalance"])
    jiffies = -(-count * flags["busy_factor"] * MS // int(s.tick)) - flags["balance_apart"]
    s.balance = max(1, jiffies) * s.tick
    sched(m).next_tick = NEVER
    rqs(m)["node"][:], rqs(m)["clock"][:] = cpus(m)["node"][:count], AT_BOOT
    rqs(m)["next_balance"][:] = s.balance * np.arange(1, count + 1) // count  # idle times set them apart in a kernel
    _place_entities(built)


def _place_entities(built: Built) -> None:
    """Who may run where, and what each weighs: tasks by their nice level, daemons 0."""
    m, tasks = built.memory.m, list(expand(built.cell).values())
    entities, actors = built.memory.table("entities"), built.memory.table("actors")
    entities["since"], entities["weight"], entities["node"] = AT_BOOT, weight_of(0), ANY_NODE
    entities["cpu"] = actors["cpu"]
    entities["weight"][: len(tasks)] = [weight_of(task.nice) for task in tasks]
    entities["node"][: len(tasks)] = [task.node for task in tasks]
    for row, actor in zip(entities, actors, strict=True):
        if int(actor["kind"]) == PER.index("node") and nodes(m)[int(actor["index"])].cpus:
            row["node"] = actor["index"]  # cpumask_of_node; an empty one of a node without CPUs is ignored
