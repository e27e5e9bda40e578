"""Network cards: what rings hold, what is lost when they cannot be filled, what joins what, and when polls end."""

from dataclasses import replace
from typing import Any

import pytest

from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell, Link, Region, Sampling, Stream, Task
from mmrun.model.dma.device.settings import Nic
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.gfp import GFP_ATOMIC
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.net.link.state import IN, wires
from mmrun.model.net.link.wire import transmit
from mmrun.model.net.nic.report import sampled
from mmrun.model.net.nic.rx_ring import fill, refill
from mmrun.model.net.nic.settings import NIC_COUNTERS
from mmrun.model.net.nic.state import nics
from mmrun.model.net.skb.state import page_pools, skb_caches, skb_state
from mmrun.model.net.tcp.state import MEMALLOC, socks
from mmrun.model.units import GBIT_S, MS, KiB, MiB
from tests.model.cells import Run, machine, machine_of, run


def networked(kernel: str, role: str = "receive", size: int = MiB, mib: int = 64, **more: Any) -> Cell:
    """A task that receives from another machine, or sends to it; `more`: of the card, and `gbit`, `mtu`, `loss_ppm`."""
    gbit, link = more.pop("gbit", 10), {name: more.pop(name) for name in ("mtu", "loss_ppm") if name in more}
    host = machine(
        mib, cpus=2, links={"l": Link(bandwidth=gbit * GBIT_S, **link)},
        devices={"eth0": Nic(link="l", **more)}, use=("eth0",),
    )  # fmt: skip
    stream = Stream(kind="netstream", params={"role": role, "link": "l", "bytes": size, "message": 16 * KiB})
    return Cell(kernel=kernel, machine=host, tasks={"t": Task(stream=stream, memory=(Region(),))})


def opened(kernel: str, **more: Any) -> Built:
    """The machine with its card's ring filled."""
    built = machine_of(networked(kernel, **more), 1)
    refill(built.memory.m, 0)
    return built


@pytest.mark.parametrize(
    ("kernel", "driver", "more", "pages"),
    [
        ("3.1", "e1000e", {}, 128), ("3.6", "ixgbe", {}, 512), ("6.12", "ixgbe", {}, 512),
        ("6.12", "page-pool", {}, 1024), ("6.12", "e1000e", {"mtu": 9000}, 256),
        ("6.12", "ixgbe", {"ring": 4096}, 4096),
    ],
)  # fmt: skip
def test_a_ring_at_rest(kernel, driver, more, pages):
    """256 buffers of 2 KiB of e1000e are half a MiB, 512 pages of ixgbe 2 MiB (computed); pools keep up to 64 more."""
    built = opened(kernel, driver=driver, mib=128, **more)
    m, ring = built.memory.m, sampled(built)
    if driver == "e1000e" and "mtu" not in more:  # heads from kmalloc-2048
        assert int(skb_caches(m)[5].bytes) == 2048 and int(skb_caches(m)[5].nr_pages) == pages
    else:
        assert pages <= ring["rx_ring_pages"] < pages + 64
    assert ring["rx_ring_posted"] == nics(m)[0].ring
    held = skb_caches(m).nr_pages.sum() + skb_state(m).frag_pages
    assert int((frames(m).kind == 11).sum()) <= held


