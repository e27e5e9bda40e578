"""Which policy axes and variants exist, and what a cell's choice of them resolves to.

A variant is a Python file: its docstring says what it is, `SOURCE` where it comes from, `PARAMS` its parameters and
`RELATIONS` what must hold between them (`mmrun.model.sources.variant_file`). The registry reads these without importing
the file, so that checking a configuration compiles nothing. `load` imports the file to bind its hooks.
"""

import difflib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mmrun.model.core.frozen import frozen
from mmrun.model.core.mechanism import Case
from mmrun.model.description import Cell, Sysctl, Variant
from mmrun.model.eras import READ, Era, era
from mmrun.model.hooks import AXES
from mmrun.model.mechanisms import module_of, variant_files
from mmrun.model.rules import cgroups, policies, timeline
from mmrun.model.rules.cells import faults
from mmrun.model.rules.record import Fault, Unsound
from mmrun.model.sched.default import default_sched
from mmrun.model.sources.param_rules import Param, Relation, refusals
from mmrun.model.sources.variant_file import declared, names_chance

if TYPE_CHECKING:
    from mmrun.model.sources.outside import Outside

Known = dict[tuple[str, int, str], tuple[Any, Any]]


@frozen
class VariantInfo:
    """What a variant's file says about itself."""

    name: str
    axis: str
    doc: str
    source: str
    params: dict[str, Param]
    path: Path
    relations: tuple[Relation, ...] = ()
    """What must hold between its parameters."""
    keeps: str = ""
    """What it knows about pages that another axis' variant may need: `ages`, `generations`."""
    needs: str = ""
    """What it needs another axis' variant to keep."""
    scope: str = ""
    """Whether lists and their reclaim are per `zone` or per `node`; empty where it does not matter."""
    base: str = ""
    """The built-in variant of its axis from which it has what it does not define itself."""
    draws: str = ""
    """When it takes random numbers: `always`, `with cgroups`; empty: never."""
    constants: Mapping[str, int | str] = field(default_factory=dict)
    """What it says of itself to the mechanism: `ZERO_SEEKS`, `BY_NODE`, `YARDSTICK`."""


def axes() -> dict[str, str]:
    """Every policy axis and what it decides."""
    return dict(AXES)


def eras() -> dict[str, Era]:
    """The versions whose sources were read, by name; `mmrun.model.eras.era` gives any other."""
    return {name: era(name) for name in READ}


def variants(axis: str) -> dict[str, VariantInfo]:
    """The built-in variants of `axis` by name; ValueError for an unknown axis."""
    if axis not in AXES:
        raise ValueError(_unknown("policy axis", axis, AXES))
    return {name: variant_info(axis, name) for name in variant_files(axis)}


def variant_info(axis: str, name: str, file: str | None = None) -> VariantInfo:
    """What the variant's file says; ValueError when there is no such variant or its file cannot be read as one."""
    if not file:
        return _built_in(axis, name)
    if axis not in AXES:
        raise ValueError(_unknown("policy axis", axis, AXES))
    path = Path(file)
    if not path.is_file():
        raise ValueError(f"no file {path}")
    return _read(axis, name, path, path.read_bytes(), False)


@cache
def _built_in(axis: str, name: str) -> VariantInfo:
    if axis not in AXES:
        raise ValueError(_unknown("policy axis", axis, AXES))
    known = variant_files(axis)
    path = known.get(name.replace("_", "-").replace(".", "-"))
    if path is None:
        raise ValueError(_unknown(f"variant of axis {axis!r}", name, known))
    return _read(axis, name, path, b"", True)


@cache
def _read(axis: str, name: str, path: Path, _text: bytes, head: bool) -> VariantInfo:
    found = declared(path, head)
    if found.faults:
        first = min(found.faults)
        fix = f" ({first.fix})" if first.fix else ""
        raise ValueError(f"{path}:{first.line}:{first.column}: {first.message}{fix}")
    source, keeps, needs, scope = (found.texts.get(key, "") for key in ("SOURCE", "KEEPS", "NEEDS", "SCOPE"))
    relations, base = tuple(found.relations), found.texts.get("BASE", "")
    draws = found.texts.get("DRAWS", "")
    if not head and not draws and found.tree is not None and names_chance(found.tree):
        draws = "always"  # a file of one's own need not know the word
    own = VariantInfo(
        name, axis, found.doc, source, found.params, path, relations, keeps, needs, scope, base, draws, found.constants
    )
    return _on_base(own, _built_in(axis, base)) if base else own


def _on_base(own: VariantInfo, base: VariantInfo) -> VariantInfo:
    """What a variant declares together with what it keeps of its base, whose parameters come first, in their places."""
    return replace(
        own, params={**base.params, **own.params}, relations=(*base.relations, *own.relations),
        keeps=own.keeps or base.keeps, needs=own.needs or base.needs, scope=own.scope or base.scope,
        draws=own.draws or base.draws,
        constants={**base.constants, **own.constants},
    )  # fmt: skip


def chosen(cell: Cell) -> dict[str, VariantInfo]:
    """What the variants say of themselves that the cell names, or its version has, by axis; `sched` only if named."""
    named = {axis: variant_info(axis, variant.variant, variant.file) for axis, variant in cell.policy.items()}
    return {axis: variant_info(axis, name) for axis, name in era(cell.kernel).policy.items()} | named


