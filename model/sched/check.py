"""Conservation of CPU time, in plain numpy: everybody in one place, every nanosecond somebody's or idle."""

import numpy as np

from mmrun.model.core.actors import NEVER
from mmrun.model.core.law import require
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import run_settings
from mmrun.model.sched.place import AT_BOOT
from mmrun.model.sched.state import CURRENT, QUEUED, sched, sched_settings


def verify(built: Built, seen: np.ndarray) -> None:
    """Check every law; Violation names all that do not hold."""
    found = violations(built)
    require(not found, lambda: "; ".join(found))


def violations(built: Built) -> list[str]:
    """What does not hold, in words; nothing is looked at where every actor has a CPU of its own."""
    m, found = built.memory.m, []
    if not sched_settings(m).shared:
        return []
    entities, rqs = built.memory.table("entities"), built.memory.table("rqs")
    placed: list[int] = []
    for cpu, rq in enumerate(rqs):
        waiting = _chain(built, cpu)
        running = [int(rq.curr) - 1] if rq.curr else []
        placed += waiting + running
        here = entities[waiting + running]
        order = entities["vruntime"][waiting]
        if (order[1:] < order[:-1]).any():
            found.append(f"the queue of CPU {cpu} is out of order")
        if (entities["on"][waiting] != QUEUED).any() or (entities["on"][running] != CURRENT).any():
            found.append(f"somebody in the queue of CPU {cpu} does not know it")
        if (here["cpu"] != cpu).any() or len(here) != rq.nr or here["weight"].sum() != rq.load:
            found.append(f"CPU {cpu} miscounts its queue")
        if any(node not in (-1, rq.node) for node in here["node"].tolist()):
            found.append(f"CPU {cpu} has somebody of another node")
        if rq.busy_ns + rq.idle_ns != rq.clock - AT_BOOT:
            found.append(f"CPU {cpu} was busy or idle for {rq.busy_ns + rq.idle_ns} ns of {rq.clock - AT_BOOT}")
    known = [who for who, on in enumerate(entities["on"].tolist()) if on]
    if sorted(placed) != known:
        found.append(f"actors {sorted(placed)} have a CPU or wait for one, {known} say so")
    if sched(m).nr_waiting != sum(entities["on"] == QUEUED):
        found.append("actors that wait are miscounted")
    return found + _times(built)


def _chain(built: Built, cpu: int) -> list[int]:
    entities, found = built.memory.table("entities"), list[int]()
    at = int(built.memory.table("rqs")[cpu].first)
    while at and len(found) <= len(entities):
        found.append(at - 1)
        at = int(entities[at - 1].next)
    return found


def _times(built: Built) -> list[str]:
    """Run, wait and sleep make up an actor's time; whoever has a CPU will use it; what ran, ran on a CPU."""
    entities, rqs, found = built.memory.table("entities"), built.memory.table("rqs"), list[str]()
    wanted = built.memory.table("runqueue")[int(run_settings(built.memory.m).actor_leaves) :]
    for who, se in enumerate(entities):
        until = rqs["clock"][se.cpu] if se.on == CURRENT else se.since
        if se.sum_exec + se.wait_ns + se.sleep_ns != until - AT_BOOT:
            found.append(f"actor {who} ran, waited and slept for another time than it has lived")
        if se.on == CURRENT and wanted[who] >= NEVER:
            found.append(f"actor {who} has a CPU and does nothing")
    if entities["sum_exec"].sum() != rqs["busy_ns"].sum():
        found.append("actors ran for another time than CPUs were busy")
    return found
