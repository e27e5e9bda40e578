"""Pressure in a machine record: who is counted, where, from when."""

from mmrun.model.core.actors import NEVER
from mmrun.model.core.jit import Hook
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.psi.state import PSI_OFF, PSI_OWN, PSI_SHARED, psi, psi_settings
from mmrun.model.psi.task_change import psi_task_change
from mmrun.model.units import S


def mode_of(plan: Plan) -> int:
    """Whether there is pressure, and whether CPUs are shared."""
    if not era(plan.cell.kernel).flags["psi"]:
        return PSI_OFF
    return PSI_SHARED if plan.modules["sched"].SHARED else PSI_OWN


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    mode, actors = mode_of(plan), sum(plan.actors.values())
    places = {PSI_OFF: 0, PSI_OWN: actors, PSI_SHARED: len(plan.groups) * plan.cpus}[mode]
    return {"psi_tasks": actors if mode else 0, "psi_cpus": places, "psi_groups": len(plan.groups) if mode else 0}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hook that no variant defines."""
    return (psi_task_change,)


def start(built: Built) -> None:
    """Nobody runs yet; averages are taken every 2 s and a jiffy (PSI_FREQ)."""
    m, hz = built.memory.m, built.cell.machine.hz
    psi_settings(m).mode = mode_of(built.plan)
    psi_settings(m).period = (2 * hz + 1) * S // hz
    psi(m).next_update = psi_settings(m).period if psi_settings(m).mode else NEVER
