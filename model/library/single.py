"""Functions that numba compiles by itself, each alone: readers of traces, which allocate and know no machine.

What came of it is kept like the library's other files. Numba's own cache believes whatever lies in its directory, knows
functions by their file's path, and compares that file alone.
"""

import inspect
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from mmrun.model.core.cache import checked, stamp
from mmrun.model.core.jit import INTERPRETED
from mmrun.model.core.kept import Unusable
from mmrun.model.library import place
from mmrun.model.library.key import digest


class _Kept(NullCache):
    """Where numba asks for compiled code, and leaves it."""

    def __init__(self, fn: Callable[..., object]) -> None:
        file = Path(inspect.getfile(fn))
        self.name = f"{fn.__qualname__}:{fn.__code__.co_firstlineno} {file.name} {stamp(file.resolve())}"

    def _path(self, signature: Any, codegen: Any) -> Path:
        made_by = f"{numba.__version__} {sys.implementation.cache_tag} {checked()} {codegen.magic_tuple()}"
        return place.objects() / f"single-{digest(f'{self.name} {signature} {made_by}')}"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The function for these argument types, None where it has to be compiled."""
        target_context.refresh()
        found = place.read(self._path(sig, target_context.codegen()))
        return None if found is None else CompileResult._rebuild(target_context, *pickle.loads(found))

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the function. Where that cannot be, the next process compiles it too: a second's work."""
        with suppress(Unusable):
            place.write(self._path(sig, data.codegen), dumps(data._reduce()))


def compiled(fn: Callable[..., object]) -> Callable[..., Any]:
    """The function, compiled by numba when it is called and kept on disk."""
    if INTERPRETED:
        return fn
    made: Any = numba.njit(fn)
    made._cache = _Kept(fn)
    return made
