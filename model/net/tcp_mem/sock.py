"""Memory of sockets: paid ahead in pages, refused beyond marks, given back (net/core/sock.c, include/net/sock.h).

A socket that needs bytes takes them from `forward_alloc`; when that is short, whole pages go on the protocol's counter
and, as the axis `tcp_accounting` has it, on a group's. Which of them stand in the way, and what a socket gets all the
same, is `_raise_allocated`. Versions differ in what they ask for, when they give back, and how often the shared counter
itself is changed. Sockets at a far end cost this machine nothing.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.state import turn
from mmrun.model.net.skb.state import RESERVE, skbs
from mmrun.model.net.tcp.state import SNDBUF_LOCK, socks
from mmrun.model.net.tcp_mem.groups import (
    CHARGED,
    MAY_SLEEP,
    NO_GROUP,
    NOFAIL,
    OVER,
    REFUSED,
    allocated_to,
    charge_group,
    group_of,
    mark_of,
    set_pressure,
    sockets_of,
    uncharge_group,
    under_socket_pressure,
)
from mmrun.model.net.tcp_mem.line import use_line
from mmrun.model.net.tcp_mem.state import (
    GLOBAL_LINE,
    sock_groups,
    tcp_mem,
    tcp_mem_count,
    tcp_mem_settings,
    tcp_reserves,
)
from mmrun.model.net.tcp_mem.tracepoints import sock_exceed_buf_limit

SEND, RECV = 0, 1  # SK_MEM_SEND, SK_MEM_RECV
QUANTUM, QUANTUM_SHIFT = 4096, 12  # SK_MEM_QUANTUM
THRESHOLD, CHUNK = 1 << 21, 1 << 20  # SK_RECLAIM_THRESHOLD, SK_RECLAIM_CHUNK
MS = 1_000_000


@kernel
def sk_mem_pages(amount):
    """Whole pages for so many bytes."""
    return (amount + QUANTUM - 1) >> QUANTUM_SHIFT


@kernel
def _memory_allocated_add(m, pages):
    """Pages come on the shared counter (or, negative, go), since 6.0 by way of what the CPU keeps to itself."""
    settings = tcp_mem_settings(m)
    if settings.accessor:
        m.now += settings.cgroup_accessor
    if settings.sk_per_cpu_reserve:
        kept = tcp_reserves(m)[turn(m).cpu] + pages
        if -settings.mem_pcpu_rsv < kept < settings.mem_pcpu_rsv:
            tcp_reserves(m)[turn(m).cpu] = kept
            return
        tcp_reserves(m)[turn(m).cpu] = 0
        pages = kept
    use_line(m, GLOBAL_LINE, 1, 0)
    tcp_mem(m).allocated += pages


@kernel
def _enter_pressure(m, group):
    if tcp_mem_settings(m).group_marks:
        set_pressure(m, group, 1)
    state = tcp_mem(m)
    if not state.pressure:
        state.pressure, state.pressure_since = 1, m.now
        tcp_mem_count(m).TCPMemoryPressures += 1


@kernel
def _leave_pressure(m, group):
    if tcp_mem_settings(m).group_marks:
        set_pressure(m, group, 0)
    state = tcp_mem(m)
    if state.pressure:
        state.pressure = 0
        tcp_mem_count(m).TCPMemoryPressuresChrono += max(m.now - state.pressure_since, 0) // MS


@kernel
def sk_enter_memory_pressure(m, sk):
    """The socket could not have memory from the machine: all sockets are under pressure."""
    _enter_pressure(m, group_of(m, sk))


@kernel
def _under_pressure(m, group):
    if group == NO_GROUP:
        return tcp_mem(m).pressure > 0
    if tcp_mem_settings(m).group_marks:
        return sock_groups(m)[group].pressure > 0
    return under_socket_pressure(m, group) or tcp_mem(m).pressure > 0


@kernel
def sk_under_memory_pressure(m, sk):
    """Whether the socket is to be modest: the machine's sockets are under pressure, or its group's.

    From 3.3 to 4.4 a socket of a group that pays looks at the group's flag alone.
    """
    return 1 if _under_pressure(m, group_of(m, sk)) else 0


@kernel
def sk_memory_plenty(m, sk):
    """Whether what sockets have is below the first mark, so that buffers may grow: the group's where its marks decide.

    In the kernel: sk_memory_allocated(sk) < sk_prot_mem_limits(sk, 0).
    """
    group = group_of(m, sk)
    return 1 if allocated_to(m, group) < mark_of(m, group, 0) else 0


@kernel
def sk_stream_moderate_sndbuf(m, sk):
    """Shrink the send buffer to half of what is queued, unless its size was set."""
    sock = socks(m)[sk]
    if not sock.sk_flags & SNDBUF_LOCK:
        sock.sndbuf = max(min(sock.sndbuf, sock.wmem_queued >> 1), tcp_mem_settings(m).sock_min_sndbuf)


@kernel
def _below_marks(m, sk, kind, group):
    """Whether a socket may have what was just put on the counters."""
    sock, allocated = socks(m)[sk], allocated_to(m, group)
    if allocated <= mark_of(m, group, 0):
        _leave_pressure(m, group)
        return True
    if allocated > mark_of(m, group, 1):
        _enter_pressure(m, group)
    if allocated > mark_of(m, group, 2):
        return False
    if kind == RECV:
        if sock.rmem_alloc < tcp_mem(m).rmem[0]:
            return True
    elif sock.wmem_queued < tcp_mem(m).wmem[0]:
        return True
    if tcp_mem_settings(m).fair_share_by_machine:
        if not tcp_mem(m).pressure:
            return True
    elif not _under_pressure(m, group):
        return True
    own = sk_mem_pages(sock.wmem_queued + sock.rmem_alloc + sock.forward_alloc)
    return mark_of(m, group, 2) > sockets_of(m, group) * own


@kernel
def _raise_allocated(m, sk, size, kind):
    """Pay whole pages ahead for `size` bytes more of a socket; 0 when it may not have them, nothing counted then.

    A sender that already fills its send buffer could not wait for less: it gets them.
    In the kernel: __sk_mem_schedule, __sk_mem_raise_allocated.
    """
    sock, group, answer, pages = socks(m)[sk], group_of(m, sk), CHARGED, sk_mem_pages(size)
    how = MAY_SLEEP if kind == SEND else 0
    if group != NO_GROUP:
        answer = charge_group(m, group, pages, how)  # it may have slept: what follows does not
    sock.forward_alloc += pages << QUANTUM_SHIFT
    sock.mem_pages += pages
    _memory_allocated_add(m, pages)
    if answer == OVER and tcp_mem_settings(m).group_marks:
        _enter_pressure(m, group)
    if answer == CHARGED and _below_marks(m, sk, kind, group):
        return 1
    if kind == SEND:
        sk_stream_moderate_sndbuf(m, sk)
        if sock.wmem_queued + size >= sock.sndbuf:
            if group != NO_GROUP and answer == REFUSED:
                charge_group(m, group, pages, NOFAIL)
            tcp_mem_count(m).sk_mem_forced += 1
            return 1
    tcp_mem_count(m).sk_mem_refused += 1
    sock_exceed_buf_limit(
        m, mark_of(m, group, 0), mark_of(m, group, 1), mark_of(m, group, 2), allocated_to(m, group),
        tcp_mem(m).rmem[0], sock.rmem_alloc, tcp_mem(m).wmem[0], sock.wmem_alloc, sock.wmem_queued, kind,
    )  # fmt: skip
    sock.forward_alloc -= pages << QUANTUM_SHIFT
    sock.mem_pages -= pages
    _memory_allocated_add(m, -pages)
    if group != NO_GROUP and answer != REFUSED:
        uncharge_group(m, group, pages)
    return 0


@kernel
def _short(m, sk, size):
    """What to ask for when a socket needs `size` bytes: what it lacks, before 6.0 all of it; 0 when it has enough."""
    lacks = size - socks(m)[sk].forward_alloc
    if lacks <= 0:
        return 0
    return lacks if tcp_mem_settings(m).sk_charges_shortage else size


@kernel
def sk_wmem_schedule(m, sk, size):
    """Whether the socket may queue `size` bytes more for sending; it may sleep to reclaim its group's memory."""
    short = _short(m, sk, size) if socks(m)[sk].here else 0
    return _raise_allocated(m, sk, short, SEND) if short else 1


