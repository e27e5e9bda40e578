"""Allocating a page: zonelist walk, watermarks, daemons, direct reclaim, giving up (mm/page_alloc.c)."""

from model.jit import caller, frames, hook, kernel, memcgs, tasks
from model.layout import NONE
from model.mm.buddy import alloc_reserve, drain_all_pcps, free_frame, rmqueue
from model.mm.idle import forget
from model.mm.limits import charge
from model.mm.memcontrol import kmem_group, uncharge
from model.mm.mempolicy import ALL_NODES, interleaves, preferred_node
from model.mm.node_reclaim import RECLAIM_DISTANCE, node_reclaim
from model.mm.oom import out_of_memory
from model.mm.state import KERNEL, MODE_PREFERRED_MANY, SLAB
from model.mm.suspend import AFRESH, MIDWAY
from model.mm.victims import page_event
from model.mm.vmscan import DIRECT
from model.mm.zones import HIGHEST, wake_kswapd, watermark_ok

direct_reclaim = caller("direct_reclaim")
retry_zone = caller("retry_zone")
throttle_retry = caller("throttle_retry")
dirty_ok = caller("dirty_ok")
LOW, MIN = 0, 1
NO_GROUP = -1


@kernel
def _walk(m, nid, level):
    """A frame from the first zone of node `nid`'s zonelist that stays above its low (or min) watermark, or NONE.

    At the low watermark a page for write() (__GFP_WRITE) comes from a zone within its dirty limit only.
    """
    home, cpu = m.nodes[nid], m.clock.cpu
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        zone = m.zones[z]
        if not m.clock.mask >> zone.node & 1:
            continue
        if level == LOW and m.clock.writing_to and not dirty_ok(m, z):
            continue
        mark = zone.wmark_low if level == LOW else zone.wmark_min
        ok = watermark_ok(m, z, mark, HIGHEST)
        if not ok and m.cfg.zone_reclaim_mode and home.distance[zone.node] <= RECLAIM_DISTANCE:
            ok = node_reclaim(m, z) and watermark_ok(m, z, mark, HIGHEST)
        if ok:
            pfn = rmqueue(m, cpu, z)
            if pfn != NONE:
                frames(m)[pfn].zone, frames(m)[pfn].node = z, zone.node
                return pfn
    return NONE


@kernel
def _wake_kswapds(m, nid):
    home, seen = m.nodes[nid], 0
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        node = m.zones[z].node
        if m.clock.mask >> node & 1 and not seen >> node & 1:
            seen |= 1 << node
            wake_kswapd(m, z, HIGHEST)


@kernel
def _slow_path(m, t, nid):
    """Wake the daemons, go down to min, reclaim directly until it is of no use; NONE then, or asleep."""
    _wake_kswapds(m, nid)
    paused = tasks(m)[t].suspended
    pfn = NONE if paused.active else _walk(m, nid, MIN)
    fruitless = paused.fruitless if paused.active else 0
    while pfn == NONE:
        m.vm.allocstall += 0 if paused.active == MIDWAY else 1
        entered = m.clock.now
        got = direct_reclaim(m, nid, HIGHEST, t)
        tasks(m)[t].stat.stall_lock_ns += m.sc[DIRECT].stall_lock
        tasks(m)[t].stat.stall_alloc_ns += m.clock.now - entered
        if m.clock.blocked_until:
            paused.nid, paused.mask, paused.fruitless = nid, m.clock.mask, fruitless
            return NONE
        pfn = _walk(m, nid, MIN)
        if pfn == NONE and got:
            for z in range(m.cfg.nr_zones):
                drain_all_pcps(m, z)
            pfn = _walk(m, nid, MIN)
        fruitless = 0 if got else fruitless + 1
        if got:
            for node in range(m.cfg.nr_nodes):
                m.nodes[node].kswapd_failures = 0
        _wake_kswapds(m, nid)
        again = retry_zone(m, nid, fruitless)
        if pfn != NONE or not again:
            break
        throttle_retry(m, again - 1, fruitless)
        if m.clock.may_block:  # others go on before the next attempt (cond_resched)
            paused.active, paused.nid, paused.mask, paused.fruitless = AFRESH, nid, m.clock.mask, fruitless
            m.clock.blocked_until = max(m.clock.now, m.clock.blocked_until)
            return NONE
    paused.active = 0
    return pfn


