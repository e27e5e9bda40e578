"""Rings hold what they say: filled slots, posted ones, slots without buffers."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built
from mmrun.model.net.nic.state import nics


def verify(built: Built, seen: np.ndarray) -> None:
    """Slots of every ring against its counts."""
    skbs = built.memory.table("skbs")
    for n, nic in enumerate(built.memory.table("nics")):
        ring = built.memory.table("nic_rx")[int(nic.rx_first) : int(nic.rx_first + nic.ring)]
        order = (int(nic.clean) + np.arange(int(nic.ring))) % int(nic.ring)
        slots = ring[order]
        ready = int(nic.filled + nic.posted)
        has = (slots["skb"] != NONE) | (slots["frame"] != NONE)
        require(ready <= nic.ring and has[:ready].all(), lambda n=n: f"ring {n} has slots without buffers among others")
        require((slots["segment"][int(nic.filled) :] == NONE).all(), lambda n=n: f"ring {n} has a frame where none is")
        require((clean_to(nic)) == nic.use, lambda n=n: f"ring {n} is filled at the wrong place")
        tx = built.memory.table("nic_tx")[int(nic.tx_first) : int(nic.tx_first + nic.tx_ring)]
        own = tx[tx["skb"] != NONE]
        require(len(own) == nic.tx_n, lambda n=n: f"transmit ring {n} is miscounted")
        require(own["descs"].sum() == nic.tx_descs <= nic.tx_ring, lambda n=n: f"ring {n} miscounts descriptors")
        require((skbs["users"][own["skb"]] > 0).all(), lambda n=n: f"transmit ring {n} holds a buffer that is free")


def clean_to(nic: np.record) -> int:
    """The slot behind those that are filled or posted."""
    return (int(nic.clean) + int(nic.filled) + int(nic.posted)) % int(nic.ring)


def map_chains(built: Built) -> set[int]:
    """Mappings of rings and pools (rows of `dma_maps` + 1)."""
    slots, sent = built.memory.table("nic_rx")["map"], built.memory.table("nic_tx")["maps"]
    found = np.concatenate([slots, sent, built.memory.table("map_of_block"), nics(built.memory.m)["block"]])
    return set(found[found > 0].tolist())
