"""Files a cell reads (traces, outside variants), found again on nodes that do not share the driver's disk.

The driver hashes each file once. A worker uses the same path where it holds the same contents; otherwise it takes the
bytes from the object store, which brings them to a node once, into a file named by the hash that the node's workers
share.
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


def paths_of(cell: Cell, api: Any) -> list[str]:
    """Absolute or relative paths of all files the cell reads: its traces and outside variant files."""
    return [*api.trace_paths(cell), *(variant.file for variant in cell.policy.values() if variant.file)]


@lru_cache(maxsize=256)
def digest(path: str, size: int, mtime_ns: int) -> str:
    """SHA-256 of a file; size and modification time make a changed file another question."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_now(path: str) -> str | None:
    """SHA-256 of the file as it is, or None where there is none."""
    try:
        stat = os.stat(path)
        return digest(path, stat.st_size, stat.st_mtime_ns)
    except OSError:
        return None


class Catalogue:
    """The driver's side: path -> (hash, reference to its bytes in the object store)."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, Any]] = {}

    def entries(self, paths: Iterable[str]) -> dict[str, tuple[str, list[Any]]]:
        """What a task needs to find the files. References travel in lists so that Ray does not fetch them at once."""
        import ray

        for path in paths:
            found = digest_now(path)
            if found is not None and self.known.get(path, (None,))[0] != found:
                self.known[path] = (found, ray.put(Path(path).read_bytes()))
        return {path: (self.known[path][0], [self.known[path][1]]) for path in paths if path in self.known}


def localised(cell: Cell, files: dict[str, tuple[str, list[Any]]]) -> Cell:
    """The cell with every path that does not hold the driver's contents here replaced by the node's copy."""
    moved = {path: node_copy(*files[path]) for path in files if digest_now(path) != files[path][0]}
    return replaced(cell, moved) if moved else cell


def node_copy(sha256: str, reference: list[Any]) -> str:
    """Path of this node's copy of a file, written by whoever needs it first."""
    import ray

    target = cache_directory() / sha256
    if digest_now(str(target)) != sha256:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
            file.write(ray.get(reference[0]))
        os.replace(file.name, target)
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
