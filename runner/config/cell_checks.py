"""Whether the parts that were read go together: the rules of the model, with a place in the file to each fault."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any

from mmrun.model import workloads
from mmrun.model.description import Cell, Name, Task
from mmrun.model.eras import era
from mmrun.model.rules import cells as cell_rules
from mmrun.model.rules import cgroups, timeline
from mmrun.model.rules.bounds import bounds, hints
from mmrun.model.rules.machines import faults as machine_faults
from mmrun.model.rules.record import Fault
from mmrun.runner.config.parts import Parts
from mmrun.runner.config.problems import Place, Problems
from mmrun.runner.config.trees import place_of
from mmrun.runner.config.yaml_nodes import Mapping

Note = Callable[[Place, str, str], None]
LIMITS = {name: bounds(hints(Cell)[name]) for name in ("tasks", "cgroups")}
usable = cache(bounds(Name).admits)


def check_machine(machine: Any, item: Mapping, problems: Problems) -> None:
    """Note every fault of one machine; `item` is the tree it was read from."""
    for fault in machine_faults(machine):
        problems.add(place_of(item, *fault.path), fault.message, fault.fix)


class CellCheck:
    """Notes every fault of one combination; pairs of parts that were looked at before are skipped."""

    def __init__(self, parts: Parts, tree: Mapping, note: Note, memory: dict[tuple[Any, ...], tuple[Any, Any]]) -> None:
        self.parts, self.tree, self.note, self.memory = parts, tree, note, memory
        assert parts.machine is not None and parts.kernel is not None and parts.tasks is not None
        assert parts.cgroups is not None and parts.slab is not None
        self.machine, self.era = parts.machine, era(parts.kernel)
        self.tasks, self.groups, self.caches = parts.tasks, parts.cgroups, parts.slab
        self.kind = cgroups.version_of(parts.cgroup_version, self.groups.values(), self.era)
        self.others = (self.machine, self.groups, self.caches)
        self.known = ("check", *map(id, self.others), self.era.name)
        self.sound = True

    def run(self) -> bool:
        """Check everything; whether there was no fault, here or where parts were looked at before."""
        vm = self.parts.vm
        assert vm is not None
        self.once("names", self.tasks, lambda: self.names("tasks"), alone=True)
        self.once("names", self.groups, lambda: self.names("cgroups"), alone=True)
        self.once("counts", self.tasks, lambda: cell_rules.counts(self.tasks, self.groups))
        version = self.parts.cgroup_version
        self.once(("version", version), self.groups, lambda: cgroups.version(version, self.era))
        self.once("vm", vm, lambda: [*cell_rules.sysctls(vm, self.era), *cell_rules.dirty_limits(vm)])
        for name, group in self.groups.items():
            self.once(("cgroup", name, self.kind), group, partial(self.group, name))
        self.once(("timeline", self.kind), self.parts.timeline, self.timeline)
        for name, each in self.caches.items():
            self.once(("slab", name), each, partial(cell_rules.slab_cache, name, self.caches))
        for name, task in self.tasks.items():
            self.once(("task", name), task, partial(self.task, name, task))
            self.once(("room", name), task, partial(self.room, name, task), alone=True)
        if self.sound:
            self.once(("sizes", self.parts.sampling, self.parts.duration), self.tasks, self.sizes)
        self.once("files", self.tasks, lambda: cell_rules.files(self.tasks, self.caches))
        lasts = self.parts.duration
        self.once(("flows", lasts), self.tasks, lambda: cell_rules.flows(self.tasks, lasts))
        return self.sound

    def once(self, kind: Any, part: Any, look: Callable[[], Iterable[Fault]], alone: bool = False) -> None:
        """Look for faults of a part, unless that was done together with the same other parts. `alone`: with any."""
        key = (kind, id(part), alone or self.known)
        if key not in self.memory:
            faults = list(look())
            self.memory[key] = (not faults, (part, self.others))  # kept, so that their ids stay theirs
            for fault in faults:
                self.note(place_of(self.tree, *fault.path), fault.message, fault.fix)
        self.sound &= self.memory[key][0]

    def names(self, key: str) -> Iterator[Fault]:
        """Tables with too many entries or unusable names; the entries were judged when they were read."""
        table, limits = getattr(self.parts, key), LIMITS[key]
        if not limits.admits(table):
            yield Fault((key,), *limits.refusal((key,), table))
        for name in table:
            if not usable(name):
                yield Fault((key, name), *bounds(Name).refusal((key, name), name))

    def group(self, name: str) -> Iterator[Fault]:
        """What a group needs of the other parts."""
        yield from cell_rules.cgroup(name, self.groups, self.machine, self.era)
        yield from cgroups.settings(name, self.groups[name], self.kind, self.era)

    def timeline(self) -> Iterator[Fault]:
        """What the timeline needs of the other parts."""
        entries = self.parts.timeline or ()
        return timeline.faults(entries, self.groups, self.kind, self.machine, self.era)

    def task(self, name: str, task: Task) -> Iterator[Fault]:
        """What a task needs of the other parts."""
        return cell_rules.task(name, task, self.machine, self.groups, self.caches, self.era)

    def room(self, name: str, task: Task) -> Iterator[Fault]:
        """What a task's stream needs of its regions."""
        if task.stream.kind:  # else it was refused
            kind, params = task.stream.kind, task.stream.params
            for fault in cell_rules.room(task, workloads.footprint(kind, params)):
                yield fault.below("tasks", name)
            for fault in cell_rules.stream_regions(task, workloads.regions_of(kind, params)):
                yield fault.below("tasks", name)

    def sizes(self) -> Iterator[Fault]:
        """What all tasks have together: pages, and samples of their accesses."""
        footprints = {
            name: self.of_stream(workloads.footprint, task) for name, task in self.tasks.items() if task.stream.kind
        }
        if footprints.keys() < self.tasks.keys():
            return
        yield from cell_rules.sizes(self.tasks, self.caches, footprints)
        events = (task.count * self.of_stream(workloads.accesses_of, task) for task in self.tasks.values())
        assert self.parts.sampling is not None
        yield from cell_rules.samples(self.parts.sampling, self.parts.duration, sum(events))

    def of_stream(self, asked: Callable[[str, Any], int], task: Task) -> int:
        """What a stream says of itself; it is asked once."""
        key = (asked, id(task.stream))
        if key not in self.memory:
            self.memory[key] = (asked(task.stream.kind, task.stream.params), task.stream)
        return self.memory[key][0]
