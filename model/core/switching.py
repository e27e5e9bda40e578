"""The calls that leave one stack for another, inside kernels; in plain Python a greenlet stands for a stack.

See `model.core.stacks` for the machine routines behind them.
"""

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from model.jit import M, actors, kernel, python_hook
from model.layout import ACTOR, MACHINE

_STACKS = MACHINE.fields["stacks"][1]  # type: ignore[index]
_SP, _ACTOR_BYTES = ACTOR.fields["sp"][1], ACTOR.itemsize  # type: ignore[index]


def _word(builder, m, name: str):
    """Pointer to a field of `m.stacks`."""
    offset = _STACKS + MACHINE["stacks"].fields[name][1]
    return builder.add(builder.ptrtoint(m, cgutils.intp_t), cgutils.intp_t(offset))


def _load(builder, m, name: str):
    return builder.load(builder.inttoptr(_word(builder, m, name), cgutils.intp_t.as_pointer()))


if config.DISABLE_JIT:
    try:
        from greenlet import getcurrent, greenlet
    except ImportError as missing:
        raise ImportError("kernels as plain Python sleep in greenlets: pip install greenlet") from missing

    _asleep: dict[tuple[int, int], Any] = {}

    def call_entry(m, entry, index):
        """Call what the actor does."""
        return python_hook(int(entry))(m, int(index))

    def fresh_stack(m, who, stack):
        """Make a stack on which the actor begins."""
        life = python_hook(int(m.stacks.entry))
        _asleep[int(m.stacks.low), int(who)] = greenlet(lambda: life(m, int(who)))

    def switch_to(m, who):
        """Leave the engine's stack for the actor's."""
        _asleep[int(m.stacks.low), int(who)].switch()

    def switch_back(m, who):
        """Leave the actor's stack for the engine's."""
        if actors(m)[who].done:
            del _asleep[int(m.stacks.low), int(who)]
            return
        getcurrent().parent.switch()

else:

    @intrinsic
    def call_entry(typingctx, m, entry, index):
        """Call what the actor does: the function of the machine and a number at an address."""
        i64 = ir.IntType(64)

        def codegen(context, builder, sig, args):
            kind = ir.FunctionType(i64, [cgutils.voidptr_t, i64])
            m = builder.bitcast(args[0], cgutils.voidptr_t)
            return builder.call(builder.inttoptr(args[1], kind.as_pointer()), [m, args[2]])

        return types.int64(M, types.int64, types.int64), codegen

    @intrinsic
    def _switch(typingctx, m, place, out):
        """Change stacks between the engine's and the one whose pointer is kept at address `place`."""
        i64 = ir.IntType(64)

        def codegen(context, builder, sig, args):
            kind = ir.FunctionType(ir.VoidType(), [i64, i64])
            routine = builder.inttoptr(_load(builder, args[0], "switch"), kind.as_pointer())
            engine = _word(builder, args[0], "main")
            outwards = builder.icmp_signed("!=", args[2], i64(0))
            origin = builder.select(outwards, engine, args[1])
            target = builder.select(outwards, args[1], engine)
            builder.call(routine, [origin, target])
            return context.get_dummy_value()

        return types.none(M, types.int64, types.int64), codegen

    @intrinsic
    def _prepare(typingctx, m, place, low, who):
        """Make the stack at `low` one that begins the actor's life, its pointer at address `place`."""
        i64 = ir.IntType(64)

        def codegen(context, builder, sig, args):
            kind = ir.FunctionType(ir.VoidType(), [i64] * 6)
            routine = builder.inttoptr(_load(builder, args[0], "prepare"), kind.as_pointer())
            m = builder.ptrtoint(args[0], i64)
            entry, size = _load(builder, args[0], "entry"), _load(builder, args[0], "bytes")
            builder.call(routine, [args[1], args[2], size, entry, m, args[3]])
            return context.get_dummy_value()

        return types.none(M, types.int64, types.int64, types.int64), codegen

    @kernel
    def _place(m, who):
        """Address where actor `who` keeps its stack pointer."""
        return m.table.actors + who * _ACTOR_BYTES + _SP

    @kernel
    def fresh_stack(m, who, stack):
        """Make a stack on which the actor begins."""
        _prepare(m, _place(m, who), m.stacks.low + stack * m.stacks.stride, who)

    @kernel
    def switch_to(m, who):
        """Leave the engine's stack for the actor's."""
        _switch(m, _place(m, who), 1)

    @kernel
    def switch_back(m, who):
        """Leave the actor's stack for the engine's."""
        _switch(m, _place(m, who), 0)
