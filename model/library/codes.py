"""Types of arguments and results as short codes, the same whether read from a value or from numba's type.

M the machine, i and u 64 bits with and without sign, f a double, b a flag, n nothing, N.. a number of another width;
A.. an array by element type, dimensions and layout, R.. a row, (..) a tuple; ?.. something else by the digest of
numba's name for it. Arguments that are narrow integers or flags count as i: calls widen them.
"""

import re
from functools import cache
from typing import Any

import numpy as np

from mmrun.model.core.record import DECLARED, MACHINE
from mmrun.model.library.key import digest, dtype_digest

SIMPLE = {"int64": "i", "uint64": "u", "float64": "f", "bool": "b", "none": "n"}


def _types() -> Any:
    from numba.core import types

    return types


@cache
def of_type(kind: Any) -> str:
    """The code of one of numba's types."""
    types = _types()
    if str(kind) in SIMPLE:
        return SIMPLE[str(kind)]
    if isinstance(kind, types.Integer | types.Float) and not isinstance(kind, types.Literal):
        return f"N{kind};"
    if isinstance(kind, types.Record):
        dtype = kind.dtype
        return "M" if dtype_digest(dtype) == dtype_digest(MACHINE) else f"R{dtype_digest(dtype)};"
    if type(kind) is types.Array and kind.aligned:
        element = getattr(kind.dtype, "dtype", None)
        inner = dtype_digest(element) if element is not None else str(kind.dtype)
        return f"A{inner},{kind.ndim}{kind.layout}{'' if kind.mutable else 'r'};"
    if isinstance(kind, types.BaseTuple):
        return f"({''.join(map(of_type, kind))})"
    return f"?{digest(str(kind))};"


def of_values(values: tuple[Any, ...]) -> str:
    """The code of what Python passes; nothing where only numba can tell."""
    codes = [_of_value(value) for value in values]
    return "" if not all(codes) else "".join(codes)


def _of_value(value: Any) -> str:
    if isinstance(value, bool | int):
        return "i"
    if isinstance(value, float):
        return "f"
    if isinstance(value, np.void):
        return _of_dtype(value.dtype)
    if isinstance(value, np.generic) and value.dtype.kind in "biu":
        return "u" if value.dtype == np.uint64 else "i"
    if isinstance(value, np.ndarray) and value.flags.c_contiguous and value.flags.aligned and value.dtype.isnative:
        inner = value.dtype.name if value.dtype.fields is None else dtype_digest(value.dtype)
        return f"A{inner},{value.ndim}C{'' if value.flags.writeable else 'r'};"
    return ""


_records: dict[int, tuple[np.dtype, str]] = {}


def _of_dtype(dtype: np.dtype) -> str:
    if id(dtype) not in _records:  # to compare or hash such a type takes its time
        found = dtype_digest(dtype)
        _records[id(dtype)] = dtype, "M" if found == dtype_digest(MACHINE) else f"R{found};"
    return _records[id(dtype)][1]


def split(arguments: str) -> list[str]:
    """The codes of single arguments."""
    return re.findall(r"[ANR?][^;]*;|.", arguments)


def dimensions(code: str) -> int:
    """Of an array, by its code."""
    return int(re.split(r"[,CFAr;]", code.split(",")[1])[0])


def to_type(code: str) -> Any:
    """Numba's type for a code; ValueError where a code does not say enough."""
    from numba import from_dtype

    types = _types()
    simple: dict[str, Any] = {"i": types.int64, "u": types.uint64, "f": types.float64, "b": types.boolean}
    if code in simple:
        return simple[code]
    if code == "M":
        return from_dtype(MACHINE)
    if code[0] == "R" and code[1:-1] in rows():
        return from_dtype(rows()[code[1:-1]])
    if code[0] == "A":
        inner, shape = code[1:-1].split(",")
        element = from_dtype(rows()[inner] if inner in rows() else np.dtype(inner))
        count = dimensions(code)
        return types.Array(element, count, shape.removeprefix(str(count))[0], readonly=shape.endswith("r"))
    raise ValueError(f"no type for {code!r}")


@cache
def rows() -> dict[str, np.dtype]:
    """Row types of the machine, by digest."""
    found: dict[str, np.dtype] = {}
    todo = [MACHINE, *(accessor.kind for accessor in DECLARED.values())]
    while todo:
        dtype = todo.pop().base
        if dtype.fields is not None and dtype_digest(dtype) not in found:
            found[dtype_digest(dtype)] = dtype
            todo += [inner for inner, *_ in dtype.fields.values()]
    return found
