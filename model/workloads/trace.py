"""A recorded trace, played back: pages and write bits as they were recorded (see `mmrun.model.trace`)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from mmrun.model.core.events import touches
from mmrun.model.core.frozen import frozen
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record
from mmrun.model.workloads._common import Count

if TYPE_CHECKING:
    import numpy as np

    from mmrun.model.trace import Trace


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `trace`."""

    path: str
    """The trace file (`.mmt`); `mmrun trace record` and `mmrun trace import` make them."""
    repeat: Count = 1
    """How many times it is played."""
    tasks: Annotated[tuple[Annotated[int, Range(ge=0)], ...], Range(min_length=1)] | None = None
    """Play only the accesses of these tasks of the recording; None: all, in recorded order."""


def footprint(params: Params) -> int:
    """Pages of the trace's address space, whichever tasks are played."""
    from mmrun.model.trace.header import read_header

    return read_header(params.path).npages


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return False


def length(params: Params) -> int:
    """Accesses, those of tasks that are left out counted too."""
    from mmrun.model.trace.header import read_header

    return read_header(params.path).accesses * params.repeat


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64); `rng` is not used."""
    from mmrun.model.trace import open_trace

    return play(open_trace(params.path), params)


def play(trace: "Trace", params: Params) -> "Iterator[np.ndarray]":
    """The events of an open trace. Raises ValueError when `params.tasks` names a task the trace has not."""
    absent = [task for task in params.tasks or () if not 0 <= task < trace.tasks]
    if absent:
        raise ValueError(f"{trace.path} holds tasks 0 to {trace.tasks - 1}, not {absent[0]}")
    return _blocks(trace, params)


def _blocks(trace: "Trace", params: Params) -> "Iterator[np.ndarray]":
    import numpy as np

    for _ in range(params.repeat):
        for page, write, task in trace.blocks():
            chunk = touches(page, write)
            if params.tasks is not None and task is not None:
                chunk = chunk[np.isin(task, params.tasks)]
            yield chunk
