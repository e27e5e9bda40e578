"""The instruction behind `prefetch`, for numba."""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj


@intrinsic
def prefetch(typingctx, table, index):
    """Ask for `table[index]`, to be written soon."""
    if not (isinstance(table, types.Array) and table.ndim == 1):
        return None

    def codegen(context, builder, sig, args):
        array = arrayobj.make_array(sig.args[0])(context, builder, args[0])
        place = cgutils.get_item_pointer(context, builder, sig.args[0], array, [args[1]])
        i32 = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, i32, i32, i32])
        hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        for_writing, keep_in_all_levels, data = i32(1), i32(3), i32(1)
        builder.call(hint, [builder.bitcast(place, cgutils.voidptr_t), for_writing, keep_in_all_levels, data])
        return context.get_dummy_value()

    return types.none(table, types.int64), codegen
