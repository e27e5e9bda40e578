"""Everything that has a name, and what it means: axes, variants, parameters, kernels, metrics, keys, streams, machines.

An entry is found under its full name (`lru/split`, `vm.swappiness`, `zipf.exponent`) or its last part (`swappiness`).
"""

import dataclasses
import textwrap
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from mmrun.model import registry, workloads
from mmrun.model.core.mechanism import CORE
from mmrun.model.description import Cell, Stream
from mmrun.model.hooks import TABLE, signature
from mmrun.model.sources.param_rules import Param
from mmrun.runner.config import units
from mmrun.runner.config.experiment import File, Replicates
from mmrun.runner.config.fields import arms, docs, hints, quantity
from mmrun.runner.config.library import config_dir, machine_names
from mmrun.runner.config.problems import suggest
from mmrun.runner.explain import kernels as explain_kernels
from mmrun.runner.plan import axes, sweep
from mmrun.runner.report.report_block import ReportBlock

WIDTH = 100


class NothingKnown(LookupError):
    """Nothing has this name; the text suggests what was meant."""


@dataclass(frozen=True)
class Entry:
    """What is known about one name."""

    name: str
    kind: str
    text: str
    unit: str = ""
    default: str = ""
    source: str = ""
    range: str = ""

    def __str__(self) -> str:
        head = f"{self.name}: {self.kind}"
        facts = [("unit", self.unit), ("default", self.default), ("range", self.range), ("source", self.source)]
        lines = [head, *wrapped(self.text), *(f"  {label}: {value}" for label, value in facts if value)]
        return "\n".join(lines)


def wrapped(text: str) -> list[str]:
    """A text in indented lines; paragraphs, lists and drawings keep their shape."""
    lines: list[str] = []
    for line in text.splitlines():
        if len(line) + 2 <= WIDTH:
            lines.append("  " + line if line else "")
            continue
        lead = len(line) - len(line.lstrip())
        further = " " * (lead + 4 if lead else 2)
        lines += textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent=further, break_on_hyphens=not lead)
    return lines


def look_up(name: str) -> list[Entry]:
    """The entries of a name. Raises NothingKnown with a suggestion."""
    known = entries()
    exact = [known[name]] if name in known else []
    last = [
        entry for full, entry in known.items() if full != name and full.replace("/", ".").rpartition(".")[2] == name
    ]
    if exact or last:
        return exact + last
    from mmrun.runner.metrics import is_metric

    part = name.rpartition(".")[2]
    if is_metric(name) and part in known:
        return [known[part]]
    short = {full.replace("/", ".").rpartition(".")[2] for full in known}
    raise NothingKnown(
        f"nothing is called `{name}` ({suggest(name, {*known, *short}).replace('known: ', 'for example ')})"
    )


@cache
def entries() -> dict[str, Entry]:
    """Every entry by full name; configuration keys come last and do not hide others."""
    found: dict[str, Entry] = {}
    for entry in (*policies(), *hooks(), *kernels(), *streams(), *machines(), *topics(), *metrics(), *keys()):
        found.setdefault(entry.name, entry)
    return found


def overview() -> str:
    """What can be explained, by kind."""
    groups: dict[str, list[str]] = {}
    for entry in entries().values():
        groups.setdefault(entry.kind, []).append(entry.name)
    text = "\n\n".join(
        "\n".join([f"{kind}:", *textwrap.wrap(", ".join(names), WIDTH, initial_indent="  ", subsequent_indent="  ")])
        for kind, names in groups.items()
    )
    return f"mmrun explain NAME, with a name or the last part of one:\n\n{text}"


def policies() -> Iterator[Entry]:
    """Axes, variants, parameters."""
    for axis, doc in registry.axes().items():
        variants = registry.variants(axis)
        text = f"{doc}\nvariants: {', '.join(variants)}{explain_kernels.history('axis', axis)}"
        yield Entry(axis, "policy axis", text)
        for name, info in variants.items():
            yield Entry(f"{axis}/{name}", "policy variant", info.doc + parameters(info), source=info.source)
            for key, param in info.params.items():
                where = f"{axis}/{name}.{key}"
                yield Entry(
                    where, "policy parameter", param.doc + explain_kernels.history("param", key, f"{axis}/{name}"),
                    param.unit, str(param.default), param.source,
                    possible(key, param, info),
                )  # fmt: skip


def hooks() -> Iterator[Entry]:
    """The hooks that variants define."""
    for name, spec in TABLE.items():
        if spec.axis != CORE:
            kept = "\nvariants that define none keep the default" if spec.default else ""
            yield Entry(name, "policy hook", f"{signature(name)}: {spec.answer}\naxis: {spec.axis}{kept}")


