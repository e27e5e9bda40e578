"""The buddy allocator gives the frames that real kernels gave: every one, failures and types of pageblocks included."""

import numpy as np
import pytest

from mmrun.model.mm.page.flags import MOVABLE
from mmrun.model.mm.page.state import EXTFRAG_EVENTS, alloc_count, extfrag, zones
from tests.fidelity.buddy import LISTS, ZONE, Replay, free_lists, recorded, replay

ALLOCATED = ord("a")


@pytest.fixture(scope="module")
def replays() -> dict[str, Replay]:
    return {name: replay(name) for name in LISTS}


@pytest.mark.parametrize("name", LISTS)
def test_every_allocation_gets_the_frame_that_the_kernel_gave(replays, name):
    wanted, allocations = recorded()[f"{name}_pfn"], recorded()[f"{name}_op"] == ALLOCATED
    assert allocations.sum() > 3000
    assert np.array_equal(replays[name].pfn[allocations], wanted[allocations])


@pytest.mark.parametrize("name", ["claim", "move"])
def test_pageblocks_have_the_type_that_the_kernels_had(replays, name):
    allocations = recorded()[f"{name}_op"] == ALLOCATED
    assert np.array_equal(replays[name].block[allocations], recorded()[f"{name}_mt"][allocations])


@pytest.mark.parametrize("name", LISTS)
def test_free_lists_end_in_the_kernels_order(replays, name):
    """During `a0` something else on the guest took and gave unmovable pages: there the movable lists are compared."""
    got, wanted = free_lists(replays[name].built), free_lists_of_the_kernel(name)
    movable = {key for key in got.keys() | wanted.keys() if name != "a0" or key[1] == MOVABLE}
    assert len(movable) > 5 and {key: got.get(key) for key in movable} == {key: wanted.get(key) for key in movable}


def free_lists_of_the_kernel(name: str) -> dict[tuple[int, int], list[int]]:
    found, lists, at = recorded(), {}, 0
    for order, mt, n in found[f"{name}_free_idx_after"].reshape(-1, 3):
        lists[int(order), int(mt)] = [int(pfn) for pfn in found[f"{name}_free_after"][at : at + n]]
        at += n
    return {key: pfns for key, pfns in lists.items() if pfns}


@pytest.mark.parametrize("name", ["claim", "move"])
def test_fallbacks_are_the_events_that_were_traced(replays, name):
    events = recorded()[f"{name}_events"]
    count, last = alloc_count(replays[name].built.memory.m), extfrag(replays[name].built.memory.m)
    assert count.mm_page_alloc_extfrag == len(events)
    assert count.extfrag_fragmenting == events[:, 6].sum()
    start = int(zones(replays[name].built.memory.m)[ZONE].start)
    for at in range(len(events) - EXTFRAG_EVENTS, len(events)):
        row = last[at % EXTFRAG_EVENTS]
        got = (int(row.pfn), *(int(row[k]) for k in ("alloc_order", "fallback_order", "alloc_mt", "fallback_mt")))
        assert (got, int(row.change_ownership)) == (tuple(int(each) for each in events[at, 1:6]), events[at, 7])
    assert start == 65536


def test_the_free_counter_is_off_by_less_than_the_kernels_threshold(replays):
    """It collects changes of each CPU up to stat_threshold, 4 on this guest."""
    for name in ("claim", "move"):
        off = replays[name].free - recorded()[f"{name}_cnt"].astype(np.int64)
        assert np.abs(off).max() == 4
