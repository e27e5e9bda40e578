"""What sleeps or works behind coherent memory: areas are emptied for it, a worker makes atomic pools larger."""

import numpy as np
import pytest

from mmrun.model.build import Built
from mmrun.model.core.sleep import FOREVER
from mmrun.model.description import Cell
from mmrun.model.dma.direct import check
from mmrun.model.dma.direct.alloc import dma_direct_alloc, dma_direct_free
from mmrun.model.dma.direct.atomic import atomic_alloc
from mmrun.model.dma.direct.state import atomic_pools, direct_state
from mmrun.model.mm.cma import check as areas
from mmrun.model.mm.cma.settings import CmaArea
from mmrun.model.mm.cma.state import cma_areas
from mmrun.model.mm.page import check as frames_of
from mmrun.model.mm.page.gfp import GFP_ATOMIC, GFP_KERNEL
from mmrun.model.units import MiB
from tests.model.actors import Entered, life
from tests.model.bounced import built_of, host
from tests.model.cells import given, machine_of

ANYWHERE = (1 << 63) - 1


@life
def take(m, what):
    """A driver of device `what` & 1 asks for `what` >> 1 pages; where they lie is left as the unit of atomic pools."""
    direct_state(m).atomic_unit = dma_direct_alloc(m, what & 1, what >> 1, GFP_KERNEL)
    return 0


def hold(built: Built) -> None:
    """Laws of memory; the task is an actor of the test's, whose time is counted nowhere."""
    for law in (check, areas, frames_of):
        law.verify(built, np.zeros(len(built.memory.table("frames")), dtype=np.int8))


@pytest.mark.parametrize(
    ("kernel", "pages", "dev", "area"),
    [("3.1", 64, 0, 0), ("3.6", 64, 0, 1), ("3.6", 1, 0, 1), ("6.12", 64, 0, 1), ("6.12", 1, 0, 0), ("6.12", 64, 1, 0)],
)
def test_areas_serve_who_may_sleep(kernel, pages, dev, area):
    """Since 3.5, single pages to 5.2; what lies beyond a device's reach goes back to the area."""
    machine = host(128, (64, 24))
    cell = Cell(kernel=kernel, tasks={"t": given()}, machine=machine.__class__(
        **{**vars(machine), "cma": {"video": CmaArea(size=16 * MiB)}}))  # fmt: skip
    built = machine_of(cell, 1)
    m = built.memory.m
    assert not Entered(built, 0, take, pages << 1 | dev).until
    pfn, own = int(direct_state(m).atomic_unit), cma_areas(m)[0]
    assert (own.first <= pfn < own.first + own.pages) == bool(area) and own.pages - own.available == pages * area
    assert (pfn + pages) << 12 <= (1 << 24 if dev else ANYWHERE)
    hold(built)
    dma_direct_free(m, dev, pfn, pages)
    assert own.available == own.pages and direct_state(m).pages == 0
    hold(built)
    if area:  # who may not sleep has nothing of an area
        assert not own.first <= dma_direct_alloc(m, dev, pages, GFP_ATOMIC) < own.first + own.pages


def test_a_worker_doubles_what_has_little_left():
    built = built_of("6.12", host(2048, (64,), confidential=True))
    m = built.memory.m
    worker = Entered(built, len(built.memory.table("actors")) - 1, "atomic_pool_work", 0)
    assert worker.until == FOREVER and [int(pool.pages) for pool in atomic_pools(m)] == [64, 64, 64]
    for _ in range(2):
        before = int(atomic_pools(m)[1].pages)
        while not direct_state(m).work:
            assert atomic_alloc(m, 8, 0x4, ANYWHERE) < 1 << 20
        worker.go_on(int(m.now))
        assert worker.until == FOREVER and direct_state(m).work == 0
        assert [int(pool.pages) for pool in atomic_pools(m)] == [64, 2 * before, 64]
    hold(built)
