"""A program's own pages: when they are touched, where they stand, who counts them."""

import numpy as np
import pytest

from mmrun.model.api import simulate
from mmrun.model.core.events import ARG_MASK, touches
from mmrun.model.description import Cell, Cgroup, Region, Stream, Task, Variant
from mmrun.model.units import PAGE, MiB
from mmrun.model.workloads._own import with_own
from tests.model.cells import ZRAM, machine

FILE = Region(kind="file", access="read", readahead=0)
LOOP = Stream(kind="loop", params={"size": 4 * MiB, "accesses": 3000})


@pytest.mark.parametrize("cuts", [[], [7], [10, 11, 25]])
def test_own_pages_are_touched_first_and_every_so_often_whatever_the_chunks(cuts):
    events = touches(np.arange(30), np.zeros(30, dtype=bool))
    found = np.concatenate(list(with_own(iter(np.split(events, cuts)), 100, 2, 10))) & ARG_MASK
    wanted = [page for start in (0, 10, 20) for page in (100, 101, *range(start, start + 10))]
    assert found.tolist() == wanted


def cell(*memory: Region, **more) -> Cell:
    task = Task(stream=LOOP, memory=memory, cgroup="g")
    return Cell(
        kernel="6.18", machine=machine(64, swap=ZRAM), cgroups={"g": Cgroup(max=2 * MiB)}, tasks={"t": task}, **more
    )


def test_they_are_anonymous_pages_behind_the_streams():
    own = Region(size=3 * PAGE, touched_every=1000)
    plain, with_them = (simulate(cell(*memory), check=True) for memory in ((FILE,), (FILE, own)))
    assert with_them.metrics["accesses"] == plain.metrics["accesses"] + 9
    assert with_them.metrics["first_touches"] == 3 and plain.metrics["first_touches"] == 0
    assert with_them.metrics["misses"] == pytest.approx(plain.metrics["misses"], abs=9)
    bits = simulate(cell(FILE, own), record_misses=True).misses
    assert bits is not None and bits.size == 3009
    optimal = simulate(cell(FILE, own, policy={"lru": Variant(variant="opt")}))
    assert optimal.metrics["accesses"] == 3009 and optimal.metrics["first_touches"] == 3


@pytest.mark.parametrize(
    "memory",
    [
        (Region(size=PAGE, touched_every=5),),
        (Region(size=PAGE, touched_every=5), FILE),
        (FILE, Region(touched_every=5)),
        (FILE, Region(kind="file", size=PAGE, touched_every=5)),
    ],
    ids=["alone", "in front", "no size", "a file"],
)
def test_what_cannot_be_a_programs_own_is_refused(memory):
    with pytest.raises(ValueError, match="own"):
        simulate(cell(*memory))
