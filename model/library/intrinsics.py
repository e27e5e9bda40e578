"""What kernels see of hooks and of what lies behind addresses: loads and calls at fixed places of the record `m`."""

from functools import cache
from inspect import Parameter, Signature
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype
from numba.core import types as numba_types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from mmrun.model.core.record import MACHINE, Accessor, offset_of

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
def type_of_requests(offset: int) -> Any:
    """Numba's type of `request(m, operation, t, argument)`; the table of hooks begins at `offset`."""

    def codegen(context, builder, sig, args):
        record, operation, *rest = args
        place = builder.add(builder.mul(operation, I64(8)), I64(offset))
        place = builder.gep(builder.bitcast(record, POINTER), [place])
        address = builder.load(builder.bitcast(place, I64.as_pointer()))
        kind = ir.FunctionType(I64, [POINTER, I64, I64])
        return builder.call(builder.inttoptr(address, kind.as_pointer()), [builder.bitcast(record, POINTER), *rest])

    signature = types.int64(M, types.int64, types.int64, types.int64)

    def request(typingctx, m, operation, t, argument):
        return signature, codegen

    return type_of(intrinsic(request))


def _constant(builder: Any, record: Any, field: str, number: int) -> Any:
    """The word `number` of the record's field, which stays while kernels run, so that one load is enough."""
    word = _load(builder, record, offset_of(field, number))
    word.set_metadata("invariant.load", builder.module.add_metadata([]))
    return word


def address_behind(builder: Any, record: Any, accessor: Accessor) -> Any:
    """Where what the accessor gives lies, as a 64-bit word."""
    return _constant(builder, record, "address", accessor.number)


@cache
def type_of_tracepoint(name: str, layout: tuple[int, int, int, int, int]) -> Any:
    """Numba's type of a tracepoint (`Tracepoint.layout`): nothing but a look at one word while nobody watches."""
    number, arity, word, fields, hook = layout

    def codegen(context, builder, sig, args):
        record = args[0]
        with builder.if_then(builder.icmp_signed("!=", _load(builder, record, word), I64(0)), likely=False):
            place = builder.inttoptr(_load(builder, record, fields), I64.as_pointer())
            for at, value in enumerate(args[1:]):
                builder.store(value, builder.gep(place, [I64(at)]))
            kind = ir.FunctionType(I64, [POINTER, I64, I64])
            address = builder.inttoptr(_load(builder, record, hook), kind.as_pointer())
            builder.call(address, [builder.bitcast(record, POINTER), I64(number), I64(arity)])
        return context.get_dummy_value()

    signature = types.none(M, *[types.int64] * arity)

    def definition(typingctx, *args):
        return signature, codegen

    # Numba reads an intrinsic's arity from its definition.
    names = ("typingctx", "m", *(f"field{at}" for at in range(arity)))
    definition.__signature__ = Signature([Parameter(each, Parameter.POSITIONAL_OR_KEYWORD) for each in names])  # type: ignore[attr-defined]
    definition.__name__ = f"trace_{name}"
    return type_of(intrinsic(definition))


@cache
def type_of_accessor(name: str, number: int, kind: np.dtype, dimensions: int) -> Any:
    """Numba's type of the function that gives what lies at an address: an array, or a record (no dimensions)."""
    element = from_dtype(kind)
    result = types.Array(element, dimensions, "C") if dimensions else element

    def behind(typingctx, m):
        def codegen(context, builder, sig, args):
            address = _constant(builder, args[0], "address", number)
            if not dimensions:
                return builder.inttoptr(address, context.get_value_type(result))
            array, size = make_array(result)(context, builder), I64(kind.itemsize)
            shape = [_constant(builder, args[0], field, number) for field in ("rows", "columns")[:dimensions]]
            strides = [builder.mul(shape[1], size), size] if dimensions == 2 else [size]
            data = builder.inttoptr(address, array.data.type)
            populate_array(array, data=data, shape=shape, strides=strides, itemsize=size, meminfo=None)
            return array._getvalue()

        return result(M), codegen

    behind.__name__ = f"at_{name}"
    return type_of(intrinsic(behind))
