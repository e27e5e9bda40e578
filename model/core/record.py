"""State by address: the machine record `m` knows numbered addresses, each mechanism what lies behind its own.

A mechanism declares tables and single records. The declaration is the accessor, inside kernels and in plain Python:

    frames = table(20, "frames", FRAME)              frames(m)[pfn].mapcount
    swap_settings = one(131, "swap_settings", ...)   swap_settings(m).page_cluster

So the type of `m` never changes: a new field, table or counter changes what is compiled only where its row is used. The
number is part of what a kernel compiles to. It is written out, because one that followed from an order would change
for everybody below a new declaration.
"""

import mmap
from typing import Any

import numpy as np

from mmrun.model.core.mechanism import SLOTS

NONE = (1 << 31) - 1  # "no frame": large and positive, because a negative index would wrap in silence
ADDRESSES = 512  # of tables and records; from 480 on: parameters of outside variants, by axis


def row(**fields: Any) -> np.dtype:
    """An aligned record type; refuses names that attributes of numpy's record scalar would hide."""
    clash = [name for name in fields if hasattr(np.void, name)]
    assert not clash, f"field names hidden by numpy in pure-Python mode: {clash}"
    return np.dtype(
        [(name, *spec) if isinstance(spec, tuple) else (name, spec) for name, spec in fields.items()], align=True
    )


LIST = row(head="i4", tail="i4", n="i8")  # a doubly linked list through `next` and `prev` of its members
WAIT_QUEUE = row(first="i4", last="i4")  # actors + 1 that wait for something, 0: nobody (model/core/sleep.py)
# What every kernel takes. `now`: simulated time (ns); `broken`, `broken_arg`: the invariant that is, and where;
# `raised`: the exception of a hook; `tracing`: whether somebody watches tracepoints; `rows`, `columns`: extents of what
# lies at an address; `hooks`: addresses of functions (model/hooks.py).
MACHINE = row(
    now="i8", broken="i8", broken_arg="i8", raised="i8", tracing="i8", address=("i8", (ADDRESSES,)),
    rows=("i8", (ADDRESSES,)), columns=("i8", (ADDRESSES,)), hooks=("i8", (SLOTS,)),
)  # fmt: skip
DECLARED: dict[int, "Accessor"] = {}  # by number


class Block(mmap.mmap):
    """The memory that a machine record lies in; it keeps all the rest of the machine alive as long as the record.

    `behind`: what plain Python finds at each address, an array or a record.
    """

    behind: dict[int, Any]


def _block_of(m: Any) -> Block:
    """The block that a machine record, a view into it, lies in."""
    while m is not None and not isinstance(m, Block):
        m = m.obj if isinstance(m, memoryview) else m.base
    if m is None:
        raise TypeError("not the record of a machine")
    return m


class Accessor:
    """What lies behind one address of the machine; called with `m`, it gives that as an array or a record.

    `number`, `kind` (the element type) and `dimensions` (0: a single record) are all that a kernel using it depends on.
    """

    def __init__(self, number: int, name: str, kind: np.dtype, dimensions: int) -> None:
        self.number, self.name, self.kind, self.dimensions = number, name, kind, dimensions
        self.__name__ = name

    def __repr__(self) -> str:
        return f"<{self.name}: address {self.number}>"

    def __call__(self, m: Any) -> Any:
        """The table as an array, or the record, of machine `m`; both write through."""
        return _block_of(m).behind[self.number]

    @property
    def _numba_type_(self) -> Any:
        """What kernels see."""
        from mmrun.model.library import intrinsics

        return intrinsics.type_of_accessor(self.name, self.number, self.kind, self.dimensions)


def table(number: int, name: str, kind: Any, dimensions: int = 1) -> Accessor:
    """Declare the table `name` at address `number`; its elements are rows or plain numbers of type `kind`."""
    return _declared(Accessor(number, name, np.dtype(kind), dimensions))


def one(number: int, name: str, kind: np.dtype) -> Accessor:
    """Declare the single record `name` at address `number`."""
    return _declared(Accessor(number, name, kind, 0))


def counts(number: int, name: str, *names: str) -> Accessor:
    """Declare a mechanism's counters: the single record `name`, 64 bits a counter."""
    return one(number, name, row(**dict.fromkeys(names, "i8")))


def free_number(near: int) -> int:
    """The first address from `near` on that nothing is declared at."""
    return next(number for number in range(near, ADDRESSES) if number not in DECLARED)


def offset_of(name: str, index: int = 0) -> int:
    """Bytes from the start of the machine record to the word `index` of its field `name`."""
    assert MACHINE.fields is not None
    return MACHINE.fields[name][1] + 8 * index


def _declared(accessor: Accessor) -> Accessor:
    number, name = accessor.number, accessor.name
    if not 0 <= number < ADDRESSES:
        raise ValueError(f"{name}: address {number} is not among 0 to {ADDRESSES - 1}; {free_number(0)} is free")
    if number in DECLARED:
        raise ValueError(f"{name}: {DECLARED[number].name} has address {number}; {free_number(number)} is free")
    if any(other.name == name for other in DECLARED.values()):
        raise ValueError(f"there is a table or record {name} already")
    DECLARED[number] = accessor
    return accessor
