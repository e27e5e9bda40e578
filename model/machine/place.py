"""The machine as a whole: its sizes, what the run is asked for."""

from mmrun.model.core.actors import NEVER
from mmrun.model.machine.built import SECTION_SHIFT, Built, Plan
from mmrun.model.machine.state import CHUNK, MANY_TASKS, SMALL_CHUNK, geometry, progress, run_settings
from mmrun.model.mechanisms import parts
from mmrun.model.units import S

QUANTUM_NS = 20_000  # how far an actor may run ahead of the next one


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    servers = sum(part.servers(plan) for part in parts("place") if hasattr(part, "servers"))
    return {
        "nodes": plan.nodes, "node_count": plan.nodes, "cpus": plan.cpus, "task_count": len(plan.tasks),
        "section": (plan.frames >> SECTION_SHIFT) + 1, "servers": servers,
        "links": len(plan.cell.machine.links),
    }  # fmt: skip


def chunk_of(plan: Plan) -> int:
    """Events of each task's stream that the machine holds."""
    return CHUNK if len(plan.tasks) <= MANY_TASKS else SMALL_CHUNK


def place(built: Built) -> None:
    """Set sizes, and how long and with which samples the run goes on."""
    plan, cell, m = built.plan, built.cell, built.memory.m
    size, run, machine = geometry(m), run_settings(m), cell.machine
    size.nr_frames, size.nr_nodes, size.nr_zones = plan.frames, plan.nodes, plan.zones
    size.nr_cpus = size.online_cpus = plan.cpus
    size.nr_memcgs, size.nr_tasks = len(plan.groups), len(plan.tasks)
    size.section_shift, size.hz = SECTION_SHIFT, machine.hz
    run.quantum, run.chunk = QUANTUM_NS, chunk_of(plan)
    run.duration = cell.duration if cell.duration is not None else NEVER
    run.tlb_flush = machine.tlb_flush if machine.tlb_flush is not None else 0
    run.background_switch = machine.background_switch
    run.sample_accesses, run.sample_ns = cell.sampling.accesses or 0, cell.sampling.every or 0
    run.record_misses = int(plan.record_misses > 0)
    progress(m).next_sample = run.sample_accesses or run.sample_ns
    progress(m).next_flush, progress(m).tasks_left = 2 * S, len(plan.tasks)
