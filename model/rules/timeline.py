"""What must hold of a cell's timeline: entries in order, settings that can change, groups that there are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mmrun.model.description import Cgroup, Entry, Machine
from mmrun.model.eras import Era
from mmrun.model.life.timeline import Limits
from mmrun.model.mechanisms import parts
from mmrun.model.rules import cgroups
from mmrun.model.rules.cells import cgroup, dirty_limits, sysctls
from mmrun.model.rules.record import Fault
from mmrun.model.rules.words import suggest


def fixed() -> dict[str, str]:
    """The settings that keep their values for a whole run, and why."""
    return {name: why for part in parts("settings") for name, why in getattr(part, "FIXED", {}).items()}


def faults(
    timeline: Sequence[Entry], groups: Mapping[str, Cgroup], version: str, machine: Machine, era: Era
) -> Iterator[Fault]:
    """Everything wrong with a timeline; `version`: of cgroups."""
    for number, entry in enumerate(timeline):
        for fault in _entry(entry, groups, version, machine, era):
            yield fault.below("timeline", number)
        if number and entry.at < timeline[number - 1].at:
            yield Fault(("timeline", number, "at"), "it comes before the entry above", "put entries in their order")


def _entry(entry: Entry, groups: Mapping[str, Cgroup], version: str, machine: Machine, era: Era) -> Iterator[Fault]:
    yield from _named(entry, groups, version, era)
    if entry.set is None:
        return
    why = fixed()
    for name, value in vars(entry.set.vm).items():
        if value is not None and name in why:
            what = f"vm.{name} cannot change while a cell runs: {why[name]}"
            yield Fault(("set", "vm", name), what, "set it in `vm`, from the start")
    yield from (fault.below("set") for fault in [*sysctls(entry.set.vm, era), *dirty_limits(entry.set.vm)])
    for name, limits in entry.set.cgroups.items():
        here = ("set", "cgroups", name)
        if name not in groups:
            yield Fault(here, f"no cgroup `{name}`", suggest(name, groups))
        else:
            yield from (fault.below("set") for fault in _limits(name, limits, version, machine, era))
        if limits == Limits():
            yield Fault(here, "nothing is written", "write max: 64MiB, or leave the group out")


def _named(entry: Entry, groups: Mapping[str, Cgroup], version: str, era: Era) -> Iterator[Fault]:
    """Actions on a group: whether it is there, and the kernel can do that."""
    named = {"force_empty": entry.force_empty, "remove": entry.remove}
    paths: dict[tuple[str, ...], str | None] = {(name,): group for name, group in named.items()}
    paths["reclaim", "cgroup"] = entry.reclaim.cgroup if entry.reclaim is not None else None
    for path, group in paths.items():
        if group is not None and group not in groups:
            yield Fault(path, f"no cgroup `{group}`", suggest(group, groups))
    if entry.force_empty is not None and version != "v1":
        yield Fault(
            ("force_empty",), f"cgroup {version} has no memory.force_empty, only v1 has", "reclaim: {cgroup: ...}"
        )
    if entry.reclaim is None:
        return
    if version != "v2" or not era.flags["memory_reclaim"]:
        what = f"kernel {era.name} has no memory.reclaim with cgroup {version}: it came with 5.19, of v2"
        yield Fault(("reclaim",), what, "set: {cgroups: {<name>: {max: ...}}}")
    asked = entry.reclaim.swappiness
    if asked is not None and not era.flags["reclaim_anon_only" if asked == "max" else "reclaim_swappiness"]:
        what = f"memory.reclaim of kernel {era.name} takes no swappiness={asked}"
        yield Fault(("reclaim", "swappiness"), what, "a number since 6.9, max since 6.16")


def _limits(name: str, limits: Limits, version: str, machine: Machine, era: Era) -> Iterator[Fault]:
    """What the version, or its cgroups, do not have."""
    given = {key: None if value == "max" else value for key, value in vars(limits).items() if value is not None}
    lifted = {key: 0 for key, value in given.items() if value is None}  # else nobody sees that they are there
    values: dict[str, Any] = {**given, **lifted}
    group = replace(Cgroup(), **values)
    yield from cgroup(name, {name: group}, machine, era)
    yield from cgroups.settings(name, group, version, era)
