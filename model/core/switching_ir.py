"""Numba's intrinsics of `model.core.switching`: calls of the machine routines whose addresses the record holds."""

from typing import Any

from llvmlite import ir
from numba.core import types as numba_types
from numba.extending import intrinsic

from mmrun.model.core.state import stacks
from mmrun.model.library.intrinsics import I64, POINTER, M, address_behind

types: Any = numba_types  # what they hold is not typed


def _word(builder: Any, m: Any, name: str) -> Any:
    """Address of a field of the record `stacks`."""
    return builder.add(address_behind(builder, m, stacks), I64(stacks.kind.fields[name][1]))  # type: ignore[index]


def _load(builder: Any, m: Any, name: str) -> Any:
    return builder.load(builder.inttoptr(_word(builder, m, name), I64.as_pointer()))


def _call(builder: Any, address: Any, arguments: list[Any]) -> None:
    kind = ir.FunctionType(ir.VoidType(), [I64] * len(arguments))
    builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)


@intrinsic
def call_entry(typingctx, m, entry, index):
    """Call what the actor does: the function of the machine and a number at an address."""

    def codegen(context, builder, sig, args):
        kind = ir.FunctionType(I64, [POINTER, I64])
        record = builder.bitcast(args[0], POINTER)
        return builder.call(builder.inttoptr(args[1], kind.as_pointer()), [record, args[2]])

    return types.int64(M, types.int64, types.int64), codegen


@intrinsic
def switch(typingctx, m, place, out):
    """Change stacks: from the engine's to the one whose pointer is kept at address `place` if `out`, else back."""

    def codegen(context, builder, sig, args):
        engine, outwards = _word(builder, args[0], "main"), builder.icmp_signed("!=", args[2], I64(0))
        origin, target = builder.select(outwards, engine, args[1]), builder.select(outwards, args[1], engine)
        _call(builder, _load(builder, args[0], "switch"), [origin, target])
        return context.get_dummy_value()

    return types.none(M, types.int64, types.int64), codegen


@intrinsic
def prepare(typingctx, m, place, low, who):
    """Make the stack at `low` one that begins the actor's life, its pointer at address `place`."""

    def codegen(context, builder, sig, args):
        record, entry = builder.ptrtoint(args[0], I64), _load(builder, args[0], "entry")
        arguments = [args[1], args[2], _load(builder, args[0], "bytes"), entry, record, args[3]]
        _call(builder, _load(builder, args[0], "prepare"), arguments)
        return context.get_dummy_value()

    return types.none(M, types.int64, types.int64, types.int64), codegen
