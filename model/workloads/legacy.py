"""An old card: small transfers, one after the other, each through a buffer that is mapped for it.

Where the card cannot reach the buffer it is bounced, and where there is no room for that either the driver tries again.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from mmrun.model.block.settings import Rate
from mmrun.model.core.frozen import frozen
from mmrun.model.dma.drivers.events import close, packets
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record
from mmrun.model.units import MB_S, Bytes, KiB, Nanoseconds
from mmrun.model.workloads._common import Count

if TYPE_CHECKING:
    import numpy as np

MAKES_REQUESTS = True
EACH = 256  # transfers an event


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `legacy`."""

    device: str
    """The card of the machine, in `use`."""
    way: Literal["send", "receive", "both"] = "both"
    """Whether the card reads, writes, or does both in turn."""
    transfer: Annotated[Bytes, Range(ge=1, le=64 * KiB)] = 4 * KiB
    """Bytes of a transfer."""
    count: Count = 10_000
    """Transfers."""
    rate: Rate = 4 * MB_S
    """What the card moves in a second: an ISA bus master reaches 4 to 8 MB/s (estimate)."""
    outstanding: Annotated[int, Range(ge=8, le=4096)] = 8
    """Transfers that are mapped at a time."""
    work: Nanoseconds = 2_000
    """What the driver spends on a transfer besides mapping (estimate)."""


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: none, but a task has one."""
    return ("anon",)


def footprint(params: Params) -> int:
    """Pages of the stream's address space, of which it touches none."""
    return 1


def buffers(params: Params) -> int:
    """Buffers that it numbers: none, but its descriptors lie in one."""
    return 1


def length(params: Params) -> int:
    """Events: some transfers each, and the end."""
    return -(-params.count // EACH) + 1


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return False


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    for first in range(0, params.count, EACH):
        yield packets(min(EACH, params.count - first))
    yield close()
