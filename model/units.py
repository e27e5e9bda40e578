"""Quantities: what a number in a description means. The runner reads and prints units; the model sees ints."""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Quantity:
    """Marks a field whose value is a whole number of `unit`: bytes, ns, bytes/s."""

    unit: str


Bytes = Annotated[int, Quantity("bytes")]
Nanoseconds = Annotated[int, Quantity("ns")]
BytesPerSecond = Annotated[int, Quantity("bytes/s")]

KiB, MiB, GiB, TiB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
US, MS, S = 1_000, 1_000_000, 1_000_000_000
MB_S, GB_S = 10**6, 10**9
GBIT_S = 10**9 // 8

PAGE_SHIFT = 12
PAGE = 1 << PAGE_SHIFT
