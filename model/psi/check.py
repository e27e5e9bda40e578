"""Laws of pressure, in plain numpy: who is counted is there; `full` is part of `some`, that of the time not idle."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.machine.built import Built
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.psi.settings import KINDS
from mmrun.model.psi.state import IOWAIT, MEMSTALL, NONIDLE, ONCPU, PSI_SHARED, RUNNING, psi_settings

COUNTED = {"iowait": IOWAIT, "memstall": MEMSTALL, "running": RUNNING, "oncpu": ONCPU}


def verify(built: Built, seen: np.ndarray) -> None:
    """Check every law; nothing is looked at before 4.20."""
    if psi_settings(built.memory.m).mode:
        _counts(built)
        _times(built)


def _counts(built: Built) -> None:
    """On each CPU a group has the tasks that are in it or below and say that they are there."""
    flags, rows = built.memory.table("psi_tasks")["state"], built.memory.table("psi_cpus")
    shared = psi_settings(built.memory.m).mode == PSI_SHARED
    places = [(who, row) for who in np.flatnonzero(flags) for row in _rows_of(built, int(who))] if shared else []
    for name, flag in COUNTED.items():
        held = np.zeros(len(rows), np.int64)
        if not shared:
            held[:] = flags & flag > 0
        for who, row in places:
            held[row] += flags[who] & flag > 0
        require((held == rows[name]).all(), lambda name=name: f"pressure miscounts who is {name}")


def _rows_of(built: Built, who: int) -> list[int]:
    """Those of the actor's group and all above it, on its CPU."""
    task, cpu = int(built.memory.table("actors")[who].task), int(built.memory.table("psi_tasks")[who].cpu)
    group = int(built.memory.table("tasks")[task].memcg) if who < len(built.tasks) else 0
    cpus, found = len(built.memory.table("rqs")), [group]
    while group:
        group = int(memcgs(built.memory.m)[group].parent)
        found.append(group)
    return [each * cpus + cpu for each in found]


def _times(built: Built) -> None:
    """Partial pressure holds whenever full pressure does; no state lasts longer than the CPU was not idle."""
    times, totals = built.memory.table("psi_cpus")["times"], built.memory.table("psi_groups")["total"]
    for s, kind in enumerate(KINDS):
        require((times[:, s] <= times[:, NONIDLE]).all(), lambda kind=kind: f"{kind} lasted longer than there was work")
        if s % 2:
            for of in (times, totals):
                require((of[:, s] <= of[:, s - 1]).all(), lambda kind=kind: f"{kind} lasted longer than some")
