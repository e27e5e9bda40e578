"""Workloads: one generator of page accesses a file, and `trace`, which plays a recording.

A generator `model/workloads/<kind>.py` defines a dataclass `Params`, `events(params, rng)`, `footprint(params)` and
`draws(params)`, whether it takes random numbers at all. It defines `length(params)` where its events are not
`params.accesses`, `regions(params)` if they ask for what not every region can do, `ENDS_PROCESSES` if processes end
in it, `MAKES_REQUESTS` if it asks for more than pages (model/core/events.py), and `buffers(params)`, how many buffers
of drivers it numbers.
A new file is a new kind; nothing else registers it. The stream depends on the parameters and the generator's seed
only, and a shorter stream is a prefix of a longer one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mmrun.model.core.events import check_argument
from mmrun.model.core.frozen import frozen
from mmrun.model.rules.bounds import hints
from mmrun.model.rules.record import refuse

if TYPE_CHECKING:
    import numpy as np

    from mmrun.model.description import Stream
    from mmrun.model.trace import Trace


REGIONS = ("anon", "file", "slab")
MOST_KNOWN = 10_000
KNOWN: dict[tuple[str, str], Any] = {}
"""Parameters that were judged; cells of a sweep share most of theirs."""


@frozen
class Opened:
    """A stream ready to run: its chunks of events, the pages of its address space, regions it can go over."""

    events: "Iterator[np.ndarray]"
    footprint: int
    regions: tuple[str, ...] = REGIONS


@cache
def kinds() -> list[str]:
    """Names of the generators, without importing them."""
    return sorted(file.stem for file in Path(__file__).parent.glob("*.py") if not file.stem.startswith("_"))


def module(kind: str) -> ModuleType:
    """The module of generator `kind`. Raises ValueError when there is none."""
    known = kinds()
    if kind not in known:
        near = get_close_matches(str(kind), known, n=1)
        hint = f", did you mean {near[0]!r}?" if near else f": one of {', '.join(known)}"
        raise ValueError(f"unknown workload {kind!r}{hint}")
    return import_module(f"mmrun.model.workloads.{kind}")


def params_type(kind: str) -> type:
    """The dataclass of the parameters of generator `kind`. Raises ValueError when there is none."""
    return module(kind).Params


def kinds_with(name: str) -> list[str]:
    """The generators that have a parameter of that name."""
    return [kind for kind in kinds() if name in hints(params_type(kind))]


def make_params(kind: str, values: Mapping[str, Any]) -> Any:
    """The parameters of `kind` from plain values. Raises ValueError for unknown, missing or impossible ones."""
    key = kind, repr(values)  # which tells 1, True and 1.0 apart
    if key not in KNOWN:
        if len(KNOWN) >= MOST_KNOWN:
            KNOWN.clear()
        KNOWN[key] = _judged(kind, values)
    return KNOWN[key]


def _judged(kind: str, values: Mapping[str, Any]) -> Any:
    wanted = params_type(kind)
    names = {entry.name for entry in fields(wanted)}
    for name in values:
        if name not in names:
            raise ValueError(f"workload {kind!r} has no parameter {name!r}: it takes {', '.join(sorted(names))}")
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    try:
        params = wanted(**given)
    except TypeError as error:
        raise ValueError(f"workload {kind!r}: {str(error).partition(') ')[2] or error}") from error
    refuse(params)
    return params


def regions_of(kind: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of region that a stream can go over."""
    return _regions(module(kind), make_params(kind, values))


def _regions(generator: ModuleType, params: Any) -> tuple[str, ...]:
    own = getattr(generator, "regions", None)
    return own(params) if own else REGIONS


def ends_processes(kind: str) -> bool:
    """Whether streams of this kind have processes end, whose memory then is gone."""
    return getattr(module(kind), "ENDS_PROCESSES", False)


def makes_requests(kind: str) -> bool:
    """Whether streams of this kind ask for what a list of accesses does not say."""
    return getattr(module(kind), "MAKES_REQUESTS", False)


def buffers_of(kind: str, values: Mapping[str, Any]) -> int:
    """Buffers of drivers (model/mm/driver) that a stream numbers."""
    own = getattr(module(kind), "buffers", None)
    return own(make_params(kind, values)) if own else 0


def accesses_of(kind: str, values: Mapping[str, Any]) -> int:
    """Events of a stream, at most; of a trace it reads the header."""
    params = make_params(kind, values)
    own = getattr(module(kind), "length", None)
    return own(params) if own else params.accesses


def check_footprint(kind: str, params: Any) -> int:
    """Pages (or objects) that a stream of generator `kind` uses; ValueError when events cannot number so many."""
    found = module(kind).footprint(params)
    check_argument(found, f"number of pages or objects of the workload {kind}")
    return found


def footprint(kind: str, values: Mapping[str, Any]) -> int:
    """The same from plain values; of a trace it reads the header."""
    return check_footprint(kind, make_params(kind, values))


def draws(stream: "Stream") -> bool:
    """Whether a stream draws random numbers; without, it is the same in every replicate."""
    found: bool = module(stream.kind).draws(make_params(stream.kind, stream.params))
    return found


def open_stream(stream: "Stream", rng: "np.random.Generator", traces: "Mapping[str, Trace] | None" = None) -> Opened:
    """Open what a task runs; `traces` holds open traces by path, others are opened from their files.

    Raises ValueError for parameters that make no sense and `mmrun.model.trace.TraceError` for a damaged trace.
    """
    generator = module(stream.kind)
    params = make_params(stream.kind, stream.params)
    if stream.kind == "trace":
        from mmrun.model.trace import open_trace

        trace = (traces or {}).get(params.path) or open_trace(params.path)
        check_argument(trace.npages, f"number of pages of {params.path}")
        return Opened(generator.play(trace, params), trace.npages)
    return Opened(generator.events(params, rng), check_footprint(stream.kind, params), _regions(generator, params))
