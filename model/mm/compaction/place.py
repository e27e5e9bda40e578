"""Compaction in a machine record: a row a zone, a control an actor, a daemon a node where there are such."""

from mmrun.model import workloads
from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.machine.state import nodes
from mmrun.model.mm.compaction.free_scanner import compaction_alloc, compaction_free
from mmrun.model.mm.compaction.kcompactd import compact_memory, kcompactd, set_proactiveness, wakeup_kcompactd
from mmrun.model.mm.compaction.skip import reset_isolation_suitable
from mmrun.model.mm.compaction.state import compact_controls, compaction_settings
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER

PROACTIVENESS = 20  # sysctl_compaction_proactiveness


def uses_blocks(plan: Plan) -> bool:
    """Whether anybody may ask for more than single pages: for huge pages, or drivers for their buffers."""
    if plan.cell.vm.transparent_hugepage in ("always", "madvise"):
        return True
    streams = [task.stream for task in plan.cell.tasks.values() if task.stream.kind in workloads.kinds()]
    return any(workloads.buffers_of(stream.kind, stream.params) > 0 for stream in streams)


def has_daemon(plan: Plan) -> bool:
    """Whether nodes have a daemon that compacts: where it could ever be woken."""
    if not era(plan.cell.kernel).flags["kcompactd_runs"] or not plan.modules["compaction"].COMPACTS:
        return False
    return _set_anywhen(plan) or uses_blocks(plan)


def _set_anywhen(plan: Plan) -> bool:
    """Whether vm.compaction_proactiveness is set, now or later."""
    later = (entry.set.vm for entry in plan.cell.timeline if entry.set is not None)
    return any(vm.compaction_proactiveness is not None for vm in (plan.cell.vm, *later))


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    return {
        "zone_compaction": plan.zones, "compact_controls": sum(plan.actors.values()),
        "pageblock_skip": (plan.frames >> PAGEBLOCK_ORDER) + 1, "kcompactds": plan.nodes,
    }  # fmt: skip


def actors(plan: Plan) -> dict[str, int]:
    """Kcompactds."""
    return {"kcompactd": plan.nodes if has_daemon(plan) else 0}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return (
        kcompactd, compaction_alloc, compaction_free, reset_isolation_suitable, wakeup_kcompactd,
        compact_memory, set_proactiveness,
    )  # fmt: skip


def place(built: Built) -> None:
    """What the variant can, and where the first pass begins."""
    m, variant = built.memory.m, built.modules["compaction"]
    own = compaction_settings(m)
    if built.cell.vm.compaction_proactiveness is None and has_daemon(built.plan):
        own.compaction_proactiveness = PROACTIVENESS * era(built.cell.kernel).flags["compact_unasked"]
    own.compacts, own.caches, own.captures = variant.COMPACTS, variant.CACHES, variant.CAPTURES
    for c in range(len(built.memory.table("compact_controls"))):
        compact_controls(m)[c].captured = NONE


def start(built: Built) -> None:
    """A node's daemon runs on a CPU of the node."""
    m, rows = built.memory.m, built.memory.table("actors")
    kind = list(built.plan.actors).index("kcompactd")
    for row in rows:
        if row["kind"] == kind:
            row["cpu"] = nodes(m)[row["index"]].daemon_cpu
