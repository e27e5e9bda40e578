"""Who looks at accessed bits on a machine record, and what is kept of that."""

from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.idle.scanner import controller, scanner
from mmrun.model.mm.idle.state import idle_settings, watch


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has; none but the scanners' where nobody looks."""
    watched = int(plan.watched)
    frames, groups = plan.frames * watched, len(plan.groups)
    return {
        "scanners": plan.nodes, "idle_age": frames, "last_touch": frames, "tried": frames,
        "slot_used": plan.swap * watched, "far": groups * watched, "stalled_before": len(plan.tasks),
        "idle_stats": groups * plan.nodes * watched,
    }  # fmt: skip


def actors(plan: Plan) -> dict[str, int]:
    """Scanners of accessed bits and proactive reclaimers."""
    scanners = {"": 0, "node": plan.nodes, "machine": 1}[plan.modules["idle"].SCANNERS]
    return {"scanner": scanners, "controller": plan.modules["proactive"].CONTROLLERS}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return scanner, controller


def place(built: Built) -> None:
    """Say whether pages are watched, and let the variant set what it needs."""
    m = built.memory.m
    watch(m).idle_tracking, idle_settings(m).cold_after = int(built.plan.watched), built.cell.sampling.cold_after
    if configure := getattr(built.modules["idle"], "configure", None):
        configure(m, built.cell.policy["idle"].params)
