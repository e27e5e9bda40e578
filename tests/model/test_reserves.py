"""Who may go below the watermarks, how far, and who is told that it did."""

import pytest

from mmrun.model.core.record import NONE
from mmrun.model.core.state import actors
from mmrun.model.description import Cell, Region
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.gfp import GFP_ATOMIC, GFP_KERNEL, GFP_NOWAIT, MEMALLOC, NOMEMALLOC
from mmrun.model.mm.page.state import alloc_state, pcps, zones
from mmrun.model.mm.reclaim.state import reclaim_count
from tests.model.cells import given, machine, machine_of

ALL_NODES = (1 << 63) - 1
REFILL, SLACK = (
    64,
    2,
)  # pages: a per-CPU list takes several at once, however few there are, and old versions test for one more


def drained(kernel: str, gfp: int):
    """A machine of 16 MiB of which an allocation with these flags gets no more; its record."""
    built = machine_of(Cell(kernel=kernel, machine=machine(16), tasks={"t": given(Region())}), 1)
    m = built.memory.m
    while alloc_pages(m, gfp, 0, 0, ALL_NODES) != NONE:
        assert alloc_state(m).reserve == 0
    return m


@pytest.mark.parametrize("kernel", ["3.1", "3.6", "6.12"])
def test_floors_of_those_who_may_not_sleep(kernel):
    """Atomic requests stop at 3/8 of min, without a look at reserves at half of it (__zone_watermark_ok)."""
    zone = zones(drained(kernel, GFP_ATOMIC))[0]
    half = zone.wmark_min - zone.wmark_min // 2
    assert -REFILL < zone.nr_free - (half - half // 4) <= SLACK
    zone = zones(drained(kernel, GFP_ATOMIC | NOMEMALLOC))[0]  # tries no harder
    assert -REFILL < zone.nr_free - half <= SLACK


@pytest.mark.parametrize("kernel", ["3.1", "3.6", "6.12"])
def test_who_frees_memory_may_take_the_last_page_and_is_told(kernel):
    m = drained(kernel, GFP_ATOMIC)
    assert alloc_pages(m, GFP_ATOMIC, 0, 0, ALL_NODES) == NONE
    actors(m)[0].memalloc = 1
    left = int(zones(m)[0].nr_free + pcps(m)[0, 0].count)
    assert left > 0
    assert alloc_pages(m, GFP_NOWAIT | NOMEMALLOC, 0, 0, ALL_NODES) == NONE
    for _ in range(left):
        assert alloc_pages(m, GFP_NOWAIT, 0, 0, ALL_NODES) != NONE and alloc_state(m).reserve == 1
    assert alloc_pages(m, GFP_KERNEL, 0, 0, ALL_NODES) == NONE  # and does not reclaim for itself
    assert reclaim_count(m).allocstall == 0


@pytest.mark.parametrize(("kernel", "got"), [("3.1", False), ("3.5", False), ("3.6", True), ("6.12", True)])
def test_the_flag_of_who_asks_on_behalf_of_such_is_of_3_6(kernel, got):
    m = drained(kernel, GFP_ATOMIC)
    assert (alloc_pages(m, GFP_ATOMIC | MEMALLOC, 0, 0, ALL_NODES) != NONE) == got == bool(alloc_state(m).reserve)


def test_above_the_watermarks_nobody_is_told_of_reserves():
    m = machine_of(Cell(kernel="6.12", machine=machine(16), tasks={"t": given(Region())}), 1).memory.m
    actors(m)[0].memalloc = 1
    assert alloc_pages(m, GFP_ATOMIC | MEMALLOC, 0, 0, ALL_NODES) != NONE
    assert alloc_state(m).reserve == 0
