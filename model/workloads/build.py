"""A software build: one slot of `make -jN`, in which one compiler after another reads, grows a heap, writes and exits.

Stands for compiling a kernel or a distribution: much anonymous memory with short lives, shared binaries and headers
that stay hot, sources and objects used once. The task's regions, in this order: heap (anonymous), tools (a file,
mapped), headers (a file, read), sources and objects (files, read and written through the page cache).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from mmrun.model.core.events import exits, touches
from mmrun.model.core.frozen import frozen
from mmrun.model.mm.driver.events import alloc_buffers, free_buffers
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Fault, Record
from mmrun.model.units import Bytes, GiB, KiB, MiB
from mmrun.model.workloads._common import Size, Zipf, pages_of, permutation

if TYPE_CHECKING:
    import numpy as np

FRONT_END, BACK_END = 0.25, 0.9  # shares of a compilation: sources are read before, objects written after
HEADER_RUN = 4  # pages of a header
ENDS_PROCESSES = True
Part = Annotated[Bytes, Range(ge=1, le=16 * GiB)]
MOST_AT_ONCE = 1 << 26  # events of a chunk


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `build`."""

    jobs: Annotated[int, Range(ge=1, le=1_000_000)]
    """Compilations, one after the other."""
    heap: Part = 64 * MiB
    """Largest heap of a compiler; each has between a quarter of it and all, evenly on a logarithmic scale."""
    tools: Size = 16 * MiB
    """Binaries and libraries of the tools, skewed in use."""
    headers: Size = 16 * MiB
    """All headers, skewed in use."""
    included: Part = 1536 * KiB
    """Headers that one compilation reads."""
    source: Part = 40 * KiB
    """One source file."""
    object: Part = 100 * KiB
    """One object file."""
    kernel: Annotated[Bytes, Range(ge=0, le=64 * MiB)] = 0
    """What the kernel takes for each compiler while it lives, in single unmovable pages: tables, stacks, pipes, slabs
    beyond those that are modelled."""
    reuse: Annotated[int, Range(ge=1, le=100)] = 6
    """Accesses to earlier pages of the heap for each page it grows by, most of them to recent ones."""

    def faults(self) -> Iterator[Fault]:
        """A compilation that is more than fits a chunk: all its events are made at once."""
        sizes = (self.included, self.source, self.object)
        events = pages_of(self.heap) * (self.reuse + 2) + sum(map(pages_of, sizes))
        if events > MOST_AT_ONCE:
            what = f"a compilation has up to {events:,} accesses"
            yield Fault(("heap",), what, f"at most {MOST_AT_ONCE:,}: a smaller heap, or less `reuse` of it")


def sizes(params: Params) -> list[int]:
    """Pages of the five regions."""
    once = [params.jobs * pages_of(params.source), params.jobs * pages_of(params.object)]
    return [pages_of(params.heap), pages_of(params.tools), pages_of(params.headers), *once]


def footprint(params: Params) -> int:
    """Pages of the stream's address space."""
    return sum(sizes(params))


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return True


def buffers(params: Params) -> int:
    """Buffers that it numbers: the kernel's pages."""
    return pages_of(params.kernel)


def length(params: Params) -> int:
    """Accesses, at most: as if every heap were as large as possible."""
    once = (params.included, params.source, params.object)
    own = pages_of(params.heap) * (params.reuse + 2) + 2 * pages_of(params.kernel)
    return params.jobs * (own + sum(map(pages_of, once)))


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """A chunk of events a compilation, the compiler's exit at its end."""
    import numpy as np

    tools_layout, header_layout, draws = rng.spawn(3)
    heap, tools, headers, sources, _ = sizes(params)
    popular = Zipf(tools, 1.0, permutation(tools_layout, tools))
    included = Zipf(max(1, headers // HEADER_RUN), 0.8, permutation(header_layout, max(1, headers // HEADER_RUN)))
    first = np.cumsum([0, heap, tools, headers, sources])
    for job in range(params.jobs):
        grown = max(1, int(heap * 4.0 ** -draws.random()))
        at, page, write = _heap(params, draws, grown)
        runs = included.draw(draws, -(-pages_of(params.included) // HEADER_RUN))
        read = np.minimum((runs[:, None] * HEADER_RUN + np.arange(HEADER_RUN)).ravel(), headers - 1)
        source, made = pages_of(params.source), pages_of(params.object)
        parts = [
            (at, page, write),
            (np.linspace(0, 1, grown), first[1] + popular.draw(draws, grown), np.zeros(grown, bool)),
            (np.linspace(0, FRONT_END, read.size), first[2] + read, np.zeros(read.size, bool)),
            (np.linspace(0, FRONT_END, source), first[3] + job * source + np.arange(source), np.zeros(source, bool)),
            (np.linspace(BACK_END, 1, made), first[4] + job * made + np.arange(made), np.ones(made, bool)),
        ]
        when, pages, writes = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(when, kind="stable")
        accesses = touches(pages[order], writes[order])
        if params.kernel:
            accesses = _with_kernel(accesses, pages_of(params.kernel))
        yield np.concatenate([accesses, exits()])


def _with_kernel(accesses: "np.ndarray", pages: int) -> "np.ndarray":
    """The accesses with the kernel's pages, taken one after the other along them, given back at the end."""
    import numpy as np

    numbers = np.arange(pages)
    taken = np.insert(accesses, numbers * len(accesses) // pages, alloc_buffers(numbers))
    return np.concatenate([taken, free_buffers(numbers)])


def _heap(params: Params, draws: "np.random.Generator", grown: int) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """(when, page, write) of a heap that grows page by page; a page's age at reuse is the cube of an even draw."""
    import numpy as np

    newest = np.arange(grown)
    age = draws.random((grown, params.reuse)) ** 3 * (newest[:, None] + 1)
    page = np.column_stack([newest, newest[:, None] - age.astype(np.int64)])
    write = np.column_stack([np.ones(grown, bool), draws.random((grown, params.reuse)) < 1 / 3])
    return np.repeat(newest / grown, params.reuse + 1), page.ravel(), write.ravel()
