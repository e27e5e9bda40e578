"""What must hold between the parts of a cell: tasks, groups and caches with the machine, settings with the version.

Each function yields the faults of one part, with paths from the cell's root: the runner looks at each combination of
parts once and knows where in the file a path stands, `mmrun.model.registry` refuses cells made in Python in the same
words.
"""

from collections.abc import Iterator, Mapping

from mmrun.model.description import (
    MAX_CGROUPS,
    MAX_SAMPLES,
    MAX_TASKS,
    Cell,
    Cgroup,
    Machine,
    Mempolicy,
    Region,
    Sampling,
    SlabCache,
    Sysctl,
    Task,
    too_much,
)
from mmrun.model.dma.drivers.settings import DRIVEN
from mmrun.model.eras import Era
from mmrun.model.machine.settings import MAX_PAGES
from mmrun.model.rules import cgroups
from mmrun.model.rules.bounds import Bounds
from mmrun.model.rules.machines import faults as machine_faults
from mmrun.model.rules.machines import known, memory_of
from mmrun.model.rules.record import Fault, wrong
from mmrun.model.rules.words import suggest
from mmrun.model.units import PAGE

FIRST_ROLE = {"netstream": "send", "netrr": "client"}  # of a stream that does not say
MAX_SYSTEMS = 32_767  # a slab object has 15 bits for its cache in its file system


def faults(cell: Cell, era: Era, filled: bool) -> Iterator[Fault]:
    """Everything wrong with a cell made in Python. `filled`: its settings hold the version's defaults already."""
    before = 0
    for fault in wrong(cell, Cell):
        before += 1
        yield fault
    if before:
        return
    yield from (fault.below("machine") for fault in machine_faults(cell.machine))
    yield from counts(cell.tasks, cell.cgroups)
    yield from sysctls(cell.vm, era)
    if not filled:
        yield from dirty_limits(cell.vm)
    yield from cgroups.version(cell.cgroup_version, era)
    kind = cgroups.resolved(cell, era)
    for name, group in cell.cgroups.items():
        yield from cgroup(name, cell.cgroups, cell.machine, era)
        yield from cgroups.settings(name, group, kind, era)
    for name in cell.slab:
        yield from slab_cache(name, cell.slab)
    for name, each in cell.tasks.items():
        yield from task(name, each, cell.machine, cell.cgroups, cell.slab, era)
    yield from files(cell.tasks, cell.slab)
    yield from flows(cell.tasks, cell.duration)


def counts(tasks: Mapping[str, Task], groups: Mapping[str, Cgroup]) -> Iterator[Fault]:
    """More tasks or groups than a machine takes, counted with their copies."""
    for what, most, several in (
        ("tasks", MAX_TASKS, [task.count for task in tasks.values()]),
        ("cgroups", MAX_CGROUPS, [group.count for group in groups.values()]),
    ):
        if sum(several) > most:
            yield Fault((what,), f"{sum(several)} {what}", f"at most {most}, counted with their `count`")


def sysctls(vm: Sysctl, era: Era) -> Iterator[Fault]:
    """Settings that the version does not have, or not with these values."""
    for name, value in vars(vm).items():
        if value is None:
            continue
        if name in era.missing:
            yield Fault(("vm", name), f"kernel {era.name} has no vm.{name}: {era.missing[name]}", "leave it out")
        elif name in era.ranges:
            yield from dated(name, value, era, "vm", name)
    for pool, flag in (("zbud", "zbud"), ("zsmalloc", "zsmalloc_in_zswap")):
        if vm.zswap_zpool == pool and not era.flags[flag] and "zswap_zpool" not in era.missing:
            yield Fault(("vm", "zswap_zpool"), f"kernel {era.name} has no pool of {pool}'s for zswap", "leave it out")
    for mode, known_since in (("defer", "thp_defers"), ("defer+madvise", "thp_defers_unless_advised")):
        if vm.transparent_hugepage_defrag == mode and not era.flags[known_since]:
            what = f"kernel {era.name} has no mode {mode}"
            yield Fault(("vm", "transparent_hugepage_defrag"), what, "write always, madvise or never")