@kernel
def _numa_statistics(m, t, nid, pfn):
    """numa_hit/miss/foreign against the first allowed node of the zonelist, local/other against the CPU's node."""
    got, wanted = frames(m)[pfn].node, nid
    home = m.nodes[nid]
    for i in range(home.nr_zonelist):
        if m.clock.mask >> m.zones[home.zonelist[i]].node & 1:
            wanted = m.zones[home.zonelist[i]].node
            break
    if got == wanted:
        m.nodes[got].vm.numa_hit += 1
        if interleaves(m, t):
            m.nodes[got].vm.interleave_hit += 1
    else:
        m.nodes[got].vm.numa_miss += 1
        m.nodes[wanted].vm.numa_foreign += 1
    if got == tasks(m)[t].node:
        m.nodes[got].vm.local_node += 1
    else:
        m.nodes[got].vm.other_node += 1


@kernel
def _fast_path(m, t, nid):
    """A frame from a zone above its low watermark, where the task's policy wants it, or NONE."""
    if tasks(m)[t].mode == MODE_PREFERRED_MANY:
        m.clock.mask = tasks(m)[t].mask
        pfn = _walk(m, nid, LOW)
        if pfn != NONE:
            return pfn
        m.clock.mask = ALL_NODES
    return _walk(m, nid, LOW)


@kernel
def alloc_frame(m, t):
    """A frame for a user page of task `t`, placed by its policy.

    NONE when the machine is out of memory, or when the task fell asleep over it (`clock.blocked_until`); the next call
    for it then goes on where this one stopped.
    """
    if m.clock.blocked_until:
        return NONE
    pfn, paused = NONE, tasks(m)[t].suspended
    if paused.active:
        nid, m.clock.mask = paused.nid, paused.mask
    else:
        nid = preferred_node(m, t)
        pfn = _fast_path(m, t, nid)
    if pfn == NONE:
        pfn = _slow_path(m, t, nid)
    while pfn == NONE and m.clock.blocked_until == 0 and out_of_memory(m, t, 0):
        pfn = _slow_path(m, t, nid)
    if pfn == NONE:
        return NONE
    _numa_statistics(m, t, nid, pfn)
    m.vm.pgalloc += 1
    page = frames(m)[pfn]
    page.state = page.slot = page.mapcount = 0
    page.memcg = tasks(m)[t].memcg
    if m.cfg.idle_tracking:
        forget(m, pfn)
    return pfn


@hook
def charged_frame(m, t):
    """A frame for a user page of task `t`, charged to its group; NONE when the machine or the group is out of it."""
    pfn = alloc_frame(m, t)
    if pfn != NONE and not charge(m, t, tasks(m)[t].memcg):
        free_frame(m, m.clock.cpu, pfn)
        return NONE
    if pfn != NONE:
        page_event(m, frames(m)[pfn].memcg, frames(m)[pfn].zone)
    return pfn


@hook
def slab_frame(m, t, memcg):
    """A frame for slab objects, placed like a user page, charged to `memcg` (NO_GROUP: to nobody); NONE without one."""
    pfn = alloc_frame(m, t)
    if pfn == NONE:
        return NONE
    page = frames(m)[pfn]
    if memcg != NO_GROUP:
        if not charge(m, t, memcg):
            free_frame(m, m.clock.cpu, pfn)
            return NONE
        memcgs(m)[memcg].kmem += 1
    page.state, page.memcg = KERNEL | SLAB, max(memcg, 0)
    return pfn


@hook
def kernel_frame(m, t):
    """A frame for the kernel's own use on behalf of task `t` (page table, slab), charged; NONE when there is none."""
    memcg, node = kmem_group(m, t), tasks(m)[t].node
    if not charge(m, t, memcg):
        return NONE
    pfn = alloc_reserve(m, node)
    if pfn == NONE:
        for other in range(m.cfg.nr_nodes):
            if pfn == NONE:
                pfn = alloc_reserve(m, other)
    if pfn == NONE:
        uncharge(m, memcg)
        return NONE
    m.vm.pgalloc += 1
    frames(m)[pfn].state, frames(m)[pfn].memcg = KERNEL, memcg
    memcgs(m)[memcg].kmem += 1
    return pfn
