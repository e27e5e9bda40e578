"""A graphics processor: objects in a program's memory, drawn by popularity, pinned and mapped as long as there is room.

The program fills its objects first. An object is bound when it is drawn, and stays so until others need its place in
the aperture or memory is short.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from mmrun.model.block.settings import Rate
from mmrun.model.core.events import compute, touches
from mmrun.model.core.frozen import frozen
from mmrun.model.dma.drivers import events as requests
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Fault, Record
from mmrun.model.units import MB_S, US, KiB, MiB, Nanoseconds, Pages
from mmrun.model.workloads._common import CHUNK, Count, Exponent, Size, Zipf, pages_of

if TYPE_CHECKING:
    import numpy as np

MAKES_REQUESTS = True
EACH = 256  # draws a chunk


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `gpu`."""

    device: str
    """The graphics processor of the machine, in `use`."""
    object: Annotated[Pages, Range(ge=4 * KiB, le=4 * MiB)] = 256 * KiB
    """Size of an object: a texture, a buffer of vertices."""
    objects: Annotated[int, Range(ge=1, le=1 << 16)] = 256
    """How many there are."""
    aperture: Size = 32 * MiB
    """How much can be bound at a time."""
    count: Count = 10_000
    """Draws."""
    exponent: Exponent = 0.8
    """Skew of the popularity of objects (zipf)."""
    pause: Nanoseconds = 50 * US
    """Computation between two draws."""
    bandwidth: Rate = 8_000 * MB_S
    """What the device reads in a second (PCIe 2.0 with 16 lanes)."""

    def faults(self) -> Iterator[Fault]:
        """An aperture without room for one."""
        if self.aperture < self.object:
            yield Fault(("aperture",), "there is no room for an object", f"at least {self.object} bytes")


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: only pages that are mapped can be pinned."""
    return ("anon",)


def footprint(params: Params) -> int:
    """Pages of the stream's address space."""
    return params.objects * pages_of(params.object)


def length(params: Params) -> int:
    """Events: each page touched, each draw and the computation before it, each object released."""
    return footprint(params) + 2 * params.count + params.objects


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return True


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    import numpy as np

    for start in range(0, footprint(params), CHUNK):
        some = np.arange(start, min(start + CHUNK, footprint(params)))
        yield touches(some, np.ones(len(some), dtype=bool))
    popular, most = Zipf(params.objects, params.exponent), pages_of(params.aperture)
    for start in range(0, params.count, EACH):
        drawn = requests.draws(popular.draw(rng, min(EACH, params.count - start)), most)
        pause = np.full(len(drawn), compute(params.pause)[0])
        yield np.column_stack([pause, drawn]).ravel()
    yield requests.release(np.arange(params.objects))
