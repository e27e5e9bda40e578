"""Pages of the reference: policies, fields, streams, counters, costs, hooks."""

import re
from collections.abc import Iterable

from mmrun.model import counters as declared
from mmrun.model import eras, registry, workloads
from mmrun.model.core.mechanism import CORE
from mmrun.model.core.timeline import FIRST, LAST
from mmrun.model.hooks import AXES, TABLE, signature
from mmrun.runner import metrics
from mmrun.runner.explain import fields as explain_fields
from mmrun.runner.explain import hooks as explain_hooks
from mmrun.runner.explain.entry import Entry
from mmrun.runner.explain.fields import keys
from mmrun.runner.explain.markdown import code, link, paragraphs, table

GROUPS = (
    ("The machine", declared.VM_COUNTERS), ("Each node", declared.NODE_COUNTERS),
    ("Each task", declared.TASK_COUNTERS), ("Each disk", declared.DISK_COUNTERS | declared.WB_COUNTERS),
    ("Each memory group", declared.CGROUP_COUNTERS), ("Each slab cache", declared.SLAB_COUNTERS),
    ("When the run ends", declared.GAUGES), ("Latencies", declared.LATENCIES),
)  # fmt: skip
BETTER = {"lower": "lower", "higher": "higher", "none": ""}


def policies() -> str:
    """Axes, variants, parameters."""
    newest = eras.era(LAST).policy
    rows = [(link(axis, "", axis), doc, code(newest.get(axis, ""))) for axis, doc in AXES.items()]
    lines = ["# Policy axes and their variants", "",
             "A kernel version chooses one variant on every axis; `policy:` in an experiment file departs from it. "
             "[Hooks](hooks.md) are what a variant defines, [versions](versions.md) what changed when.", "",
             *table(("axis", "decides", f"in {LAST}"), rows)]  # fmt: skip
    for axis, doc in AXES.items():
        lines += [f"## {axis}", "", f"{doc[0].upper()}{doc[1:]}.", "", *_by_version(axis)]
        for name, info in registry.variants(axis).items():
            lines += [f"### {axis}/{name}", "", *paragraphs(info.doc), f"Source: {info.source}", ""]
            lines += _parameters(info)
    return "\n".join(lines)


def _by_version(axis: str) -> list[str]:
    rows = [
        (f"from {FIRST}" if step.since == FIRST else f"since {step.since}", code(str(step.value)),
         f"with `+{line.option}`" if line.option else "", step.source)
        for line in eras.LINES if (line.kind, line.name) == ("axis", axis) for step in line.steps
    ]  # fmt: skip
    return table(("version", "variant", "build option", "source"), rows)


def _parameters(info: registry.VariantInfo) -> list[str]:
    rows = [
        (code(name), _number(param.default), param.unit, param.range_text(), param.doc, param.source)
        for name, param in info.params.items()
    ]
    relations = [f"- `{each.text}`: {each.why}" for each in info.relations]
    return [*table(("parameter", "default", "unit", "range", "meaning", "source"), rows),
            *relations, *[""] * bool(relations)]  # fmt: skip


def _number(value: int | bool) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else f"{value}"


def fields() -> str:
    """Keys of the experiment file."""
    parts: dict[str, list[Entry]] = {}
    for entry in keys():
        parts.setdefault(entry.name.partition(".")[0] if "." in entry.name else "", []).append(entry)
    lines = ["# Keys of an experiment file", "",
             "Dotted paths as a sweep writes them; names that you choose yourself (of tasks, disks, groups) and "
             "places in lists are left out. Ranges say what `mmrun check` accepts where it is a matter of the key "
             "alone. Parameters of [streams](streams.md) and [variants](policies.md) have pages of their own.",
             ""]  # fmt: skip
    for part, entries in parts.items():
        if part == "vm":
            lines += ["## vm", "", "Settings under /proc/sys/vm: see [sysctls](sysctls.md).", ""]
            continue
        costs = [entry for entry in entries if entry.name.startswith("machine.costs.")]
        rows = _field_rows(entry for entry in entries if entry not in costs)
        lines += [f"## {part or 'At the top'}", "", *table(("key", "type", "default", "range", "meaning"), rows)]
        lines += ["What steps of the kernel cost, `machine.costs.*`: [costs](costs.md).", ""] * bool(costs)
    return "\n".join(lines)


def _field_rows(entries: Iterable[Entry]) -> list[tuple[str, ...]]:
    return [(code(each.name), _type(each), each.default, each.range, _said(each)) for each in entries]


