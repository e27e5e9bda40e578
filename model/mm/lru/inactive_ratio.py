"""How long an inactive list should be: the square-root rule of inactive_is_low (mm/vmscan.c)."""

from mmrun.model.core.jit import kernel


@kernel
def isqrt(n):
    """Integer square root (int_sqrt)."""
    root, bit = 0, 1 << 30
    while bit > n:
        bit >>= 2
    while bit:
        if n >= root + bit:
            n -= root + bit
            root = (root >> 1) + bit
        else:
            root >>= 1
        bit >>= 2
    return root


@kernel
def inactive_is_low(inactive, active):
    """Whether the inactive list is short: inactive * ratio < active, the ratio growing with the square root of size."""
    gb = (inactive + active) >> 18
    ratio = isqrt(10 * gb) if gb else 1
    return inactive * ratio < active
