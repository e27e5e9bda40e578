"""Loads an experiment file with everything it includes, and machines by name.

Later wins: the files of `include` are merged in their order, the including file on top; a machine's overrides lie on
its `base`. Mappings merge key by key, lists and plain values are replaced, null removes.
"""

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from mmrun.runner.config.library import inside, locate, machine_names
from mmrun.runner.config.problems import Place, Problems, suggest
from mmrun.runner.config.trees import merge, without
from mmrun.runner.config.yaml_nodes import Item, Mapping, Scalar, Sequence, load
from mmrun.runner.config.yaml_scalars import REFUSED

MAX_FILES = 64
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


def load_experiment(path: Path, problems: Problems) -> Mapping | None:
    """The tree of an experiment file with its includes merged in, or None with the reasons in `problems`."""
    return Includes(problems).load(path, None, ())


def readable_name(path: Path) -> bool:
    """Whether a file can have this name at all: no zero byte, no half of a surrogate pair."""
    try:
        return b"\0" not in os.fsencode(path)
    except ValueError:
        return False


def is_pipe(path: Path) -> bool:
    """Whether what the shell was given is a pipe, as `<(...)` and a redirected `/dev/stdin` are."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


@dataclass
class Includes:
    """Follows `include` lists; a file that includes itself, directly or not, is an error that shows the way round."""

    problems: Problems
    files: int = 0

    def load(self, path: Path, asked: Place | None, chain: tuple[Path, ...]) -> Mapping | None:
        """The merged tree of `path`, named at `asked` by the last file of `chain`."""
        if not chain and is_pipe(path):
            fix = "write it into a file: what it names is looked for beside it, and results keep a copy"
            self.problems.add(Place(path), f"cannot read {path}: it is a pipe, not a regular file", fix)
            return None
        if (chain or os.path.islink(path)) and not self.allowed(path, asked, (*chain, path)[0]):
            return None
        real = os.path.realpath(path) if readable_name(path) else str(path)
        if real in (os.path.realpath(file) for file in chain):
            names = " -> ".join(str(file) for file in (*chain, path))
            self.problems.add(asked or Place(path), f"files include each other: {names}", "break the circle")
            return None
        self.files += 1
        if self.files > MAX_FILES:
            if self.files == MAX_FILES + 1:
                self.problems.add(asked or Place(path), f"more than {MAX_FILES} files included", "include fewer")
            return None
        tree = load(path, self.problems, asked)
        if tree is None:
            return None
        merged: Mapping | None = None
        for name in self.names(tree):
            below = self.load(path.parent / name.text, name.place, (*chain, path))
            if below is not None:
                merged = below if merged is None else merge(merged, below)
        own = without(tree, "include")
        return own if merged is None else merge(merged, own)

    def allowed(self, path: Path, asked: Place | None, config: Path) -> bool:
        """Whether an experiment may include this file; notes why not."""
        wrong = inside(path, config) if readable_name(path) else f"no file can be called `{path}`"
        if wrong:
            self.problems.add(
                asked or Place(path), wrong, "include .yaml files beside, below or one folder above this one"
            )
        return not wrong

    def names(self, tree: Mapping) -> list[Scalar]:
        """The file names of the `include` list."""
        item = tree.get("include")
        if item is None:
            return []
        if not isinstance(item, Sequence):
            self.problems.add(item.place, "`include` takes a list of files", "write include: [common.yaml]")
            return []
        good = [name for name in item.items if isinstance(name, Scalar) and isinstance(name.value, str) and name.value]
        for name in item.items:
            if name not in good and not (isinstance(name, Scalar) and name.value is REFUSED):
                self.problems.add(name.place, "a file name is expected", "write include: [common.yaml]")
        return good


@dataclass
class Machines:
    """Turns what stands under `machine:` (a name, `base` with overrides, a whole description) into one tree."""

    problems: Problems
    loaded: dict[Path, Mapping | None] = field(default_factory=dict)
    named: dict[tuple[Path, str], Mapping | None] = field(default_factory=dict)

    def tree(self, item: Item, chain: tuple[Path, ...] = ()) -> Mapping | None:
        """The full description, or None with the reasons in `problems`."""
        if isinstance(item, Scalar):
            return None if item.value is REFUSED else self.by_name(item, chain)
        if isinstance(item, Sequence):
            self.problems.add(item.place, "a machine's name or description is expected, found a list")
            return None
        base = item.get("base")
        if base is None:
            return item
        if not isinstance(base, Scalar):
            self.problems.add(base.place, "`base` takes the name of a machine")
            return None
        below = self.by_name(base, chain)
        return merge(below, without(item, "base")) if below is not None else None

    def by_name(self, item: Scalar, chain: tuple[Path, ...]) -> Mapping | None:
        key = (item.place.file, item.text)
        if key not in self.named or chain:
            self.named[key] = self.look_up(item, chain)
        return self.named[key]

    def look_up(self, item: Scalar, chain: tuple[Path, ...]) -> Mapping | None:
        if not isinstance(item.value, str) or not NAME.fullmatch(item.value):
            self.problems.add(item.place, f"`{item.text[:60]}` is not the name of a machine", self.known(item))
            return None
        path = locate(f"{item.value}.yaml", item.place.file, "machines")
        if path is None:
            self.problems.add(item.place, f"no machine `{item.value}`", self.known(item))
            return None
        if wrong := inside(path, item.place.file):
            self.problems.add(item.place, f"the machine {wrong}", "put a copy there")
            return None
        if path.resolve() in chain:
            self.problems.add(item.place, f"the machine `{item.value}` is its own base", "break the circle")
            return None
        if path not in self.loaded:
            self.loaded[path] = load(path, self.problems, item.place)
        tree = self.loaded[path]
        return None if tree is None else self.tree(tree, (*chain, path.resolve()))

    def known(self, item: Scalar) -> str:
        return suggest(item.text, machine_names(item.place.file))
