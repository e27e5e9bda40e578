"""Versions of Linux put together from the dated lines of every mechanism, and which of them were validated.

A version is any of `timeline.VERSIONS`, with a build option behind a plus sign where there is one: `4.4`, `6.1+mglru`.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from mmrun.model.core.frozen import frozen
from mmrun.model.core.timeline import ABSENT, LAST, VERSIONS, Gap, Line, before, refusal
from mmrun.model.mechanisms import parts

MECHANISMS = parts("since")
LINES: tuple[Line, ...] = tuple(line for each in MECHANISMS for line in each.DATED if isinstance(line, Line))
GAPS: tuple[Gap, ...] = tuple(each for mechanism in MECHANISMS for each in mechanism.DATED if isinstance(each, Gap))
OPTIONS: Mapping[str, Line] = MappingProxyType({line.name: line for line in LINES if line.kind == "option"})


@frozen
class Era:
    """A version as a choice on every axis.

    `policy`: the variant of each axis, `params`: what of its parameters is not as in its file; `sysctl`: the settings
    that exist and their defaults (None = computed at boot), `ranges`: least and most of them; `missing` says why a
    setting does not exist, `cgroup_missing` why one of a group does not, `cgroup_settings` which version of cgroups
    has one; `mempolicies`: the placement modes; `flags`: ways and constants of the kernel that no axis chooses; `told`:
    where the model does otherwise than this version.
    """

    name: str
    version: str
    option: str
    policy: Mapping[str, str]
    params: Mapping[str, Mapping[str, Any]]
    sysctl: Mapping[str, Any]
    ranges: Mapping[str, tuple[int, int]]
    mempolicies: tuple[str, ...]
    flags: Mapping[str, Any]
    missing: Mapping[str, str]
    cgroup_missing: Mapping[str, str]
    cgroup_settings: Mapping[str, str]
    told: tuple[str, ...]


READ = {
    "3.0": "As 3.1, with the shrinkers from before their rework: one unlocked count of deferred work, batches of 128, "
    "a shrinker each for dentries and inodes. Source: mm/vmscan.c, fs/dcache.c, fs/inode.c of 3.0.",
    "3.1": "2011 baseline: split LRU lists per zone, every zone must be balanced, zone_reclaim switches itself on "
    "between distant nodes. Source: mm/vmscan.c and mm/page_alloc.c of 3.1.",
    "3.2": "As 3.1, with dirtiers that only sleep, as first merged, and file pages written by kswapd alone among "
    "reclaimers. Source: mm/page-writeback.c, mm/vmscan.c of 3.2.",
    "3.3": "The patch set of 2011: one LRU list a page, its group's, which reclaim of every kind walks; pauses make up "
    "for the time between them; dirty pages are limited zone by zone. Source: mm/vmscan.c, mm/memcontrol.c, "
    "mm/page-writeback.c of 3.3.",
    "3.15": "Refault distance for file pages, lists still per zone; kswapd works on a zone in shares of its high "
    "watermark. Source: mm/vmscan.c, mm/workingset.c of 3.15.",
    "4.19": "Node-wide LRU lists, refault distance for file pages, watermark_scale_factor; zone_reclaim off. Source: "
    "mm/vmscan.c, mm/workingset.c of 4.19.",
    "5.8": "Cost-balanced lists, refault distance for file pages only. Source: mm/vmscan.c, mm/workingset.c, mm/swap.c "
    "of 5.8.",
    "5.15": "Refault distance for anonymous pages too (5.9). Source: mm/vmscan.c, mm/workingset.c of 5.15.",
    "6.1": "As 5.15, with exclusive anonymous pages kept in the swap cache. Source: mm/vmscan.c, mm/workingset.c, "
    "mm/memory.c of 6.1, lru_gen off.",
    "6.18": "Cost-balanced lists with folio batches of 31; weighted interleave (6.9). Source: mm/vmscan.c, "
    "mm/workingset.c, mm/swap.c of 6.18 without CONFIG_LRU_GEN_ENABLED.",
    "6.1+mglru": "Multi-generational LRU as it was merged, with its stable fixes: one sighting promotes a page, groups "
    "are visited in tree order. Source: mm/vmscan.c, mm/workingset.c of 6.1 with CONFIG_LRU_GEN_ENABLED.",
    "6.18+mglru": "Multi-generational LRU after its rework of 6.14: two sightings promote a page; global reclaim goes "
    "by an LRU of groups (6.3). Source: mm/vmscan.c, mm/workingset.c of 6.18 with CONFIG_LRU_GEN_ENABLED.",
}
"""Versions whose sources were read for the model, and what they are."""
MEASURED = {
    "3.0": "published tables of reclaim (Gorman 2011)",
    "3.1": "published throughput of dd against dirty limits (Wu 2011)",
    "3.6": "published cycles of mapping packets behind an IOMMU (Malka 2015)",
    "4.19": "published throughput of swap on flash with either readahead (Huang 2017)",
    "5.8": "published swapping and throughput before refaults of anonymous pages were detected (Kim 2020)",
    "5.15": "the same with it; published tables of reclaim_throttle as posted (Gorman 2021)",
    "6.1": "counters recorded on Linux 6.1 replaying known traces; recorded pauses of dirtiers",
    "6.1+mglru": "counters recorded on Linux 6.1 with generations replaying known traces",
    "6.12": "counters recorded on Linux 6.12 replaying known traces",
    "6.14": "counters recorded on Linux 6.14 replaying known traces",
    "6.14+mglru": "counters and agings recorded on Linux 6.14 with generations replaying known traces",
    "6.17": "counters recorded on Linux 6.17 replaying known traces",
    "6.17+mglru": "counters and agings recorded on Linux 6.17 with generations replaying known traces",
    "6.18": "counters, curves and missed accesses recorded on Linux 6.18 replaying known traces",
}
"""Versions of which figures of real kernels are compared with the model's: tests/fidelity, docs/validation.md."""


