"""The shared page of zeros: loads of memory that was never written take no page, the first store does."""

import numpy as np
import pytest

from mmrun.model.description import Cgroup, Sysctl
from tests.model.cells import ZRAM, Run, one, reads, run, writes
from tests.model.cells import machine as machine_with

WITH = Sysctl(zero_page=True)


def ran(events, *, kernel: str = "6.18", vm: Sysctl = WITH, host=None, **more) -> Run:
    return run(one(kernel, host or machine_with(32), vm=vm, **more), np.concatenate(events))


def test_loads_take_no_memory_and_stores_after_them_do():
    with_zeros = ran([reads(np.arange(500)), reads(np.arange(500)), writes(np.arange(200))]).metrics
    assert (with_zeros["zero_page_maps"], with_zeros["zero_page_copies"]) == (500, 200)
    assert (with_zeros["first_touches"], with_zeros["pgfault"]) == (200, 700)
    without = ran([reads(np.arange(500)), writes(np.arange(200))], vm=Sysctl()).metrics
    assert (without["zero_page_maps"], without["first_touches"], without["pgfault"]) == (0, 500, 500)
    assert without["nr_free_pages"] == with_zeros["nr_free_pages"] - 300 + 1  # the page of zeros itself


def test_memory_that_is_written_first_is_as_ever():
    events = [writes(np.arange(300)), reads(np.arange(300))]
    zeros, plain = ran(events).metrics, ran(events, vm=Sysctl()).metrics
    own = ("nr_free_pages", "node0.nr_free_pages")
    assert {name for name in plain if plain[name] != zeros[name]} <= set(own)


@pytest.mark.parametrize("kernel", ["2.6.32", "4.19", "6.18", "6.18+mglru"])
def test_zeros_are_nobodys_and_are_neither_charged_nor_reclaimed(kernel):
    """600 pages read, 400 of them written, under a limit of 300: only what was written is swapped."""
    rng = np.random.default_rng(1)
    events = [reads(np.arange(600)), writes(np.arange(400)), reads(rng.integers(0, 600, 2000))]
    done = ran(events, kernel=kernel, host=machine_with(32, swap=ZRAM), cgroups={"g": Cgroup(max=300 * 4096)}).metrics
    assert done["pswpout"] > 100 and done["zero_page_maps"] == 600 and done["first_touches"] == 400


def test_a_process_that_ends_leaves_the_page_of_zeros():
    from mmrun.model.core.events import exits

    done = ran([reads(np.arange(100)), exits(), reads(np.arange(100)), writes(np.arange(10))]).metrics
    assert (done["zero_page_maps"], done["zero_page_copies"]) == (200, 10)
