"""Socket buffers: what each takes, what it is charged as, and that all of it comes back."""

from typing import Any
from unittest.mock import patch

import pytest

from mmrun.model.build import Built
from mmrun.model.description import Cell, Region
from mmrun.model.mm.page.gfp import GFP_ATOMIC
from mmrun.model.net.skb import place
from mmrun.model.net.skb.page_frag import napi_frag
from mmrun.model.net.skb.skb import netdev_alloc_skb
from mmrun.model.net.skb.state import skbs
from tests.model.cells import given, machine, machine_of


def host(kernel: str, mib: int = 32) -> Built:
    """A machine with a connection over loopback."""
    with patch.object(place, "pairs", lambda plan: [None]):
        return machine_of(Cell(kernel=kernel, machine=machine(mib), tasks={"t": given(Region())}), 1)


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
