"""What dotted paths into a cell lead to, by the types of the description."""

import typing
from dataclasses import is_dataclass
from typing import Any

from mmrun.model.description import Cell
from mmrun.model.rules.bounds import arms, bare, hints
from mmrun.model.rules.record import is_family, kinds
from mmrun.runner.config.problems import suggest
from mmrun.runner.config.trees import Dotted, find
from mmrun.runner.config.yaml_nodes import Item, Mapping

TABLES = {
    ("tasks",): "task", ("cgroups",): "cgroup", ("slab",): "slab cache", ("machine", "disks"): "disk",
    ("machine", "links"): "link", ("machine", "swap"): "swap area", ("machine", "devices"): "device",
}  # fmt: skip
"""Where things have names of the user's choice, and what they are."""


def is_text(path: Dotted) -> bool:
    """Whether what stands at a path is text, so that `6.10` there is a name and no number."""
    if path[:1] == ("policy",):
        return len(path) == 2 or path[2:] in (("variant",), ("file",))
    found: list[Any] = [Cell]
    for part in path:
        found = [hint for kind in found for hint in _below(kind, part)]
    return bool(found) and all(bare(arm) is str for hint in found for arm in arms(hint))


def _below(kind: Any, part: str) -> list[Any]:
    below: list[Any] = []
    for arm in map(bare, arms(kind)):
        origin, args = typing.get_origin(arm), typing.get_args(arm)
        if origin is dict:
            below.append(args[1])
        elif origin is tuple and part.isdecimal():
            below.append(args[0])
        elif is_family(arm):
            below += [hints(each)[part] for each in dict.fromkeys(kinds(arm).values()) if part in hints(each)]
        elif is_dataclass(arm) and part in hints(typing.cast(type, arm)):
            below.append(hints(typing.cast(type, arm))[part])
    return below


def nobody(tree: Item, path: Dotted) -> tuple[str, str] | None:
    """What is wrong with a path that goes into a thing of a name that there is not, and what was meant; else None."""
    for table, what in TABLES.items():
        if path[: len(table)] != table or len(path) < len(table) + 2:
            continue
        there, name = find(tree, table), path[len(table)]
        names = list(there.items) if isinstance(there, Mapping) else []
        if name not in (*names, "*"):
            fix = suggest(name, names) if names else "define it first"
            return f"`{'.'.join(path)}`: there is no {what} `{name}`", fix
    return None
