"""Hooks and kernels run by an actor on a stack of its own, as the engine runs them: they may sleep there."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mmrun.model.build import Built
from mmrun.model.core.actors import NEVER, schedule
from mmrun.model.core.jit import Hook, intrinsic
from mmrun.model.core.sleep import ALL, FOREVER, resume, sleeps, wake
from mmrun.model.core.state import stacks
from mmrun.model.hooks import HOOK_INDEX, HOOKS
from mmrun.model.machine.state import geometry, run_settings

ARGUMENTS = 5


def life(fn: Callable[..., int]) -> Hook:
    """What an actor does: `fn(m, number)`, compiled as the hooks of that shape are."""
    fn.__name__ = "actor_life"
    return Hook(fn)


def _compiled_only(*_: int) -> int:
    raise AssertionError("these tests run compiled kernels")


word = intrinsic("tests.model.actors_ir", "word", _compiled_only)
put = intrinsic("tests.model.actors_ir", "put", _compiled_only)
_call = intrinsic("tests.model.actors_ir", "call", _compiled_only)


@life
def call_hook(m, at):
    """Call the hook whose address and arguments stand at address `at`, and leave there what it answered."""
    a, b, c = word(at + 8), word(at + 16), word(at + 24)
    put(at, _call(m, word(at), a, b, c, word(at + 32), word(at + 40)))
    return 0


class Entered:
    """Actor `who` has called a hook; `until`: when it wants to go on (ns), 0: it is done."""

    def __init__(self, built: Built, who: int, what: str | Hook, *args: int) -> None:
        self.built, self.who = built, who
        row = built.memory.table("actors")[who]
        assert row.stack == 0, "the actor is in the middle of something"
        if isinstance(what, Hook):
            row.entry, row.index = what.address, args[0] if args else 0
        else:
            assert len(args) == HOOKS[what]
            self.words = np.zeros(1 + ARGUMENTS, dtype=np.int64)
            self.words[0] = built.memory.m.hooks[HOOK_INDEX[what]]
            self.words[1 : 1 + len(args)] = args
            row.entry, row.index = call_hook.address, self.words.ctypes.data
        self.go_on()

    def go_on(self, at: int | None = None) -> int:
        """Let it run, at time `at`, until it sleeps or is done; `until`."""
        return go_on(self.built, self.who, at)

    @property
    def until(self) -> int:
        return asleep_until(self.built, self.who)

    @property
    def answer(self) -> int:
        """What the hook answered."""
        assert not self.until
        return int(self.words[0])

    def to_the_end(self) -> int:
        """Time passes until it is done, while nobody else does anything; the hook's answer."""
        while self.until:
            assert self.until < FOREVER, "nobody will wake it"
            self.go_on(max(self.until, int(self.built.memory.m.now)))
        return self.answer


def go_on(built: Built, who: int, at: int | None = None) -> int:
    """Let an actor run, at time `at`, until it sleeps or is done: when it wants to go on (ns), 0: it is done."""
    m = built.memory.m
    if at is not None:
        m.now = at
    resume(m, who)
    if not sleeps(m, who):
        schedule(m, who, NEVER)
    return asleep_until(built, who)


def asleep_until(built: Built, who: int) -> int:
    """When actor `who`, in the middle of something, wants to go on (ns); 0: it is not in the middle of anything."""
    return due(built, who) if sleeps(built.memory.m, who) else 0


def due(built: Built, who: int) -> int:
    """When actor `who` wants to run next (ns)."""
    return int(built.memory.table("runqueue")[int(run_settings(built.memory.m).actor_leaves) + who])


def waiting(built: Built, queue: Any) -> list[int]:
    """Actors that wait in a queue, who has waited longest first."""
    found, at = [], int(queue.first)
    while at:
        found.append(at - 1)
        assert len(found) <= len(built.memory.table("actors")), "a queue bites its tail"
        at = int(built.memory.table("actors")[at - 1].next)
    assert (found[-1] + 1 if found else 0) == int(queue.last)
    return found


def begin_anew(built: Built, who: int, queue: Any) -> None:
    """An actor that sleeps in a queue forgets what it was at; its stack is free."""
    m, row = built.memory.m, built.memory.table("actors")[who]
    assert who in waiting(built, queue)
    wake(m, queue, ALL, int(m.now))
    built.memory.table("spare_stacks")[int(stacks(m).spare)] = row.stack - 1
    stacks(m).spare += 1
    row.stack = 0


def kswapd_of(built: Built, nid: int = 0) -> int:
    """The actor that is a node's kswapd."""
    return len(built.tasks) + nid


def flusher_of(built: Built, wb: int = 0) -> int:
    """The actor that is a wb's flusher."""
    return len(built.tasks) + int(geometry(built.memory.m).nr_nodes) + wb


def own_scan_of(who: int) -> int:
    """The scan control of an actor's reclaim."""
    return 2 * who
