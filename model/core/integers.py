"""Integer arithmetic as in C, where Python's differs."""

from mmrun.model.core.jit import kernel


@kernel
def quotient(a, b):
    """a / b for b > 0, truncated towards zero (C's division of signed numbers)."""
    return a // b if a >= 0 else -(-a // b)


@kernel
def ilog2(n):
    """The largest k with 2**k <= n, for n >= 1."""
    k = 0
    while n > 1:
        n >>= 1
        k += 1
    return k


@kernel
def roundup_pow_of_two(n):
    """The smallest power of two that is at least n, for n >= 1."""
    power = 1
    while power < n:
        power <<= 1
    return power
