"""How kernels are written: the decorators, and how they call hooks.

No allocation and no reference counting inside kernels. Nothing here compiles, or imports numba: what is decorated is
noted, and `mmrun.model.library` finds or makes its machine code when it is first needed. A hook is a C function pointer
kept in the machine record, like a member of a kernel `*_operations` struct: swapping a policy changes an address and
recompiles nothing. Exceptions do not cross such a call: one in a hook stops the machine at the engine's next step
(`mmrun.model.core.guard`), as `panic` does where an invariant is broken.
"""

import importlib
import os
from collections.abc import Callable
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np

from mmrun.model.core.guard import compiled, functions, interpreted
from mmrun.model.core.record import offset_of
from mmrun.model.hooks import HOOK_INDEX, HOOKS

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
"""Whether kernels are plain Python: numba's own switch, under which numbers stay the same."""


class Kernel:
    """A function that is compiled when something needs it: Python that calls it, or another kernel."""

    def __init__(self, fn: Callable[..., object]) -> None:
        self.fn = self.__wrapped__ = fn
        self.rare = False
        self.memo: dict[str, Any] = {}  # what the library has found out about it
        self.__name__, self.__qualname__, self.__module__ = fn.__name__, fn.__qualname__, fn.__module__
        self.__doc__ = fn.__doc__

    def __call__(self, *args: Any) -> Any:
        """Call it from Python."""
        from mmrun.model.library import calls

        return calls.call(self, args)

    @property
    def _numba_type_(self) -> Any:
        """What a kernel that calls it sees."""
        from mmrun.model.library import frontend

        return frontend.type_of_kernel(self)


def kernel(fn: Callable[..., object]) -> Callable[..., Any]:
    """Compile `fn(m, ...)` when Python calls it or something that calls it is compiled."""
    return fn if INTERPRETED else Kernel(fn)


def rare(of: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a kernel that is seldom called: it is never inlined, and its callers are laid out for not calling it.

    For what stands beside a hot path: LLVM inlines whatever has one caller, and prepares its loops on entry to that.
    """
    if isinstance(of, Kernel):
        of.rare = True
    return of


_python_hooks: dict[int, Callable[..., int]] = {}


class Hook:
    """A function that can stand in the hook table; compiled when its address is first asked for."""

    def __init__(self, fn: Callable[..., int]) -> None:
        self.fn, self.name = fn, fn.__name__
        self.per, self.apart, self.at_boot = "", False, False
        self.memo: dict[str, Any] = {}

    @cached_property
    def _compiled(self) -> int:
        from mmrun.model.library import calls

        return compiled(self.fn, lambda: calls.address(self))

    @property
    def address(self) -> int:
        """What the hook table holds for it."""
        if INTERPRETED:
            _python_hooks[id(self.fn)] = interpreted(self.fn)
            return id(self.fn)
        functions[self._compiled] = self.fn
        return self._compiled


def python_hook(address: int) -> Callable[..., int]:
    """The function whose address a hook gave, where kernels run as plain Python."""
    return _python_hooks[address]


def hook(fn: Callable[..., int]) -> Hook:
    """Mark `fn(m, ...)` as an implementation of the hook of the same name; KeyError if there is no such hook."""
    if fn.__name__ not in HOOKS:
        raise KeyError(f"{fn.__name__} is not a hook; near it: {get_close_matches(fn.__name__, HOOKS) or 'none'}")
    return Hook(fn)


def bind(record: np.recarray, implementation: Hook) -> None:
    """Enter a hook in the table of the machine in `record`."""
    record.hooks[0, HOOK_INDEX[implementation.name]] = implementation.address


class Intrinsic:
    """A function of kernels written in LLVM's terms: numba's intrinsic `name` in `module`, imported when compiling."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    @property
    def _numba_type_(self) -> Any:
        from mmrun.model.library import intrinsics

        return intrinsics.type_of(getattr(importlib.import_module(self.module), self.name))


def intrinsic(module: str, name: str, interpreted: Callable[..., Any]) -> Callable[..., Any]:
    """Numba's intrinsic `name` in `module`; `interpreted` takes its place where kernels are plain Python."""
    found: Any = interpreted if INTERPRETED else Intrinsic(module, name)
    return found


class Caller:
    """The kernel-side function that calls a hook through the machine's table."""

    def __init__(self, name: str) -> None:
        self.name, self.arity = name, HOOKS[name]
        self.offset = offset_of("hooks", HOOK_INDEX[name])

    @property
    def _numba_type_(self) -> Any:
        from mmrun.model.library import intrinsics

        return intrinsics.type_of_caller(self.name, self.offset, self.arity)


class Requests:
    """The kernel-side function that calls the hook of an event's operation: `request(m, operation, t, argument)`."""

    @property
    def _numba_type_(self) -> Any:
        from mmrun.model.library import intrinsics

        return intrinsics.type_of_requests(offset_of("hooks", 0))


def requests() -> Callable[..., Any]:
    """The function `request(m, operation, t, argument)`: calls the hook in slot `operation`, with a task."""

    def request_python(m, operation, t, argument):
        return _python_hooks[int(m.hooks[operation])](m, t, argument)

    found: Any = request_python if INTERPRETED else Requests()
    return found


def caller(name: str) -> Callable[..., Any]:
    """The kernel-side function `name(m, ...)` that calls the hook through the machine's table."""

    def call_python(m, *args):
        return _python_hooks[int(m.hooks[HOOK_INDEX[name]])](m, *args)

    found: Any = call_python if INTERPRETED else Caller(name)
    return found
