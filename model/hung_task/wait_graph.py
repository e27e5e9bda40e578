"""Who waits for what, and who would end it: read off the tables of a machine that has stopped.

A sleeper stands in a wait queue, and a queue is a field of some table: that says for what it is, and `waits` in the
report.py of its mechanism in which words, and which actors would wake its sleepers. Who stands in no queue sleeps until
a time of its own, or goes round.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from mmrun.model.core import accounting as acct
from mmrun.model.core.actor import kinds
from mmrun.model.core.frozen import frozen
from mmrun.model.core.record import DECLARED, NONE, WAIT_QUEUE
from mmrun.model.core.state import actors
from mmrun.model.machine.built import Built
from mmrun.model.mechanisms import parts


@frozen
class Wait:
    """What somebody waits for, in words after `waiting for`.

    `several`: the same where many wait so, each for one of its own; `enders`: the actors that would end it; `memory`:
    of memory, in the end; `rests`: nobody is held up, as there is nothing to do; `why`: how it stands with what is
    waited for, a clause.
    """

    what: str
    several: str = ""
    enders: tuple[int, ...] = ()
    memory: bool = False
    rests: bool = False
    why: str = ""


RESTS = Wait("work", rests=True)
Words = Callable[[int, int], Wait | None]
"""(row of the table, which queue of its field) -> the wait in that queue; None: in general words."""
DOING = (
    (acct.OOM, "out of memory"), (acct.ALLOC, "in direct reclaim"), (acct.MEMCG, "reclaiming for the group's limit"),
    (acct.HIGH, "over memory.high"), (acct.COMPACTION, "compacting memory"), (acct.FSYNC, "in fsync"),
    (acct.DIRTY, "in dirty throttling"), (acct.SWAP, "reading a page from swap"), (acct.FILE, "reading a file"),
    (acct.MMAP, "in a page fault"), (acct.MIGRATION, "in a page fault"), (acct.FAULT, "in the kernel"),
    (acct.IN_MEMSTALL, "reclaiming"),
)  # fmt: skip


@frozen
class Sleeper:
    """An actor that is held up: its name, what it is doing, for what it waits, since when (ns; None: it goes round).

    `task`: it is one.
    """

    who: int
    name: str
    doing: str
    wait: Wait
    since: int | None
    task: bool = False


def names(built: Built) -> list[str]:
    """The actors by number: tasks by their names, kswapd0, flusher0; others are called after what they are for."""
    called = {"node": "kswapd", "wb": "flusher"}
    per, rows, found = kinds(built.plan.actors), actors(built.memory.m), []
    for row in rows:
        kind = per[int(row.kind)]
        found.append(built.tasks[int(row.index)] if kind == "task" else f"{called.get(kind, kind)}{int(row.index)}")
    return found


def sleepers(built: Built) -> list[Sleeper]:
    """Everybody who is held up, tasks first; who is done, or has nothing to do, is not."""
    stands, called, words = queues(built), names(built), _words(built)
    found = []
    for who, row in enumerate(actors(built.memory.m)):
        if not row.stack:
            continue
        wait, since = _round(int(row.doing)), None
        if row.waits and who in stands:
            name, at, which = stands[who]
            told = words[name](at, which) if name in words else None
            wait, since = told or Wait(f"{name.replace('.', ': ')} of {at}"), int(row.since)
            wait = replace(wait, memory=wait.memory or bool(row.doing & acct.ALLOC))
        if not wait.rests:
            found.append(Sleeper(who, called[who], doing(int(row.doing)), wait, since, row.task != NONE))
    return found


def doing(bits: int) -> str:
    """What an actor is about, from ACTOR.doing."""
    return next((words for bit, words in DOING if bits & bit), "at work")


def _round(bits: int) -> Wait:
    """Of somebody who stands in no queue."""
    if bits & acct.OOM:
        return Wait("a killed task to give back its memory", memory=True)
    if bits & acct.DIRTY and not bits & acct.ALLOC:
        return Wait("the end of a pause")
    if bits & acct.ASIDE:
        return Wait("a time of its own choosing", rests=True)
    return Wait("", memory=bool(bits & (acct.ALLOC | acct.IN_MEMSTALL)), rests=not bits & ~acct.ASLEEP)


def queues(built: Built) -> dict[int, tuple[str, int, int]]:
    """Actor -> (name of its queue's field or table, row, which of the field's queues)."""
    found: dict[int, tuple[str, int, int]] = {}
    rows = actors(built.memory.m)
    for name, at, which, first in _heads(built):
        while first:
            found[first - 1] = (name, at, which)
            first = int(rows[first - 1].next)
    return found


def _heads(built: Built) -> Iterator[tuple[str, int, int, int]]:
    """Every queue in which somebody stands: its name, row, place in the field, the first actor + 1."""
    for accessor in DECLARED.values():
        for field in (None,) if accessor.kind == WAIT_QUEUE else _fields(accessor.kind):
            behind = built.memory.table(accessor.name)
            if not len(behind):
                continue
            column = behind["first"] if field is None else behind[field]["first"]
            name = accessor.name if field is None else f"{accessor.name}.{field}"
            column = np.asarray(column).reshape(len(behind), -1)
            for at, which in np.argwhere(column):
                yield name, int(at), int(which), int(column[at, which])


def _fields(kind: np.dtype) -> tuple[str, ...]:
    """The fields of a row that are wait queues, or arrays of them."""
    return tuple(name for name in kind.names or () if kind[name].base == WAIT_QUEUE)


def _words(built: Built) -> dict[str, Words]:
    """What mechanisms say of their queues; one that comes later may say it better."""
    found: dict[str, Words] = {}
    for part in parts("report"):
        found |= getattr(part, "waits", _nothing)(built)
    return found


def _nothing(_built: Built) -> dict[str, Any]:
    return {}


def grouped(found: list[Sleeper]) -> list[list[Sleeper]]:
    """Those who wait alike."""
    groups: dict[Any, list[Sleeper]] = {}
    for each in found:
        alike = replace(each.wait, what=each.wait.several or each.wait.what, why="")
        groups.setdefault((each.task, each.doing, alike), []).append(each)
    return list(groups.values())
