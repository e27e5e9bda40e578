"""Versions of Linux in their order, and what changes with them: steps with a date and a source.

A line says one thing of all versions: `axis("kswapd", always("all-zones", source), since("4.8", "any-zone", source))`.
It holds from the version named on, until the next step. `mmrun.model.eras` reads the lines of all mechanisms
(`since.py`) and puts a version together.
"""

import re
from typing import Any, NamedTuple

from mmrun.model.core.frozen import frozen

VERSIONS = (
    *(f"2.6.{minor}" for minor in range(32, 40)), *(f"3.{minor}" for minor in range(20)),
    *(f"4.{minor}" for minor in range(21)), *(f"5.{minor}" for minor in range(20)),
    *(f"6.{minor}" for minor in range(19)),
)  # fmt: skip
"""Every release that begins a series, from the first to the last that can be asked for."""
FIRST, LAST = VERSIONS[0], VERSIONS[-1]
_PLACE = {version: place for place, version in enumerate(VERSIONS)}
_NUMBERS = re.compile(r"(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?")


class Absent:
    """The value of what a version does not have."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


class Step(NamedTuple):
    """From which version on, what holds, and where that was read; `unsure`: between which versions the date lies."""

    since: str
    value: Any
    source: str
    unsure: str = ""

    def __str__(self) -> str:
        when = f"since {self.since}" if self.since != FIRST else "at first"
        facts = [f"[{self.source}]"] * bool(self.source) + [f"(date not found: {self.unsure})"] * bool(self.unsure)
        return " ".join([f"{when}: {shown(self.value)}", *facts])


@frozen
class Line:
    """One thing that depends on the version: `kind` (axis, param, flag, sysctl, range, group, mode, option), its name.

    `of`: the axis and variant that a parameter belongs to; `option`: it holds only with this build option; `cgroup`:
    the version of cgroups that alone has a group's setting.
    """

    kind: str
    name: str
    steps: tuple[Step, ...]
    doc: str = ""
    of: str = ""
    option: str = ""
    cgroup: str = ""

    def __post_init__(self) -> None:
        places = [_PLACE[step.since] for step in self.steps]
        if not places or places != sorted(set(places)):
            raise ValueError(f"{self.kind} {self.name}: the steps are not in the order of versions")

    def at(self, version: str) -> Any:
        """What holds in a version; ABSENT before the first step."""
        step = self.step(version)
        return step.value if step else ABSENT

    def step(self, version: str) -> Step | None:
        """The step that holds in a version, None before the first."""
        held = None
        for step in self.steps:
            if _PLACE[step.since] > _PLACE[version]:
                break
            held = step
        return held

    def why_absent(self, version: str) -> str:
        """In words, why a version does not have it."""
        step = self.step(version)
        return step.source if step else f"{self.doc or 'it'} came with {self.steps[0].since}"


class Gap(NamedTuple):
    """Where the model does otherwise than the versions `first` to `last`."""

    first: str
    last: str
    text: str

    def covers(self, version: str) -> bool:
        """Whether it is about this version."""
        return _PLACE[self.first] <= _PLACE[version] <= _PLACE[self.last]


Dated = tuple[Line | Gap, ...]


def always(value: Any, source: str) -> Step:
    """What holds from the first version on."""
    return Step(FIRST, value, source)


def since(version: str, value: Any, source: str, unsure: str = "") -> Step:
    """What holds from a version on."""
    return Step(version, value, source, unsure)


def gone(version: str, why: str) -> Step:
    """A setting exists no more from a version on; `why` is told to who sets it."""
    return Step(version, ABSENT, why)


def axis(name: str, *steps: Step, option: str = "") -> Line:
    """Which variant a policy axis has."""
    return Line("axis", name, steps, option=option)


def param(variant: str, name: str, *steps: Step) -> Line:
    """What a parameter of a variant (`axis/variant`) is, where that is not the default of its file."""
    return Line("param", name, steps, of=variant)


def flag(name: str, doc: str, source: str, since: str = FIRST, until: str = "", unsure: str = "") -> Line:
    """A way of the kernel that holds in the versions `since` and later, before `until`."""
    before = [Step(FIRST, False, "")] if since != FIRST else []
    after = [Step(until, False, source, unsure)] if until else []
    return Line("flag", name, (*before, Step(since, True, source, "" if until else unsure), *after), doc)


def number(name: str, doc: str, *steps: Step) -> Line:
    """A constant of the kernel that changed."""
    return Line("flag", name, steps, doc)


def sysctl(name: str, *steps: Step) -> Line:
    """The default of a setting under /proc/sys/vm; None: computed at boot."""
    return Line("sysctl", name, steps)


def within(name: str, *steps: Step) -> Line:
    """Least and most of a setting under /proc/sys/vm."""
    return Line("range", name, steps)


def group(name: str, file: str, *steps: Step, version: str = "") -> Line:
    """A setting of a group, with the name of the kernel's file; the steps' values are True.

    `version`: the version of cgroups that has it, "" for both.
    """
    return Line("group", name, steps, file, cgroup=version)


def mode(name: str, step: Step) -> Line:
    """A placement mode of set_mempolicy(2); the step's value is True."""
    return Line("mode", name, (step,))


def option(name: str, doc: str, step: Step) -> Line:
    """A build option that is named behind the version: `6.1+mglru`; the step's value is True."""
    return Line("option", name, (step,), doc)


def gap(first: str, last: str, text: str) -> Gap:
    """Tell where the model does otherwise than the versions `first` to `last`."""
    return Gap(first, last, text)


def before(one: str, other: str) -> bool:
    """Whether a version is older than another."""
    return _PLACE[one] < _PLACE[other]


def shown(value: Any) -> str:
    """A value as it would be written."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " to ".join(map(str, value))
    return "computed" if value is None else str(value)


def refusal(name: str) -> tuple[str, str] | None:
    """Why a text names no version that can be asked for, and what to write; None for one that does."""
    if name in _PLACE:
        return None
    found = _NUMBERS.search(name)
    if found is None:
        return "not a version of Linux", f'examples: "{VERSIONS[-1]}", "5.10", "4.4", "2.6.39"'
    parts = tuple(int(part) for part in found.groups() if part is not None)
    length = 3 if parts[:2] == (2, 6) else 2
    series = ".".join(map(str, parts[:length]))
    if series in _PLACE:
        many = len(parts) > length
        what = "releases of a stable series are not told apart" if many else "versions are plain numbers"
        return what, f'write "{series}"'
    if parts[:2] == (2, 6) and len(parts) == 2:
        return "one release of 2.6 is not like another", f'"{FIRST}" to "2.6.39"'
    if parts > _parts(LAST):
        typed = [version for version in VERSIONS if version == series[:-1]] if parts[1] > 99 else []
        fix = f"did you mean '{typed[0]}'?" if typed else f'write "{LAST}"'
        return f"newer than {LAST}, the last that is modelled", fix
    if parts < _parts(FIRST):
        return f"older than {FIRST}, the first that is modelled", f'write "{FIRST}"'
    last = max((version for version in VERSIONS if _parts(version) < parts), key=_parts)
    return "there was no such version", f"{last} was followed by {VERSIONS[_PLACE[last] + 1]}"


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
