"""A network card's queue on a core: packets that are sent, received or both, each with buffers mapped for the card.

The other end sends as fast as buffers are posted and takes whatever is sent, so what limits is the link, the driver's
core, or what it waits for. Tasks that name the same card are its queues, and share its link.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from mmrun.model.core.frozen import frozen
from mmrun.model.dma.drivers.events import close, packets
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Fault, Record
from mmrun.model.units import PAGE, Bytes, KiB, MiB, Nanoseconds, Pages
from mmrun.model.workloads._common import Count

if TYPE_CHECKING:
    import numpy as np

MAKES_REQUESTS = True
EACH = 4096  # packets an event


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `packets`."""

    device: str
    """The network card of the machine, in `use`."""
    way: Literal["send", "receive", "both"] = "receive"
    """Packets that the card reads, writes, or one after the other."""
    packet: Annotated[Bytes, Range(ge=64, le=64 * KiB)] = 1500
    """Bytes of a packet; one longer than the link's MTU goes out as several frames (TSO), or came in as such."""
    count: Count = 1_000_000
    """Packets that the queue handles; then it is closed."""
    mapping: Literal["per-packet", "per-page", "pool"] = "per-packet"
    """What of a buffer is mapped when: the pieces of each packet; pages that packets share; blocks that stay mapped."""
    pieces: Annotated[int, Range(ge=1, le=20)] = 2
    """Mappings of a packet (per-packet): a header of 128 bytes and the rest in equal parts; 1: all in one."""
    ring: Annotated[int, Range(ge=8, le=8192)] = 512
    """Descriptors of the queue."""
    chunk: Annotated[Pages, Range(ge=4 * KiB, le=4 * MiB)] = 4 * KiB
    """Size of a pool's blocks, a power of two."""
    work: Nanoseconds = 586
    """What driver and stack spend on a packet besides mapping: 1,816 cycles at 3.1 GHz (rIOMMU, ASPLOS 2015)."""
    coalesce: Annotated[int, Range(ge=1, le=4096)] = 8
    """Packets that the card waits for before it interrupts a driver that sleeps (estimate)."""

    def faults(self) -> Iterator[Fault]:
        """Buffers that do not fit what they lie in."""
        if self.mapping == "per-page" and self.packet > PAGE // 2:
            yield Fault(("packet",), "packets share a page, two in each", f"at most {PAGE // 2} bytes, or per-packet")
        if self.chunk & self.chunk - 1:
            yield Fault(("chunk",), "a block of pages is a power of two", "4KiB, 64KiB, 2MiB")
        if self.mapping == "pool" and self.packet > self.chunk:
            yield Fault(("chunk",), "a packet lies in one block", f"at least {self.packet} bytes")
        if self.mapping == "per-packet" and self.pieces > 1 and self.packet <= 128:
            yield Fault(("pieces",), "the header is all there is of such a packet", "pieces: 1")


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
    """Events: some packets each, and the end."""
    return -(-params.count // EACH) + 1


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return False


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    for first in range(0, params.count, EACH):
        yield packets(min(EACH, params.count - first))
    yield close()