def dated(name: str, value: int, era: Era, *path: str | int) -> Iterator[Fault]:
    """A setting outside the range that it has in this version."""
    least, most = era.ranges[name]
    limits = Bounds(ge=least, le=most)
    if not limits.admits(value):
        message, fix = limits.refusal(path, value)
        yield Fault(path, message, f"{fix} in kernel {era.name}")


def dirty_limits(vm: Sysctl) -> Iterator[Fault]:
    """A limit given as a share and in bytes."""
    for ratio, size in (("dirty_ratio", "dirty_bytes"), ("dirty_background_ratio", "dirty_background_bytes")):
        if getattr(vm, size) and getattr(vm, ratio) is not None:
            yield Fault(("vm", size), f"vm.{size} and vm.{ratio} exclude each other", "leave one of them out")


def cgroup(name: str, groups: Mapping[str, Cgroup], machine: Machine, era: Era) -> Iterator[Fault]:
    """Settings the version's groups do not have, protection the machine cannot give, and what is above the group."""
    group, here = groups[name], ("cgroups", name)
    for key, why in era.cgroup_missing.items():
        if getattr(group, key) != getattr(cgroups.PLAIN, key):
            yield Fault((*here, key), f"kernel {era.name} has no `{key}`: {why}", "leave it out")
    if group.swappiness is not None:
        yield from dated("swappiness", group.swappiness, era, *here, "swappiness")
    for key in ("min", "low"):
        most = memory_of(machine)
        if getattr(group, key) > most and (group.max is None or group.max > most):
            yield too_much(key, getattr(group, key), most, "the machine's memory").below(*here)
    if group.parent is not None:
        yield from _parent(name, group.parent, groups)


def _parent(name: str, parent: str, groups: Mapping[str, Cgroup]) -> Iterator[Fault]:
    here = ("cgroups", name, "parent")
    if parent not in groups:
        yield Fault(here, f"no cgroup `{parent}`", suggest(parent, groups))
        return
    if groups[parent].count != 1:
        yield Fault(here, f"`{parent}` is {groups[parent].count} groups", "a parent is a single group")
    seen, above = {name}, groups[name].parent
    while above is not None and above not in seen:
        seen.add(above)
        above = groups[above].parent if above in groups else None
    if above == name:
        yield Fault(here, f"`{name}` is its own ancestor", "leave out one `parent`")


def slab_cache(name: str, caches: Mapping[str, SlabCache]) -> Iterator[Fault]:
    """A cache that pins what is not there, or what pins something itself."""
    here, pinned = ("slab", name, "pins"), caches[name].pins
    if pinned is None:
        return
    if pinned not in caches or pinned == name:
        yield Fault(here, f"no other slab cache `{pinned}` to pin", suggest(pinned, caches))
    elif caches[pinned].pins is not None:
        yield Fault(here, f"`{pinned}` pins objects itself", "a pinned cache pins nothing")


def task(
    name: str, task: Task, machine: Machine, groups: Mapping[str, Cgroup], caches: Mapping[str, SlabCache], era: Era
) -> Iterator[Fault]:
    """What the task names and the cell does not have: its node, its group, disks and caches of its regions."""
    here, nodes = ("tasks", name), machine.nodes
    if task.node >= len(nodes):
        yield Fault((*here, "node"), f"the machine has no node {task.node}", f"nodes 0 to {len(nodes) - 1}")
    elif nodes[task.node].cpus == 0:
        able = ", ".join(str(index) for index, node in enumerate(nodes) if node.cpus)
        yield Fault((*here, "node"), f"node {task.node} has no CPUs to run on", f"nodes with CPUs: {able}")
    if task.cgroup is not None and task.cgroup not in groups:
        yield Fault((*here, "cgroup"), f"no cgroup `{task.cgroup}`", suggest(task.cgroup, groups))
    if isinstance(link := task.stream.params.get("link"), str):
        yield from (fault.below(*here, "stream") for fault in known(link, machine.links, "link", "link"))
    if task.stream.kind == "iscsid":
        yield from (fault.below(*here) for fault in _daemon(task, machine))
    yield from (fault.below(*here, "stream") for fault in _drives(task, machine))
    yield from (fault.below(*here, "mempolicy") for fault in _mempolicy(task.mempolicy, len(nodes), era))
    for index, region in enumerate(task.memory):
        yield from (fault.below(*here, "memory", index) for fault in _region(region, machine, caches))


