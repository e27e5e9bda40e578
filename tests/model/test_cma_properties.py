"""Random work of drivers and tasks on a machine with an area, every law checked as it goes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.model.description import Sampling, SwapTarget, Variant
from mmrun.model.mm.cma import events as contig
from mmrun.model.mm.cma.settings import CmaArea
from mmrun.model.mm.cma.state import cma_areas
from mmrun.model.mm.driver import events as ask
from mmrun.model.mm.page.flags import CMA, ISOLATE
from mmrun.model.units import MiB
from tests.model.cells import machine, one, run, writes

PAGES = 5000
PLACE = st.integers(0, PAGES - 1)
RANGE = st.tuples(PLACE, st.integers(1, 900)).map(lambda each: np.arange(each[0], min(each[0] + each[1], PAGES)))
SMALL = st.tuples(PLACE, st.integers(1, 40)).map(lambda each: np.arange(each[0], min(each[0] + each[1], PAGES)))
BUFFERS = st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True)


@st.composite
def work(draw: st.DrawFn) -> np.ndarray:
    """Events that ask for each buffer once and give back what there is; blocks and contiguous ones by turns."""
    parts, blocks, areas = [writes(draw(RANGE))], set[int](), set[int]()
    for what in draw(st.lists(st.sampled_from(("write", "drop", "pin", "unpin", "block", "contig")), max_size=25)):
        if what == "write":
            parts.append(writes(draw(RANGE)))
        elif what == "drop":
            parts.append(ask.dontneed(draw(RANGE)))
        elif what == "pin":
            parts.append(ask.pin(draw(SMALL), draw(st.booleans())))
        elif what == "unpin":
            parts.append(ask.unpin(draw(RANGE)))
        elif what == "block":
            numbers = set(draw(BUFFERS))
            parts.append(ask.free_buffers(sorted(blocks)))
            blocks = numbers
            kind = draw(st.sampled_from(("unmovable", "movable", "reclaimable")))
            effort = draw(st.sampled_from(("none", "nowait", "atomic", "noretry")))
            order, can_move = draw(st.integers(0, 6)), kind == "movable"  # or it had no business to ask for such
            parts.append(ask.alloc_buffers(sorted(numbers), order, kind, effort, can_move))
        else:
            numbers = {100 + number for number in draw(BUFFERS)}
            parts.append(contig.contig_release(sorted(areas)))
            areas = numbers
            parts.append(contig.contig_alloc(sorted(numbers), draw(st.sampled_from((1, 3, 64, 256, 700)))))
    return np.concatenate([*parts, writes([0])])


def hold(kernel: str, rival: str, events: np.ndarray) -> None:
    host = machine(32, cma={"video": CmaArea(size=8 * MiB)}, swap={"s": SwapTarget(kind="zram", size=32 * MiB)})
    policy = {"contiguous": Variant(variant=rival)}
    done = run(one(kernel, host, policy=policy, sampling=Sampling(accesses=60)), events, footprint=PAGES)
    assert done.metrics["outcome"] == "ok"
    if rival == "cma":
        first, pages = int(cma_areas(done.m)[0].first) >> 9, int(cma_areas(done.m)[0].pages) >> 9
        assert set(done.built.memory.table("pageblocks")[first : first + pages]) == {CMA}
    assert (done.built.memory.table("pageblocks") != ISOLATE).all()


@pytest.mark.parametrize("kernel", ["3.15", "5.15", "6.12"])
@settings(max_examples=12, deadline=None)
@given(work())
def test_areas_keep_their_type_and_what_is_in_them_can_go(kernel: str, events: np.ndarray):
    hold(kernel, "cma", events)


@pytest.mark.parametrize("rival", ["carve-out", "compaction"])
@settings(max_examples=6, deadline=None)
@given(work())
def test_rivals_lose_no_page(rival: str, events: np.ndarray):
    hold("6.12", rival, events)
