"""Socket buffers: what each takes, what it is charged as, and that all of it comes back."""

from typing import Any

import numpy as np
import pytest

from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.core.state import actors
from mmrun.model.description import Cell, Stream, Task
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.flags import NET_PAGE
from mmrun.model.mm.page.gfp import GFP_ATOMIC, GFP_KERNEL, MEMALLOC
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.net.skb import check as law
from mmrun.model.net.skb.frags import skb_fill_frag, skb_put, skb_split, skb_trim_head, skb_try_coalesce
from mmrun.model.net.skb.page_frag import napi_frag, page_frag_refill, task_frag
from mmrun.model.net.skb.skb import alloc_skb, kfree_skb, netdev_alloc_skb, skb_clone, skb_cloned
from mmrun.model.net.skb.state import FCLONE, RESERVE, page_frags, skb_caches, skb_state, skbs
from mmrun.model.units import MiB, S
from tests.model.cells import machine, machine_of


def host(kernel: str, mib: int = 32) -> Built:
    """A machine with a connection over loopback."""
    task = Task(stream=Stream(kind="netstream", params={"bytes": MiB}))
    return machine_of(Cell(kernel=kernel, machine=machine(mib), tasks={"t": task}, duration=S), 1)


def received(m: Any, size: int) -> int:
    """Truesize of a packet with a head of `size` bytes."""
    return int(skbs(m)[netdev_alloc_skb(m, napi_frag(m), size, GFP_ATOMIC)].truesize)


@pytest.mark.parametrize(
    ("kernel", "size", "truesize"),
    [
        ("3.4", 1522, 2304), ("3.6", 1522, 2176), ("4.4", 1522, 2176), ("6.12", 1522, 2176),
        ("3.4", 256, 1280), ("6.2", 256, 1280), ("6.12", 256, 960), ("6.12", 4096, 8448), ("3.6", 9018, 16640),
        ("6.12", 9018, 16640),
    ],
)  # fmt: skip
def test_truesize_of_a_received_packet(kernel, size, truesize):
    """Computed from align64(size + 64) + 320 for the head, as its allocator rounds it, and 256 for the sk_buff."""
    assert received(host(kernel).memory.m, size) == truesize


@pytest.mark.parametrize(("kernel", "order", "heads"), [("3.6", 0, 2), ("3.18", 3, 17), ("6.12", 3, 17)])
def test_heads_of_a_block(kernel, order, heads):
    """A head of 1,920 bytes fits twice into a page, 17 times into 32 KiB, which the last of them holds."""
    m = host(kernel).memory.m
    pf, made = napi_frag(m), [netdev_alloc_skb(m, napi_frag(m), 1522, GFP_ATOMIC) for _ in range(heads)]
    first = int(page_frags(m)[pf].frame)
    assert int(frames(m)[first].order) == order and int(frames(m)[first].slot) == heads + 1
    made.append(netdev_alloc_skb(m, pf, 1522, GFP_ATOMIC))
    assert int(page_frags(m)[pf].frame) != first
    for s in made[: heads - 1]:
        kfree_skb(m, s)
    assert int(frames(m)[first].slot) == 1 and int(frames(m)[first].kind) == NET_PAGE
    kfree_skb(m, made[heads - 1])
    assert int(frames(m)[first].kind) != NET_PAGE


@pytest.mark.parametrize(("kernel", "tagged"), [("3.6", False), ("4.1", True), ("6.12", True)])
def test_heads_from_fragments_of_the_reserves_are_told_apart_since_4_1(kernel, tagged):
    m = host(kernel, 16).memory.m
    skb_state(m).memalloc_socks = 1
    while alloc_pages(m, GFP_ATOMIC, 0, 0, ALL_NODES) != NONE:
        pass
    kinds = set()
    while (s := netdev_alloc_skb(m, napi_frag(m), 1522, GFP_ATOMIC)) != NONE:
        kinds.add(bool(skbs(m)[s].marks & RESERVE))
    assert kinds == {tagged}
    zone = zones(m)[0]
    assert zone.nr_free == 0


