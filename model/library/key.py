"""What the machine code of a kernel depends on, as text that is equal only where the code would be.

A kernel's key covers its bytecode and every value it refers to: numbers and row types by value, other kernels by name
(a caller stands or falls with the type its callee returns, which is compared apart), hooks by their place in the
table. Text around the code and names of files are no part of it, lines only as counted from the function's first.
Nothing here needs numba.
"""

import builtins
import dis
import hashlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mmrun.model.core.cache import stamp
from mmrun.model.core.jit import Caller, Hook, Intrinsic, Kernel, Requests
from mmrun.model.core.record import MACHINE, Accessor, offset_of
from mmrun.model.core.tracepoint import Tracepoint
from mmrun.model.hooks import HOOKS

LOAD_GLOBAL = dis.opmap["LOAD_GLOBAL"]
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...))


def digest(text: str | bytes) -> str:
    """A short name for a text, as good as the text."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:24]


Result = TypeVar("Result")


def remembered(find: Callable[[Kernel | Hook], Result]) -> Callable[[Kernel | Hook], Result]:
    """Keep what a function finds out about a kernel with the kernel, so that it goes with it."""

    @wraps(find)
    def found(of: Kernel | Hook) -> Result:
        if find.__name__ not in of.memo:
            of.memo[find.__name__] = find(of)
        result: Result = of.memo[find.__name__]
        return result

    return found


@cache
def dtype_text(dtype: np.dtype) -> str:
    """A row type: names, types and places of all its fields."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return f"{dtype_text(base)}{shape}"
    if dtype.fields is None:
        return dtype.str
    assert dtype.names is not None
    inner = ",".join(f"{name}@{dtype.fields[name][1]}:{dtype_text(dtype.fields[name][0])}" for name in dtype.names)
    return f"{{{inner}}}{dtype.itemsize}"


@cache
def dtype_digest(dtype: np.dtype) -> str:
    """A row type in a few characters."""
    return digest(dtype_text(dtype))


@remembered
def name(of: Kernel | Hook) -> str:
    """What a kernel or hook is called in a library; kernels that differ in what they close over differ in name."""
    fn = of.fn
    mark = "" if not fn.__closure__ else "#" + digest("".join(_cells(fn)))[:8]
    return f"{f'hook {of.name} ' if isinstance(of, Hook) else ''}{fn.__module__}.{fn.__qualname__}{mark}"


def standard(of: Kernel | Hook) -> str:
    """The code of the arguments nearly every kernel takes: the machine, then integers."""
    code = of.fn.__code__
    if isinstance(of, Hook):
        return "M" + "i" * HOOKS[of.name]
    first = code.co_varnames[:1] == ("m",)
    return "M" * first + "i" * (code.co_argcount - first)


@remembered
def key(of: Kernel | Hook) -> str:
    """Digest of what the kernel's own code depends on."""
    fn = of.fn
    parts = [name(of), _code(fn.__code__, fn.__doc__), repr((fn.__defaults__, fn.__kwdefaults__))]
    parts += _cells(fn)
    parts += [f"{found}={_value(value, fn)}" for found, value in referred(fn)]
    if isinstance(of, Hook):
        parts.append(f"arguments {HOOKS[of.name]}")
    elif of.rare:
        parts.append("rare")
    return digest("\0".join(parts))


def version(of: Kernel | Hook, arguments: str) -> str:
    """Digest of what the kernel's code depends on when it is compiled for arguments of these types."""
    return digest(f"{key(of)} {arguments} {dtype_digest(MACHINE) if 'M' in arguments else ''}")


@remembered
def callees(of: Kernel | Hook) -> dict[str, Kernel]:
    """The kernels it refers to, by name."""
    fn = of.fn
    closed = [cell.cell_contents for cell in fn.__closure__ or ()]
    values = [*closed, *(value for _, value in referred(fn))]
    return {name(value): value for value in values if isinstance(value, Kernel)}


def referred(fn: Callable[..., object]) -> Iterator[tuple[str, Any]]:
    """Globals that the function's code names, and what it may take from modules among them."""
    names = sorted(set(_names(fn.__code__)))
    for found in sorted(set(_loaded(fn.__code__))):
        if found not in fn.__globals__:
            continue
        value = fn.__globals__[found]
        if isinstance(value, types.ModuleType) and value.__name__.split(".")[0] not in ("numpy", "math"):
            for inner in names:
                if hasattr(value, inner):
                    yield f"{found}.{inner}", getattr(value, inner)
        else:
            yield found, value


def _loaded(code: types.CodeType) -> Iterator[str]:
    """Names of globals that it loads; those of attributes may be the same and mean something else."""
    high = 0
    for operation, argument in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        which = argument | high
        high = which << 8 if operation == dis.EXTENDED_ARG else 0
        if operation == LOAD_GLOBAL:
            yield code.co_names[which >> 1]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _loaded(constant)


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _code(code: types.CodeType, doc: str | None = None) -> str:
    constants = [_constant(constant) for constant in code.co_consts if doc is None or constant != doc]
    return repr((
        code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_argcount,
        code.co_kwonlyargcount, code.co_flags, code.co_exceptiontable, code.co_linetable,
    ))  # fmt: skip


def _constant(value: object) -> str:
    if isinstance(value, types.CodeType):
        return _code(value)
    if isinstance(value, frozenset):
        return f"frozenset {sorted(map(repr, value))}"
    return f"{type(value).__name__} {value!r}"


def _stamp(module: str) -> str:
    """Hash of everything the module's file imports of the project; nothing for modules without a file."""
    known = sys.modules.get(module)
    spec = importlib.util.find_spec(module) if known is None else None
    file = spec.origin if spec is not None else getattr(known, "__file__", None)
    return stamp(Path(file).resolve()) if file and file.endswith(".py") else ""


def _cells(fn: Callable[..., object]) -> list[str]:
    return [_value(cell.cell_contents, fn) for cell in fn.__closure__ or ()]


def _value(value: Any, fn: Callable[..., object]) -> str:
    """A value a kernel refers to. What is neither data nor known here counts with all the code it may come from."""
    match value:
        case Kernel():
            return f"kernel {name(value)}"
        case Caller():
            return f"caller {value.name} {value.arity} at {value.offset}"
        case Requests():
            return f"requests at {offset_of('hooks', 0)}"
        case Accessor():
            return f"{dtype_digest(value.kind)} at {value.number}, {value.dimensions}"
        case Tracepoint():
            return f"tracepoint {value.layout}"
        case tuple() | list():
            return f"{type(value).__name__}({','.join(_value(item, fn) for item in value)})"
        case Intrinsic():
            return f"intrinsic {value.module} {value.name} {_stamp(value.module)}"
        case np.ndarray():
            return f"array {value.dtype.str} {value.shape} {digest(value.tobytes())}"
        case np.dtype():
            return dtype_text(value)
        case np.generic():
            return f"{value.dtype.str} {value!r}"
        case types.ModuleType():
            return f"module {value.__name__}"
        case type() if value.__module__.split(".")[0] in ("builtins", "numpy"):
            return f"class {value.__module__}.{value.__qualname__}"
        case _ if isinstance(value, PLAIN):
            return f"{type(value).__name__} {value!r}"
        case _ if getattr(builtins, getattr(value, "__name__", ""), type) is value:
            return f"builtin {getattr(value, '__name__', '')}"
    home = getattr(value, "__module__", None) or fn.__module__
    text = f"{type(value).__qualname__} {getattr(value, '__qualname__', '')}"
    return f"{text} of {home} {_stamp(home)} {_stamp(fn.__module__)}"
