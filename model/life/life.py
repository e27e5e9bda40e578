"""The program that goes through the timeline: at its time each operation, one after the other."""

from mmrun.model.core.actor import actor
from mmrun.model.core.actors import NEVER, schedule
from mmrun.model.core.codes import OK
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.sleep import cond_resched, sleep_until, wake
from mmrun.model.core.state import turn
from mmrun.model.life.drop_caches import drop_pagecache, drop_slab
from mmrun.model.life.removal import in_use, rmdir
from mmrun.model.life.state import (
    COMPACT,
    DROP_PAGECACHE,
    DROP_SLAB,
    FORCE_EMPTY,
    RECLAIM,
    REMOVE,
    RESIZE,
    SET_HIGH,
    SET_MAX,
    SET_OOM_GROUP,
    SET_PROTECTION,
    SET_SOFT_LIMIT,
    SET_SWAP_MAX,
    SET_SWAPPINESS,
    SET_VM,
    life_count,
    life_ops,
    life_settings,
    life_state,
)
from mmrun.model.machine.state import costs
from mmrun.model.machine.timers import SECOND
from mmrun.model.mm.limits.limits import ITS_OWN, proactive_reclaim
from mmrun.model.mm.limits.writes import EBUSY, resize_limit, write_high, write_max, write_protection, write_swap_max
from mmrun.model.mm.lru.lru import lru_add_drain_all
from mmrun.model.mm.memcg.memcontrol import drain_all_stocks
from mmrun.model.mm.memcg.state import memcg_settings, memcgs
from mmrun.model.mm.task.state import NOBODY
from mmrun.model.mm.writeback.state import wbs

compact_memory = caller("compact_memory")
memcg_reclaim = caller("memcg_reclaim")
EAGAIN = -11
TO_PYTHON = 2  # of turn.pass_over: settings are to be written, which Python does (model/life/sysctls.py)


@kernel
def _write_settings(m, i):
    """Settings of the machine: the engine stops, Python writes them, and nobody else runs meanwhile."""
    life_state(m).due = i + 1
    turn(m).pass_over = TO_PYTHON
    cond_resched(m)
    if life_ops(m)[i].value and life_settings(m).interval_wakes:  # dirty_writeback_centisecs_handler
        for w in range(len(wbs(m))):
            wake(m, wbs(m)[w].dwork, 1, m.now)
    return OK


@kernel
def force_empty(m, memcg):
    """memory.force_empty: reclaim until nothing is left, or nothing comes of it any more (mem_cgroup_force_empty)."""
    if in_use(m, memcg):
        return EBUSY
    retries = memcg_settings(m).charge_retries
    lru_add_drain_all(m)
    drain_all_stocks(m, memcg)
    while retries and memcgs(m)[memcg].usage and m.broken == 0:
        if not memcg_reclaim(m, memcg, 1, ITS_OWN, 0):
            retries -= 1
            if life_settings(m).force_empty_waits:
                sleep_until(m, m.now + SECOND // 10)
    return OK


@kernel
def _write_group(m, op):
    """A file of a group."""
    group = memcgs(m)[op.memcg]
    if op.action == RECLAIM:
        return EAGAIN if proactive_reclaim(m, op.memcg, op.value, op.second) < op.value else OK
    if op.action == FORCE_EMPTY:
        return force_empty(m, op.memcg)
    if op.action == REMOVE:
        return rmdir(m, op.memcg)
    if op.action == SET_PROTECTION:
        return write_protection(m, op.memcg, op.value, op.second)
    if op.action == SET_HIGH:
        return write_high(m, op.memcg, op.value)
    if op.action == SET_MAX:
        return write_max(m, op.memcg, op.value)
    if op.action == RESIZE:
        return resize_limit(m, op.memcg, op.value)
    if op.action == SET_SWAP_MAX:
        return write_swap_max(m, op.memcg, op.value)
    if op.action == SET_SOFT_LIMIT:
        group.soft_limit = op.value
    elif op.action == SET_SWAPPINESS:
        group.swappiness = op.value
    elif op.action == SET_OOM_GROUP:
        group.oom_group = op.value
    return OK


@kernel
def _do(m, i):
    """Operation `i`; 0, or the errno that its writer gets."""
    op = life_ops(m)[i]
    if op.action == SET_VM:
        return _write_settings(m, i)
    if op.action == DROP_PAGECACHE:
        op.after = drop_pagecache(m)
    elif op.action == DROP_SLAB:
        op.after = drop_slab(m)
    elif op.action == COMPACT:
        return compact_memory(m, NOBODY, 0)
    else:
        op.before = memcgs(m)[op.memcg].usage
        result = _write_group(m, op)
        op.after = memcgs(m)[op.memcg].usage
        return result
    return OK


@actor(per="timeline")
def timeline(m, number):
    """Sleeps until an operation is due, does it, goes on to the next."""
    for i in range(len(life_ops(m))):
        op = life_ops(m)[i]
        sleep_until(m, op.at)
        op.began = m.now
        m.now += costs(m).syscall
        op.result = _do(m, i)
        op.ended, op.done = m.now, 1
        life_count(m).timeline_writes += 1
        life_count(m).timeline_refused += 1 if op.result else 0
        life_count(m).timeline_ns += op.ended - op.began
    schedule(m, turn(m).actor, NEVER)
    return 0
