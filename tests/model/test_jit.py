"""How kernels are compiled: once, whoever calls them."""

import numpy as np
from numba import types

from model.jit import kernel


@kernel
def twice(numbers, value):
    return value * 2 + len(numbers)


@kernel
def calls(numbers):
    """With a narrow integer, a literal, a flag, and an unsigned byte."""
    return twice(numbers, numbers[0]) + twice(numbers, 3) + twice(numbers, numbers[1] > 0) + twice(numbers, np.uint8(7))


def test_calls_between_kernels_widen_integers_and_flags():
    assert calls(np.array([-5, 1], dtype=np.int16)) == (-10 + 2) + (6 + 2) + (2 + 2) + (14 + 2)
    assert [signature.args[1] for signature in twice.nopython_signatures] == [types.int64]


def test_what_does_not_fit_64_signed_bits_stays_as_it_is():
    @kernel
    def halved(value):
        return value / 2

    @kernel
    def asks(value):
        return halved(value)

    assert asks(np.uint64(1 << 63)) == float(1 << 62)
    assert asks(2.5) == 1.25
    assert {str(signature.args[0]) for signature in halved.nopython_signatures} == {"uint64", "float64"}
