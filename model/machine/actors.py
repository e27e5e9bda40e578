"""Actors of a machine record: who there is, what each of them does, where it runs, the stacks they take."""

from collections.abc import Iterable

from mmrun.model.core.accounting import ASLEEP
from mmrun.model.core.actor import kinds
from mmrun.model.core.actors import NEVER
from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.core.stacks import Stacks, routines
from mmrun.model.core.state import stacks as stacks_of
from mmrun.model.hooks import HOOK_INDEX
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import nodes, run_settings

AT_BOOT = -1


def place_actors(built: Built, hooks: Iterable[Hook]) -> None:
    """An actor for everything that one of the hooks is to run for, kind by kind; tasks' come first."""
    m, rows, tasks = built.memory.m, built.memory.table("actors"), built.memory.table("tasks")
    place_stacks(built)
    entries = built.memory.record.hooks[0]
    does = {hook.per: hook for hook in hooks if hook.per}
    counts = built.plan.actors
    who, times = 0, []
    for kind, per in enumerate(kinds(counts)):
        count = counts.get(per, 0)
        some = rows[who : who + count]
        some["kind"], some["doing"] = kind, ASLEEP
        some["entry"], some["index"], some["task"] = entries[HOOK_INDEX[does[per].name]], range(count), NONE
        some["apart"] = does[per].apart
        if per == "task":
            some["cpu"], some["task"], some["nofs"] = tasks["cpu"], range(count), tasks["nofs"]
            times += tasks["time"].tolist()
        else:
            some["cpu"] = nodes(m)["daemon_cpu"] if per == "node" else 0
            times += [AT_BOOT if does[per].at_boot else 0] * count
        who += count
    _schedule_all(built, times)


def _schedule_all(built: Built, times: list[int]) -> None:
    """Fill the tournament tree of `mmrun.model.core.actors`: actor `i` wants to run at `times[i]`."""
    tree = built.memory.table("runqueue")
    leaves = run_settings(built.memory.m).actor_leaves = len(tree) // 2
    tree[:] = NEVER
    tree[leaves : leaves + len(times)] = times
    while leaves > 1:
        tree[leaves // 2 : leaves] = tree[leaves : 2 * leaves].reshape(-1, 2).min(axis=1)
        leaves //= 2


def place_stacks(built: Built) -> None:
    """A stack for every actor, all of them free."""
    m, count = built.memory.m, len(built.memory.table("actors"))
    built.stacks = stacks = Stacks(count)
    code = routines()
    stacks_of(m).switch, stacks_of(m).prepare = code.switch, code.prepare
    stacks_of(m).entry = built.memory.record.hooks[0, HOOK_INDEX["actor_life"]]
    stacks_of(m).low, stacks_of(m).stride, stacks_of(m).bytes = stacks.low, stacks.stride, stacks.bytes
    stacks_of(m).main, stacks_of(m).spare = stacks.context, count
    built.memory.table("spare_stacks")[:] = range(count - 1, -1, -1)