def names() -> tuple[str, ...]:
    """Every version that can be asked for, those with a build option behind the plain one."""
    return tuple(_names())


def _names() -> Iterator[str]:
    for version in VERSIONS:
        yield version
        yield from (f"{version}+{name}" for name, line in OPTIONS.items() if line.at(version) is not ABSENT)


def why_not(name: str) -> tuple[str, str] | None:
    """Why a text names no version, and what to write instead; None for one that does."""
    version, plus, option = name.partition("+")
    if (wrong := refusal(version)) is not None or not plus:
        return wrong
    known = ", ".join(f"{each} (since {line.steps[0].since})" for each, line in OPTIONS.items())
    if option not in OPTIONS:
        return f"no build option `{option}`", f"known: {known}"
    if OPTIONS[option].at(version) is ABSENT:
        return f"`{option}` came later", f"known: {known}"
    return None


@cache
def era(name: str) -> Era:
    """The version of that name; ValueError says why there is none."""
    if (wrong := why_not(name)) is not None:
        raise ValueError(f"unknown kernel {name!r}: {wrong[0]}; {wrong[1]}")
    version, _, option = name.partition("+")
    held = [line for each in dict.fromkeys(("", option)) for line in LINES if line.option == each]
    policy = {line.name: line.at(version) for line in held if line.kind == "axis" and line.at(version) is not ABSENT}
    params: dict[str, dict[str, Any]] = {}
    for line in held:
        axis, _, variant = line.of.partition("/")
        if line.kind == "param" and policy[axis] == variant and line.at(version) is not ABSENT:
            params.setdefault(axis, {})[line.name] = line.at(version)
    return Era(
        name, version, option, policy, params, _of("sysctl", version), _of("range", version),
        tuple(_of("mode", version)), _of("flag", version), _missing("sysctl", version), _missing("group", version),
        {line.name: line.cgroup for line in LINES if line.kind == "group"},
        tuple(each.text for each in GAPS if each.covers(version)),
    )  # fmt: skip


def _of(kind: str, version: str) -> dict[str, Any]:
    found = {line.name: line.at(version) for line in LINES if line.kind == kind}
    return {name: value for name, value in found.items() if value is not ABSENT}


def _missing(kind: str, version: str) -> dict[str, str]:
    return {line.name: line.why_absent(version) for line in LINES if line.kind == kind and line.at(version) is ABSENT}


def changes(older: str, newer: str) -> tuple[str, ...]:
    """What differs between two versions with the same build option, or on the way from one to the other."""
    option = older.partition("+")[2]
    first, last = (VERSIONS.index(name.partition("+")[0]) for name in (older, newer))
    steps = [_facts(era(f"{version}+{option}" if option else version)) for version in VERSIONS[first : last + 1]]
    found = dict[str, None]()
    for one, other in pairwise(steps):
        alike = {name for name in one | other if "/" not in name or (name in one and name in other)}
        found |= dict.fromkeys(name for name in one | other if name in alike and one.get(name) != other.get(name))
    return tuple(found)


def _facts(kernel: Era) -> dict[str, Any]:
    """Everything a version says, by name; each is something, so that what it lacks is not among them."""
    params = {
        f"{axis}/{kernel.policy[axis]}.{name}": value
        for axis, known in kernel.params.items()
        for name, value in known.items()
    }
    return {
        **kernel.policy,
        **params,
        **{f"vm.{name}": ("default", value) for name, value in kernel.sysctl.items()},
        **{f"range of vm.{name}": bounds for name, bounds in kernel.ranges.items()},
        **{f"cgroups.{name}": why for name, why in kernel.cgroup_missing.items()},
        **{f"mempolicy {name}": True for name in kernel.mempolicies},
        **kernel.flags,
    }


def neighbours(name: str, among: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The nearest older and newer versions `among` some, with the same build option."""
    version, _, option = name.partition("+")
    alike = {each.partition("+")[0]: each for each in among if each.partition("+")[2] == option}
    older = [each for each in VERSIONS if each in alike and before(each, version)]
    newer = [each for each in VERSIONS if each in alike and before(version, each)]
    return (alike[older[-1]] if older else None, alike[newer[0]] if newer else None)


def covering() -> Iterator[str]:
    """Versions that have between them every variant that any version has; the last of all first."""
    seen: set[tuple[str, str]] = set()
    for name in (LAST, *reversed(names())):
        chosen = set(era(name).policy.items())
        if chosen - seen:
            seen |= chosen
            yield name
