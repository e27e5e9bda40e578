"""The numba cache locator named by `mmrun.model.core.cache`; apart from it because it imports numba."""

import hashlib
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from numba.core.caching import UserProvidedCacheLocator

from mmrun.model.core.cache import directory, stamp

KEPT_SECONDS = 86_400  # what other versions of a module compiled stays for a day, should they still be running


class ImportClosureLocator(UserProvidedCacheLocator):
    """Freshness of a cached kernel = its module's name and the contents of everything the module imports.

    Every version of a module has a directory of its own, too. Numba writes an index before the file it names, so a
    process could find under a fresh entry what an earlier version of the code had left in a file of that name.
    """

    def __init__(self, py_func: Callable[..., object], py_file: str) -> None:
        super().__init__(py_func, py_file)
        self._cache_path = str(directory() / self.get_suitable_cache_subpath(py_file))
        self._stamp = stamp_of(py_func.__module__, Path(py_file).resolve())

    @classmethod
    def from_function(cls, py_func: Callable[..., object], py_file: str) -> "ImportClosureLocator | None":
        """The locator of a function, also when numba was told of no directory."""
        return super(UserProvidedCacheLocator, cls).from_function(py_func, py_file)

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_cache_path(self) -> str:
        return str(Path(super().get_cache_path()) / f"{Path(self._py_file).stem}-{self._stamp[:16]}")

    def ensure_cache_path(self) -> None:
        super().ensure_cache_path()
        _forget_others(Path(self.get_cache_path()))


def stamp_of(module: str, path: Path) -> str:
    """That of the file, and of an outside policy: its modules' names hold the digest of all its files."""
    return hashlib.sha256(f"{module} {stamp(path)}".encode()).hexdigest()


@cache
def _forget_others(directory: Path) -> None:
    """Remove what other versions of the directory's module compiled more than a day ago."""
    module = directory.name.rpartition("-")[0]
    for other in directory.parent.iterdir():
        if other == directory or other.name.rpartition("-")[0] != module:
            continue
        with suppress(FileNotFoundError):  # somebody else was faster
            if other.stat().st_mtime < time.time() - KEPT_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
