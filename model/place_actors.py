"""Actors of a machine record: who there is, what each of them does, the stacks they take."""

from model.actors import NEVER, schedule
from model.core.sleep import actor_life
from model.core.stacks import Stacks, routines
from model.engine import controller, scanner, task_turn
from model.jit import Hook
from model.layout import NONE
from model.machine import Built
from model.mm.writeback import flusher

AT_BOOT = -1  # daemons start, and go to sleep, before the first task runs


def place_actors(built: Built, kswapd: Hook, scanners: int, controllers: int) -> None:
    """Tasks first, then a kswapd a node, a flusher a wb, scanners of accessed bits, controllers in user space."""
    m, rows = built.memory.m, built.memory.table("actors")
    m.cfg.actor_leaves = len(built.memory.table("runqueue")) // 2
    built.memory.table("runqueue")[:] = NEVER
    built.stacks = stacks = Stacks(len(rows))
    code = routines()
    m.stacks.switch, m.stacks.prepare, m.stacks.entry = code.switch, code.prepare, actor_life.address
    m.stacks.low, m.stacks.stride, m.stacks.bytes = stacks.low, stacks.stride, stacks.bytes
    m.stacks.main, m.stacks.spare = stacks.context, len(rows)
    built.memory.table("jobs")["inode"] = NONE
    built.memory.table("spare_stacks")[:] = range(len(rows) - 1, -1, -1)
    who = 0
    for what, count, start in (
        (task_turn, len(built.tasks), None),
        (kswapd, int(m.cfg.nr_nodes), AT_BOOT),
        (flusher, int(m.cfg.nr_wbs), AT_BOOT),
        (scanner, scanners, 0),
        (controller, controllers, 0),
    ):
        for index in range(count):
            row = rows[who]
            row.entry, row.index, row.task = what.address, index, NONE
            if start is not None:
                schedule(m, who, start)
            who += 1
        if what is task_turn:
            m.cfg.kswapd_slot = who
        elif what is kswapd:
            m.cfg.flusher_slot = who


def place_on_cpus(built: Built) -> None:
    """Tasks run on their own CPUs, a kswapd on the first of its node, other daemons on CPU 0."""
    rows, tasks, m = built.memory.table("actors"), built.memory.table("tasks"), built.memory.m
    for t in range(len(built.tasks)):
        rows[t].cpu, rows[t].task, rows[t].nofs = tasks[t].cpu, t, tasks[t].nofs
    for nid in range(int(m.cfg.nr_nodes)):
        rows[int(m.cfg.kswapd_slot) + nid].cpu = m.nodes[nid].daemon_cpu
