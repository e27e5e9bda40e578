"""What a change of state recompiles: a leaf's new field or counter only its users, counted by compiling them."""

import numpy as np
import pytest

from benchmarks.recompile import LEAVES, recompiled
from mmrun.model.core.record import MACHINE

AIM = 0.05  # of all kernels


@pytest.mark.slow
def test_a_field_or_counter_of_a_leaf_compiles_few_kernels_again():
    total, again = recompiled(*LEAVES, "frames")
    assert total > 800
    assert all(0 < again[name] <= AIM * total for name in LEAVES), again
    assert again["frames"] > AIM * total, "a frame is everybody's: the count sees who uses a row"


def test_the_machine_itself_has_no_field_of_a_mechanism():
    """Its type is part of every kernel; whatever it holds recompiles all of them."""
    own = ("now", "broken", "broken_arg", "raised", "tracing", "address", "rows", "columns", "hooks")
    assert MACHINE.names == own
    assert all(MACHINE[name].base == np.int64 for name in MACHINE.names)
