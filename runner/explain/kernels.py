"""What `mmrun explain` knows of kernel versions: what holds in one, since when, and how far that was validated."""

from collections.abc import Iterator

from mmrun.model import eras
from mmrun.model.core.timeline import ABSENT, FIRST, LAST, Line, Step, before, shown
from mmrun.model.eras import Era

WHERE = "tests/fidelity, docs/validation.md"


def topic() -> str:
    """The page `eras`: which versions there are, which were read, which were compared with a real kernel."""
    read = [f"  {name}: {doc}" for name, doc in eras.READ.items()]
    measured = [f"  {name}: {how}" for name, how in eras.MEASURED.items()]
    options = [f"  +{name} since {line.steps[0].since}: {line.doc}" for name, line in eras.OPTIONS.items()]
    return "\n".join(
        [f'Kernel versions, for `kernel:` in quotes: every release from {FIRST} to {LAST}, such as "4.4" or "5.10".',
         "What changed has a date in its mechanism's since.py; a version is what the dates say.", "build options:",
         *options, "versions whose sources were read:", *read, f"compared with real kernels ({WHERE}):", *measured]
    )  # fmt: skip


def in_short(name: str) -> str:
    """What a version is."""
    return eras.READ.get(name, f"Linux {name.partition('+')[0]}, put together from what changed when.")


def page(kernel: Era) -> str:
    """What holds in a version, since when, and how far that was validated."""
    option = [f"with {eras.OPTIONS[kernel.option].doc}"] if kernel.option else []
    told = [f"where the model does otherwise than {kernel.name}:", *(f"  {text}" for text in kernel.told)]
    return "\n".join(
        [in_short(kernel.name), *option, *validated(kernel), *(told if kernel.told else []), "policy:", *policy(kernel),
         "settings:", *settings(kernel), *groups(kernel), "mempolicies: " + ", ".join(kernel.mempolicies),
         "flags:", *flags(kernel)]
    )  # fmt: skip


def validated(kernel: Era) -> list[str]:
    """Whether the version was compared with a real one, or its source was read; else which neighbours were."""
    name, lines = kernel.name, list[str]()
    if name in eras.MEASURED:
        return [f"validated: {eras.MEASURED[name]} ({WHERE})"]
    if name in eras.READ:
        lines.append("validated: its source was read, nothing was compared with a kernel of this version")
    else:
        lines.append(f"WARNING: {name} was never validated; its dates are all there is")
        older, newer = eras.neighbours(name, eras.READ)
        lines += (
            [f"  the next older version that was read is {older}; since then {changed(older, name)}"] if older else []
        )
        lines += (
            [f"  the next newer version that was read is {newer}; until then {changed(name, newer)}"] if newer else []
        )
    nearest = [f"{each} ({eras.MEASURED[each]})" for each in eras.neighbours(name, eras.MEASURED) if each]
    return [*lines, f"  nearest that were compared with real kernels ({WHERE}): {', '.join(nearest) or 'none'}"]


def changed(older: str, newer: str) -> str:
    """The names of what has a step between two versions."""
    found = eras.changes(older, newer)
    return f"changed: {', '.join(found)}" if found else "there is no date"


def policy(kernel: Era) -> Iterator[str]:
    """The variant of every axis and its parameters that have dates."""
    for axis, variant in kernel.policy.items():
        line = next(line for line in eras.LINES if line.kind == "axis" and line.name == axis
                    and line.at(kernel.version) == variant)  # fmt: skip
        yield f"  {axis}: {dated(line, kernel.version)}"
        for line in eras.LINES:
            if line.kind == "param" and line.of == f"{axis}/{variant}":
                yield f"    {line.name}: {dated(line, kernel.version)}"


def settings(kernel: Era) -> Iterator[str]:
    """Every sysctl with its default and range, or why there is none."""
    for line in eras.LINES:
        if line.kind != "sysctl":
            continue
        bounds = kernel.ranges.get(line.name)
        within = f" ({bounds[0]} to {bounds[1]})" if bounds and line.name in kernel.sysctl else ""
        there = line.at(kernel.version) is not ABSENT
        yield f"  vm.{line.name}: " + (dated(line, kernel.version) if there else kernel.missing[line.name]) + within


def groups(kernel: Era) -> list[str]:
    """The settings of groups, and why the others do not exist."""
    there = [line.name for line in eras.LINES if line.kind == "group" and line.name not in kernel.cgroup_missing]
    return [f"groups: {', '.join(there)}", *(f"  no {name}: {why}" for name, why in kernel.cgroup_missing.items())]


def flags(kernel: Era) -> Iterator[str]:
    """Ways and constants of the kernel."""
    for line in eras.LINES:
        if line.kind == "flag":
            yield f"  {line.name}: {dated(line, kernel.version)}; {line.doc}"


def dated(line: Line, version: str) -> str:
    """What holds in a version, from which version on and before which."""
    step = line.step(version)
    if step is None:
        return "absent"
    dates = [f"since {step.since}"] if step.since != FIRST else []
    dates += [f"before {each.since}" for each in line.steps if before(version, each.since)][:1]
    dates += [f"date not found: {step.unsure}"] if step.unsure else []
    return shown(step.value) + (f" ({', '.join(dates)})" if dates else "")


def history(kind: str, name: str, of: str = "") -> str:
    """The steps of a line, as further lines of a page; nothing where it has one only."""
    found = [line for line in eras.LINES if (line.kind, line.name, line.of) == (kind, name, of)]
    steps: list[tuple[Step, str]] = [(step, line.option) for line in found for step in line.steps]
    if not steps or (len(steps) == 1 and kind != "axis" and steps[0][0].since == FIRST):
        return ""
    head = "range by version:" if kind == "range" else "by version:"
    return "\n".join(["", head, *(f"  {step}{f' with +{option}' * bool(option)}" for step, option in steps)])


def changes() -> Iterator[tuple[str, str]]:
    """Name and text of every flag and constant of the kernel."""
    for line in eras.LINES:
        if line.kind == "flag":
            yield line.name, line.doc + history("flag", line.name)
