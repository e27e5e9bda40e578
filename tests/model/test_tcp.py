"""TCP: windows and buffers by their formulas, connections over loopback and links under loss, cuts and resets."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.model.build import Built
from mmrun.model.description import Cell, Link, Machine, Node, Region, Stream, Task
from mmrun.model.mm.page.flags import NET_PAGE
from mmrun.model.net.skb.state import RESERVE, skb_state, skbs
from mmrun.model.net.tcp.events import ABORT, CONNECT, DRAIN, SEND, on_sockets
from mmrun.model.net.tcp.output import control_skb, tcp_size_goal
from mmrun.model.net.tcp.receive import backlog_limit, tcp_v4_rcv
from mmrun.model.net.tcp.sock import sk_clear_memalloc, sk_set_memalloc, tcp_done
from mmrun.model.net.tcp.state import CLOSED, ESTABLISHED, MEMALLOC, RESET, socks, tcp_count
from mmrun.model.net.tcp.window import rcvbuf_for, segment_rmem, tcp_sndbuf_expand, tcp_win_from_space
from mmrun.model.net.tcp_mem.state import tcp_mem
from mmrun.model.units import GBIT_S, MS, KiB, MiB, S
from tests.model.cells import Run, machine_of, run

SEGMENT = 1448


def stream(**params: Any) -> Task:
    return Task(stream=Stream(kind="netstream", params={"bytes": MiB, "message": 16 * KiB} | params))


def cell(*tasks: Task, kernel: str = "6.12", link: dict[str, Any] | None = None, **more: Any) -> Cell:
    """A machine of 64 MiB with a link `l`, and tasks `t0`, `t1`, ..."""
    host = Machine(nodes=(Node(memory=64 * MiB, cpus=3),), links={"l": Link(**(link or {}))})
    return Cell(kernel=kernel, machine=host, tasks={f"t{n}": task for n, task in enumerate(tasks)}, **more)


def opened(kernel: str = "6.12", **params: Any) -> Built:
    """A machine with the sockets of one stream, before it runs."""
    return machine_of(cell(stream(**params), kernel=kernel, duration=S), 1)


@pytest.mark.parametrize(
    ("copied", "space", "window", "rcvbuf"),
    [
        (29_200, 14_600, 244_704, 489_408), (58_400, 29_200, 419_904, 839_808), (100_000, 90_000, 272_760, 545_520),
        (1_000_000, 900_000, 2_472_760, 4_945_520),
    ],
)  # fmt: skip
def test_dynamic_right_sizing_of_6_12(copied, space, window, rcvbuf):
    """rcvwin = 2 copied + 16 advmss, enlarged by twice the growth since the last time; the buffer at a ratio of 128."""
    m = opened().memory.m
    socks(m)[0].advmss, socks(m)[0].scaling_ratio, tcp_mem(m).rmem[2] = SEGMENT, 128, 6 * MiB
    assert rcvbuf_for(m, 0, copied, space) == rcvbuf == 2 * window


@pytest.mark.parametrize(("copied", "rcvbuf"), [(14_600, 60_560), (58_400, 242_240), (1_000_000, 4_145_332)])
def test_dynamic_right_sizing_of_3_6(copied, rcvbuf):
    """Whole segments of twice what was copied, each of the size whose half holds it: 3,028 bytes for 1,460."""
    m = opened("3.6").memory.m
    socks(m)[0].advmss, tcp_mem(m).rmem[2] = 1460, 6 * MiB
    assert segment_rmem(m, 0, 1460) == 3028
    assert rcvbuf_for(m, 0, 2 * copied, copied) == rcvbuf


@pytest.mark.parametrize(("mss", "sndbuf"), [(1448, 87_040), (8948, 332_800), (65_483, 2_626_560)])
def test_send_buffer_of_6_12(mss, sndbuf):
    """Ten segments, each rounded to a power of two with its overhead, twice: the last one is as recorded."""
    m = opened().memory.m
    s = socks(m)[0]
    s.mss = s.mss_clamp = mss
    s.sndbuf, tcp_mem(m).wmem[2] = 4096, 4 * MiB
    tcp_sndbuf_expand(m, 0)
    assert s.sndbuf == sndbuf


@pytest.mark.parametrize(("kernel", "window"), [("3.1", 65_535), ("3.6", 43_690), ("6.12", 43_690)])
def test_window_from_space(kernel, window):
    """Three quarters of the default buffer until 2012, then half, now by a ratio that begins at half."""
    m = opened(kernel).memory.m
    assert tcp_win_from_space(m, 0, 87_380) == window


@pytest.mark.parametrize(("kernel", "most"), [("3.6", 131_072 + 87_380), ("6.12", 2 * 131_072 + 65_536 + 65_536)])
def test_backlog(kernel, most):
    m = opened(kernel).memory.m
    s = socks(m)[0]
    s.sndbuf, s.rcvbuf = 131_072, 87_380 if kernel == "3.6" else 131_072
    assert backlog_limit(m, 0) == most


def test_first_segments():
    """Ten segments since 2.6.39, three before; at most half of what the other end offers in a buffer."""
    assert [int(socks(opened(k).memory.m)[0].snd_cwnd) for k in ("2.6.38", "2.6.39")] == [3, 10]
    m = opened().memory.m
    assert int(socks(m)[0].mss) == 65_483 // 2 and tcp_size_goal(m, 0) == 65_483 // 2


def test_reserve_filter():
    """What lies in the reserves is for sockets that may use them; others drop and count it."""
    m = opened().memory.m
    for tagged, dropped in ((0, 1), (1, 1)):
        (sk_set_memalloc if tagged else sk_clear_memalloc)(m, 0)
        assert skb_state(m).memalloc_socks == tagged and bool(socks(m)[0].sk_flags & MEMALLOC) == bool(tagged)
        s = control_skb(m, 1, 32, 0)
        skbs(m)[s].sock, skbs(m)[s].marks = 0, skbs(m)[s].marks | RESERVE
        tcp_v4_rcv(m, s)
        assert tcp_count(m).PFMemallocDrop == dropped and skb_state(m).nr_skbs == 0


def left_over(done: Run) -> int:
    """Socket buffers that are still there, beside an acknowledgement that was just on its way."""
    return int(skb_state(done.m).nr_skbs)


@pytest.mark.parametrize("kernel", ["2.6.32", "3.1", "3.6", "4.4", "5.15", "6.12", "6.18"])
@pytest.mark.parametrize("link", [None, "l"])
def test_everything_arrives(kernel, link):
    """Over loopback to a reader, over a link there and back: what is sent is received, once."""
    if link:
        tasks = (stream(link="l"), stream(link="l", role="receive", flow="b"))
    else:
        tasks = (stream(connections=2), stream(role="receive", connections=2))
    done = run(cell(*tasks, kernel=kernel, duration=S))
    received = int(done.built.memory.table("socks")["bytes_received"].sum())
    assert received == 2 * MiB and done.metrics["RetransSegs"] == 0
    assert done.metrics["tcp_bytes_received"] == (MiB if link else 2 * MiB)
    ends = done.built.memory.table("socks")
    assert done.metrics["tcp_wmem_queued"] == 0
    assert (ends["rcv_nxt"] - ends["copied_seq"]).max() <= 1  # the sender's FIN, which nobody has asked for


@pytest.mark.parametrize("role", ["send", "receive"])
@pytest.mark.parametrize("kernel", ["3.6", "6.12"])
def test_loss(role, kernel):
    """A hundredth of all frames is lost: they are sent again, after three duplicates or a timeout."""
    done = run(cell(stream(role=role, link="l"), kernel=kernel, link={"loss_ppm": 10_000}, duration=60 * S))
    ends = done.built.memory.table("socks")
    assert int(ends["bytes_received"].sum()) == MiB
    assert int(done.built.memory.table("wires")["lost"][0]) > 0
    assert role == "receive" or done.metrics["TCPFastRetrans"] > 0


def test_a_dead_peer():
    """After fifteen retransmissions, each waited for twice as long up to two minutes, the connection is given up."""
    cable = Task(stream=Stream(kind="cable", params={"link": "l", "cut": MS // 2}))
    done = run(cell(stream(link="l", bytes=64 * MiB), cable, duration=1000 * S), check=False)
    assert done.metrics["TCPAbortOnTimeout"] == 1 and done.metrics["TCPTimeouts"] == 15
    assert int(socks(done.m)[0].state) == CLOSED and left_over(done) == 0
    lasted = int(done.built.memory.table("tasks")["time"][0])
    assert 900 * S < lasted < 960 * S  # 924.6 s from the first retransmission, RFC's and Linux's arithmetic


def test_a_cut_that_heals():
    """A cut of a second costs two timeouts or three, and nothing else."""
    cable = Task(stream=Stream(kind="cable", params={"link": "l", "cut": MS // 2, "outage": S}))
    done = run(cell(stream(link="l", bytes=8 * MiB), cable, duration=20 * S))
    assert int(socks(done.m)[1].bytes_received) == 8 * MiB and done.metrics["TCPTimeouts"] >= 2


def events(*calls: tuple[int, int]) -> np.ndarray:
    return np.concatenate([on_sockets(operation, [0], nbytes) for operation, nbytes in calls])


def test_abort_and_connect_again():
    """A reset frees all that was queued at both ends; a new connection begins behind it, and works."""
    first = cell(stream(link="l"))
    calls = events((SEND, 300_000), (ABORT, 0), (SEND, 1), (CONNECT, 0), (SEND, 5000), (DRAIN, 0))
    done = run(first, {"t0": calls})
    near, far = done.built.memory.table("socks")
    assert near.state == far.state == ESTABLISHED and far.rcv_nxt == far.rcv_base + 5000
    assert near.snd_base == far.rcv_base == 1 << 32 and done.metrics["net_errors"] == 1
    assert left_over(done) == 0


def test_a_server_that_does_not_answer():
    """connect gives up after its SYNs: 1 + 2 + ... + 64 seconds."""
    cable = Task(stream=Stream(kind="cable", params={"link": "l", "cut": 0}))
    done = run(
        cell(stream(link="l"), cable, duration=200 * S),
        {"t0": events((ABORT, 0), (CONNECT, 0)), "t1": np.array([219 << 40])}, check=False,
    )  # fmt: skip
    assert done.metrics["net_errors"] == 1 and int(socks(done.m)[0].state) == CLOSED
    assert 127 * S <= int(done.built.memory.table("tasks")["time"][0]) < 128 * S


@pytest.mark.parametrize("kernel", ["3.1", "6.12"])
def test_small_messages_fill_the_receive_buffer(kernel):
    """Nobody reads, Nagle is off: queues are copied together before anything is dropped, and nothing is lost."""
    done = run(
        cell(stream(message=100, bytes=512 * KiB, nodelay=True, nowait=True, rcvbuf=8 * KiB), kernel=kernel, duration=S)
    )
    far = socks(done.m)[1]
    assert int(far.rmem_alloc) <= int(far.rcvbuf) + 4096 and int(far.rcv_nxt) > 0


def test_a_reader_that_wakes_up():
    """A window that was closed for 300 ms is told of when it opens; then everything arrives."""
    done = run(cell(stream(bytes=4 * MiB), stream(role="receive", bytes=4 * MiB, stall=300 * MS), duration=3 * S))
    assert done.metrics["tcp_bytes_received"] == 4 * MiB
    assert done.metrics["TCPToZeroWindowAdv"] >= 1 and done.metrics["TCPFromZeroWindowAdv"] >= 1


def test_requests_and_answers():
    """A round trip over loopback is a few microseconds, over a link its time on the wire and more."""
    rr = {"transactions": 200, "request": 64, "answer": 1024}
    sides = [Task(stream=Stream(kind="netrr", params=rr | {"role": role})) for role in ("client", "server")]
    here = run(cell(*sides)).metrics
    there = run(cell(Task(stream=Stream(kind="netrr", params=rr | {"link": "l"})))).metrics
    assert here["net_transactions"] == there["net_transactions"] == 200
    assert here["net_transaction_ns"] / 200 < 40_000 < there["net_transaction_ns"] / 200 < 100_000


def test_a_flow_with_one_end_needs_a_duration():
    """Else the sender asks a window that nobody opens, for ever."""
    with pytest.raises(ValueError, match="no other end"):
        run(cell(stream()))


def test_no_sockets_no_rows():
    """A cell without them has neither rows nor actors nor hooks of the network's."""
    host = Machine(nodes=(Node(memory=16 * MiB),))
    idle = Task(stream=Stream(kind="given"), memory=(Region(),))
    built = machine_of(Cell(kernel="6.12", machine=host, tasks={"t": idle}), 1)
    assert len(built.memory.table("socks")) == len(built.memory.table("skbs")) == 0
    assert "tcp_timer" not in built.plan.actors and not built.memory.record.hooks[0, 230]


