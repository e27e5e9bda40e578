"""The numba cache locator named by `model.cache`; apart from it because it imports numba."""

from pathlib import Path

from numba.core.caching import UserProvidedCacheLocator

from model.cache import stamp


class ImportClosureLocator(UserProvidedCacheLocator):
    """Freshness of a cached kernel = contents of everything its module imports."""

    def get_source_stamp(self) -> str:
        return stamp(Path(self._py_file).resolve())
