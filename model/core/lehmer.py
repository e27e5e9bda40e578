"""Random numbers inside kernels: the "minimal standard" generator of Park and Miller, one state word a named stream."""

from hashlib import sha256

from mmrun.model.core.jit import kernel
from mmrun.model.description import Cell

MODULUS, FACTOR = (1 << 31) - 1, 48271


def first_of(cell: Cell, stream: str) -> int:
    """Where the random numbers of a named stream of a cell begin."""
    return 1 + int.from_bytes(sha256(f"{cell.seed}\0{stream}\0{cell.replicate}".encode()).digest()[:4]) % (MODULUS - 1)


@kernel
def following(state):
    """The state after `state`, which is itself the random number: 1 to 2^31 - 2."""
    return state * FACTOR % MODULUS
