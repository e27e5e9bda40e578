"""What was sent has arrived, is on its way, or is lost; a row of a frame is on one cable or free."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built
from mmrun.model.net.link.state import wire_state


def verify(built: Built, seen: np.ndarray) -> None:
    """Frames of every cable against its counts, rows of frames against those that were ever used."""
    rows, state = built.memory.table("segments"), wire_state(built.memory.m)
    on_way = 0
    for n, wire in enumerate(built.memory.table("wires")):
        sent = arrived = lists = 0
        for way in range(2):
            own = wire["way"][way]
            at, found, last = int(own["head"]), 0, -1
            while at != NONE:
                require(rows["at"][at] >= last, lambda n=n: f"frames of link {n} overtake each other")
                last, at, found = int(rows["at"][at]), int(rows["next"][at]), found + 1
            require(found == own["n"], lambda n=n: f"link {n} has miscounted what is on its way")
            sent, arrived, lists = sent + wire["sent"][way], arrived + wire["arrived"][way], lists + found
        require(sent == arrived + lists + wire["lost"], lambda n=n: f"frames of link {n} are lost untold")
        on_way += lists
    at, free = int(state.free_segment), 0
    while at:
        at, free = int(rows["next"][at - 1]), free + 1
    require(on_way + free <= state.segment_rows, lambda: "rows of frames are on a cable and free at once")
