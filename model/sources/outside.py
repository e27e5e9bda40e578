"""What a policy of one's own consists of: its file, and every module it imports that is not installed.

Found in the syntax trees, nothing is run. A module is looked for beside the policy first, then where Python looks.
Modules of mmrun, of the standard library and of installed distributions are not followed: mmrun counts with the model,
a distribution by its version. What is read here is what is run (`mmrun.model.sources.outside_modules`), so equal
digests mean the same policy, wherever its files lie.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

OWN_VERSIONS = {"numpy", "numba", "llvmlite"}  # part of the model's own fingerprint
PACKAGE = ".__init__"
DIGITS = 20


class Import(NamedTuple):
    """One import in a file. `names`: what is taken from the module. `optional`: the file says what if it is absent."""

    module: str
    names: tuple[str, ...]
    level: int
    line: int
    column: int
    optional: bool


class Missing(NamedTuple):
    """A module that a file imports and nobody has."""

    name: str
    file: Path
    line: int
    column: int


@dataclass
class Outside:
    """A policy's file and modules. `sources`: text by name, "" for the policy itself, `a.b.__init__` for packages."""

    path: Path
    sources: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    distributions: dict[str, str] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """20 hex digits that name the contents of all files; where they lie does not count."""
        found = hashlib.sha256()
        for name, text in sorted(self.sources.items()):
            found.update(f"{name}\0{len(text)}\0".encode() + text)
        found.update(repr(sorted(self.distributions.items())).encode())
        return found.hexdigest()[:DIGITS]

    def layout(self) -> dict[str, bytes]:
        """The files by their paths in a folder from which the same policy could be read."""
        return {f"{name.replace('.', '/')}.py" if name else self.path.name: text for name, text in self.sources.items()}

    def home(self, name: str) -> str:
        """The key in `sources` of the module `name`; "" where it is none of ours."""
        return next((each for each in (name, name + PACKAGE) if name and each in self.sources), "")


def read(path: str | Path) -> Outside:
    """The policy at `path`. OSError where that cannot be read; files that are no Python import nothing."""
    found = Outside(Path(path).resolve())
    todo = [("", found.path)]
    while todo:
        name, file = todo.pop()
        if name not in found.sources:
            found.files[name], found.sources[name] = file, file.read_bytes()
            for each in imports(found.sources[name]):
                todo += _followed(found, name, each)
    return found


def _followed(found: Outside, name: str, each: Import) -> Iterator[tuple[str, Path]]:
    """The modules that an import in module `name` runs; notes what is not there or not ours."""
    module = absolute(each, name)
    if not module:
        return  # a relative import outside a package: Python refuses it, and so does whoever reads the policy
    home = _home(module.split(".")[0], found.path.parent)
    if home is None:
        _version(found, module.split(".")[0])
        return
    parts = module.split(".")
    known = list(_along(home, parts))
    yield from ((which, file) for which, file in known if file is not None)
    if len(known) < len(parts):
        if not each.optional:
            found.missing.append(Missing(module, found.files[name], each.line, each.column))
        return
    for taken in each.names:
        yield from ((which, file) for which, file in [*_along(home, [*parts, taken])][len(parts) :] if file)


def absolute(each: Import, name: str) -> str:
    """The module that an import in the module `name` (a key of `sources`) names; "" where there is no such thing."""
    if not each.level:
        return each.module
    package = name.split(".")[:-1]
    if each.level > len(package):
        return ""
    return ".".join([*package[: len(package) - each.level + 1], *([each.module] if each.module else [])])


def _along(home: Path, parts: list[str]) -> Iterator[tuple[str, Path | None]]:
    """Each module on the way to a dotted name, as far as there are any: key and file, None for a mere folder."""
    folder = home
    for count, part in enumerate(parts, 1):
        name, plain, package = ".".join(parts[:count]), folder / f"{part}.py", folder / part / "__init__.py"
        if package.is_file():
            yield name + PACKAGE, package
        elif plain.is_file():
            yield name, plain
        elif (folder / part).is_dir():
            yield name, None
        else:
            return
        folder /= part


def _home(top: str, beside: Path) -> Path | None:
    """The folder in which the top-level module `top` stands; None where it is mmrun's, Python's or installed."""
    if top == "mmrun":
        return None
    if (beside / f"{top}.py").is_file() or (beside / top / "__init__.py").is_file():
        return beside
    if top in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None or (spec.origin is None and (beside / top).is_dir()):
        return beside
    places = [Path(each) for each in (spec.submodule_search_locations or [spec.origin or ""])]
    if spec.origin in ("built-in", "frozen") or any(map(_installed, places)):
        return None
    return places[0].parent


def _installed(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in _libraries())


def is_outside(module: ModuleType, prefix: str) -> bool:
    """Whether a module in `sys.modules` is neither Python's, installed, mmrun's, nor of the policy named `prefix`."""
    name, file = module.__name__, getattr(module, "__file__", None)
    if not file or name.split(".")[0] in ("mmrun", prefix):
        return False
    return not _installed(Path(file))


@cache
def _libraries() -> tuple[str, ...]:
    """The folders of the standard library and of installed distributions."""
    known = [sysconfig.get_path(which) for which in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple({*known, *site.getsitepackages(), site.getusersitepackages()})


def _version(found: Outside, top: str) -> None:
    """Note the version of the distribution that brings a module."""
    if top in OWN_VERSIONS or top == "mmrun" or top in sys.stdlib_module_names or top in found.distributions:
        return
    for name in _distributions().get(top, ()):
        found.distributions[top] = f"{name} {importlib.metadata.version(name)}"


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@cache
def imports(source: bytes) -> tuple[Import, ...]:
    """Every import of a file, wherever it stands in it; none where the file is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    optional = {id(part) for node in ast.walk(tree) for part in _guarded(node)}
    found = []
    for node in ast.walk(tree):
        place = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1, id(node) in optional
        if isinstance(node, ast.Import):
            found += [Import(alias.name, (), 0, *place) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(Import(node.module or "", tuple(alias.name for alias in node.names), node.level, *place))
    return tuple(found)


def _guarded(node: ast.AST) -> Iterator[ast.AST]:
    """What stands where an import may fail or never comes: in a `try` with handlers, for type checkers only."""
    guarded = isinstance(node, ast.Try) and bool(node.handlers)
    if guarded or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
        for part in getattr(node, "body", ()):
            yield from ast.walk(part)
