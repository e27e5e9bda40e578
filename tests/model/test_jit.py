"""How kernels are compiled: once, whoever calls them."""

import numpy as np

from mmrun.model.core.jit import Kernel, kernel
from mmrun.model.library.store import Store


def called(of: Kernel, arguments: str) -> set[tuple[str, str]]:
    """Names and argument types of the kernels that a compiled one calls."""
    entry = Store().fresh(of, arguments)
    assert entry is not None
    return {(use.name.split(".")[-1], use.arguments) for use in entry.uses}


@kernel
def twice(numbers, value):
    return value * 2 + len(numbers)


@kernel
def calls(numbers):
    """With a narrow integer, a literal, a flag, and an unsigned byte."""
    return twice(numbers, numbers[0]) + twice(numbers, 3) + twice(numbers, numbers[1] > 0) + twice(numbers, np.uint8(7))


def test_calls_between_kernels_widen_integers_and_flags():
    assert calls(np.array([-5, 1], dtype=np.int16)) == (-10 + 2) + (6 + 2) + (2 + 2) + (14 + 2)
    assert called(calls, "Aint16,1C;") == {("twice", "Aint16,1C;i")}


def test_what_does_not_fit_64_signed_bits_stays_as_it_is():
    @kernel
    def halved(value):
        return value / 2

    @kernel
    def asks(value):
        return halved(value)

    assert asks(np.uint64(1 << 63)) == float(1 << 62)
    assert asks(2.5) == 1.25
    assert called(asks, "u") == {("halved", "u")} and called(asks, "f") == {("halved", "f")}
