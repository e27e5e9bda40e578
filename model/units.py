"""Quantities: what a number in a description means. The runner reads and prints units; the model sees ints."""

from typing import Annotated, Any, NamedTuple

from mmrun.model.core.frozen import frozen


@frozen
class Quantity:
    """Marks a field whose value is a whole number of `unit`: bytes, ns, bytes/s."""

    unit: str


class Range(NamedTuple):
    """Marks a type whose values are bounded, in the names of Pydantic's `Field`; of several marks the last counts."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    multiple_of: int | None = None
    min_length: int | None = None
    max_length: int | None = None

    def given(self) -> dict[str, Any]:
        """What is bounded."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> dict[str, Any]:
        return {**handler(source), **self.given()}


KiB, MiB, GiB, TiB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
US, MS, S = 1_000, 1_000_000, 1_000_000_000
MB_S, GB_S = 10**6, 10**9
GBIT_S = 10**9 // 8

PAGE_SHIFT = 12
PAGE = 1 << PAGE_SHIFT

Bytes = Annotated[int, Quantity("bytes"), Range(ge=0)]
Pages = Annotated[int, Quantity("bytes"), Range(ge=0, multiple_of=PAGE)]
Nanoseconds = Annotated[int, Quantity("ns"), Range(ge=0)]
BytesPerSecond = Annotated[int, Quantity("bytes/s"), Range(ge=0)]
