"""Where compiled kernels are cached, and what a source file of the project depends on.

The model's own kernels are one library (`mmrun.model.library`), of which every file is named by what it was made from.
Compile flags are not part of numba's keys, so the directory is named after them.
"""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the directory that holds model/


def directory() -> Path:
    """Where compiled kernels are kept, whatever numba was told: it reads its settings once, perhaps before ours."""
    return Path(os.environ["NUMBA_CACHE_DIR"])


def checked() -> str:
    """Whether kernels are compiled with array bounds checks, as a word; machine code depends on it."""
    return "checked" if os.environ.get("NUMBA_BOUNDSCHECK", "0") not in ("", "0") else "plain"


def configure() -> None:
    """Name our cache directory in the environment, for this process and those it starts, unless the user chose one."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    flags = checked()
    os.environ.setdefault("NUMBA_CACHE_DIR", str(base / "mmrun" / f"kernels-{flags}"))


@cache
def imported(source: bytes) -> tuple[Path, ...]:
    """The project files that a file with this text imports directly."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found += [file for file in map(module_file, names) if file is not None]
    return tuple(found)


def module_file(name: str) -> Path | None:
    """The file of module `name` of this package, or None for anything outside it."""
    package, _, rest = name.partition(".")
    if package != "mmrun":
        return None
    inside = rest.replace(".", "/")
    for home in (ROOT, ROOT / "mmrun"):  # in a checkout the package's own folder stands beside model/
        for file in (home / f"{inside}.py", home / inside / "__init__.py"):
            if inside and file.exists():
                return file
    return None


def package_folder(name: str) -> Path | None:
    """The folder that the package `name` of this project is, None for anything else."""
    package, _, rest = name.partition(".")
    if package != "mmrun":
        return None
    own = ROOT / "mmrun"  # in a checkout the package's own folder
    folder = ROOT / rest.replace(".", "/") if rest else own if own.is_dir() else ROOT
    return folder if folder.is_dir() else None


def closure(path: Path) -> Iterator[Path]:
    """Every project file reachable from `path` through imports, itself included, in a stable order."""
    seen: set[Path] = set()
    todo = [path]
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo += imported(file.read_bytes())
    return iter(sorted(seen))


def stamp(path: Path) -> str:
    """Hash of the contents of the import closure of `path`: equal stamps mean equal compiled code."""
    return _stamp(path, path.read_bytes())  # an outside variant's file may change while the process runs


@cache
def _stamp(path: Path, _source: bytes) -> str:
    import hashlib

    digest = hashlib.sha256()
    for file in closure(path):
        digest.update(file.read_bytes())
    return digest.hexdigest()
