"""Whether a cell's parts go together: tasks with the machine, settings with the kernel, each fault at its place."""

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from mmrun.model.description import Cgroup, Machine, Mempolicy, Region, SlabCache, Task
from mmrun.model.eras import era
from mmrun.model.sched.weights import LEAST_NICE, MOST_NICE
from mmrun.model.units import PAGE
from mmrun.runner.config import units
from mmrun.runner.config.problems import Place, suggest
from mmrun.runner.config.trees import place_of
from mmrun.runner.config.yaml_nodes import Mapping

if TYPE_CHECKING:
    from mmrun.runner.config.cells import Parts

MAX_TASKS = 16384
MAX_CGROUPS = 16384
UNLIMITED = 1 << 62
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
WITH_NODES = ("bind", "preferred", "preferred-many", "interleave", "weighted-interleave")
Note = Callable[[Place, str, str], None]


class CellCheck:
    """Notes every fault of one combination; pairs of parts that were looked at before are skipped."""

    def __init__(
        self, parts: "Parts", tree: Mapping, note: Note, memory: dict[tuple[Any, ...], tuple[Any, Any]]
    ) -> None:
        self.parts, self.tree, self.note, self.memory = parts, tree, note, memory
        assert parts.machine is not None and parts.kernel is not None
        self.machine: Machine = parts.machine
        self.era = era(parts.kernel)
        self.sound = True

    def run(self) -> bool:
        """Check everything; whether there was no fault, here or where parts were looked at before."""
        self.names("tasks", MAX_TASKS)
        self.names("cgroups", MAX_CGROUPS)
        counts = [task.count for task in (self.parts.tasks or {}).values()]
        if (count := sum(counts)) > MAX_TASKS and max(counts) <= MAX_TASKS:
            self.fault(f"{count} tasks", f"at most {MAX_TASKS}, counted with their `count`", "tasks")
        counts = [group.count for group in (self.parts.cgroups or {}).values()]
        if (groups := sum(counts)) > MAX_CGROUPS and max(counts) <= MAX_CGROUPS:
            self.fault(f"{groups} cgroups", f"at most {MAX_CGROUPS}, counted with their `count`", "cgroups")
        self.once("vm", self.parts.vm, self.sysctl)
        for name, group in (self.parts.cgroups or {}).items():
            self.once(("cgroup", name), group, partial(self.cgroup, name, group))
        for name, cache in (self.parts.slab or {}).items():
            self.once(("slab", name), cache, partial(self.slab_cache, name, cache))
        for name, task in (self.parts.tasks or {}).items():
            self.once(("task", name), task, partial(self.task, name, task))
        self.limits()
        return self.sound

    def once(self, kind: Any, part: Any, look: Callable[[], None]) -> None:
        key = ("check", kind, id(part), id(self.machine), id(self.parts.cgroups), self.era.name)
        if key not in self.memory:
            before, self.sound = self.sound, True
            look()
            self.memory[key] = (self.sound, (part, self.machine, self.parts.cgroups))
            self.sound = self.sound and before
        elif not self.memory[key][0]:
            self.sound = False

    def fault(self, message: str, fix: str, *path: str | int) -> None:
        self.sound = False
        self.note(place_of(self.tree, *path), message, fix)

    def limits(self) -> None:
        sampling, duration = self.parts.sampling, self.parts.duration
        if sampling and sampling.accesses is not None and sampling.accesses < 1:
            self.fault(f"sampling every {sampling.accesses} accesses", "at least 1", "sampling", "accesses")
        if sampling and sampling.every == 0:
            self.fault("sampling every 0 ns", "examples: 10ms", "sampling", "every")
        if duration == 0:
            self.fault("a duration of zero", "examples: 10s", "duration")

    def names(self, key: str, most: int) -> None:
        table = getattr(self.parts, key) or {}
        if len(table) > most:
            self.fault(f"{len(table)} {key}", f"at most {most}", key)
        for name in table:
            if not NAME.fullmatch(name):
                self.fault(f"`{name[:60]}` is not a usable name", "letters, digits, `_` and `-`", key, name)

    def sysctl(self) -> None:
        for name, value in vars(self.parts.vm).items():
            if value is None:
                continue
            if name in self.era.missing:
                why = self.era.missing[name]
                self.fault(f"kernel {self.era.name} has no vm.{name}: {why}", "leave it out", "vm", name)
            elif name == "swappiness":
                self.swappiness(value, "vm", name)
            elif name in self.era.ranges:
                low, high = self.era.ranges[name]
                if not low <= value <= high:
                    self.fault(f"vm.{name} is {value}", f"{low} to {high}", "vm", name)
        self.dirty_limits()

    def dirty_limits(self) -> None:
        for ratio, size, least in (
            ("dirty_ratio", "dirty_bytes", 2 * PAGE), ("dirty_background_ratio", "dirty_background_bytes", 1),
        ):  # fmt: skip
            value = getattr(self.parts.vm, size)
            if value and getattr(self.parts.vm, ratio) is not None:
                self.fault(f"vm.{size} and vm.{ratio} exclude each other", "leave one of them out", "vm", size)
            if value and value < least:
                self.fault(f"vm.{size} is {units.show(value, 'bytes')}", "at least two 4KiB pages", "vm", size)

    def swappiness(self, value: int, *path: str | int) -> None:
        limit = self.era.ranges["swappiness"][1]
        if not 0 <= value <= limit:
            self.fault(f"swappiness is {value}", f"0 to {limit} in kernel {self.era.name}", *path)

    def cgroup(self, name: str, group: Cgroup) -> None:
        here = ("cgroups", name)
        if not 1 <= group.count <= MAX_CGROUPS:
            self.fault(f"a count of {group.count}", f"1 to {MAX_CGROUPS}", *here, "count")
        self.parent(name, group)
        if group.swappiness is not None:
            self.swappiness(group.swappiness, *here, "swappiness")
        if group.max is not None and (group.max < 64 * PAGE or group.max % PAGE):
            self.fault(
                f"a limit of {units.show(group.max, 'bytes')}", "whole 4KiB pages, at least 256KiB", *here, "max"
            )
        self.protection(name, group)

    def protection(self, name: str, group: Cgroup) -> None:
        here = ("cgroups", name)
        for key in ("min", "low", "high", "soft_limit", "swap_max"):
            value = getattr(group, key)
            if value and key in self.era.cgroup_missing:
                why = self.era.cgroup_missing[key]
                self.fault(f"kernel {self.era.name} has no `{key}`: {why}", "leave it out", *here, key)
            elif value is not None and value % PAGE:
                self.fault(f"{key} of {units.show(value, 'bytes')}", "whole 4KiB pages", *here, key)
        if group.high == 0:
            self.fault("a high of zero", "at least one 4KiB page", *here, "high")
        most = min(group.max or UNLIMITED, sum(node.memory for node in self.machine.nodes))
        for key in ("min", "low"):
            if getattr(group, key) > most:
                size = units.show(getattr(group, key), "bytes")
                self.fault(
                    f"{key} of {size}",
                    f"at most {units.show(most, 'bytes')}: the group's max or the machine's memory",
                    *here,
                    key,
                )

        if group.soft_limit is not None and group.soft_limit % PAGE:
            self.fault(
                f"a soft limit of {units.show(group.soft_limit, 'bytes')}", "whole 4KiB pages", *here, "soft_limit"
            )

    def parent(self, name: str, group: Cgroup) -> None:
        here, groups, above = ("cgroups", name, "parent"), self.parts.cgroups or {}, group.parent
        if above is None:
            return
        if above not in groups:
            self.fault(f"no cgroup `{above}`", suggest(above, groups), *here)
            return
        if groups[above].count != 1:
            self.fault(f"`{above}` is {groups[above].count} groups", "a parent is a single group", *here)
        seen = {name}
        while above is not None and above not in seen:
            seen.add(above)
            above = groups[above].parent if above in groups else None
        if above == name:
            self.fault(f"`{name}` is its own ancestor", "leave out one `parent`", *here)

    def slab_cache(self, name: str, cache: SlabCache) -> None:
        here, caches = ("slab", name), self.parts.slab or {}
        if not 8 <= cache.object <= PAGE:
            self.fault(f"objects of {units.show(cache.object, 'bytes')}", "8B to 4KiB: slab pages are of order 0",
                       *here, "object")  # fmt: skip
        if not 0 <= cache.seeks <= 1000:
            self.fault(f"seeks of {cache.seeks}", "0 to 1000; the default is 2", *here, "seeks")
        if cache.batch is not None and cache.batch < 1:
            self.fault(f"a batch of {cache.batch}", "at least 1; 128 is the kernel's default", *here, "batch")
        if cache.pins is not None and (cache.pins not in caches or cache.pins == name):
            self.fault(f"no other slab cache `{cache.pins}` to pin", suggest(cache.pins, caches), *here, "pins")
        elif cache.pins is not None and caches[cache.pins].pins is not None:
            self.fault(f"`{cache.pins}` pins objects itself", "a pinned cache pins nothing", *here, "pins")

    def task(self, name: str, task: Task) -> None:
        here = ("tasks", name)
        nodes = self.machine.nodes
        if not 0 <= task.node < len(nodes):
            self.fault(f"the machine has no node {task.node}", f"nodes 0 to {len(nodes) - 1}", *here, "node")
        elif nodes[task.node].cpus == 0:
            able = ", ".join(str(index) for index, node in enumerate(nodes) if node.cpus)
            self.fault(f"node {task.node} has no CPUs to run on", f"nodes with CPUs: {able}", *here, "node")
        if not 1 <= task.count <= MAX_TASKS:
            self.fault(f"a count of {task.count}", f"1 to {MAX_TASKS}", *here, "count")
        if not LEAST_NICE <= task.nice <= MOST_NICE:
            self.fault(f"a nice level of {task.nice}", f"{LEAST_NICE} to {MOST_NICE}; the default is 0", *here, "nice")
        groups = self.parts.cgroups or {}
        if task.cgroup is not None and task.cgroup not in groups:
            self.fault(f"no cgroup `{task.cgroup}`", suggest(task.cgroup, groups), *here, "cgroup")
        self.mempolicy(task.mempolicy, *here, "mempolicy")
        if not task.memory:
            self.fault("a task without memory", "leave `memory` out for one anonymous region", *here, "memory")
        for index, region in enumerate(task.memory):
            self.region(region, *here, "memory", index)
        if sum(region.size is None and region.objects is None for region in task.memory) > 1:
            self.fault("two regions without a size", "one may take the rest of the footprint", *here, "memory")

    def mempolicy(self, policy: Mempolicy, *here: str | int) -> None:
        mode, count = policy.mode, len(self.machine.nodes)
        if mode not in self.era.mempolicies:
            known = ", ".join(self.era.mempolicies)
            self.fault(f"kernel {self.era.name} has no mempolicy `{mode}`", f"it has {known}", *here, "mode")
        if mode == "local" and policy.nodes:
            self.fault("`local` takes no nodes", "leave `nodes` out, or use `bind`", *here, "nodes")
        if mode in WITH_NODES and not policy.nodes:
            self.fault(f"`{mode}` needs nodes", "write nodes: [0], nodes: remote or nodes: all", *here)
        if policy.nodes == "remote" and count == 1:
            self.fault("the machine has one node only, so none is remote", "write nodes: [0]", *here, "nodes")
        if isinstance(policy.nodes, tuple):
            self.node_list(policy.nodes, *here, "nodes")
        if mode == "preferred" and (
            policy.nodes == "all" or (isinstance(policy.nodes, tuple) and len(policy.nodes) > 1)
        ):
            self.fault("`preferred` takes one node", "or use `preferred-many`", *here, "nodes")
        if isinstance(policy.weights, tuple):
            self.weights(policy, policy.weights, *here)

    def node_list(self, nodes: tuple[int, ...], *here: str | int) -> None:
        count = len(self.machine.nodes)
        for index, node in enumerate(nodes):
            if not 0 <= node < count:
                self.fault(f"the machine has no node {node}", f"nodes 0 to {count - 1}", *here, index)
        if len(set(nodes)) < len(nodes):
            self.fault("a node is named twice", "a node mask names each once", *here)

    def weights(self, policy: Mempolicy, weights: tuple[int, ...], *here: str | int) -> None:
        if policy.mode != "weighted-interleave":
            self.fault(f"`{policy.mode}` takes no weights", "leave `weights` out", *here, "weights")
            return
        count = len(self.machine.nodes)
        wanted = count if policy.nodes == "all" else count - 1 if policy.nodes == "remote" else len(policy.nodes)
        if len(weights) != wanted:
            self.fault(f"{len(weights)} weights for {wanted} nodes", "one weight a node", *here, "weights")
        for index, weight in enumerate(weights):
            if not 1 <= weight <= 255:
                self.fault(f"a weight of {weight}", "1 to 255", *here, "weights", index)

    def slab_region(self, region: Region, *here: str | int) -> None:
        caches = self.parts.slab or {}
        if region.kind != "slab":
            if (
                what := next((key for key in ("cache", "objects") if getattr(region, key) is not None), None)
            ) is not None:
                self.fault(f"only slab regions have `{what}`", "write kind: slab", *here, what)
            return
        if region.cache not in caches:
            self.fault(f"no slab cache `{region.cache}`", suggest(str(region.cache), caches), *here)
        if region.size is not None:
            self.fault("a slab region has no size", "write objects: 100000", *here, "size")
        if region.objects is not None and region.objects < 1:
            self.fault("a slab region is one or more objects", "examples: 100000", *here, "objects")

    def region(self, region: Region, *here: str | int) -> None:
        self.slab_region(region, *here)
        if region.size is not None and (region.size == 0 or region.size % PAGE):
            self.fault("a region is one or more 4KiB pages", "examples: 64MiB, 25%", *here, "size")
        if region.kind == "anon" and (region.file or region.disk or region.access == "read"):
            what = next(key for key in ("file", "disk", "access") if getattr(region, key) not in (None, "mmap"))
            self.fault(f"anonymous memory has no `{what}`", "write kind: file", *here, what)
        if region.disk is not None and region.disk not in self.machine.disks:
            self.fault(
                f"the machine has no disk `{region.disk}`", suggest(region.disk, self.machine.disks), *here, "disk"
            )
        if region.file_size is not None and (region.file_size % (256 << 10) or region.file_size == 0):
            self.fault("file_size is a multiple of 256KiB", "examples: 1MiB, 10MiB", *here, "file_size")
        if region.file_size is not None and (region.kind != "file" or region.access != "read"):
            self.fault("only files that are read and written are many", "write access: read", *here, "file_size")
        if region.fragment is not None and (region.fragment % PAGE or region.fragment == 0):
            self.fault("a fragment is one or more 4KiB pages", "examples: 64KiB", *here, "fragment")
        if region.fragment is not None and region.disk is None:
            self.fault("fragments lie on a disk", "write disk: <name>", *here, "fragment")
        if region.sparse and region.disk is None:
            self.fault("a sparse file lies on a disk", "write disk: <name>", *here, "sparse")
        for key, most in (("readahead", 64 << 20), ("fault_around", 2 << 20)):
            value = getattr(region, key)
            if value % PAGE or value > most:
                limit = units.show(most, "bytes")
                self.fault(f"{key} of {units.show(value, 'bytes')}", f"whole 4KiB pages up to {limit}", *here, key)
        if region.fault_around == 0:
            self.fault("fault_around is at least one page", "4KiB turns it off", *here, "fault_around")
