"""Memory of sockets: quanta, marks, what happens beyond each, groups' counters; worked out by hand from the rules."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn
from hypothesis import strategies as st

from mmrun.model.build import Built
from mmrun.model.core.state import turn
from mmrun.model.description import Cgroup, Variant
from mmrun.model.net.skb.state import RESERVE, skbs
from mmrun.model.net.tcp.state import SNDBUF_LOCK, socks
from mmrun.model.net.tcp_mem.check import verify
from mmrun.model.net.tcp_mem.groups import NOFAIL, charge_group, under_socket_pressure, vmpressure_level
from mmrun.model.net.tcp_mem.place import marks
from mmrun.model.net.tcp_mem.sock import (
    init_sock_memory,
    release_sock_memory,
    sk_forced_mem_schedule,
    sk_mem_charge,
    sk_mem_reclaim,
    sk_mem_uncharge,
    sk_rmem_schedule,
    sk_stream_moderate_sndbuf,
    sk_under_memory_pressure,
    sk_wmem_schedule,
)
from mmrun.model.net.tcp_mem.state import sock_groups, tcp_mem, tcp_mem_count, tcp_reserves
from mmrun.model.units import MS, MiB, S
from tests.model.bare_sockets import MARKS, sockets
from tests.model.cells import call

OLD, NEW = "3.6", "6.12"


@pytest.mark.parametrize(
    "pages, divisor, expected",
    [
        (16384, 8, (1536, 2048, 3072)), (16384, 16, (768, 1024, 1536)), (65536, 16, (3072, 4096, 6144)),
        (112594, 16, (5277, 7037, 10554)), (112594, 8, (10554, 14074, 21108)), (262144, 8, (24576, 32768, 49152)),
        (4194304, 16, (196608, 262144, 393216)), (100, 16, (96, 128, 192)),
    ],
)  # fmt: skip
def test_default_marks(pages: int, divisor: int, expected: tuple[int, int, int]):
    assert marks(pages, divisor) == expected


@pytest.mark.parametrize(
    "kernel, rmem, divisor, share", [("3.1", 87380, 8, 8), ("3.6", 87380, 8, 1),
                                                            ("4.4", 87380, 16, 1), ("6.12", 131072, 16, 1)],
)  # fmt: skip
def test_default_buffers(kernel: str, rmem: int, divisor: int, share: int):
    """With 256 MiB, a 128th of it is some 2 MiB: the most that buffers grow to; in 3.1 an eighth of that."""
    m = sockets(kernel, 1, vm={}, nodes=4).memory.m
    assert (socks(m)[0].sndbuf, socks(m)[0].rcvbuf) == (16384, rmem)
    grows = tcp_mem(m).mark[1] * divisor * 32 // share  # P << 5
    assert 1_900_000 < grows * share < 2 << 20
    assert tcp_mem(m).wmem[2] == pytest.approx(grows, abs=divisor * 32)
    assert tcp_mem(m).rmem[2] == tcp_mem(m).wmem[2]


@pytest.mark.parametrize("kernel, pages, after", [(OLD, 2, 6192), ("5.15", 2, 6192), (NEW, 1, 2096)])
def test_old_kernels_ask_for_the_full_size_new_ones_for_what_is_short(kernel: str, pages: int, after: int):
    m = sockets(kernel, 1).memory.m
    socks(m)[0].forward_alloc = 3000
    assert sk_wmem_schedule(m, 0, 5000)
    sk_mem_charge(m, 0, 5000)
    assert socks(m)[0].mem_pages == pages and socks(m)[0].forward_alloc == after


def test_a_cpu_keeps_up_to_256_pages_to_itself():
    m = sockets(NEW, 1, vm={}).memory.m
    seen = []
    for pages in (100, 100, 100, -200, -100):
        if pages > 0:
            assert sk_wmem_schedule(m, 0, pages << 12)
            sk_mem_charge(m, 0, pages << 12)
        else:
            sk_mem_uncharge(m, 0, -pages << 12)
        seen.append((int(tcp_mem(m).allocated), int(tcp_reserves(m)[0])))
    assert seen == [(0, 100), (0, 200), (300, 0), (300, -200), (0, 0)]


@pytest.mark.parametrize("kernel, at_once, beyond", [(OLD, 513, 513), ("4.19", 513, 257), (NEW, 0, 0)])
def test_what_is_given_back_without_being_asked(kernel: str, at_once: int, beyond: int):
    """513 pages are no longer in use: 2 MiB and one page; 4.9 to 5.19 keep what is below 2 MiB, then 1 MiB of it."""
    m = sockets(kernel, 1, vm={}).memory.m
    assert sk_wmem_schedule(m, 0, 513 << 12)
    sk_mem_charge(m, 0, 513 << 12)
    sk_mem_uncharge(m, 0, 511 << 12)
    assert socks(m)[0].mem_pages == (513 if kernel != NEW else 2)
    sk_mem_uncharge(m, 0, 2 << 12)
    assert socks(m)[0].mem_pages == beyond
    sk_mem_reclaim(m, 0)
    assert socks(m)[0].mem_pages == socks(m)[0].forward_alloc == 0


HELD = {"sndbuf": 100_000}
VECTORS: list[tuple[tuple[int, bool, str, int, dict[str, int]], tuple[int, int, int]]] = [
    ((300, True, "send", 1, {}), (1, 0, 100_000)),
    ((350, False, "send", 1, {"wmem_queued": 5000}), (1, 0, 100_000)),
    ((350, True, "send", 1, {"wmem_queued": 58 * 4096}), (1, 1, 100_000)),
    ((350, True, "send", 1, {"wmem_queued": 60 * 4096}), (1, 1, 100_000)),
    ((350, True, "recv", 1, {"rmem_alloc": 58 * 4096}), (1, 1, 100_000)),
    ((350, True, "recv", 1, {"rmem_alloc": 60 * 4096}), (0, 1, 100_000)),
    ((401, False, "recv", 1, {"rmem_alloc": 60 * 4096}), (0, 1, 100_000)),
    ((401, False, "recv", 1, {"rmem_alloc": 4095}), (1, 1, 100_000)),
    ((601, True, "send", 2000, {"wmem_queued": 4000}), (1, 1, 4608)),
    ((601, True, "send", 1000, {"wmem_queued": 0}), (0, 1, 4608)),
    ((601, True, "recv", 1000, {"rmem_alloc": 0}), (0, 1, 100_000)),
]


@pytest.mark.parametrize("case, expected", VECTORS)
def test_beyond_each_mark(case: tuple[int, bool, str, int, dict[str, int]], expected: tuple[int, int, int]):
    """Fair share: 600 > 10 sockets x 59 pages (58 in use and the one that is asked for), not x 61.

    A sender with so much queued has filled its send buffer and cannot wait for less.
    """
    allocated, pressure, kind, size, row = case
    for kernel in ("4.19", NEW):
        built = sockets(kernel, 10, vm={**MARKS, "mem_pcpu_rsv": 1} if kernel == NEW else MARKS)
        m = built.memory.m
        tcp_mem(m).allocated, tcp_mem(m).pressure = allocated - 1, int(pressure)
        for name, value in {**HELD, **row}.items():
            setattr(socks(m)[0], name, value)
        granted = sk_wmem_schedule(m, 0, size) if kind == "send" else sk_rmem_schedule(m, 0, 0, size)
        assert tcp_mem(m).allocated == allocated - (not granted)
        assert (granted, int(tcp_mem(m).pressure), int(socks(m)[0].sndbuf)) == expected
        assert tcp_mem_count(m).sk_mem_refused == (not granted)


@pytest.mark.parametrize("flags, expected", [(0, 50_000), (SNDBUF_LOCK, 100_000)])
def test_a_send_buffer_shrinks_to_half_of_what_is_queued_unless_its_size_was_set(flags: int, expected: int):
    m = sockets(NEW, 1).memory.m
    row = socks(m)[0]
    row.sndbuf, row.wmem_queued, row.sk_flags = 100_000, 100_000, flags
    sk_stream_moderate_sndbuf(m, 0)
    assert row.sndbuf == expected
    row.wmem_queued = 0
    sk_stream_moderate_sndbuf(m, 0)
    assert row.sndbuf == (expected if flags else 4608)


def test_time_under_pressure_is_told():
    m = sockets("5.15", 2).memory.m
    assert sk_wmem_schedule(m, 0, 401 << 12) and sk_under_memory_pressure(m, 1)
    m.now += 7 * MS
    sk_mem_reclaim(m, 0)
    assert not sk_under_memory_pressure(m, 1)
    assert (tcp_mem_count(m).TCPMemoryPressures, tcp_mem_count(m).TCPMemoryPressuresChrono) == (1, 7)


def test_what_reserves_brought_is_never_refused():
    m = sockets(NEW, 1, vm={**MARKS, "mem_pcpu_rsv": 1}).memory.m
    tcp_mem(m).allocated = 700
    assert not sk_rmem_schedule(m, 0, 0, 1)
    skbs(m)[0].marks = RESERVE
    assert sk_rmem_schedule(m, 0, 0, 1) and socks(m)[0].mem_pages == 0


def test_the_far_end_costs_nothing():
    built = sockets(NEW, 2, vm={**MARKS, "mem_pcpu_rsv": 1})
    m = built.memory.m
    socks(m)[1].here = 0
    assert sk_wmem_schedule(m, 1, 1 << 30) and sk_rmem_schedule(m, 1, 0, 1 << 30)
    sk_mem_charge(m, 1, 1 << 20)
    sk_forced_mem_schedule(m, 1, 1 << 20)
    sk_mem_uncharge(m, 1, 1 << 20)
    assert tcp_mem(m).allocated == m.now == 0


def grouped(kernel: str, limit: int | None = 100, **more: Any) -> Built:
    """Two sockets in group g, which may have `limit` pages of socket memory."""
    groups = {"g": Cgroup(kmem_tcp_limit=limit * 4096 if limit else None)}
    return sockets(kernel, 2, groups, "g", **more)


@pytest.mark.parametrize("kernel", ["3.3", "3.18", "3.19", "4.4"])
def test_a_groups_limit_is_its_sockets_third_mark(kernel: str):
    """Of 100 pages: under pressure beyond the limit, which is also the mark; nothing is refused up to it."""
    built = grouped(kernel)
    m = built.memory.m
    assert sk_rmem_schedule(m, 0, 0, 100 << 12)
    assert sock_groups(m)[1].usage == 100 and not sk_under_memory_pressure(m, 1)
    assert not sk_rmem_schedule(m, 1, 0, 1)
    assert sock_groups(m)[1].usage == 100 and sk_under_memory_pressure(m, 1)
    assert tcp_mem(m).allocated == 100 and tcp_mem(m).pressure == 1  # its flag goes up as well
    verify(built, None)
    sk_mem_reclaim(m, 0)
    assert sock_groups(m)[1].usage == tcp_mem(m).allocated == 0


@pytest.mark.parametrize("kernel", ["3.6", "4.4", "4.19", "6.12"])
def test_a_group_without_a_limit_is_not_charged_in_version_1(kernel: str):
    built = grouped(kernel, None, cgroup_version="v1")
    m = built.memory.m
    assert sk_wmem_schedule(m, 0, 50 << 12)
    assert sock_groups(m)[1].usage == sock_groups(m)[1].sock == tcp_mem_count(m).skmem_charges == 0


def test_the_postings_of_2011_walk_to_the_root_for_everybody():
    built = sockets("3.3", 1, policy={"tcp_accounting": Variant(variant="posted-2011")})
    m = built.memory.m
    assert sk_wmem_schedule(m, 0, 50 << 12)
    assert sock_groups(m)[0].usage == 50 and tcp_mem_count(m).skmem_charges == 1
    plain = sockets("3.3", 1).memory.m
    assert sk_wmem_schedule(plain, 0, 50 << 12)
    assert m.now == plain.now + 5 + 50 + 4  # the root's line, its lock, the accessors
    verify(built, None)


@pytest.mark.parametrize(
    "kernel, granted, usage, flag", [("4.19", 0, 100, 1), ("5.15", 0, 100, 1), ("6.12", 0, 100, 1)]
)
def test_version_1_under_the_accounting_of_version_2(kernel: str, granted: int, usage: int, flag: int):
    """Its flag goes up with a charge that fails and down with the next that does not."""
    built = grouped(kernel, cgroup_version="v1")
    m = built.memory.m
    assert sk_rmem_schedule(m, 0, 0, 100 << 12)
    assert sk_rmem_schedule(m, 1, 0, 1) == granted
    assert (sock_groups(m)[1].usage, sock_groups(m)[1].pressure) == (usage, flag)
    verify(built, None)
    sk_mem_reclaim(m, 0)
    assert sk_rmem_schedule(m, 1, 0, 1) and not sock_groups(m)[1].pressure


def limited(kernel: str, pages: int = 100) -> Built:
    """Two sockets in a group of version 2 that may have so many pages of all memory."""
    return sockets(kernel, 2, {"g": Cgroup(max=pages * 4096)}, "g")


@pytest.mark.parametrize(
    "kernel, granted, then", [("4.19", 0, 1), ("5.15", 0, 0), ("6.0", 0, 0), ("6.1", 1, 1), ("6.12", 1, 1)]
)
def test_packets_at_a_groups_limit(kernel: str, granted: int, then: int):
    """Refused until 6.0, privileged since: they go beyond memory.max.

    Until 5.14 the refused charge is made all the same and goes to the CPU's stock, from which the next packets are let
    in: the stalls that came of doing without it are why it is privileged now (posting of October 2022).
    """
    built = limited(kernel)
    m, groups = built.memory.m, built.memory.table("memcgs")
    assert sk_rmem_schedule(m, 0, 0, 90 << 12) and groups[1].usage >= 90
    assert sk_rmem_schedule(m, 1, 0, 20 << 12) == granted
    assert sock_groups(m)[1].sock == 90 + 20 * granted
    assert sk_rmem_schedule(m, 1, 0, 20 << 12) == then
    assert (groups[1].usage > groups[1].limit) == then == sock_groups(m)[1].forced
    verify(built, None)


@pytest.mark.parametrize("kernel, batch", [("6.0", 32), ("6.12", 64)])
def test_charges_come_in_batches_and_go_back_to_the_stock(kernel: str, batch: int):
    built = sockets(kernel, 1, {"g": Cgroup()}, "g")
    m, groups = built.memory.m, built.memory.table("memcgs")
    for _ in range(batch):
        assert sk_rmem_schedule(m, 0, 0, 4096)
        sk_mem_charge(m, 0, 4096)
    assert groups[1].usage == batch and tcp_mem_count(m).skmem_charges == 1
    sk_mem_uncharge(m, 0, batch << 12)
    assert groups[1].usage == batch and tcp_mem_count(m).skmem_charges == 1
    assert sk_rmem_schedule(m, 0, 0, (batch + 1) << 12)  # more than there is in stock
    sk_mem_reclaim(m, 0)
    assert groups[1].usage == 0 and tcp_mem_count(m).skmem_charges == 3


def test_a_forced_charge_goes_beyond_the_limit():
    built = limited(NEW)
    m, groups = built.memory.m, built.memory.table("memcgs")
    sk_forced_mem_schedule(m, 0, 150 << 12)
    assert groups[1].usage == 150 and groups[1].events_max == 1 and sock_groups(m)[1].sock == 150
    sk_mem_reclaim(m, 0)
    assert groups[1].usage == 0
    assert charge_group(m, 1, 150, NOFAIL) == 1


@pytest.mark.parametrize(
    "scanned, reclaimed, level", [(512, 512, 0), (512, 600, 0), (512, 0, 100), (512, 205, 59), (512, 204, 60)]
)
def test_level_of_pressure(scanned: int, reclaimed: int, level: int):
    assert vmpressure_level(scanned, reclaimed) == level


def test_reclaim_that_goes_badly_holds_a_groups_sockets_back_for_a_second():
    built = sockets(NEW, 1, {"a": Cgroup(), "b": Cgroup(parent="a"), "c": Cgroup()}, "b")
    m = built.memory.m
    call(built, "vmpressure", 1, 500, 100)
    assert not sk_under_memory_pressure(m, 0), "fewer than 512 pages scanned"
    call(built, "vmpressure", 1, 12, 0)
    assert [bool(under_socket_pressure(m, group)) for group in range(4)] == [False, True, True, False]
    assert sk_under_memory_pressure(m, 0)
    m.now += S
    assert not sk_under_memory_pressure(m, 0)
    call(built, "vmpressure", 1, 512, 400)
    assert not sk_under_memory_pressure(m, 0)


STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["send", "recv", "use", "free", "trim", "force"]),
              st.integers(1, 300_000)),
    max_size=40,
)  # fmt: skip
KINDS: list[tuple[str, dict[str, Any]]] = [
    ("3.1", {}), ("3.3", {"policy": {"tcp_accounting": Variant(variant="posted-2011")}}), ("3.6", {}), ("4.4", {}),
    ("4.19", {"cgroup_version": "v1"}), ("5.15", {}), ("6.12", {}), ("6.18", {}),
]  # fmt: skip


@pytest.mark.parametrize("kernel, more", KINDS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@drawn(steps=STEPS)
def test_pages_are_conserved(kernel: str, more: dict[str, Any], steps: list[tuple[int, int, str, int]]):
    """Whatever sockets ask for, on whichever CPU: counters, groups and sockets agree, and all comes back."""
    legacy = kernel in ("3.3", "3.6", "4.4") or "cgroup_version" in more
    groups = {} if kernel == "3.1" else {
        "a": Cgroup(kmem_tcp_limit=2 * MiB if legacy else None),
        "b": Cgroup(parent="a", kmem_tcp_limit=MiB if legacy else None, max=None if legacy else 2 * MiB),
    }  # fmt: skip
    built = sockets(kernel, 4, groups, "b" if groups else None, cpus=4, **more)
    m = built.memory.m
    for sk, cpu, what, nbytes in steps:
        turn(m).cpu, row = cpu, socks(m)[sk]
        if what == "send" and sk_wmem_schedule(m, sk, nbytes):
            sk_mem_charge(m, sk, nbytes)
            row.wmem_queued += nbytes
        elif what == "recv" and sk_rmem_schedule(m, sk, 0, nbytes):
            sk_mem_charge(m, sk, nbytes)
            row.rmem_alloc += nbytes
        elif what == "force":
            sk_forced_mem_schedule(m, sk, nbytes)
        elif what == "free":
            for field in ("wmem_queued", "rmem_alloc"):
                part = min(nbytes, int(getattr(row, field)))
                setattr(row, field, getattr(row, field) - part)
                sk_mem_uncharge(m, sk, part)
        elif what == "trim":
            sk_mem_reclaim(m, sk)
        verify(built, None)
        assert m.broken == 0
    for sk in range(4):
        sk_mem_uncharge(m, sk, int(socks(m)[sk].mem_used))
        release_sock_memory(m, sk)
    verify(built, None)
    assert tcp_mem(m).sockets == tcp_mem(m).allocated + int(tcp_reserves(m).sum()) == 0
    assert not sock_groups(m)["sock"].any() and not sock_groups(m)["usage"].any()
    init_sock_memory(m, 0)
    assert tcp_mem(m).sockets == 1