def _type(entry: Entry) -> str:
    """The type without its examples."""
    return re.sub(r", such as .*?(?= or |$)", "", entry.type)


def _said(entry: Entry) -> str:
    """The meaning, what versions say of it left to their own page."""
    return entry.text.partition("\nby version:")[0].partition("\nrange by version:")[0]


def streams() -> str:
    """Workload generators."""
    kinds = workloads.kinds()
    lines = ["# Streams", "", "Where a task's accesses come from: `stream: {kind: zipf, size: 80%, ...}`.", "",
             *(f"- {link(kind, '', kind)}" for kind in kinds), ""]  # fmt: skip
    for kind in kinds:
        entries = explain_fields.fields(workloads.params_type(kind), kind, "")
        rows = [(code(each.name.partition(".")[2]), _type(each), each.default, each.text) for each in entries]
        lines += [f"## {kind}", "", *paragraphs(workloads.module(kind).__doc__ or "")]
        lines += table(("parameter", "type", "default", "meaning"), rows)
    return "\n".join(lines)


def counters() -> str:
    """Every reported number."""
    lines = ["# Counters and metrics", "",
             "Columns of `runs.parquet` and names in `report:` blocks. Counters of a node, task, disk, group or slab "
             "cache carry its name in front: `node0.numa_hit`, `task.db.misses`. Where a direction is given, "
             "figures in tables are marked as better or worse by it.", ""]  # fmt: skip
    told: set[str] = set()
    for title, group in GROUPS:
        rows = [(code(name), each.unit, BETTER[each.better], each.doc) for name, each in group.items()]
        lines += [f"## {title}", "", *table(("counter", "unit", "better", "meaning"), rows)]
        told |= group.keys()
    known = {name: each for name, each in metrics.declared().items() if name not in told or each.expression}
    plain = [
        (code(name), each.unit, BETTER[each.better], each.doc) for name, each in known.items() if not each.expression
    ]
    lines += ["## Beside the counters", "", *table(("metric", "unit", "better", "meaning"), plain)]
    derived = [
        (code(name), each.unit, BETTER[each.better], each.doc, code(each.expression))
        for name, each in known.items() if each.expression
    ]  # fmt: skip
    lines += ["## Computed from them", "", *table(("metric", "unit", "better", "meaning", "formula"), derived)]
    return "\n".join(lines)


def costs() -> str:
    """The costs of kernel steps."""
    found = [entry for entry in keys() if entry.name.startswith("machine.costs.")]
    rows = [(code(each.name.removeprefix("machine.")), each.default, each.text) for each in found]
    return "\n".join([
        "# Costs", "",
        "CPU time of the kernel's steps, parameters of the machine. They are estimates; the range in parentheses is "
        "what was found or is plausible. [Where each comes from](../costs.md); latencies and rates of "
        "devices are [fields of the machine](fields.md#machine).", "",
        *table(("cost", "default", "meaning"), rows),
    ])  # fmt: skip


def hooks() -> str:
    """The hooks by axis."""
    lines = ["# Hooks", "",
             "A variant is a file that defines hooks of its axis with `@hook`; the machine `m` and 64-bit integers "
             "come in, an integer goes out. [A variant of your own](../api.md#a-variant-of-your-own) shows one.",
             ""]  # fmt: skip
    used = sorted({each for spec in TABLE.values() for each in spec.arguments})
    lines += ["## Arguments", "", *table(("argument", "is"), ((code(each), explain_hooks.meaning(each))
                                                              for each in used))]  # fmt: skip
    for axis in (*AXES, CORE):
        names = [name for name, spec in TABLE.items() if spec.axis == axis]
        if not names:
            continue
        title = axis or "The core's own"
        about = "Entries of the same table that no variant replaces: compiled once each, or what an actor does."
        if axis:
            about = f"{AXES[axis][0].upper()}{AXES[axis][1:]}: {link('its variants', 'policies.md', axis)}."
        rows = [(code(signature(name)), TABLE[name].answer or "0", _names(explain_hooks.definitions(name)),
                 _names(explain_hooks.callers(name))) for name in names]  # fmt: skip
        lines += [f"## {title}", "", about, "", *table(("hook", "answer", "defined by", "called by"), rows)]
    return "\n".join(lines)


def _names(places: tuple[str, ...]) -> str:
    """`who` of places `who, file:line`, with the file where who is a function or the default."""
    found = dict.fromkeys(
        who.partition(",")[0] if "/" in who else f"{who} ({where.rpartition(':')[0]})"
        for who, _, where in (place.rpartition(", ") for place in places)
    )
    return ", ".join(found)