def _daemon(task: Task, machine: Machine) -> Iterator[Fault]:
    """A program that logs in for an area that there is not, or that would leave."""
    area, able = task.stream.params.get("area"), [n for n, each in machine.swap.items() if each.kind == "iscsi"]
    if isinstance(area, str) and area not in able:
        what = f"`{area}` is no swap area of kind iscsi"
        yield Fault(("stream", "area"), what, suggest(area, able) if able else "give the machine one")
    if not task.stays or task.count > 1:
        yield Fault((), "one program makes an area's sessions, as long as the machine runs", "stays: true, no count")


def _drives(task: Task, machine: Machine) -> Iterator[Fault]:
    """The device that a stream names: there, taking part, and of the kind that the stream is about."""
    name, wanted = task.stream.params.get("device"), DRIVEN.get(task.stream.kind)
    if not isinstance(name, str):
        return
    if name not in machine.devices:
        yield from known(name, machine.devices, "device", "device")
    elif name not in machine.use:
        yield Fault(("device",), f"device `{name}` takes no part", "name it in `machine.use`")
    elif wanted is not None and machine.devices[name].kind != wanted:
        what = f"device `{name}` is a {machine.devices[name].kind}, and `{task.stream.kind}` drives a {wanted}"
        yield Fault(("device",), what, f"a device of kind {wanted}")


def _mempolicy(policy: Mempolicy, count: int, era: Era) -> Iterator[Fault]:
    mode, nodes = policy.mode, policy.nodes
    if mode not in era.mempolicies:
        fix = f"it has {', '.join(era.mempolicies)}"
        yield Fault(("mode",), f"kernel {era.name} has no mempolicy `{mode}`", fix)
    if nodes == "remote" and count == 1:
        yield Fault(("nodes",), "the machine has one node only, so none is remote", "write nodes: [0]")
    for index, node in enumerate(nodes if isinstance(nodes, tuple) else ()):
        if node >= count:
            yield Fault(("nodes", index), f"the machine has no node {node}", f"nodes 0 to {count - 1}")
    if policy.weights != "auto":
        wanted = {"all": count, "remote": count - 1}.get(str(nodes), len(nodes))
        if len(policy.weights) != wanted:
            yield Fault(("weights",), f"{len(policy.weights)} weights for {wanted} nodes", "one weight a node")


def _region(region: Region, machine: Machine, caches: Mapping[str, SlabCache]) -> Iterator[Fault]:
    yield from known(region.disk, machine.disks, "disk", "disk")
    if region.kind == "slab" and region.cache not in caches:
        yield Fault(("cache",), f"no slab cache `{region.cache}`", suggest(str(region.cache), caches))


def room(task: Task, footprint: int) -> Iterator[Fault]:
    """Regions that do not hold the pages (slab: objects) that the task's stream touches."""
    sizes = [own_size(region) for region in task.memory if region.touched_every is None]
    rest = footprint - sum(size or 0 for size in sizes)
    if None not in sizes and rest > 0:
        what = f"the stream touches {footprint} pages, its regions have {footprint - rest}"
        yield Fault(("memory",), what, "make one larger, or leave one's size out")
    if None in sizes and rest <= 0:
        what = f"the stream touches {footprint} pages: that leaves {rest} for the region without a size"
        yield Fault(("memory",), what, "make the others smaller")


def stream_regions(task: Task, able: tuple[str, ...]) -> Iterator[Fault]:
    """Regions of kinds that the task's stream cannot go over; `able`: those it can."""
    for index, region in enumerate(task.memory):
        if region.kind not in able and region.touched_every is None:
            what = f"this `{task.stream.kind}` stream asks for what a region of kind {region.kind} cannot do"
            yield Fault(("memory", index), what, f"write kind: {' or '.join(able)}")


def region_sizes(task: Task, footprint: int) -> list[int]:
    """Pages (slab: objects) of each region; the one without a size has what the stream's footprint leaves."""
    sizes = [own_size(region) for region in task.memory]
    over = [size or 0 for size, region in zip(sizes, task.memory, strict=True) if region.touched_every is None]
    rest = footprint - sum(over)
    return [rest if size is None else size for size in sizes]


