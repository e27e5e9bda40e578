"""File system metadata: look up files by number, in tree order or by popularity, create and remove some of them.

`walk` goes through all files in order, again and again, as find, rsync and updatedb do; `zipf` draws them by
popularity, as servers do. A lookup in a transaction (create, rename) allocates with GFP_NOFS. For slab regions.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from mmrun.model.core.events import ARG_MASK, ARGUMENT_BITS, FREE, OP_SHIFT, REGISTER, touches
from mmrun.model.core.frozen import frozen
from mmrun.model.machine.settings import MAX_PAGES
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Record
from mmrun.model.units import Nanoseconds
from mmrun.model.workloads._common import Count, Exponent, Share, Zipf, coins, flips, permutation, spans

if TYPE_CHECKING:
    import numpy as np


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `metadata`."""

    objects: Annotated[int, Range(ge=1, le=MAX_PAGES // 2)]
    """Number of files."""
    accesses: Count
    """Length of the stream."""
    pattern: Literal["walk", "zipf"] = "walk"
    """All files in order, or independent draws by popularity."""
    exponent: Exponent = 0.8
    """`zipf`: the file of rank k is drawn with probability proportional to 1/k**exponent."""
    transaction_fraction: Share = 0.0
    """Share of the lookups that happen in a file system transaction (GFP_NOFS) and create the file if it is absent."""
    unlink_fraction: Share = 0.0
    """Share of the events that remove the file instead."""
    mount_every: Annotated[int, Range(ge=0)] = 0
    """Events between two file systems that come or go and hold shrinker_rwsem for `mount_hold`; 0: none do."""
    mount_hold: Annotated[Nanoseconds, Range(le=ARG_MASK), Why(ARGUMENT_BITS)] = 1_000_000
    """How long such a file system holds it; an estimate: registering includes sizing every group's shrinker map."""


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: it numbers objects, not pages."""
    return ("slab",)


def footprint(params: Params) -> int:
    """Numbers that the stream uses."""
    return params.objects


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return params.pattern == "zipf" or flips(params.transaction_fraction, params.unlink_fraction)


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    import numpy as np

    layout, files, writes, removals = rng.spawn(4)
    n = params.objects
    popularity = Zipf(n, params.exponent, permutation(layout, n)) if params.pattern == "zipf" else None
    for start, end in spans(params.accesses):
        numbers = np.arange(start, end, dtype=np.int64)
        chosen = numbers % n if popularity is None else popularity.draw(files, end - start)
        found = touches(chosen, coins(writes, end - start, params.transaction_fraction))
        gone = coins(removals, end - start, params.unlink_fraction)
        found[gone] = chosen[gone] | (FREE << OP_SHIFT)
        if params.mount_every:
            found[(numbers + 1) % params.mount_every == 0] = params.mount_hold | (REGISTER << OP_SHIFT)
        yield found
