"""Random numbers inside kernels: the "minimal standard" generator of Park and Miller, one state word a named stream."""

from mmrun.model.core.jit import kernel

MODULUS, FACTOR = (1 << 31) - 1, 48271


@kernel
def following(state):
    """The state after `state`, which is itself the random number: 1 to 2^31 - 2."""
    return state * FACTOR % MODULUS