def sizes(tasks: Mapping[str, Task], caches: Mapping[str, SlabCache], footprints: Mapping[str, int]) -> Iterator[Fault]:
    """More pages, objects or file systems than the machine's tables can number; `footprints`: of the tasks' streams."""
    pages = sum(task.count * sum(region_sizes(task, footprints[name])) for name, task in tasks.items())
    if pages >= MAX_PAGES:
        fix = f"less than {MAX_PAGES:,}, copies of tasks counted"
        yield Fault(("tasks",), f"the regions of all tasks have {pages:,} pages or objects", fix)
    systems = {
        (cache, region.file or f"{name}/{index}/{copy}")
        for name, task in tasks.items()
        for index, region in enumerate(task.memory)
        if region.kind == "slab"
        for copy in range(1 if region.file else task.count)
        for cache in (region.cache, caches[region.cache].pins if region.cache else None)
        if cache
    }
    if len(systems) > MAX_SYSTEMS:
        what = f"slab caches hold objects of {len(systems):,} file systems, each cache's counted"
        yield Fault(("tasks",), what, f"at most {MAX_SYSTEMS:,}; regions with one `file` share a file system")


def samples(cell_sampling: Sampling, duration: int | None, accesses: int) -> Iterator[Fault]:
    """More samples than a series holds, as far as can be told before; `accesses`: of all tasks together."""
    for name, whole, step in (
        ("accesses", accesses, cell_sampling.accesses),
        ("every", duration or 0, cell_sampling.every),
    ):
        if step is not None and whole // step > MAX_SAMPLES:
            what = f"{whole // step:,} samples are more than the {MAX_SAMPLES:,} that a series holds"
            yield Fault(("sampling", name), what, "sample less often")


def own_size(region: Region) -> int | None:
    """Pages (slab: objects) that the region's description gives it."""
    if region.kind == "slab":
        return region.objects
    return None if region.size is None else -(-region.size // PAGE)


def files(tasks: Mapping[str, Task], caches: Mapping[str, SlabCache]) -> Iterator[Fault]:
    """A file, or a file system of slab objects, that lies on one disk here and on another there."""
    seen: dict[tuple[str, str], str | None] = {}
    for name, task in tasks.items():
        for index, region in enumerate(task.memory):
            for cache in _caches(region, caches):
                first = seen.setdefault((region.file or "", cache), region.disk)
                if first != region.disk:
                    what = f"{'file system' if cache else 'file'} `{region.file}`"
                    where = f"lies on {_disk(first)} in one region and on {_disk(region.disk)} in another"
                    yield Fault(("tasks", name, "memory", index, "file"), f"{what} {where}", "name one disk")
                    break


def flows(tasks: Mapping[str, Task], duration: int | None) -> Iterator[Fault]:
    """A connection over loopback with one end alone, in a cell that only ends when its streams do."""
    ends: dict[tuple[str, object], set[object]] = {}
    for task in tasks.values():
        kind, params = task.stream.kind, task.stream.params
        if kind in FIRST_ROLE and params.get("link") is None:
            ends.setdefault((kind, params.get("flow", "flow")), set()).add(params.get("role", FIRST_ROLE[kind]))
    for name, task in tasks.items():
        params = task.stream.params
        flow = params.get("flow", "flow")
        alone = len(ends.get((task.stream.kind, flow), ())) == 1 and params.get("link") is None
        if duration is None and alone:
            fix = f"give another task `flow: {flow}` and the other role, or the cell a duration"
            yield Fault(("tasks", name, "stream"), f"the flow `{flow}` has no other end, so that it never ends", fix)


def _caches(region: Region, caches: Mapping[str, SlabCache]) -> list[str]:
    """Whose objects a region of a named file system brings to its disk; a file is of none, told as an empty name."""
    if region.kind == "anon" or region.file is None:
        return []
    cache = caches.get(region.cache or "") if region.kind == "slab" else None
    pinned = cache.pins if cache else None
    return [each for each in (region.cache if region.kind == "slab" else "", pinned) if each is not None]


def _disk(name: str | None) -> str:
    return f"disk `{name}`" if name else "no disk"
