"""What `mmrun explain` says of names of the kernel, and of where else to look."""

import ast
import itertools
from collections.abc import Iterator, Sequence

from mmrun.model.core.cache import ROOT
from mmrun.model.sources.names import Bound, module
from mmrun.runner.explain import kernel_map, policy_names
from mmrun.runner.explain.entry import Entry

INDEX = "kernel-functions"
FOR_VARIANTS = "name for variants"
OF_THE_MODEL, OF_THE_KERNEL = "function of the model", "name of the kernel"
SIDE_BY_SIDE = ("policy axis", "policy hook", "hook of the core", "key", "kernel counter", "metric")
"""Kinds of entries that may well share their name with a function of the kernel."""


def topics() -> Iterator[Entry]:
    """The page that says how names of the kernel are found."""
    yield Entry(
        INDEX, "topic",
        "Names of the kernel that the model's sources name, such as balance_pgdat: `mmrun explain NAME` tells the "
        "files and functions that stand for one.\nFunctions of the model can be asked for in the same way.",
    )  # fmt: skip


def stable_names() -> Iterator[Entry]:
    """The names of `mmrun.policy`, which variants of one's own import."""
    for group, names in policy_names.groups().items():
        for name, doc in names.items():
            yield Entry(name, FOR_VARIANTS, f"{doc}\nfrom mmrun.policy import {name}; {group[0].lower()}{group[1:]}")


def with_fields(entry: Entry) -> Entry:
    """The entry of a stable name; one of a table or record with its fields, and where it is declared."""
    face = module("mmrun.policy")
    bound = face.find(entry.name) if face else None
    if bound is None:
        return entry
    where = f"{bound.module.path.relative_to(ROOT)}:{getattr(bound.node, 'lineno', 1)}"
    lines = [entry.text, *(f"fields: {', '.join(names)}" for names in [_fields(bound)] if names), f"made in: {where}"]
    return Entry(entry.name, entry.kind, "\n".join(lines))


def _fields(bound: Bound) -> list[str]:
    """The fields of a table or record, from the row type it is declared with."""
    match bound.node:
        case ast.Assign(value=ast.Call(func=ast.Name(id="table" | "one"), args=[_, _, ast.Name(id=row), *_])):
            made = bound.module.find(row)
            return _keywords(made.node.value) if made and isinstance(made.node, ast.Assign) else []
        case ast.Assign(value=ast.Call(func=ast.Name(id="table" | "one"), args=[_, _, ast.Call() as row, *_])):
            return _keywords(row)
    return []


def _keywords(call: ast.expr) -> list[str]:
    return [each.arg for each in call.keywords if each.arg] if isinstance(call, ast.Call) else []


def of_the_kernel(name: str, kinds: Sequence[str]) -> list[Entry]:
    """What stands for a name of the kernel; `kinds`: of what else is called so, which may be all there is to say."""
    for each in dict.fromkeys((name, name.lstrip("_"))):
        places = kernel_map.places(each)
        if any("hook" in kind for kind in kinds):  # its page has the definitions already
            places = [place for place in places if not place.defines]
        if places and _worth(places, kinds):
            kind = OF_THE_MODEL if any(place.defines for place in places) else OF_THE_KERNEL
            return [Entry(each, kind, "\n".join(map(str, places)))]
    return []


def _worth(places: list[kernel_map.Place], kinds: Sequence[str]) -> bool:
    """Whether these places say more than the entries of these kinds: a parameter is mentioned, too."""
    if any(kind not in SIDE_BY_SIDE for kind in kinds):
        return any(place.defines for place in places)
    return kernel_map.mentioned(places) or "key" not in kinds


def kernel_names(others: set[str]) -> dict[str, list[kernel_map.Place]]:
    """Every name of the kernel and function of the model with its places, those left out that mean something else."""
    return {
        name: places
        for name, places in kernel_map.names().items()
        if name not in others or any(place.defines for place in places)
    }


def kernel_names_like(name: str, others: set[str]) -> list[str]:
    """The two of them that are written most alike, as far as any is; found without reading what all files say."""
    found = (each for each in kernel_map.words_like(name) if kernel_map.places(each))
    known = (each for each in found if each not in others or any(place.defines for place in kernel_map.places(each)))
    return list(itertools.islice(known, 2))


def index(others: set[str]) -> str:
    """The names of the kernel, one after the other."""
    found = kernel_names(others)
    return ", ".join(name for name, places in found.items() if kernel_map.mentioned(places))
