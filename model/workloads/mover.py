"""Touches all its memory, then uses it unevenly, and now and then has pages moved to other nodes by system calls.

Stands for programs and daemons that place memory themselves: numactl's migratepages, databases that follow their
threads, a job manager that packs nodes.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from mmrun.model.core.events import touches
from mmrun.model.core.frozen import frozen
from mmrun.model.mm.migrate.events import migrations, moves
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record
from mmrun.model.workloads._common import Count, Exponent, Share, Size, Zipf, coins, pages_of, permutation, spans

if TYPE_CHECKING:
    import numpy as np

Node = Annotated[int, Range(ge=0, le=15)]


MAKES_REQUESTS = True


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `mover`."""

    size: Size
    """Footprint."""
    accesses: Count
    """Accesses after the first touches."""
    every: Count
    """Accesses from one call to the next."""
    to: tuple[Node, ...] = (1, 0)
    """The nodes that pages are moved to, one after the other, call by call."""
    pages: Annotated[int, Range(ge=0, le=(1 << 28) - 1)] = 0
    """Pages that a call moves, the next ones each time; 0: all of them."""
    call: Literal["move_pages", "migrate_pages"] = "move_pages"
    """move_pages(2) of a range, or migrate_pages(2) of the process, which leaves pages alone that are on the node."""
    exponent: Exponent = 1.0
    """The page of rank k is used with probability proportional to 1/k**exponent; 0 is uniform."""
    write_fraction: Share = 0.0
    """Share of the accesses that write; the first touches all do."""


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: system calls move what is mapped."""
    return ("anon", "file")


def footprint(params: Params) -> int:
    """Pages of the stream's address space."""
    return pages_of(params.size)


def length(params: Params) -> int:
    """Events: first touches, accesses, two a call."""
    return footprint(params) + params.accesses + 2 * (params.accesses // params.every)


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return True


def _call(params: Params, number: int) -> "np.ndarray":
    """The events of one call."""
    node, whole = params.to[number % len(params.to)], footprint(params)
    if params.call == "migrate_pages":
        return migrations(0xFFFF & ~(1 << node), 1 << node)
    count = min(params.pages or whole, whole)
    first = number * count % whole
    return moves(first, min(count, whole - first), node)


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    import numpy as np

    layout, pages, writes = rng.spawn(3)
    n = footprint(params)
    for start, end in spans(n):
        yield touches(np.arange(start, end), np.ones(end - start, dtype=bool))
    popularity = Zipf(n, params.exponent, permutation(layout, n))
    for number in range(-(-params.accesses // params.every)):
        left = min(params.every, params.accesses - number * params.every)
        for start, end in spans(left):
            count = end - start
            yield touches(popularity.draw(pages, count), coins(writes, count, params.write_fraction))
        if left == params.every:
            yield _call(params, number)
