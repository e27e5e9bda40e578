"""What writing a limit into a group's file does, in the writer's time: reclaim, kill, or be refused (EBUSY).

Source: memory_max_write, memory_high_write, swap_max_write, mem_cgroup_resize_limit, later mem_cgroup_resize_max.
"""

from mmrun.model.core.codes import OK
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.sleep import cond_resched
from mmrun.model.mm.limits.limits import ITS_OWN
from mmrun.model.mm.limits.oom import kill_for_nobody
from mmrun.model.mm.limits.state import limit_settings
from mmrun.model.mm.memcg.memcontrol import EVENT_OOM, drain_all_stocks, event, propagate_protection
from mmrun.model.mm.memcg.state import memcg_settings, memcgs

memcg_reclaim = caller("memcg_reclaim")
at_limit = caller("limit_reclaim")
EBUSY = -16
OLD_RETRIES = 5  # MEM_CGROUP_RECLAIM_RETRIES


@kernel
def note_lowered(m, memcg):
    """The group may use more than its limits now, and no more than it uses (the law of model/mm/memcg/check.py)."""
    group = memcgs(m)[memcg]
    group.excused, group.swap_excused = group.usage, group.swap_pages


@kernel
def _reclaim_excess(m, memcg, most):
    """One go for what the group has beyond `most` pages; pages reclaimed."""
    return memcg_reclaim(m, memcg, memcgs(m)[memcg].usage - most, ITS_OWN, 0)


@kernel
def _drain(m, memcg):
    """What CPUs keep for the subtree goes back before anything is reclaimed for it (drain_all_stock)."""
    drain_all_stocks(m, memcg)
    cond_resched(m)


@kernel
def write_max(m, memcg, pages):
    """memory.max since 4.6: it holds at once; reclaim until usage is below it, then kill, till nobody is left."""
    group, drained, retries = memcgs(m)[memcg], False, memcg_settings(m).charge_retries
    group.limit = pages
    note_lowered(m, memcg)
    while group.usage > pages and m.broken == 0:
        if not drained:
            _drain(m, memcg)
            drained = True
        elif retries:
            if not _reclaim_excess(m, memcg, pages):
                retries -= 1
        else:
            event(m, memcg, EVENT_OOM)
            if not kill_for_nobody(m, memcg):
                break
    return OK


@kernel
def resize_limit(m, memcg, pages):
    """memory.limit_in_bytes, and memory.max to 4.5: it holds once usage is below it; EBUSY if reclaim does not do it.

    To 4.15 five goes a group of the subtree may be for nothing, since 4.16 none; since 4.18 stocks are drained first.
    """
    group = memcgs(m)[memcg]
    retries, drained = OLD_RETRIES * (group.end - memcg), not limit_settings(m).resize_drains
    while group.usage > pages and m.broken == 0:
        before = group.usage
        if not drained:
            _drain(m, memcg)
            drained = True
        elif limit_settings(m).resize_gives_up:
            if not at_limit(m, memcg, 1):
                return EBUSY
        else:
            at_limit(m, memcg, 1)
            _drain(m, memcg)
            if group.usage >= before:
                retries -= 1
            if retries == 0:
                return EBUSY
    group.limit = pages
    return OK


@kernel
def write_high(m, memcg, pages):
    """memory.high: since 4.6 the writer reclaims what is above it, once, since 5.5 again while that helps."""
    group, drained, retries = memcgs(m)[memcg], False, memcg_settings(m).charge_retries
    if not limit_settings(m).high_set_last:
        group.memory_high = pages
    if not limit_settings(m).high_loops:
        if limit_settings(m).high_reclaims and group.usage > pages:
            _reclaim_excess(m, memcg, pages)
    else:
        while group.usage > pages and m.broken == 0:
            if not drained:
                _drain(m, memcg)
                drained = True
            elif not _reclaim_excess(m, memcg, pages):
                if retries == 0:
                    break
                retries -= 1
    group.memory_high = pages
    return OK


@kernel
def write_swap_max(m, memcg, pages):
    """memory.swap.max: nothing is read back for it; to 4.17 EBUSY where more is in use."""
    group = memcgs(m)[memcg]
    if group.swap_pages > pages and not limit_settings(m).swap_max_below_usage:
        return EBUSY
    group.swap_limit = pages
    note_lowered(m, memcg)
    return OK


@kernel
def write_protection(m, memcg, least, low):
    """memory.min and memory.low, pages (page_counter_set_min, page_counter_set_low)."""
    group = memcgs(m)[memcg]
    group.memory_min, group.memory_low = least, low
    propagate_protection(m, memcg)
    group.protects = 1 if least > 0 or low > 0 else 0
    if group.protects:
        memcg_settings(m).protection = 1
    return OK
