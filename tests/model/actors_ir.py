"""Numba's intrinsics of `tests.model.actors`: integers at addresses, and hooks called with up to five of them."""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from mmrun.model.library.intrinsics import I64, POINTER, M

ARGUMENTS = 5


@intrinsic
def word(typingctx, address):
    """The integer at an address."""

    def codegen(context, builder, sig, args):
        return builder.load(builder.inttoptr(args[0], I64.as_pointer()))

    return types.int64(types.int64), codegen


@intrinsic
def put(typingctx, address, value):
    """Write an integer to an address."""

    def codegen(context, builder, sig, args):
        builder.store(args[1], builder.inttoptr(args[0], I64.as_pointer()))
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), codegen


@intrinsic
def call(typingctx, m, entry, a, b, c, d, e):
    """Call a hook at an address; one that takes fewer arguments does not see the last ones."""

    def codegen(context, builder, sig, args):
        kind = ir.FunctionType(I64, [POINTER] + [I64] * ARGUMENTS)
        record = builder.bitcast(args[0], POINTER)
        return builder.call(builder.inttoptr(args[1], kind.as_pointer()), [record, *args[2:]])

    return types.int64(M, *[types.int64] * (1 + ARGUMENTS)), codegen


@intrinsic
def local(typingctx, size):
    """Address of `size` bytes in the caller's frame."""

    def codegen(context, builder, sig, args):
        return builder.ptrtoint(builder.alloca(ir.IntType(8), size=args[0]), I64)

    return types.int64(types.int64), codegen
