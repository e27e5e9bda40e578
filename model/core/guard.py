"""What becomes of an exception in a kernel or hook: it stops the machine, and its place is told.

An exception cannot cross a call through the hook table. So the C entry of every compiled hook looks at what its body
came to: after an exception it stops the machine as `panic` does, notes which hook it was and where numba keeps the
description of the exception, and answers what ends the loops that asked. Compiled kernels know the line of every
exception (`mmrun.model.library.places`), counted from the first of their function: edits above it move both.
"""

import ctypes
import importlib.util
import pickle
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmrun.model.core.cache import ROOT
from mmrun.model.core.codes import BAD_CHECK_REFERENCES, BROKEN, HOOK_RAISED
from mmrun.model.hooks import HOOK_INDEX, TABLE

_numba = importlib.util.find_spec("numba")
LIBRARIES = tuple(map(Path, (*(_numba.submodule_search_locations or () if _numba else ()), *np.__path__)))
functions: dict[int, Callable[..., int]] = {}
"""The Python function behind each entry that a hook table may hold."""


IN_MODULE = "module "
"""Before the name of a module: the line of a place is counted from its function's first."""


class ModelError(RuntimeError):
    """A broken invariant, or a policy that failed: the run's numbers would mean nothing."""


def short(file: str) -> str:
    """A source file as messages and compiled code name it: files of the project from its root."""
    path = Path(file)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT / "model") else file


def interpreted(fn: Callable[..., int]) -> Callable[..., int]:
    """The hook `fn` for pure-Python mode, entered as `id(fn)`: the exception itself stops the run."""

    functions[id(fn)] = fn

    @wraps(fn)
    def guarded(*arguments):
        try:
            return fn(*arguments)
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(told(error, fn)) from error

    return guarded


def told(error: BaseException, fn: Callable[..., object] | None = None, file: str = "") -> str:
    """An exception in one line, with the innermost place in `file`, or in any of the project or user, and the hook."""
    if place := getattr(error, "place", ""):
        return _sentence(place, type(error).__name__, str(error), fn)
    ours = [frame for frame in traceback.extract_tb(error.__traceback__)
            if (frame.filename == file if file else _is_ours(frame.filename))]  # fmt: skip
    place = f"{short(ours[-1].filename)}:{ours[-1].lineno}" if ours else ""
    return _sentence(place, type(error).__name__, str(error), fn)


def compiled(fn: Callable[..., int], compile_it: Callable[[], Any]) -> Any:
    """What `compile_it()` makes of the hook `fn`; ModelError with the place in its file where numba cannot."""
    try:
        return compile_it()
    except Exception as error:
        of_numba = type(error).__module__.partition(".")[0] == "numba"
        if not of_numba and not isinstance(error, TypeError | ValueError | KeyError):
            raise
        loc = getattr(error, "loc", None)
        place = f"{short(loc.filename)}:{loc.line}" if loc is not None and _is_ours(loc.filename) else _defined(fn)
        lines = [text.strip() for text in str(error).splitlines()]
        words = next((text for text in lines if text and not text.startswith("Failed in")), "")
        if words.startswith("NRT required"):
            words = "kernels allocate nothing: no lists, no text, exceptions with constant words only"
        raise ModelError(_sentence(place, type(error).__name__, f"cannot be compiled: {words}", fn)) from error


def why_broken(m: np.record) -> str:
    """Why the machine `m` stopped: the broken invariant, or the exception of a hook and where it was raised."""
    code, what = int(m.broken), int(m.broken_arg)
    if code == BAD_CHECK_REFERENCES:
        fn = functions[int(m.hooks[HOOK_INDEX["check_references"]])]
        return f"{_defined(fn)}: {BROKEN[code]} (at {what})"
    if code != HOOK_RAISED:
        return f"{BROKEN[code]} (at {what})"
    fn = functions[int(m.hooks[what])]
    raised = described(int(m.raised))
    where = raised.place if raised.place and raised.ours else _defined(fn)
    return _sentence(where, raised.kind.__name__, ", ".join(map(str, raised.arguments)), fn)


class Raised(NamedTuple):
    """An exception of compiled code: its class and arguments, where it was raised, and whether in code of ours."""

    kind: type[BaseException]
    arguments: tuple[Any, ...]
    place: str
    ours: bool


class _Described(ctypes.Structure):
    """The head of what numba's calling convention passes for an exception: pickled type, arguments and place."""

    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_int32))


def described(address: int) -> Raised:
    """What the constant at `address` says about an exception."""
    head = _Described.from_address(address)
    kind, arguments, place = pickle.loads(ctypes.string_at(head.data or 0, head.size))
    kind, arguments = (kind, arguments or ()) if kind else (RuntimeError, ("raised again",))
    if not place:
        return Raised(kind, arguments, "", False)
    qualname, file, line = place
    if not file.startswith(IN_MODULE):
        return Raised(kind, arguments, f"{short(file)}:{line}", _is_ours(file))
    module = sys.modules.get(file.removeprefix(IN_MODULE))
    for value in vars(module).values() if module else ():
        fn = getattr(value, "fn", value)
        if getattr(fn, "__qualname__", "") == qualname and hasattr(fn, "__code__"):
            code = fn.__code__
            return Raised(kind, arguments, f"{short(code.co_filename)}:{code.co_firstlineno + line}", True)
    return Raised(kind, arguments, "", True)


def _is_ours(file: str) -> bool:
    """Whether a file is the project's or a user's: not of the libraries whose code runs below a kernel."""
    return not file.startswith("<") and not any(Path(file).is_relative_to(library) for library in LIBRARIES)


def _defined(fn: Callable[..., object]) -> str:
    return f"{short(fn.__code__.co_filename)}:{fn.__code__.co_firstlineno}"


def _sentence(place: str, kind: str, words: str, fn: Callable[..., object] | None) -> str:
    said = f"{kind}: {words}" if words else kind
    axis = TABLE[fn.__name__].axis if fn is not None else ""
    hook = f" (hook {fn.__name__}{' of ' + axis if axis else ''}, {_defined(fn)})" if fn is not None else ""
    return f"{place}: {said}{hook}" if place else f"{said}{hook}"