@kernel
def sk_rmem_schedule(m, sk, s, size):
    """Whether the socket may keep `size` bytes of skb `s`; what reserves brought is never refused. It never sleeps."""
    short = _short(m, sk, size) if socks(m)[sk].here else 0
    if short == 0 or _raise_allocated(m, sk, short, RECV):
        return 1
    return 1 if skbs(m)[s].marks & RESERVE else 0


@kernel
def sk_mem_charge(m, sk, size):
    """Bytes paid for are put to use."""
    if socks(m)[sk].here:
        socks(m)[sk].forward_alloc -= size
        socks(m)[sk].mem_used += size


@kernel
def _reclaim(m, sk, amount):
    """Give the whole pages of `amount` bytes of what is paid ahead back (__sk_mem_reclaim)."""
    sock, group, pages = socks(m)[sk], group_of(m, sk), amount >> QUANTUM_SHIFT
    sock.forward_alloc -= pages << QUANTUM_SHIFT
    sock.mem_pages -= pages
    _memory_allocated_add(m, -pages)
    if group != NO_GROUP:
        uncharge_group(m, group, pages)
    pressed = tcp_mem(m).pressure > 0 if tcp_mem_settings(m).fair_share_by_machine else _under_pressure(m, group)
    if pressed and allocated_to(m, group) < mark_of(m, group, 0):
        _leave_pressure(m, group)


