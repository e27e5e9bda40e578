"""A driver that has its buffers mapped for its device and takes them back, one piece of memory at a time.

It asks for memory first. With `hold: 0` one buffer is mapped and unmapped `count` times, as a disk's or a card's next
request would be; otherwise `hold` buffers are mapped at a time, then taken back in some order. Its task names the
device.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from mmrun.model.core.events import compute
from mmrun.model.core.frozen import frozen
from mmrun.model.dma.mapping.events import SIZE_BITS, dma_map, dma_unmap
from mmrun.model.mm.driver.events import NUMBER_BITS, alloc_buffers, free_buffers
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Record
from mmrun.model.units import PAGE, Bytes, Nanoseconds
from mmrun.model.workloads._common import CHUNK

if TYPE_CHECKING:
    import numpy as np

MAKES_REQUESTS = True
LARGEST = (1 << SIZE_BITS) - PAGE


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `dma`."""

    device: str
    """The device of the machine, which is in its `use`."""
    count: Annotated[int, Range(ge=1, le=1 << 30)]
    """Mappings that it makes."""
    size: Annotated[Bytes, Range(ge=1, le=LARGEST), Why("a buffer is one block of memory")] = PAGE
    """Bytes of each."""
    hold: Annotated[int, Range(ge=0, le=1 << NUMBER_BITS)] = 0
    """Buffers that are mapped at a time; 0: one, over and over."""
    order: Literal["fifo", "lifo", "random"] = "fifo"
    """In which order those that are held go back: as they came, the last one first, or in any."""
    direction: Literal["bidirectional", "to_device", "from_device"] = "to_device"
    """Who writes."""
    think: Nanoseconds = 0
    """Time that the driver spends between two mappings."""


def order_of(params: Params) -> int:
    """A buffer is a block of 2^order pages."""
    return (-(-params.size // PAGE) - 1).bit_length()


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: none, but a task has one."""
    return ("anon",)


def footprint(params: Params) -> int:
    """Pages of the stream's address space, of which it touches none."""
    return 1


def buffers(params: Params) -> int:
    """Buffers that it numbers."""
    return max(1, min(params.hold, params.count))


def length(params: Params) -> int:
    """Events: each buffer asked for and given back, each mapping made and taken back, time between."""
    return 2 * buffers(params) + (3 if params.think else 2) * params.count


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return params.order == "random" and params.hold > 1


def _round(params: Params, ring: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    """Events of the buffers of `ring`, mapped one after the other, then taken back."""
    import numpy as np

    back = ring[::-1] if params.order == "lifo" else rng.permutation(ring) if params.order == "random" else ring
    there, again = dma_map(ring, params.size, params.direction), dma_unmap(back)
    if params.think:
        there = np.column_stack([there, np.repeat(compute(params.think), len(ring))]).ravel()
    return np.concatenate([there, again])


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    import numpy as np

    numbers = np.arange(buffers(params), dtype=np.int64)
    for start in range(0, len(numbers), CHUNK):
        yield alloc_buffers(numbers[start : start + CHUNK], order_of(params))
    if params.hold == 0:
        one = _round(params, numbers, rng)
        for start in range(0, params.count, CHUNK):
            yield np.tile(one, min(CHUNK, params.count - start))
    else:
        for start in range(0, params.count, len(numbers)):
            yield _round(params, numbers[: params.count - start], rng)
    for start in range(0, len(numbers), CHUNK):
        yield free_buffers(numbers[start : start + CHUNK])
