"""A driver: asks for buffers of 2^order adjacent pages one after the other, holds each for a while, gives it back.

Buffers are the kernel's own memory; the stream touches no page. It may be one of a migratetype, and make more or less
effort for a buffer. With `hold: 0` it keeps what it gets.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from mmrun.model.core.events import ARG_MASK, ARGUMENT_BITS, OP_SHIFT
from mmrun.model.core.frozen import frozen
from mmrun.model.mm.driver.events import NUMBER_BITS, alloc_buffers, free_buffers, sleep_until
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Fault, Record
from mmrun.model.units import Nanoseconds
from mmrun.model.workloads._common import CHUNK, spans

if TYPE_CHECKING:
    import numpy as np

MOST = 1 << NUMBER_BITS
Time = Annotated[Nanoseconds, Range(ge=0, le=ARG_MASK), Why(ARGUMENT_BITS)]

MAKES_REQUESTS = True


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `driver`."""

    count: Annotated[int, Range(ge=1, le=MOST)]
    """Buffers that it asks for."""
    order: Annotated[int, Range(ge=0, le=10)] = 0
    """Each is 2^order adjacent pages."""
    period: Time = 0
    """Time between two requests; 0: one after the other."""
    hold: Time = 0
    """How long it keeps a buffer; 0: for ever."""
    type: Literal["unmovable", "movable", "reclaimable"] = "unmovable"
    """Migratetype of its pageblocks."""
    effort: Literal["kernel", "noretry", "retry-mayfail", "nowait", "atomic", "none"] = "kernel"
    """What is done for a buffer: reclaim and compaction (`kernel`), one round of them, as long as they progress; waking
    the daemons only, that and going below the watermark; nothing."""
    marked: bool = False
    """Its pages can be migrated (movable_operations)."""

    def faults(self) -> Iterator[Fault]:
        """Times that no event holds, a hold without a time."""
        if self.period * self.count + self.hold > ARG_MASK:
            yield Fault(("period",), "the last request is later than an event can say", f"{ARGUMENT_BITS}: fewer")
        if self.hold and not self.period:
            yield Fault(("hold",), "buffers that are held for a time are asked for in time", "write period: 1ms")


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: none, but a task has one."""
    return ("anon",)


def footprint(params: Params) -> int:
    """Pages of the stream's address space, of which it touches none."""
    return 1


def buffers(params: Params) -> int:
    """Buffers that it numbers."""
    return params.count


def length(params: Params) -> int:
    """Events, at most: for each buffer two times to sleep until, a request, and that it is given back."""
    return 4 * params.count


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return False


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    import numpy as np

    numbers = np.arange(params.count, dtype=np.int64)
    asked = alloc_buffers(numbers, params.order, params.type, params.effort, params.marked)
    if not params.period:
        for start, end in spans(params.count):
            yield asked[start:end]
        return
    when, what = numbers * params.period, asked
    if params.hold:
        when, what = np.concatenate([when, when + params.hold]), np.concatenate([what, free_buffers(numbers)])
    order = np.argsort(when, kind="stable") if not params.hold else _in_time(when, what)
    merged = np.column_stack([sleep_until(when[order]), what[order]]).ravel()
    for start in range(0, len(merged), CHUNK):
        yield merged[start : start + CHUNK]


def _in_time(when: "np.ndarray", what: "np.ndarray") -> "np.ndarray":
    """The order of the events: by time, at one time what is given back first."""
    import numpy as np

    from mmrun.model.mm.driver.events import FREE_BUFFER

    return np.lexsort((what >> OP_SHIFT != FREE_BUFFER, when))