@kernel
def sk_mem_reclaim(m, sk):
    """Give back all whole pages that are paid ahead."""
    if socks(m)[sk].here and socks(m)[sk].forward_alloc >= QUANTUM:
        _reclaim(m, sk, socks(m)[sk].forward_alloc)


@kernel
def sk_mem_uncharge(m, sk, size):
    """Bytes are no longer in use: they are paid ahead, and go back at once since 6.0, beyond 2 MiB since 4.9."""
    sock, settings = socks(m)[sk], tcp_mem_settings(m)
    if not sock.here:
        return
    sock.forward_alloc += size
    sock.mem_used -= size
    if settings.sk_gives_back_at_once:
        sk_mem_reclaim(m, sk)
    elif settings.sk_gives_back_2mib and sock.forward_alloc >= THRESHOLD:
        _reclaim(m, sk, CHUNK)


@kernel
def sk_forced_mem_schedule(m, sk, size):
    """Pay ahead for bytes that cannot wait, whatever the marks and limits say: a FIN, a handshake."""
    sock = socks(m)[sk]
    short = _short(m, sk, size) if sock.here else 0
    if short == 0:
        return
    pages, group = sk_mem_pages(short), group_of(m, sk)
    sock.forward_alloc += pages << QUANTUM_SHIFT
    sock.mem_pages += pages
    _memory_allocated_add(m, pages)
    if group != NO_GROUP:
        charge_group(m, group, pages, NOFAIL)


@kernel
def init_sock_memory(m, sk):
    """A new socket has the default buffers, and counts where memory is shared out (tcp_init_sock)."""
    sock, group = socks(m)[sk], group_of(m, sk)
    sock.sndbuf, sock.rcvbuf = tcp_mem(m).wmem[1], tcp_mem(m).rmem[1]
    sock.forward_alloc = sock.mem_pages = sock.mem_used = 0
    if sock.here:
        tcp_mem(m).sockets += 1
        if group != NO_GROUP:
            sock_groups(m)[group].sockets += 1


@kernel
def release_sock_memory(m, sk):
    """A socket whose queues are empty is gone: it gives all back (sk_mem_reclaim_final, tcp_v4_destroy_sock)."""
    sock, group = socks(m)[sk], group_of(m, sk)
    if sock.here:
        sk_mem_reclaim(m, sk)
        tcp_mem(m).sockets -= 1
        if group != NO_GROUP:
            sock_groups(m)[group].sockets -= 1
