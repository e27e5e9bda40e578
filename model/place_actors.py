"""Actors of a machine record: who there is, what each of them does, where it runs, the stacks they take."""

from collections.abc import Iterable

from model.actors import NEVER, schedule
from model.core.actor import PER
from model.core.sleep import actor_life
from model.core.stacks import Stacks, routines
from model.jit import Hook
from model.layout import NONE
from model.machine import Built

AT_BOOT = -1  # daemons start, and go to sleep, before the first task runs


def place_actors(built: Built, hooks: Iterable[Hook], scanners: int, controllers: int) -> None:
    """An actor for everything that one of the hooks is to run for, kind by kind; tasks' come first."""
    m, rows, tasks = built.memory.m, built.memory.table("actors"), built.memory.table("tasks")
    place_stacks(built)
    m.cfg.actor_leaves = len(built.memory.table("runqueue")) // 2
    built.memory.table("runqueue")[:] = NEVER
    built.memory.table("jobs")["inode"] = NONE
    does = {hook.per: hook for hook in hooks}
    counts = (len(built.tasks), int(m.cfg.nr_nodes), int(m.cfg.nr_wbs), scanners, controllers)
    who = 0
    for per, count in zip(PER, counts, strict=True):
        for index in range(count):
            row = rows[who]
            row.entry, row.index, row.task = does[per].address, index, NONE
            if per == "task":
                row.cpu, row.task, row.nofs = tasks[index].cpu, index, tasks[index].nofs
                schedule(m, who, int(tasks[index].time))
            else:
                row.cpu = m.nodes[index].daemon_cpu if per == "node" else 0
                schedule(m, who, AT_BOOT if per in ("node", "wb") else 0)
            who += 1


def place_stacks(built: Built) -> None:
    """A stack for every actor, all of them free."""
    m, count = built.memory.m, len(built.memory.table("actors"))
    built.stacks = stacks = Stacks(count)
    code = routines()
    m.stacks.switch, m.stacks.prepare, m.stacks.entry = code.switch, code.prepare, actor_life.address
    m.stacks.low, m.stacks.stride, m.stacks.bytes = stacks.low, stacks.stride, stacks.bytes
    m.stacks.main, m.stacks.spare = stacks.context, count
    built.memory.table("spare_stacks")[:] = range(count - 1, -1, -1)
