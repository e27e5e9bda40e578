"""Sockets of a machine record: pairs of rows for every connection, established before anything runs."""

from typing import Any

from mmrun.model import workloads
from mmrun.model.core.actor import kinds
from mmrun.model.core.actors import NEVER
from mmrun.model.core.frozen import frozen
from mmrun.model.core.jit import Hook
from mmrun.model.core.lehmer import first_of
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mechanisms import PACKAGES, folder, module_of, parts
from mmrun.model.mm.page.gfp import GFP_KERNEL
from mmrun.model.net.link.place import pairs
from mmrun.model.net.tcp.far_end import far_end
from mmrun.model.net.tcp.handshake import begin, establish, receive_from
from mmrun.model.net.tcp.receive import netif_receive_skb, sock_wfree
from mmrun.model.net.tcp.requests import (
    net_abort,
    net_connect,
    net_drain,
    net_recv,
    net_recv_all,
    net_send,
    net_send_nowait,
    net_serve,
    net_shutdown,
    net_transact,
)
from mmrun.model.net.tcp.sock import sk_set_memalloc
from mmrun.model.net.tcp.state import (
    ECHO,
    NODELAY,
    RCVBUF_LOCK,
    SINK,
    SNDBUF_LOCK,
    SOURCE,
    net_users,
    socks,
    tcp_state,
)
from mmrun.model.net.tcp.timer import tcp_timer
from mmrun.model.net.tcp_mem.sock import init_sock_memory, release_sock_memory

MOST_BUFFER = 212_992  # net.core.rmem_max and wmem_max
FIRST = {"send": 0, "client": 0, "receive": 1, "server": 1}  # which end of a pair over loopback a task has


@frozen
class User:
    """A task's connections: its row, its parameters, its first socket."""

    task: int
    params: Any
    first: int


def _streams(plan: Plan) -> list[tuple[int, Any]]:
    """(row, parameters) of tasks that send or receive."""
    own = [(t, task.stream) for t, task in enumerate(plan.tasks.values())]
    made = [(t, workloads.make_params(s.kind, s.params)) for t, s in own if s.kind in ("netstream", "netrr")]
    return made


def users(plan: Plan) -> list[User]:
    """All tasks with connections; the k-th of each side of a flow share theirs, as many as the one with more has."""
    found, ends = list[User](), dict[tuple[str, str, int], list[tuple[int, Any]]]()
    for t, params in _streams(plan):
        kind, side = type(params).__module__, 0 if params.link is not None else FIRST[params.role]
        name = f"task {t}" if params.link is not None else params.flow  # no two share one over a link
        k = sum((kind, name, n) in ends and any(s == side for s, _ in _sides(ends[kind, name, n])) for n in range(t))
        ends.setdefault((kind, name, k), []).append((t, params))
    used = 0
    for both in ends.values():
        for side, (t, params) in _sides(both):
            found.append(User(t, params, 2 * used + side))
        used += max(params.connections for _, params in both)
    return found


def _sides(both: list[tuple[int, Any]]) -> list[tuple[int, tuple[int, Any]]]:
    """Which end of a pair each of the tasks of a flow has: over a link the first."""
    return [(0 if one[1].link is not None else FIRST[one[1].role], one) for one in both]


