"""Queues of the network and of storage over it: for what one waits in them, which actors would end it.

The way of a page to a server: its request waits for the area's thread that sends, which waits for room or memory in its
socket; the answer comes through the card's poll to the thread that receives.
"""

from collections.abc import Iterator

from mmrun.model.core.record import NONE
from mmrun.model.hung_task.names import disk_name
from mmrun.model.hung_task.wait_graph import RESTS, Wait, Words
from mmrun.model.machine.built import Built
from mmrun.model.net.nic.state import nics
from mmrun.model.net.session.state import WAITING, sessions
from mmrun.model.net.tcp.state import socks


def waits(built: Built) -> dict[str, Words]:
    """In words, by `table.field`."""
    m = built.memory.m

    def sends(s: int, _which: int) -> Wait:
        row = sessions(m)[s]
        if not row.lists[WAITING].n:
            return RESTS
        return Wait(f"the connection of the swap area {disk_name(built, int(row.disk))}")

    def send_buffer(n: int, _which: int) -> Wait:
        sock, where = socks(m)[n], _connection(built, n)
        why = f"{int(sock.wmem_queued):,} of {int(sock.sndbuf):,} bytes in use, {int(sock.packets_out):,} packets out"
        if sock.wmem_queued < sock.sndbuf:
            return Wait(f"memory for {where}", memory=True, why=why)
        return Wait(f"acknowledgements on {where}", why=f"{why}, sent again {int(sock.retransmits)} times")

    def answers(n: int, _which: int) -> Wait:
        s = _session(built, n)
        if s != NONE and n == sessions(m)[s].far:  # a thread of the server, which has nothing to do
            return RESTS
        count = on_way(built, s) if s != NONE else 1
        return Wait(f"data on {_connection(built, n)}", why=f"{count:,} requests are on their way") if count else RESTS

    return {
        "sessions.senders": sends, "sessions.receivers": _rests, "sessions.watchers": _rests,
        "sessions.workers": _rests, "sessions.never": _rests, "wires.waiting": _rests,
        "socks.senders": send_buffer, "socks.receivers": answers,
        "socks.lockers": lambda n, _which: Wait(f"whoever works on {_connection(built, n)}"),
    }  # fmt: skip


def _rests(_at: int, _which: int) -> Wait:
    return RESTS


def on_way(built: Built, s: int) -> int:
    """Requests of a session that were sent and not answered."""
    return sum(int(each.n) for which, each in enumerate(sessions(built.memory.m)[s].lists) if which != WAITING)


def _session(built: Built, n: int) -> int:
    rows = sessions(built.memory.m)
    return next((s for s, row in enumerate(rows) if row.sockets and n in (row.sock, row.far)), NONE)


def _connection(built: Built, n: int) -> str:
    s = _session(built, n)
    return (
        f"socket {n}" if s == NONE else f"the connection of {disk_name(built, int(sessions(built.memory.m)[s].disk))}"
    )


def cards(built: Built) -> Iterator[str]:
    """How it stands with what cards can receive."""
    links = list(built.cell.machine.links)
    for row in nics(built.memory.m):
        if row.posted * 2 < row.ring or row.rx_missed or row.alloc_rx_buff_failed:
            yield (
                f"The card of {links[int(row.link)]} has buffers in {int(row.posted):,} of {int(row.ring):,} places; "
                f"it lacked memory for {int(row.alloc_rx_buff_failed):,}, and lost {int(row.rx_missed):,} frames."
            )
