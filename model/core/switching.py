"""The calls that leave one stack for another, inside kernels; in plain Python a greenlet stands for a stack.

See `mmrun.model.core.stacks` for the machine routines behind them.
"""

from typing import Any

from mmrun.model.core.jit import INTERPRETED, intrinsic, kernel, python_hook
from mmrun.model.core.state import ACTOR, actors, stacks

_ACTORS = actors.number
_SP, _ACTOR_BYTES = ACTOR.fields["sp"][1], ACTOR.itemsize  # type: ignore[index]
_asleep: dict[tuple[int, int], Any] = {}


def _greenlets() -> Any:
    try:
        import greenlet
    except ImportError as missing:
        raise ImportError("kernels as plain Python sleep in greenlets: pip install greenlet") from missing
    return greenlet


def _call_entry(m, entry, index):
    return python_hook(int(entry))(m, int(index))


def _fresh_greenlet(m, who, stack):
    life = python_hook(int(stacks(m).entry))
    _asleep[int(stacks(m).low), int(who)] = _greenlets().greenlet(lambda: life(m, int(who)))


def _to_greenlet(m, who):
    _asleep[int(stacks(m).low), int(who)].switch()


def _from_greenlet(m, who):
    if actors(m)[who].done:
        del _asleep[int(stacks(m).low), int(who)]
    else:
        _greenlets().getcurrent().parent.switch()


call_entry = intrinsic("mmrun.model.core.switching_ir", "call_entry", _call_entry)
_switch = intrinsic("mmrun.model.core.switching_ir", "switch", _call_entry)
_prepare = intrinsic("mmrun.model.core.switching_ir", "prepare", _call_entry)


@kernel
def _place(m, who):
    """Address where actor `who` keeps its stack pointer."""
    return m.address[_ACTORS] + who * _ACTOR_BYTES + _SP


@kernel
def _fresh_stack(m, who, stack):
    """Make a stack on which the actor begins."""
    _prepare(m, _place(m, who), stacks(m).low + stack * stacks(m).stride, who)


@kernel
def _switch_to(m, who):
    """Leave the engine's stack for the actor's."""
    _switch(m, _place(m, who), 1)


@kernel
def _switch_back(m, who):
    """Leave the actor's stack for the engine's."""
    _switch(m, _place(m, who), 0)


fresh_stack = _fresh_greenlet if INTERPRETED else _fresh_stack
switch_to = _to_greenlet if INTERPRETED else _switch_to
switch_back = _from_greenlet if INTERPRETED else _switch_back