def sockets(plan: Plan) -> list[str | None]:
    """The link of each connection that tasks want, None: loopback."""
    links = dict[int, str | None]()
    for user in users(plan):
        for n in range(user.params.connections):
            links[user.first // 2 + n] = user.params.link
    return [links.get(n) for n in range(max(links, default=-1) + 1)]


def first_pair(plan: Plan, package: str) -> int:
    """The number of the first connection that mechanism `package` asked for with its `sockets(plan)`."""
    before = PACKAGES[: PACKAGES.index(package)]
    names = {module_of(folder(one) / "place.py") for one in before}
    return sum(len(p.sockets(plan)) for p in parts("place") if hasattr(p, "sockets") and p.__name__ in names)


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    count = 2 * len(pairs(plan))
    return {"socks": count, "net_users": len(plan.tasks) if count else 0}


def actors(plan: Plan) -> dict[str, int]:
    """An other end for each link, and who runs the timers."""
    wanted = pairs(plan)
    if not wanted:
        return {}
    far = len(plan.cell.machine.links) if any(link is not None for link in wanted) else 0
    return {"tcp_timer": 1} | ({"far_end": far} if far else {})


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """What streams may ask for, what cards and daemons do."""
    if not pairs(plan):
        return ()
    return (
        netif_receive_skb, sock_wfree, far_end, tcp_timer, net_send, net_send_nowait, net_recv, net_recv_all,
        net_shutdown, net_abort, net_connect, net_transact, net_serve,
        net_drain,
    )  # fmt: skip


def _buffer(asked: int) -> int:
    """What SO_SNDBUF or SO_RCVBUF comes to."""
    return 2 * min(asked, MOST_BUFFER)


def set_buffers(built: Built, sk: int, sndbuf: int | None, rcvbuf: int | None) -> None:
    """SO_SNDBUF and SO_RCVBUF of a socket before it is connected."""
    row = socks(built.memory.m)[sk]
    if sndbuf is not None:
        row.sndbuf, row.sk_flags = max(_buffer(sndbuf), 4608), row.sk_flags | SNDBUF_LOCK
    if rcvbuf is not None:
        row.rcvbuf, row.sk_flags = max(_buffer(rcvbuf), 2304), row.sk_flags | RCVBUF_LOCK


def open_pair(
    built: Built, pair: int, nodelay: bool = False, gfp: int = GFP_KERNEL, memcg: int = 0, memalloc: bool = False
) -> tuple[int, int]:
    """Establish connection number `pair`: the rows of its end here and of the other one.

    `gfp`, `memcg`, `memalloc`: of the end here (of both over loopback), as in struct sock.
    """
    m, ends = built.memory.m, (2 * pair, 2 * pair + 1)
    for sk in ends:
        row = socks(m)[sk]
        row.gfp = gfp
        _join(built, sk, memcg)
        if nodelay:
            row.sk_flags |= NODELAY
        begin(m, sk, 0)
        receive_from(m, sk, 0)
    for sk in ends:
        establish(m, sk, int(socks(m)[ends[0] + ends[1] - sk].rcv_wnd))
        if memalloc:
            sk_set_memalloc(m, sk)
    return ends


def _join(built: Built, sk: int, memcg: int) -> None:
    """A socket is a group's before anything is charged."""
    m, row = built.memory.m, socks(built.memory.m)[sk]
    if int(row.memcg) == memcg:
        return
    release_sock_memory(m, sk)
    sizes = int(row.sndbuf), int(row.rcvbuf)
    row.memcg = memcg
    init_sock_memory(m, sk)
    row.sndbuf, row.rcvbuf = sizes


def place(built: Built) -> None:
    """Fill the rows of sockets and establish those of tasks."""
    wanted, m = pairs(built.plan), built.memory.m
    if not wanted:
        return
    state, links = tcp_state(m), list(built.cell.machine.links)
    state.nr_sockets, state.random, state.next_timer = 2 * len(wanted), first_of(built.cell, "tcp"), NEVER
    state.lo.head = state.lo.tail = state.page = NONE
    for sk, row in enumerate(built.memory.table("socks")):
        link = wanted[sk // 2]
        row.link, row.here = NONE if link is None else links.index(link), link is None or sk % 2 == 0
        row.peer, row.nic, row.send_head, row.gfp = sk ^ 1, NONE, NONE, GFP_KERNEL
        row.page_frag = row.task = NONE
        for lst in (row.write_queue, row.receive_queue, row.out_of_order_queue, row.backlog):
            lst.head = lst.tail = NONE
        init_sock_memory(m, sk)
    for user in users(built.plan):
        _open(built, user)


def _open(built: Built, user: User) -> None:
    """The connections of a task; those over loopback are established with the later of their two tasks."""
    m, params = built.memory.m, user.params
    row = net_users(m)[user.task]
    row.first, row.connections = user.first, params.connections
    row.request, row.answer = getattr(params, "request", 0), getattr(params, "answer", 0)
    memcg = int(built.memory.table("tasks")["memcg"][user.task])
    for n in range(params.connections):
        sk = user.first + 2 * n
        set_buffers(built, sk, params.sndbuf, params.rcvbuf)
        if params.link is None and params.rcvbuf is not None and not socks(m)[sk ^ 1].sk_flags & RCVBUF_LOCK:
            set_buffers(built, sk ^ 1, None, params.rcvbuf)
        other = int(socks(m)[sk ^ 1].memcg)
        open_pair(built, sk // 2, params.nodelay, memcg=memcg)
        if params.link is None:  # whose the other end is, its own task says
            _join(built, sk ^ 1, other)
        else:
            _far_app(socks(m)[sk ^ 1], params)


def _far_app(far: Any, params: Any) -> None:
    """Who is at the far end."""
    if params.role == "client":
        far.app, far.app_request, far.app_answer, far.app_stays = ECHO, params.request, params.answer, 1
    elif params.role == "send":
        far.app = SINK if params.reads else 0
    else:
        far.app, far.app_owed = SOURCE, params.bytes


def start(built: Built) -> None:
    """Timers know who runs them."""
    counts = built.plan.actors
    if "tcp_timer" in counts:
        table, kind = built.memory.table("actors"), kinds(counts).index("tcp_timer")
        tcp_state(built.memory.m).timers = int((table["kind"] == kind).argmax())
