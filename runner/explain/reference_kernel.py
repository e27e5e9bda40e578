"""Pages of the reference about Linux: sysctls, kernel functions, versions."""

from collections.abc import Iterator

from mmrun.model import eras
from mmrun.model.core.timeline import ABSENT, FIRST, LAST, VERSIONS, Line, Step, shown
from mmrun.model.description import Sysctl
from mmrun.runner.config.fields import docs
from mmrun.runner.explain import explain, kernel_map
from mmrun.runner.explain import topics as explain_topics
from mmrun.runner.explain.markdown import code, table

PREFIX = {"sysctl": "vm.", "range": "range of vm.", "group": "cgroups.", "mode": "mempolicy ", "option": "+"}


def sysctls() -> str:
    """Settings, with their ranges and defaults by version."""
    newest = eras.era(LAST)
    known = docs(Sysctl)
    rows = [(code(f"vm.{name}"), _default(newest.sysctl.get(name, ABSENT)), _range(newest, name), known[name])
            for name in Sysctl.__dataclass_fields__]  # fmt: skip
    lines = ["# Sysctls and settings of groups", "",
             "Under the kernel's names, in `vm:` of an experiment file. A setting that a version does not have is "
             "refused with the reason.", "",
             *table(("setting", f"default in {LAST}", f"range in {LAST}", "meaning"), rows)]  # fmt: skip
    for title, kind, prefix in (("Defaults by version", "sysctl", "vm."), ("Ranges by version", "range", "vm."),
                                ("Settings of memory groups by version", "group", "cgroups.")):  # fmt: skip
        steps = [(code(prefix + line.name), *_step(line, step)) for line in eras.LINES if line.kind == kind
                 for step in line.steps]  # fmt: skip
        lines += [f"## {title}", "", *table(("setting", "version", "value", "source"), steps)]
    return "\n".join(lines)


def _default(value: object) -> str:
    return "absent" if value is ABSENT else "computed at boot" if value is None else shown(value)


def _range(kernel: eras.Era, name: str) -> str:
    bounds = kernel.ranges.get(name)
    return f"{bounds[0]} to {bounds[1]}" if bounds else ""


def _step(line: Line, step: Step) -> tuple[str, str, str]:
    value = _default(step.value) if line.kind == "sysctl" else shown(step.value)
    since = f"from {FIRST}" if step.since == FIRST else f"since {step.since}"
    unsure = f"; date not found: {step.unsure}" if step.unsure else ""
    return since, value, step.source + unsure


def functions() -> str:
    """Names of the kernel and where they are found in the model."""
    others = set(map(explain.last_part, explain.entries()))
    found = {
        name: places for name, places in explain_topics.kernel_names(others).items() if kernel_map.mentioned(places)
    }
    lines = ["# From the kernel to the model", "",
             "Functions and structures of Linux that the model's sources name, and the functions there that stand for "
             "them or speak of them. Versions are those the sentence names. `mmrun explain balance_pgdat` prints "
             "lines and sentences; functions of the model that are called as the kernel's can be asked for in the "
             "same way.", ""]  # fmt: skip
    letter, rows = "", list[tuple[str, str, str]]()
    for name, places in sorted(found.items(), key=lambda item: item[0].lstrip("_")):
        if (first := name.lstrip("_")[0]) != letter and rows:
            lines += [f"## {letter}", "", *table(("in Linux", "in the model", "versions"), rows)]
            rows = []
        letter = first
        versions = sorted({each for place in places for each in place.versions()}, key=_order)
        rows.append((code(name), "; ".join(_where(places)), ", ".join(versions)))
    return "\n".join([*lines, f"## {letter}", "", *table(("in Linux", "in the model", "versions"), rows)])


def _where(places: list[kernel_map.Place]) -> Iterator[str]:
    """`file: a, b` for every file."""
    files: dict[str, list[str]] = {}
    for place in places:
        owners = files.setdefault(place.file, [])
        if place.owner and place.owner not in owners and place.owner not in ("SOURCE", "DATED", "PARAMS"):
            owners.append(place.owner)
    for file, owners in files.items():
        linked = f"[{file.removeprefix('model/')}](../../{file})"
        yield f"{linked}: {', '.join(map(code, owners))}" if owners else linked


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def versions() -> str:
    """Which versions were validated, and every change by version."""
    lines = ["# Versions of Linux", "",
             f'Any release from {FIRST} to {LAST} can be asked for, `kernel: "4.4"`; `mmrun explain 4.4` prints all '
             "of one. What changed between them has a date and a source.", "",
             "## Validated", "",
             "Compared with figures of real kernels ([how and how well](../validation.md)):", "",
             *table(("version", "compared with"), ((code(name), how) for name, how in eras.MEASURED.items())),
             "Sources were read for:", "",
             *table(("version", "what it is"), ((code(name), doc) for name, doc in eras.READ.items())),
             "All others are put together from dates.", "", "## Build options", "",
             *(f"- `+{name}` since {line.steps[0].since}: {line.doc}" for name, line in eras.OPTIONS.items()), "",
             "## Ways of the kernel", "",
             "What no axis chooses: flags and constants that a version sets.", "",
             *table(("name", f"in {LAST}", "meaning"), ((code(line.name), shown(line.at(LAST)), line.doc)
                    for line in eras.LINES if line.kind == "flag")),
             "## What changed when", ""]  # fmt: skip
    for version in VERSIONS:
        steps = [(_what(line), _becomes(line, step), step.source) for line in eras.LINES for step in line.steps
                 if step.since == version != FIRST]  # fmt: skip
        if steps:
            lines += [f"### {version}", "", *table(("what", "becomes", "source"), steps)]
    lines += [
        "## Where the model does otherwise",
        "",
        *table(("versions", "difference"), ((f"{each.first} to {each.last}", each.text) for each in eras.GAPS)),
    ]
    return "\n".join(lines)


def _what(line: Line) -> str:
    prefix = PREFIX.get(line.kind, f"{line.of}." if line.of else "")
    return code(f"{prefix}{line.name}") + f" with +{line.option}" * bool(line.option)


def _becomes(line: Line, step: Step) -> str:
    return _default(step.value) if line.kind == "sysctl" else "there" if line.kind == "mode" else shown(step.value)
