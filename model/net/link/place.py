"""Cables of a machine record, and who wants connections over which."""

from mmrun.model.core.jit import Hook
from mmrun.model.core.lehmer import first_of
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mechanisms import parts
from mmrun.model.net.link.requests import cut_cable, heal_cable
from mmrun.model.net.link.state import wires
from mmrun.model.units import S

LEAST_SEGMENTS, SEGMENTS_A_PAIR = 1 << 14, 1 << 14  # rows for frames; a window of 16 MiB is 11,600 of them


def pairs(plan: Plan) -> list[str | None]:
    """The link of every connection that mechanisms want (`sockets(plan)` of place.py), in order; None: loopback."""
    return [link for part in parts("place") if hasattr(part, "sockets") for link in part.sockets(plan)]


def links_in_use(plan: Plan) -> list[str]:
    """Links that connections lead over, in the machine's order."""
    wanted = set(pairs(plan))
    return [name for name in plan.cell.machine.links if name in wanted]


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    far = sum(link is not None for link in pairs(plan))
    most = LEAST_SEGMENTS + SEGMENTS_A_PAIR * far if far else 0
    return {"wires": len(plan.cell.machine.links), "segments": most}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """What streams may ask for."""
    return (cut_cable, heal_cable)


def place(built: Built) -> None:
    """Fill the rows of cables."""
    for n, (name, link) in enumerate(built.cell.machine.links.items()):
        wire = wires(built.memory.m)[n]
        wire.way["head"] = wire.way["tail"] = NONE
        wire.byte_ps, wire.rtt, wire.mtu = 1000 * S // link.bandwidth, link.rtt, link.mtu
        wire.loss_ppm, wire.nic = link.loss_ppm, NONE
        wire.random = first_of(built.cell, f"link {name}")
