"""What kernels see of the hook table and of the big tables: loads and calls at fixed places of the machine record."""

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype
from numba.core import types as numba_types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from model.layout import MACHINE

types: Any = numba_types  # what they hold is not typed
M: Any = from_dtype(MACHINE)
I64, POINTER = ir.IntType(64), ir.IntType(8).as_pointer()


def _load(builder: Any, record: Any, offset: int) -> Any:
    """The 64-bit word at byte `offset` of the record."""
    place = builder.gep(builder.bitcast(record, POINTER), [I64(offset)])
    return builder.load(builder.bitcast(place, I64.as_pointer()))


def type_of(made: Any) -> Any:
    """Numba's type of an intrinsic."""
    from numba.core.registry import cpu_target

    cpu_target.typing_context.refresh()
    return cpu_target.typing_context.resolve_value_type(made)


@cache
def type_of_caller(name: str, offset: int, arity: int) -> Any:
    """Numba's type of the function that calls the hook whose address stands at `offset`."""

    def codegen(context, builder, sig, args):
        address = _load(builder, args[0], offset)
        kind = ir.FunctionType(I64, [POINTER] + [I64] * arity)
        record = builder.bitcast(args[0], POINTER)
        return builder.call(builder.inttoptr(address, kind.as_pointer()), [record, *args[1:]])

    signature = types.int64(M, *[types.int64] * arity)
    # An intrinsic's arity is read from its definition, so there is one definition an arity.
    definitions = (
        lambda typingctx, m: (signature, codegen),
        lambda typingctx, m, a: (signature, codegen),
        lambda typingctx, m, a, b: (signature, codegen),
        lambda typingctx, m, a, b, c: (signature, codegen),
        lambda typingctx, m, a, b, c, d: (signature, codegen),
        lambda typingctx, m, a, b, c, d, e: (signature, codegen),
    )
    definition = definitions[arity]
    definition.__name__ = f"call_{name}"
    return type_of(intrinsic(definition))


@cache
def type_of_accessor(name: str, dtype: np.dtype, address: int, rows: int) -> Any:
    """Numba's type of the function that gives a big table as an array."""
    array_type = types.Array(from_dtype(dtype), 1, "C")

    def view(typingctx, m):
        def codegen(context, builder, sig, args):
            array = make_array(array_type)(context, builder)
            size = I64(dtype.itemsize)
            data = builder.inttoptr(_load(builder, args[0], address), array.data.type)
            shape = [_load(builder, args[0], rows)]
            populate_array(array, data=data, shape=shape, strides=[size], itemsize=size, meminfo=None)
            return array._getvalue()

        return array_type(M), codegen

    view.__name__ = f"table_{name}"
    return type_of(intrinsic(view))