def possible(key: str, param: Param, info: registry.VariantInfo) -> str:
    """What a parameter may be, who refuses the rest, and how it stands to others."""
    bounds = ": ".join(filter(None, [param.range_text(), param.why])) if param.range_text() else ""
    return "; ".join([bounds] * bool(bounds) + [f"{each.text}: {each.why}" for each in info.relations
                                                if key in each.names])  # fmt: skip


def parameters(info: registry.VariantInfo) -> str:
    """The parameters of a variant, one line each, and what must hold between them."""
    lines = [
        f"  {key}: {param.doc} [{param.default} {param.unit}{'; ' * bool(param.range_text())}{param.range_text()}]"
        for key, param in info.params.items()
    ]
    lines += [f"  {each.text}: {each.why}" for each in info.relations]
    return "\n".join(["\nparameters:", *lines]) if lines else ""


def kernels() -> Iterator[Entry]:
    """Kernel versions, and what changed between them."""
    yield Entry("eras", "topic", explain_kernels.topic())
    for name, text in explain_kernels.pages():
        yield Entry(name, "kernel version", text)
    for name, text in explain_kernels.changes():
        yield Entry(name, "way of the kernel", text)


def streams() -> Iterator[Entry]:
    """Workload generators and their parameters."""
    for kind in workloads.kinds():
        params = workloads.params_type(kind)
        text = (workloads.module(kind).__doc__ or "").strip()
        lines = [f"  {name}: {doc}" for name, doc in docs(params).items() if name]
        yield Entry(kind, "stream", "\n".join([text, "parameters:", *lines]))
        yield from fields(params, kind, "stream parameter")


def machines() -> Iterator[Entry]:
    """The shipped machines: the comments of their files."""
    names = machine_names()
    yield Entry("machines", "topic", "Shipped machines, for `machine:`.\n" + "\n".join(f"  {name}" for name in names))
    for name in names:
        file = config_dir() / "machines" / f"{name}.yaml"
        yield Entry(name, "machine", file.read_text(encoding="utf-8").strip())


def topics() -> Iterator[Entry]:
    """The sweep grammar."""
    paths = ", ".join(axes.SWEPT)
    yield Entry("sweep", "topic", f"{sweep.__doc__}\nPaths begin with one of: {paths}.")


def metrics() -> Iterator[Entry]:
    """Counters of the model and derived metrics."""
    from mmrun.model.counters import COUNTERS
    from mmrun.runner.metrics import metric, names

    better = {"lower": " (lower is better)", "higher": " (higher is better)", "none": ""}
    for name in names():
        known = metric(name)
        formula = f" = {known.expression}" if known.expression else ""
        kind = "kernel counter" if name in COUNTERS else "metric"
        yield Entry(name, kind, known.doc + formula + better[known.better], known.unit)


def keys() -> Iterator[Entry]:
    """Keys of the experiment file, as dotted paths."""
    for name, doc in docs(File).items():
        if name:
            yield Entry(name, "key", doc)
    types = hints(Cell)
    for part in ("machine", "vm", "cgroups", "slab", "tasks", "sampling"):
        for entry in below(types[part], part):
            name = entry.name.rpartition(".")[2]
            kinds = {"vm": ("sysctl", "range"), "cgroups": ("group",)}.get(part, ())
            dates = "".join(explain_kernels.history(kind, name) for kind in kinds)
            yield dataclasses.replace(entry, text=entry.text + dates)
    yield from fields(Replicates, "replicates", "key")
    yield from fields(ReportBlock, "report", "key")


def fields(kind: type, prefix: str, what: str) -> Iterator[Entry]:
    """The fields of a dataclass and of those below it."""
    known, types = docs(kind), hints(kind)
    for field in dataclasses.fields(kind):
        unit = next((unit for hint in arms(types[field.name]) if (unit := quantity(hint))), "")
        name = f"{prefix}.{field.name}"
        yield Entry(name, what, known.get(field.name, ""), unit or "", shown(field, unit))
        if kind is not Stream:
            yield from below(types[field.name], name)


def below(hint: Any, prefix: str) -> Iterator[Entry]:
    """The fields of the dataclasses that a type is made of; names and indexes are left out of the path."""
    for kind in arms(hint):
        inner = typing.get_args(kind)
        if dataclasses.is_dataclass(kind):
            yield from fields(typing.cast(type, kind), prefix, "key")
        elif typing.get_origin(kind) is tuple and inner:
            yield from below(inner[0], prefix)
        elif typing.get_origin(kind) is dict:
            yield from below(inner[1], prefix)


def shown(field: dataclasses.Field, unit: str) -> str:
    """A field's default as it would be written."""
    value = field.default
    if value is dataclasses.MISSING or value is None or dataclasses.is_dataclass(value):
        return ""
    if unit in ("bytes", "ns", "bytes/s") and isinstance(value, int):
        return units.show(value, unit)
    return axes.label_text(value) if isinstance(value, int | float | str) else ""
