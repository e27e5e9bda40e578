"""From a resolved cell to a machine record ready to run: mechanisms size their tables, fill them, enter their hooks."""

import sys
from collections.abc import Mapping
from typing import Any

from mmrun.model import engine, registry
from mmrun.model.core.jit import Hook, bind
from mmrun.model.core.memory import Memory
from mmrun.model.core.parameters import enter
from mmrun.model.core.record import DECLARED, Accessor
from mmrun.model.description import Cell, Variant
from mmrun.model.eras import era
from mmrun.model.hooks import HOOKS, TABLE
from mmrun.model.machine.actors import place_actors
from mmrun.model.machine.built import Built, Plan, Servers
from mmrun.model.mechanisms import module_of, parts, variant_files
from mmrun.model.mm.cma.areas import wanted
from mmrun.model.mm.fault.place import pages_left
from mmrun.model.mm.memcg.place import group_names
from mmrun.model.mm.slab.place import space_table
from mmrun.model.mm.task.place import expand, file_table, region_pages, with_metadata
from mmrun.model.rules.cells import sizes
from mmrun.model.rules.record import Unsound
from mmrun.model.tracing.watch import Watch

__all__ = ["Built", "build", "expand", "planned", "region_pages"]

parts("state")  # declares every table


def build(cell: Cell, footprints: Mapping[str, int], record_misses: int = 0, watch: Watch | None = None) -> Built:
    """A machine for `cell` (already resolved by `registry.resolve`).

    `footprints`: pages each expanded task's stream touches; `record_misses`: accesses to keep miss bits for (0: none).
    `watch`: the events to keep.
    """
    plan = planned(cell, footprints, record_misses, watch)
    memory = Memory(**table_rows(plan))
    built = Built(memory, plan, Servers(memory.record))
    _settings(built)
    for part in parts("place"):
        if place := getattr(part, "place", None):
            place(built)
    place_actors(built, _hooks(built))
    for part in parts("place"):
        if start := getattr(part, "start", None):
            start(built)
    return built


def planned(cell: Cell, footprints: Mapping[str, int], record_misses: int = 0, watch: Watch | None = None) -> Plan:
    """What is known of the cell's machine before anything of it is allocated."""
    tasks = expand(cell)
    pages = {name: region_pages(task, footprints[name]) for name, task in tasks.items()}
    each = {name: footprints[name if task.count == 1 else f"{name}.0"] for name, task in cell.tasks.items()}
    if faults := list(sizes(cell.tasks, cell.slab, each)):
        raise Unsound(faults)
    modules = {axis: registry.load(axis, cell.policy[axis]) for axis in registry.AXES}
    if not cell.slab and not cell.vm.zswap_shrinker_enabled:
        modules["shrinker"] = registry.load("shrinker", Variant(variant="none"))
    if not wanted(cell):
        modules["contiguous"] = registry.load("contiguous", Variant(variant="none"))
    files, spaces = file_table(tasks, pages, pages_left(cell.machine)), space_table(cell, tasks, pages)
    files = with_metadata(cell, files)
    return Plan(cell, modules, tasks, pages, group_names(cell), files, spaces, record_misses, watch)


def table_rows(plan: Plan) -> dict[str, int | tuple[int, int]]:
    """How many rows each table of the machine has."""
    return {name: count for part in parts("place") if hasattr(part, "rows") for name, count in part.rows(plan).items()}


def _settings(built: Built) -> None:
    """Fill the mechanisms' settings with what has their names: costs, sysctls, ways of the kernel's version."""
    cell = built.cell
    given: dict[str, Any] = {**vars(cell.machine.costs), **era(cell.kernel).flags}
    given |= {name: value for name, value in vars(cell.vm).items() if isinstance(value, int)}
    for record in DECLARED.values():
        if not record.dimensions and record.name.endswith(("settings", "costs")):
            for name in record.kind.names or ():
                if name in given:
                    setattr(record(built.memory.m), name, int(given[name]))


def _hooks(built: Built) -> list[Hook]:
    """Enter every hook that mechanisms or variants define, and give them; one that nobody defines is a mistake."""
    found, kernel = {hook.name: hook for hook in core_hooks(built.plan)}, era(built.cell.kernel)
    for axis, module in built.modules.items():
        own = {name: value for name in HOOKS if isinstance(value := getattr(module, name, None), Hook)}
        homes = {hook.fn.__module__ for hook in own.values()}
        files = [module, *(sys.modules[name] for name in sorted(homes))]
        readers = dict.fromkeys(each for file in files if isinstance(each := getattr(file, "params", None), Accessor))
        of_version = kernel.params.get(axis, {}) if module_of(variant_files(axis)[kernel.policy[axis]]) in homes else {}
        enter(built.memory.m, readers, {**of_version, **built.cell.policy[axis].params})
        found |= own
    optional = {name for name, spec in TABLE.items() if spec.optional}
    if missing := sorted(HOOKS.keys() - found.keys() - optional):
        raise ValueError(f"no variant of this cell defines the hooks {', '.join(missing)}")
    for implementation in found.values():
        bind(built.memory.record, implementation)
    return list(found.values())


def core_hooks(plan: Plan) -> list[Hook]:
    """The hooks that mechanisms define themselves, the defaults of variants among them."""
    return [engine.task_turn, *(hook for part in parts("place") if hasattr(part, "hooks") for hook in part.hooks(plan))]
