"""Slab caches of a machine record: their objects by file system, their lists, their shrinkers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell, Region, Task
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.slab.slab_lookup import slab_access
from mmrun.model.mm.slab.state import slab_settings
from mmrun.model.units import PAGE

BATCH, SUPERBLOCK_BATCH = 128, 1024  # SHRINK_BATCH; fs/super.c since 3.1


@dataclass
class Space:
    """The objects of one cache in one file system: its row, how many there can be, the disk they are read from."""

    number: int
    cache: str
    objects: int
    disk: str | None


Spaces = dict[tuple[str, str], Space]


def region_key(name: str, index: int, region: Region) -> tuple[str, str]:
    """(file system, cache) of a slab region of the expanded task `name`."""
    return region.file or f"{name}/{index}", region.cache or ""


def space_table(cell: Cell, tasks: Mapping[str, Task], pages: Mapping[str, list[int]]) -> Spaces:
    """The spaces that slab regions name, and those their caches pin."""
    spaces: Spaces = {}
    for name, task in tasks.items():
        for i, (region, size) in enumerate(zip(task.memory, pages[name], strict=True)):
            if region.kind != "slab":
                continue
            system, cache = region_key(name, i, region)
            _add(spaces, system, cache, size, region.disk)
            if (pinned := cell.slab[cache].pins) is not None:
                _add(spaces, system, pinned, size, region.disk)
    return spaces


def _add(spaces: Spaces, system: str, cache: str, objects: int, disk: str | None) -> None:
    known = spaces.setdefault((system, cache), Space(len(spaces), cache, 0, disk))
    known.objects = max(known.objects, objects)


def ordered(cell: Cell) -> list[str]:
    """The caches so that those of a superblock stand together, otherwise as described."""
    first = {cache.superblock: i for i, cache in reversed(list(enumerate(cell.slab.values()))) if cache.superblock}
    places = {name: first.get(cache.superblock or "", i) for i, (name, cache) in enumerate(cell.slab.items())}
    return sorted(cell.slab, key=places.__getitem__)


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    cell, spaces = plan.cell, plan.spaces
    lists = len(cell.slab) * len(plan.groups) * plan.nodes
    return {
        "objects": sum(space.objects for space in spaces.values()), "spaces": len(spaces),
        "slab_caches": len(cell.slab), "slab_unused": lists, "slab_partial": lists,
        "shrinkers": len(cell.slab), "deferred": lists,
    }  # fmt: skip


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """Looking objects up; where there are no slab caches it need not be compiled."""
    return (slab_access,) if plan.cell.slab else ()


def place(built: Built) -> None:
    """Fill the rows of caches, spaces and shrinkers."""
    m, cell, names, module = built.memory.m, built.cell, ordered(built.cell), built.modules["shrinker"]
    flags = era(cell.kernel).flags
    slab_settings(m).nr_slab_caches, slab_settings(m).slab_marks_new = len(names), int(module.MARKS_NEW)
    lists = len(built.cgroups) * len(cell.machine.nodes)
    for c, name in enumerate(names):
        cache, row = cell.slab[name], built.memory.table("slab_caches")[c]
        row.bytes, row.per_page, row.reclaimable = cache.object, PAGE // cache.object, int(cache.reclaimable)
        row.pins = names.index(cache.pins) if cache.pins else NONE
        row.lists = c * lists
        row.accounted = int(cache.memcg_aware and flags["kmem_accounting"])
        row.by_node = int(cache.numa_aware and module.BY_NODE)
        row.by_group = int(cache.memcg_aware and module.BY_GROUP and flags["kmem_accounting"])
    for table in ("slab_unused", "slab_partial"):
        built.memory.table(table)["head"] = built.memory.table(table)["tail"] = NONE
    _spaces(built, names, built.plan.spaces)
    _shrinkers(built, module, names)


def _spaces(built: Built, names: list[str], spaces: Spaces) -> None:
    rows, first = built.memory.table("spaces"), 0
    for space in spaces.values():
        row = rows[space.number]
        row.first, row.nr, row.cache = first, space.objects, names.index(space.cache)
        row.disk = built.disks.index(space.disk) if space.disk else NONE
        first += space.objects
    for (system, cache), space in spaces.items():
        if (pinned := built.cell.slab[cache].pins) is not None:
            other = spaces[system, pinned].number
            rows[space.number].pinned_space = other
            rows[space.number].pinned = rows[other].first - rows[space.number].first


def _together(built: Built, names: list[str], superblocks: bool) -> Iterator[list[int]]:
    """Numbers of the caches that share a shrinker, shrinker by shrinker."""
    last: str | None = None
    found: list[int] = []
    for c, name in enumerate(names):
        cache = built.cell.slab[name]
        if not cache.reclaimable:
            continue
        if found and not (superblocks and cache.superblock and cache.superblock == last):
            yield found
            found = []
        found.append(c)
        last = cache.superblock
    if found:
        yield found


def _shrinkers(built: Built, module: ModuleType, names: list[str]) -> None:
    lists = len(built.cgroups) * len(built.cell.machine.nodes)
    rows, caches = built.memory.table("shrinkers"), built.memory.table("slab_caches")
    for h, together in enumerate(_together(built, names, module.SUPERBLOCKS)):
        cache, row = built.cell.slab[names[together[0]]], rows[h]
        row.first_cache, row.nr_caches, row.seeks = together[0], len(together), cache.seeks
        one_superblock = cache.superblock is not None and module.SUPERBLOCKS
        row.batch = cache.batch or (SUPERBLOCK_BATCH if one_superblock else BATCH)
        row.filesystem = int(any(built.cell.slab[names[c]].filesystem for c in together))
        row.by_node, row.by_group = caches[together[0]].by_node, caches[together[0]].by_group
        row.deferred = h * lists
        for c in together:
            caches[c].shrinker = h
        slab_settings(built.memory.m).nr_shrinkers = h + 1
