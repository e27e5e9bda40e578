"""A camera or video pipeline: takes a ring of contiguous buffers when it starts, fills one a frame, gives all back.

The device writes the frames by itself, so that no page is touched; what a start costs is how long the buffers take.
Frames that are due before the pipeline has its buffers are late. With a `device` of the machine the buffers are mapped
for it, and every frame is moved by it, by when the next one begins.
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
    """Parameters of `camera`."""

    frame: Annotated[Pages, Range(ge=4096, le=1 << 34)]
    """Size of a buffer: one frame (1080p in 16 bits a pixel: 4 MiB)."""
    buffers: Annotated[int, Range(ge=1, le=256)] = 4
    """Buffers of the ring."""
    rate: Annotated[int, Range(ge=1, le=10_000)] = 30
    """Frames a second."""
    sessions: Annotated[int, Range(ge=1, le=100_000)] = 1
    """Times it is started."""
    runs: Time = S
    """How long each session lasts; 0: the buffers are given back at once."""
    pause: Time = S
    """Time between the end of one and the start of the next."""
    first: Time = 100 * MS
    """When the first one starts."""
    device: str | None = None
    """The camera of the machine, in `use`; None: frames are only waited for."""
    bandwidth: Rate = 1_000 * MB_S
    """What the device moves in a second (estimate: a quarter of one LPDDR channel)."""

    def faults(self) -> Iterator[Fault]:
        """An end later than an event can say."""
        if self.first + self.sessions * (self.runs + self.pause) > ARG_MASK:
            yield Fault(("sessions",), "the last session is later than an event can say", f"{ARGUMENT_BITS}: fewer")


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
    """Frames of a session."""
    return params.runs * params.rate // S


def length(params: Params) -> int:
    """Events: for each session its start, its buffers and their end, its frames, its end."""
    if params.device is not None:
        return params.sessions * (2 + 4 * params.buffers + 3 * frames(params))
    return params.sessions * (2 + 2 * params.buffers + frames(params))


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return False


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64), one a session."""
    import numpy as np

    ring, pages = np.arange(params.buffers, dtype=np.int64), pages_of(params.frame)
    shown = (np.arange(frames(params), dtype=np.int64) + 1) * S // params.rate
    for session in range(params.sessions):
        start = params.first + session * (params.runs + params.pause)
        end = sleep_until(start + params.runs)
        parts = [sleep_until(start), contig_alloc(ring, pages)]
        if params.device is None:
            yield np.concatenate([*parts, sleep_until(start + shown), end, contig_release(ring)])
            continue
        each = [sleep_until(start + shown - S // params.rate), pictures(np.arange(len(shown)) % params.buffers, True)]
        moved = np.column_stack([*each, deadline(start + shown)]).ravel()
        yield np.concatenate([*parts, attach(ring), moved, end, detach(ring), contig_release(ring)])
