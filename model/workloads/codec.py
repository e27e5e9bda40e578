"""A video codec: takes its buffers when it starts; every period it reads some as references and writes another.

What is not written when the next period begins is late. Buffers come from where contiguous memory comes from, and stay
mapped for the codec.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from mmrun.model.block.settings import Rate
from mmrun.model.core.events import ARG_MASK, ARGUMENT_BITS
from mmrun.model.core.frozen import frozen
from mmrun.model.dma.drivers.events import attach, deadline, detach, pictures
from mmrun.model.mm.cma.events import contig_alloc, contig_release
from mmrun.model.mm.driver.events import sleep_until
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Fault, Record
from mmrun.model.units import MB_S, MS, Nanoseconds, Pages, S
from mmrun.model.workloads._common import pages_of

if TYPE_CHECKING:
    import numpy as np

Time = Annotated[Nanoseconds, Range(ge=0, le=ARG_MASK), Why(ARGUMENT_BITS)]

MAKES_REQUESTS = True


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `codec`."""

    device: str
    """The codec of the machine, in `use`."""
    frame: Annotated[Pages, Range(ge=4096, le=1 << 34)]
    """Size of a picture (1080p in tiles: 766 pages)."""
    buffers: Annotated[int, Range(ge=2, le=256)] = 8
    """Pictures that it has room for: references, those shown, the one in work (H.264, level 4: about 8)."""
    references: Annotated[int, Range(ge=0, le=16)] = 2
    """Pictures read for each one written."""
    rate: Annotated[int, Range(ge=1, le=10_000)] = 30
    """Pictures a second."""
    bandwidth: Rate = 1_000 * MB_S
    """What it moves in a second (estimate: a quarter of one LPDDR channel)."""
    first: Time = 100 * MS
    """When it starts."""
    runs: Time = S
    """How long it runs."""

    def faults(self) -> Iterator[Fault]:
        """More references than other buffers; an end later than an event can say."""
        if self.references >= self.buffers:
            yield Fault(("references",), "there are not so many other buffers", f"at most {self.buffers - 1}")
        if self.first + self.runs > ARG_MASK:
            yield Fault(("runs",), "the end is later than an event can say", f"{ARGUMENT_BITS}: shorter")


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: none, but a task has one."""
    return ("anon",)


def footprint(params: Params) -> int:
    """Pages of the stream's address space, of which it touches none."""
    return 1


def buffers(params: Params) -> int:
    """Buffers that it numbers."""
    return params.buffers


def frames(params: Params) -> int:
    """Pictures that it writes."""
    return params.runs * params.rate // S


def length(params: Params) -> int:
    """Events: buffers and their end; of each picture its start, what is read and written, its deadline."""
    return 2 + 4 * params.buffers + frames(params) * (3 + params.references)


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return False


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64), one a picture."""
    import numpy as np

    ring = np.arange(params.buffers, dtype=np.int64)
    yield np.concatenate([sleep_until(params.first), contig_alloc(ring, pages_of(params.frame)), attach(ring)])
    for k in range(frames(params)):
        begins, ends = (params.first + (k + i) * S // params.rate for i in (0, 1))
        parts = [sleep_until(begins)]
        if params.references:
            parts.append(pictures((k - 1 - np.arange(params.references)) % params.buffers, write=False))
        yield np.concatenate([*parts, pictures(k % params.buffers, write=True), deadline(ends)])
    yield np.concatenate([sleep_until(params.first + params.runs), detach(ring), contig_release(ring)])