def test_slabs_of_the_reserves_are_for_the_entitled():
    """A slab had below the watermarks has room, and nobody else gets an object of it."""
    built = host("6.12", 16)
    m = built.memory.m
    while alloc_pages(m, GFP_ATOMIC, 0, 0, ALL_NODES) != NONE:
        pass
    assert alloc_skb(m, 100, GFP_ATOMIC, 0) == NONE
    s = alloc_skb(m, 100, GFP_ATOMIC | MEMALLOC, 0)
    assert skbs(m)[s].marks & RESERVE
    assert skb_caches(m)[0].tagged.n == skb_caches(m)[0].reserve == 1
    assert alloc_skb(m, 100, GFP_ATOMIC, 0) == NONE
    actors(m)[0].memalloc = 1
    other = alloc_skb(m, 100, GFP_ATOMIC, 0)
    assert skbs(m)[other].marks & RESERVE and skb_caches(m)[0].reserve == 1
    check(built)


def check(built: Built) -> None:
    """The laws of the network's memory."""
    law.verify(built, np.zeros(built.plan.frames, dtype=bool))


def one_step(m: Any, rng: np.random.Generator, live: list[int]) -> None:
    """Something that happens to socket buffers."""
    what = rng.integers(8)
    if what < 3 or not live:
        pf, size = task_frag(m), int(rng.integers(1, 3000))
        kind = rng.integers(3)
        if kind == 0:
            s = netdev_alloc_skb(m, napi_frag(m), int(rng.choice([60, 256, 1522])), GFP_ATOMIC)
            if s != NONE:
                skb_put(m, s, int(rng.integers(1, 60)))
        else:
            s = alloc_skb(m, int(rng.choice([192, 320, 2000])), GFP_ATOMIC, FCLONE if kind == 1 else 0)
            for _ in range(int(rng.integers(0, 5)) if s != NONE else 0):
                if page_frag_refill(m, pf, 32, GFP_KERNEL):
                    skb_fill_frag(m, s, pf, min(size, int(page_frags(m)[pf].bytes - page_frags(m)[pf].offset)))
        if s != NONE:
            live.append(s)
        return
    s = live[int(rng.integers(len(live)))]
    if what < 5:
        live.remove(s)
        kfree_skb(m, s)
    elif what == 5:
        if (c := skb_clone(m, s, GFP_ATOMIC)) != NONE:
            live.append(c)
    elif what == 6 and len(live) > 1:
        to = live[int(rng.integers(len(live)))]
        before = int(skbs(m)[to].truesize), int(skbs(m)[to].bytes), int(skbs(m)[s].bytes)
        if to != s and (delta := skb_try_coalesce(m, to, s)) != NONE:
            assert (skbs(m)[to].truesize, skbs(m)[to].bytes) == (before[0] + delta, before[1] + before[2])
            live.remove(s)
    elif not skb_cloned(m, s) and not skbs(m)[s].linear and skbs(m)[s].bytes > 1:
        cut = int(rng.integers(1, skbs(m)[s].bytes))
        if rng.integers(2):
            skb_trim_head(m, s, cut)
        elif (t := alloc_skb(m, 192, GFP_ATOMIC, FCLONE)) != NONE:
            skb_split(m, s, t, cut)
            assert skbs(m)[s].bytes == cut
            live.append(t)


@pytest.mark.parametrize("kernel", ["3.1", "3.6", "3.18", "5.10", "6.12"])
def test_whatever_happens_to_buffers_memory_is_conserved(kernel):
    """Random buffers made, filled, cloned, joined, split, trimmed, freed; in the end nothing is left of them."""
    built = host(kernel)
    m, rng, live = built.memory.m, np.random.default_rng(5), []
    for step in range(1500):
        one_step(m, rng, live)
        if step % 250 == 0:
            check(built)
    assert len(live) > 20
    for s in live:
        kfree_skb(m, s)
    check(built)
    assert skb_state(m).nr_skbs == 0 and skb_caches(m).nr_objects.sum() == 0
    kept = [int(frames(m)[int(p.frame)].order) for p in page_frags(m) if p.frame != NONE]
    assert skb_state(m).frag_pages == sum(1 << order for order in kept)
