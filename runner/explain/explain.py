"""Everything that has a name, and what it means: axes, variants, parameters, kernels, metrics, keys, streams, machines.

An entry is found under its full name (`lru/split`, `vm.swappiness`, `zipf.exponent`) or its last part (`swappiness`).
"""

import dataclasses
import textwrap
from collections.abc import Iterator
from functools import cache

from mmrun.model import registry, workloads
from mmrun.model.eras import era, names
from mmrun.model.sources.param_rules import Param
from mmrun.runner.config.fields import docs
from mmrun.runner.config.library import config_dir, machine_names
from mmrun.runner.config.problems import suggest
from mmrun.runner.explain import kernels as explain_kernels
from mmrun.runner.explain import subjects
from mmrun.runner.explain import topics as explain_topics
from mmrun.runner.explain.entry import WIDTH, Entry
from mmrun.runner.explain.fields import fields, keys, read_at
from mmrun.runner.explain.hooks import detailed, hooks
from mmrun.runner.plan import axes, sweep

VERSION = "kernel version"


class NothingKnown(LookupError):
    """Nothing has this name; the text suggests what was meant."""


def look_up(name: str) -> list[Entry]:
    """The entries of a name, all its meanings. Raises NothingKnown with a suggestion."""
    known = entries()
    about = subjects.subject(name)
    name = subjects.plain(name) if name.startswith("/") else name
    exact = [entry for entry in known.values() if entry.name == name and entry.kind != subjects.KIND]
    last = [entry for entry in known.values() if entry.kind != VERSION and _ends_with(entry.name, name)]
    if about is not None:
        whole = [known[each] for each in about.see if each in known] if about.text.startswith("The key") else []
        found = [subjects.entry(about), *map(complete, dict.fromkeys((exact or last) + whole))]
        return found + (explain_topics.of_the_kernel(name, []) if "_" in name else [])
    from mmrun.runner.metrics import is_metric

    part = name.rpartition(".")[2]
    if not exact + last and is_metric(name) and part in known:
        exact = [known[part]]
    near = [] if exact or last or "." not in name else [known[full] for full in known if _like(full, name)]
    found = [complete(entry) for entry in exact + (last or near)]
    found += explain_topics.of_the_kernel(name, [entry.kind for entry in found])
    if found:
        return found
    parts = {last_part(entry.name) for entry in known.values() if entry.kind != VERSION}
    fix = suggest(name, {*known, *parts, *subjects.subjects(), *explain_topics.kernel_names_like(name, parts)})
    fix = fix if fix.startswith("did you mean") else "`mmrun explain` without a name lists what there is"
    raise NothingKnown(f"nothing is called `{name}` ({fix})")


def _ends_with(full: str, name: str) -> bool:
    """Whether `name` is the last part of a full name, or its last parts."""
    return full.replace("/", ".").endswith("." + name.replace("/", "."))


def _like(full: str, name: str) -> bool:
    """Whether a path is the asked one but for the beginning of its last part, as `read_bandwidth` for `bandwidth`."""
    head, _, last = name.rpartition(".")
    return full.rpartition(".")[0] == head and full.endswith(f"_{last}")


def last_part(full: str) -> str:
    """The last part of a full name: `split` of `lru/split`, `node` of `tasks.node`."""
    return full.replace("/", ".").rpartition(".")[2]


def complete(entry: Entry) -> Entry:
    """The entry with what takes time to find: who defines and calls a hook, which lines read a field, dates."""
    if entry.kind == VERSION:
        return dataclasses.replace(entry, text=explain_kernels.page(era(entry.name)))
    if entry.kind in ("policy hook", "hook of the core"):
        return detailed(entry)
    if entry.kind == explain_topics.FOR_VARIANTS:
        return explain_topics.with_fields(entry)
    if entry.name == explain_topics.INDEX:
        return dataclasses.replace(entry, text=f"{entry.text}\n{explain_topics.index(set(map(last_part, entries())))}")
    return dataclasses.replace(entry, read=read_at(entry.field)) if entry.field else entry


@cache
def entries() -> dict[str, Entry]:
    """Every entry by full name; a second meaning of a name has its kind behind it."""
    found: dict[str, Entry] = {}
    every = (
        *policies(), *hooks(), *kernels(), *streams(), *machines(), *topics(), *metrics(), *keys(),
        *subjects.entries(), *subjects.family_kinds(), *explain_topics.stable_names(),
    )  # fmt: skip
    for entry in every:
        found.setdefault(entry.name if entry.name not in found else f"{entry.name} ({entry.kind})", entry)
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
                read = f"\nin hooks: params(m).{key}"
                history = explain_kernels.history("param", key, f"{axis}/{name}")
                yield Entry(
                    where, "policy parameter", param.doc + read + history,
                    param.unit, str(param.default), param.source,
                    possible(key, param, info),
                )  # fmt: skip


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
    yield from (Entry(name, VERSION, explain_kernels.in_short(name)) for name in names())  # the page: `complete`
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
    """The sweep grammar, where things cost time, and how names of the kernel are found."""
    yield from explain_topics.topics()
    paths = ", ".join(axes.SWEPT)
    yield Entry("sweep", "topic", f"{sweep.__doc__}\nPaths begin with one of: {paths}.")


def metrics() -> Iterator[Entry]:
    """Counters of the model and derived metrics."""
    from mmrun.model import catalogue
    from mmrun.model.core.mechanism import SCOPES
    from mmrun.model.counters import COUNTERS
    from mmrun.runner.metrics import declared, metric

    better = {"lower": " (lower is better)", "higher": " (higher is better)", "none": ""}
    for name in declared():
        known = metric(name)
        formula = f" = {known.expression}" if known.expression else ""
        kind = "kernel counter" if name in COUNTERS else "metric"
        scopes = ", ".join(SCOPES[scope] for scope in catalogue.scopes(name))
        told = f"\ntold {scopes}" if scopes else ""
        yield Entry(name, kind, known.doc + formula + better[known.better] + told, known.unit)
