"""Files a cell reads (traces, outside policies), found again on nodes that do not share the driver's disk.

The driver hashes each file once, a policy with all it imports. A worker uses the same path where it holds the same
contents; otherwise it takes them from the object store, which brings them to a node once, into a file or folder named
by the hash that the node's workers share.
"""

import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmrun.model.description import Cell
from mmrun.model.sources import outside


def paths_of(cell: Cell, api: Any) -> list[str]:
    """Absolute or relative paths of all files the cell reads: its traces and outside variant files."""
    return [*api.trace_paths(cell), *(variant.file for variant in cell.policy.values() if variant.file)]


@lru_cache(maxsize=256)
def digest(path: str, size: int, mtime_ns: int) -> str:
    """SHA-256 of a file; size and modification time make a changed file another question."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_now(path: str) -> str | None:
    """SHA-256 of the file as it is, of a policy its digest; None where there is none."""
    try:
        if is_policy(path):
            return outside.read(path).digest
        stat = os.stat(path)
        return digest(path, stat.st_size, stat.st_mtime_ns)
    except OSError:
        return None


def is_policy(path: str) -> bool:
    """Whether a file that a cell reads is an outside policy: they are all called `.py`, and nothing else is."""
    return path.endswith(".py")


def contents(path: str) -> dict[str, bytes]:
    """The files to bring for a path: a policy with all it imports, by their paths in a folder; else the file alone."""
    return outside.read(path).layout() if is_policy(path) else {"": Path(path).read_bytes()}


class Catalogue:
    """The driver's side: path -> (hash, reference to its contents in the object store)."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, Any]] = {}

    def entries(self, paths: Iterable[str]) -> dict[str, tuple[str, list[Any]]]:
        """What a task needs to find the files. References travel in lists so that Ray does not fetch them at once."""
        import ray

        for path in paths:
            found = digest_now(path)
            if found is not None and self.known.get(path, (None,))[0] != found:
                self.known[path] = (found, ray.put(contents(path)))
        return {path: (self.known[path][0], [self.known[path][1]]) for path in paths if path in self.known}


def localised(cell: Cell, files: dict[str, tuple[str, list[Any]]]) -> Cell:
    """The cell with every path that does not hold the driver's contents here replaced by the node's copy."""
    moved = {path: node_copy(path, *files[path]) for path in files if digest_now(path) != files[path][0]}
    return replaced(cell, moved) if moved else cell


def node_copy(path: str, sha256: str, reference: list[Any]) -> str:
    """Path of this node's copy of a file, written by whoever needs it first."""
    import ray

    target = cache_directory() / sha256 / (Path(path).name if is_policy(path) else "")
    if digest_now(str(target)) != sha256:
        for name, data in ray.get(reference[0]).items():
            place = cache_directory() / sha256 / name
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
                file.write(data)
            os.replace(file.name, place)
    return str(target)


def cache_directory() -> Path:
    """Where a node keeps shipped files."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mmrun" / "files"


def replaced(value: Any, moved: dict[str, str]) -> Any:
    """A copy of nested dataclasses and containers with every string that is a key of `moved` exchanged."""
    if isinstance(value, str):
        return moved.get(value, value)
    if isinstance(value, dict):
        return {name: replaced(inner, moved) for name, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(replaced(inner, moved) for inner in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: replaced(getattr(value, field.name), moved) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value