@pytest.mark.parametrize("kernel", ["3.6", "6.12"])
def test_virtio_cuts_its_buffers_from_blocks(kernel):
    """Of 1,536 bytes: 21 from 32 KiB since 3.7, two from a page before."""
    built = opened(kernel, driver="virtio-net")
    pages = sampled(built)["rx_ring_pages"]
    assert pages == (-(-256 // 21) * 8 if kernel == "6.12" else 128)


def arrive(m: Any, count: int) -> None:
    """So many frames come in."""
    for _ in range(count):
        transmit(m, 0, IN, 0, 1448, 8, 0, 0, 65_535, 0, 0, int(m.now))
    m.now += 1_000_000_000


@pytest.mark.parametrize(("driver", "ring"), [("e1000e", 256), ("ixgbe", 512), ("virtio-net", 256)])
def test_frames_without_buffers_are_lost(driver, ring):
    """A ring that nobody refills takes as many as it has; 256 at 1 Gbit/s come in 3.15 ms, 512 at 10 in 630 us."""
    built = opened("6.12", driver=driver)
    m = built.memory.m
    arrive(m, ring + 100)
    fill(m, 0)
    assert (nics(m)[0].filled, nics(m)[0].posted, nics(m)[0].rx_missed) == (ring, 0, 100)


def test_without_memory_a_ring_shrinks_and_tries_again():
    """GFP_ATOMIC fails below 3/8 of min: failures are counted, and as long as nothing is posted a timer tries again."""
    built = machine_of(networked("6.12", driver="ixgbe", mib=16), 1)
    m = built.memory.m
    taken = []
    while (pfn := alloc_pages(m, GFP_ATOMIC, 0, 0, ALL_NODES)) != NONE:
        taken.append(pfn)
    refill(m, 0)
    assert nics(m)[0].posted == 0 < nics(m)[0].alloc_rx_buff_failed and nics(m)[0].retry > m.now
    skb_state(m).memalloc_socks = 1  # now drivers may drain the reserves
    refill(m, 0)
    assert 0 < nics(m)[0].posted <= zones(m)[0].wmark_min and zones(m)[0].nr_free == 0


def received(kernel: str, **more: Any) -> Run:
    """A run of a receiver, with what its counters say checked."""
    done = run(networked(kernel, **more))
    found, nic = done.metrics, nics(done.m)[0]
    assert found["rx_packets"] == nic.rx_packets > 100 and (found["rx_missed"] == 0 or "ring" in more)
    assert set(NIC_COUNTERS) <= set(found)
    return done


@pytest.mark.parametrize("driver", ["e1000e", "ixgbe", "virtio-net", "page-pool"])
def test_frames_join_and_memory_is_conserved(driver):
    done = received("6.12", driver=driver)
    assert done.metrics["gro_merged"] > done.metrics["rx_packets"] // 4
    if driver == "page-pool":
        pool = page_pools(done.m)[0]
        assert pool.recycle_cached + pool.recycle_ring > 0 and pool.recycle_ring_full == 0
        assert pool.hold_cnt - pool.release_cnt <= nics(done.m)[0].ring + 64 + 1024


def test_pages_come_back_to_pools_since_5_14():
    done = received("5.10", driver="page-pool", ring=128)
    pool = page_pools(done.m)[0]
    assert pool.recycle_cached == pool.recycle_ring == 0
    assert pool.hold_cnt >= done.metrics["rx_packets"]


@pytest.mark.parametrize("kernel", ["3.1", "3.6", "4.4", "5.10", "6.12"])
def test_both_directions_in_all_versions(kernel):
    for role in ("receive", "send"):
        found = run(networked(kernel, role, size=512 * KiB)).metrics
        assert found["rx_bytes" if role == "receive" else "tx_bytes"] > 128 * KiB


def test_what_is_lost_on_the_way_is_sent_again():
    done = run(networked("6.12", loss_ppm=20_000))
    assert wires(done.m)[0].lost > 5 and socks(done.m)[0].copied_seq > MiB // 2
    assert done.metrics["rx_bytes"] > MiB // 2


def without_memory(kernel: str, driver: str, tagged: bool) -> tuple[int, int, Run]:
    """Two tasks receive; after a while nothing is left above the watermarks: how much each has got from then on.

    `tagged`: the first one's socket may use reserves (sk_set_memalloc).
    """
    cell = networked(kernel, size=64 * MiB, mib=32, driver=driver, gbit=1)
    task = cell.tasks["t"]
    cell = replace(cell, tasks={"t": task, "u": task}, sampling=Sampling(every=5 * MS), duration=300 * MS)
    marks: list[tuple[int, int]] = []

    def drain(built: Built) -> None:
        m = built.memory.m
        if not marks:
            marks.append((int(socks(m)[0].copied_seq), int(socks(m)[2].copied_seq)))
            if tagged:
                socks(m)[0].sk_flags |= MEMALLOC
                skb_state(m).memalloc_socks = 1
            while alloc_pages(m, GFP_ATOMIC, 0, 0, ALL_NODES) != NONE:
                pass

    done = run(cell, probe=drain)
    return int(socks(done.m)[0].copied_seq) - marks[0][0], int(socks(done.m)[2].copied_seq) - marks[0][1], done


def test_reserves_are_for_tagged_sockets_and_the_packets_of_others_are_dropped():
    first, second, done = without_memory("6.12", "e1000e", True)
    assert first > 16 * MiB > MiB > second
    assert done.metrics["PFMemallocDrop"] > 0 < done.metrics["skb_pfmemalloc"]


def test_to_4_0_heads_cut_from_fragments_let_others_have_the_reserves():
    """What build_skb makes of a page of the reserves is not marked: ordinary sockets get it, too (the hole of 3.6)."""
    first, second, done = without_memory("3.6", "e1000e", True)
    assert first > 8 * MiB < second and done.metrics["PFMemallocDrop"] == 0


@pytest.mark.parametrize("tagged", [False, True])
def test_pages_that_are_turned_over_need_no_reserves(tagged):
    first, second, done = without_memory("6.12", "ixgbe", tagged)
    assert first > 8 * MiB < second and done.metrics["skb_pfmemalloc"] == done.metrics["alloc_rx_buff_failed"] == 0


@pytest.mark.parametrize("kernel", ["3.1", "6.12"])
def test_a_cable_that_is_cut_and_healed_goes_on(kernel):
    """What is lost meanwhile is sent again by the retransmission timer, 200 ms and twice that later."""
    cell = networked(kernel, size=64 * MiB, mib=64)
    cutter = Stream(kind="cable", params={"link": "l", "cut": 5 * MS, "outage": 250 * MS})
    cell = replace(cell, tasks=cell.tasks | {"cutter": Task(stream=cutter)}, sampling=Sampling(every=5 * MS),
                   duration=900 * MS)  # fmt: skip
    done = run(cell, probe=lambda built: int(socks(built.memory.m)[0].copied_seq))
    before, during, after = done.seen[1], done.seen[50], done.seen[-1]
    assert 0 < before <= done.seen[2] == during < after - 8 * MiB
    assert wires(done.m)[0].lost > 0 and wires(done.m)[0].cut == 0
