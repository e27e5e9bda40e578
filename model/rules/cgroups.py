"""Which version of cgroups a cell's groups are of, and what that version does not have."""

from collections.abc import Iterable, Iterator
from typing import Literal

from mmrun.model.description import Cell, Cgroup
from mmrun.model.eras import Era
from mmrun.model.rules.record import Fault

PLAIN = Cgroup()
Version = Literal["v1", "v2"]


def _set(group: Cgroup, era: Era) -> Iterator[tuple[str, str]]:
    """Settings of the group that only one version has: (name, version)."""
    for name, version in era.cgroup_settings.items():
        if version and getattr(group, name) != getattr(PLAIN, name):
            yield name, version


def version_of(given: Version | None, groups: Iterable[Cgroup], era: Era) -> Version:
    """What was given; else what the groups use, v1 where they use both; else what the kernel's version has."""
    if given is not None:
        return given
    used = {version for group in groups for _, version in _set(group, era)}
    if used:
        return "v1" if "v1" in used else "v2"
    return "v2" if era.flags["cgroup2_by_default"] else "v1"


def resolved(cell: Cell, era: Era) -> Version:
    """The version of cgroups of a cell."""
    return version_of(cell.cgroup_version, cell.cgroups.values(), era)


def version(given: str | None, era: Era) -> Iterator[Fault]:
    """cgroup v2 where there is none yet."""
    if given == "v2" and not era.flags["cgroup2"]:
        yield Fault(("cgroup_version",), f"kernel {era.name} has no cgroup v2: it came with 4.0", "write v1")


def settings(name: str, group: Cgroup, version: str, era: Era) -> Iterator[Fault]:
    """Settings of a group that the version of cgroups does not have."""
    for key, only in _set(group, era):
        if only != version and key not in era.cgroup_missing:
            what = f"cgroup {version} has no `{key}`, only {only} has"
            yield Fault(("cgroups", name, key), what, f"leave it out, or write cgroup_version: {only}")
