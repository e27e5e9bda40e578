"""Groups that pay for socket memory: whose counters a charge walks, when their sockets are held back.

Source: net/ipv4/tcp_memcontrol.c of 3.6, mm/memcontrol.c and mm/vmpressure.c of 6.12.
"""

from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.net.tcp.state import socks
from mmrun.model.net.tcp_mem.line import usage_line, use_line
from mmrun.model.net.tcp_mem.state import sock_groups, tcp_mem, tcp_mem_count, tcp_mem_settings

charge_skmem = caller("charge_skmem")
uncharge_skmem = caller("uncharge_skmem")
NO_GROUP = -1
REFUSED, CHARGED, OVER = 0, 1, 2  # what charge_skmem answers
MAY_SLEEP, NOFAIL = 1, 2  # how it is asked
WINDOW = 512  # pages scanned between two levels of pressure (vmpressure_win)
MEDIUM = 60  # percent of them not reclaimed, from which on a group's sockets are held back (vmpressure_level_med)
SECOND = 1_000_000_000


@kernel
def group_of(m, sk):
    """The group that pays for a socket's memory, or NO_GROUP (sk->sk_cgrp, sk->sk_memcg)."""
    if not tcp_mem_settings(m).accounts:
        return NO_GROUP
    group = socks(m)[sk].memcg
    return group if sock_groups(m)[group].accounted else NO_GROUP


@kernel
def above(m, group):
    """The group whose counter is next on the way up, or NO_GROUP: under version 1 the root has none."""
    if group == 0:
        return NO_GROUP
    parent = memcgs(m)[group].parent
    return parent if parent or tcp_mem_settings(m).beyond_root else NO_GROUP


@kernel
def walk(m, group, accesses, held):
    """Change the counters of a group and those above it: so many accesses to each line, held for `held` ns."""
    at = group
    while at != NO_GROUP:
        use_line(m, usage_line(at), accesses, held)
        at = above(m, at)
    tcp_mem_count(m).skmem_charges += 1


@kernel
def add_usage(m, group, pages):
    """Count pages on the counters of version 1 of a group and those above it: the first of them that is over, or none.

    In the kernel: res_counter_charge_nofail, page_counter_charge.
    """
    at, over = group, NO_GROUP
    while at != NO_GROUP:
        row = sock_groups(m)[at]
        row.usage += pages
        if pages > 0 and row.usage > row.limit and over == NO_GROUP:
            over = at
            row.failcnt += 1
        at = above(m, at)
    return over


@kernel
def fits(m, group, pages):
    """Whether the counters of version 1 of a group and those above it have room (page_counter_try_charge)."""
    at = group
    while at != NO_GROUP:
        if sock_groups(m)[at].usage + pages > sock_groups(m)[at].limit:
            return False
        at = above(m, at)
    return True


@kernel
def charge_group(m, group, pages, how):
    """Charge a socket's pages to a group: REFUSED, CHARGED or OVER."""
    answer = charge_skmem(m, group, pages, how)
    if answer != REFUSED:
        sock_groups(m)[group].sock += pages
    return answer


@kernel
def uncharge_group(m, group, pages):
    """The group no longer pays for these pages of a socket."""
    sock_groups(m)[group].sock -= pages
    uncharge_skmem(m, group, pages)


@kernel
def under_socket_pressure(m, group):
    """Whether the group's sockets are held back: its own flag, or reclaim of it or a group above goes badly.

    In the kernel: mem_cgroup_under_socket_pressure; until 4.4 the flag of cg_proto.
    """
    if sock_groups(m)[group].pressure:
        return True
    at = group
    while at != NO_GROUP:
        if m.now < sock_groups(m)[at].pressure_until:
            return True
        at = memcgs(m)[at].parent if at else NO_GROUP
    return False


@kernel
def set_pressure(m, group, value):
    """Raise or lower the flag of a group and those above it (sk_enter_memory_pressure, 3.3 to 4.4)."""
    at = group
    while at != NO_GROUP:
        sock_groups(m)[at].pressure = value
        at = above(m, at)


@kernel
def allocated_to(m, group):
    """Pages that the tests of a socket's memory go by: the group's own under 3.3 to 4.4 (sk_memory_allocated)."""
    if group != NO_GROUP and tcp_mem_settings(m).group_marks:
        return sock_groups(m)[group].usage
    return tcp_mem(m).allocated


@kernel
def mark_of(m, group, i):
    """Number `i` of tcp_mem, under 3.3 to 4.4 no more than the group's limit (sk_prot_mem_limits)."""
    if group != NO_GROUP and tcp_mem_settings(m).group_marks:
        return min(sock_groups(m)[group].limit, tcp_mem(m).mark[i])
    return tcp_mem(m).mark[i]


@kernel
def sockets_of(m, group):
    """Sockets that share what there is: the group's own under 3.3 to 4.4 (sk_sockets_allocated)."""
    if group != NO_GROUP and tcp_mem_settings(m).group_marks:
        return sock_groups(m)[group].sockets
    return tcp_mem(m).sockets


@kernel
def vmpressure_level(scanned, reclaimed):
    """Percent of pages scanned that were not reclaimed, as vmpressure_calc_level rounds it."""
    if reclaimed >= scanned:
        return 0
    scale = scanned + reclaimed
    return (scale - reclaimed * scale // scanned) * 100 // scale


@hook
def vmpressure(m, memcg, scanned, reclaimed):
    """Reclaim went through a group: if most of what it scanned stayed, the group's sockets are held back for a second.

    Decided for every 512 pages scanned. In the kernel: vmpressure with tree = false, 4.5.
    """
    group = sock_groups(m)[memcg]
    if memcg == 0 or scanned == 0:
        return 0
    group.scanned += scanned
    group.reclaimed += reclaimed
    if group.scanned >= WINDOW:
        if vmpressure_level(group.scanned, group.reclaimed) >= MEDIUM:
            group.pressure_until = m.now + SECOND
        group.scanned = group.reclaimed = 0
    return 0
