"""The machine in memory: one small record, and what lies behind its addresses, allocated to measure.

Which tables there are each mechanism says in its `state.py`. Big ones cost address space until they are touched, so a 1
TiB machine is no different; small ones and single records stand side by side in one block.
"""

import mmap
from typing import Any

import numpy as np

from mmrun.model.core.record import DECLARED, MACHINE, Block

SMALL, LINE = 1 << 16, 64  # bytes: what shares the block; a cache line, where each begins
FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)


def allocate(nbytes: int) -> np.ndarray:
    """`nbytes` of zeroed memory that costs address space until it is touched (shape (nbytes,), uint8)."""
    return np.frombuffer(mmap.mmap(-1, max(nbytes, mmap.PAGESIZE), flags=FLAGS), dtype=np.uint8)


class Memory:
    """A machine record and all that lies behind its addresses.

    `m` is what kernels take; whoever holds it holds all of the machine. In plain Python `frames(m)` and
    `table("frames")` are the same array.
    """

    def __init__(self, **rows: int | tuple[int, int]) -> None:
        """`rows`: number of elements of each table, of one by two things a pair; tables left out have none."""
        if unknown := set(rows) - {accessor.name for accessor in DECLARED.values()}:
            raise KeyError(f"no table {', '.join(sorted(unknown))}")
        block = Block(-1, MACHINE.itemsize, flags=FLAGS)
        self._behind: dict[int, Any] = {}
        block.behind = self._behind
        self.record = np.frombuffer(block, dtype=MACHINE).view(np.recarray)
        self.m = self.record[0]
        self._rows = rows
        self.tables: dict[str, np.ndarray] = {}
        sizes = {n: -(-self._bytes(n) // LINE) * LINE for n in DECLARED}
        small = allocate(sum(size for size in sizes.values() if size < SMALL) + LINE)
        for n, size in sizes.items():
            if size < SMALL:
                self.place(n, small[:size])
                small = small[size:]
            else:
                self.place(n, allocate(size))

    def _extent(self, number: int) -> tuple[int, int]:
        """(rows, columns) of what lies at an address."""
        accessor = DECLARED[number]
        found = self._rows.get(accessor.name, 0) if accessor.dimensions else 1
        return found if isinstance(found, tuple) else (found, 1)

    def _bytes(self, number: int) -> int:
        rows, columns = self._extent(number)
        return rows * columns * DECLARED[number].kind.itemsize

    def place(self, number: int, memory: np.ndarray) -> None:
        """Let the table or record with this number lie in `memory` (uint8)."""
        accessor, (rows, columns) = DECLARED[number], self._extent(number)
        self.record.address[0, number] = memory.ctypes.data
        self.record.rows[0, number], self.record.columns[0, number] = rows, columns
        array = memory[: self._bytes(number)].view(accessor.kind)
        array = array.view(np.recarray) if accessor.kind.names else array
        array = array.reshape(rows, columns) if accessor.dimensions == 2 else array
        self.tables[accessor.name] = array
        self._behind[number] = array if accessor.dimensions else array[0]

    def table(self, name: str) -> np.ndarray:
        """The table `name`, writable."""
        return self.tables[name]