def load(axis: str, variant: Variant) -> ModuleType:
    """Import the variant's file; this compiles nothing yet. ModelError where the file of an outside one cannot be."""
    info = variant_info(axis, variant.variant, variant.file)
    if variant.file is None:
        return importlib.import_module(module_of(info.path))
    from mmrun.model.sources import outside

    policy = outside.read(variant.file)
    module = _outside_module(axis, policy)
    if info.base:
        for name, value in vars(load(axis, Variant(variant=info.base))).items():
            vars(module).setdefault(name, value)
    return module


def _outside_module(axis: str, policy: "Outside") -> ModuleType:
    from mmrun.model.core.guard import ModelError, told
    from mmrun.model.sources.outside_modules import OutsideModules

    try:
        return OutsideModules(policy, f"outside_{axis}_{policy.path.stem}_{policy.digest}").main()
    except Exception as error:
        raise ModelError(f"{told(error, file=str(policy.path))}, {policy.path} cannot be imported") from error


def resolve(cell: Cell) -> Cell:
    """The cell with a variant on every axis, every parameter and sysctl filled in; ValueError says what is wrong."""
    kernel = era(cell.kernel)
    for fault in faults(cell, kernel, filled=AXES.keys() <= cell.policy.keys()):
        raise ValueError(f"{'.'.join(map(str, fault.path))}: {fault}")
    kind = cgroups.resolved(cell, kernel)
    for fault in timeline.faults(cell.timeline, cell.cgroups, kind, cell.machine, kernel):
        raise ValueError(f"{'.'.join(map(str, fault.path))}: {fault}")
    return fill(cell)


def fill(cell: Cell, known: Known | None = None) -> Cell:
    """The same for a cell that keeps to `mmrun.model.rules.cells`; `Unsound` where its choices of variants do not.

    `known` remembers, for cells that share their parts as the same objects, what was filled in before.
    """
    known = {} if known is None else known
    kernel, sched = era(cell.kernel), "" if "sched" in cell.policy else default_sched(cell)
    key = kernel.name, id(cell.policy), sched
    if key not in known:
        known[key] = _policy(kernel, cell.policy, sched), cell.policy  # kept, so that its id stays its own
    policy, chosen, apart = known[key][0]
    if faults := [*apart, *policies.faults(cell, chosen)]:
        raise Unsound(faults)
    key = kernel.name, id(cell.vm), "vm"
    if key not in known:
        known[key] = _sysctl(kernel, cell.vm), cell.vm
    return replace(cell, policy=policy, vm=known[key][0], cgroup_version=cgroups.resolved(cell, kernel))


def _policy(
    kernel: Era, named: Mapping[str, Variant], sched: str
) -> tuple[dict[str, Variant], dict[str, VariantInfo], list[Fault]]:
    """A variant on every axis, what it says about itself, what does not go together.

    `sched`: the variant of that axis where it is not named, which goes by the cell.
    """
    for axis in named:
        if axis not in AXES:
            raise ValueError(_unknown("policy axis", axis, AXES))
    policy = {axis: _fill(axis, named[axis]) if axis in named else _era_choice(kernel.name, axis) for axis in AXES}
    if sched:
        policy["sched"] = _fill("sched", Variant(variant=sched))
    known = infos(policy)
    return policy, known, list(_together(known))


def _sysctl(kernel: Era, given: Sysctl) -> Sysctl:
    chosen = {name: value for name in Sysctl.__dataclass_fields__ if (value := getattr(given, name)) is not None}
    return Sysctl(**{**kernel.sysctl, **chosen})


def case(cell: Cell) -> Case:
    """A resolved cell with what its choices say."""
    return Case(cell, infos(cell.policy), era(cell.kernel).flags)


def infos(policy: Mapping[str, Variant]) -> dict[str, VariantInfo]:
    """What the variants chosen on the axes say about themselves."""
    return {axis: variant_info(axis, variant.variant, variant.file) for axis, variant in policy.items()}


def _together(known: Mapping[str, VariantInfo]) -> Iterator[Fault]:
    """Variants that do not go together: lists of zones with lists of nodes, one without what it needs."""
    scopes: dict[str, list[str]] = {}
    for axis, info in known.items():
        if info.scope:
            scopes.setdefault(info.scope, []).append(f"{axis}: {info.name}")
    if len(scopes) > 1:
        parts = " but ".join(f"{', '.join(chosen)} work per {scope}" for scope, chosen in sorted(scopes.items()))
        yield Fault(("policy",), parts, "choose variants of one kind, or another kernel")
    for axis, info in known.items():
        if info.needs and info.needs not in {other.keeps for other in known.values()}:
            able = [f"{other}: {name}" for other in AXES for name, kept in variants(other).items()
                    if kept.keeps == info.needs]  # fmt: skip
            what = f"{axis}: {info.name} needs {info.needs}"
            yield Fault(("policy", axis), what, f"{' or '.join(able)} keeps it")


@cache
def _era_choice(kernel: str, axis: str) -> Variant:
    found = era(kernel)
    return _fill(axis, Variant(variant=found.policy[axis], params=dict(found.params.get(axis, {}))))


def _fill(axis: str, variant: Variant) -> Variant:
    info = variant_info(axis, variant.variant, variant.file)
    for name in variant.params:
        if name not in info.params:
            raise ValueError(_unknown(f"parameter of {axis}/{variant.variant}", name, info.params))
    for refusal in refusals(info.params, info.relations, variant.params):
        raise ValueError(f"{axis}/{variant.variant}: {refusal}")
    return replace(
        variant, params={name: variant.params.get(name, param.default) for name, param in info.params.items()}
    )


def _unknown(what: str, name: str, known) -> str:
    names = sorted(map(str, known))
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"
    return f"unknown {what} {name!r}; {hint}"