TASKS = st.fixed_dictionaries({
    "role": st.sampled_from(["send", "receive"]), "link": st.sampled_from([None, "l"]),
    "connections": st.integers(1, 3), "message": st.sampled_from([1, 700, 4096, 70_000]),
    "bytes": st.integers(1, 100_000), "sndbuf": st.sampled_from([None, 2048, 65_536]),
    "rcvbuf": st.sampled_from([None, 2048, 65_536]), "nodelay": st.booleans(), "nowait": st.booleans(),
    "stall": st.sampled_from([0, 5 * MS]),
})  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(
    tasks=st.lists(TASKS, min_size=1, max_size=3), kernel=st.sampled_from(["3.1", "3.6", "4.9", "6.12"]),
    loss=st.sampled_from([0, 2000, 50_000]), cut=st.sampled_from([None, 100_000, 3 * MS]), abort=st.booleans(),
    mib=st.sampled_from([16, 64]),
)  # fmt: skip
def test_laws_hold(tasks, kernel, loss, cut, abort, mib):
    """Whatever is sent, lost, cut and reset: every byte is acknowledged or queued, no buffer leaks, frames add up."""
    made = [stream(**{k: v for k, v in t.items() if k != "message" or v > 1 or t["bytes"] < 3000}) for t in tasks]
    if cut is not None:
        made.append(Task(stream=Stream(kind="cable", params={"link": "l", "cut": cut, "outage": 20 * MS})))
    asked = cell(*made, kernel=kernel, link={"loss_ppm": loss, "bandwidth": GBIT_S}, duration=400 * MS)
    host = Machine(nodes=(Node(memory=mib * MiB, cpus=4),), links=asked.machine.links)
    done = run(Cell(kernel=kernel, machine=host, tasks=asked.tasks, duration=asked.duration))
    if abort:
        for sk in range(len(done.built.memory.table("socks"))):
            tcp_done(done.m, sk, RESET, 0)
        frames = done.built.memory.table("frames")
        held = (1 << frames["order"][frames["kind"] == NET_PAGE].astype(np.int64)).sum()
        slabs = int(done.built.memory.table("skb_caches")["nr_pages"].sum())
        assert held == slabs + int(skb_state(done.m).frag_pages)
