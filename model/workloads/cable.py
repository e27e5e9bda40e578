"""Cuts the cable of a link, and heals it, as often as is said."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from mmrun.model.core.events import ARG_MASK, ARGUMENT_BITS
from mmrun.model.core.frozen import frozen
from mmrun.model.mm.driver.events import sleep_until
from mmrun.model.net.link.events import cut_cable, heal_cable
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Fault, Record
from mmrun.model.units import Nanoseconds

if TYPE_CHECKING:
    import numpy as np

MAKES_REQUESTS = True
Time = Annotated[Nanoseconds, Range(ge=0, le=ARG_MASK), Why(ARGUMENT_BITS)]


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `cable`."""

    link: str
    """The link of the machine."""
    cut: Time
    """How long after the task's start it is cut for the first time."""
    outage: Time | None = None
    """How long it stays so; None: for good."""
    times: Annotated[int, Range(ge=1, le=100_000)] = 1
    """How often it is cut."""
    every: Time | None = None
    """Time from one cut to the next; None: it is cut once."""

    def faults(self) -> Iterator[Fault]:
        """Cuts that come before the one before is healed, or too late for an event to say."""
        if self.times > 1 and (self.every is None or self.outage is None or self.every < self.outage):
            yield Fault(("times",), "the next cut comes before the cable is healed", "outage, and every >= outage")
        elif self.cut + (self.times - 1) * (self.every or 0) + (self.outage or 0) > ARG_MASK:
            yield Fault(("cut",), "the last one is later than an event can say", f"{ARGUMENT_BITS}: earlier")


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: none, but a task has one."""
    return ("anon",)


def footprint(params: Params) -> int:
    """Pages of the stream's address space: it touches none."""
    return 1


def length(params: Params) -> int:
    """Events: a wait and a cut, a wait and a healing."""
    return (2 if params.outage is None else 4) * params.times


def draws(params: Params) -> bool:
    """Nothing is left to chance."""
    return False


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    for number in range(params.times):
        at = params.cut + number * (params.every or 0)
        yield sleep_until(at)
        yield cut_cable()
        if params.outage is not None:
            yield sleep_until(at + params.outage)
            yield heal_cable()
