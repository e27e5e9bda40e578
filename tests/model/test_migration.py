"""Pages that move: what a system call returns, what moves with a page, who waits for it."""

import numpy as np
import pytest

from mmrun.model.description import Cell
from mmrun.model.mm.migrate.events import migrations, moves
from mmrun.model.mm.migrate.state import movers
from mmrun.model.units import MiB
from tests.model.cells import ANON, Run, machine, one, run, writes

PAGES = 64


def moved(kernel: str, events: np.ndarray, pages: int = PAGES, *regions) -> Run:
    """One task on node 0 that touches its pages and then has them moved."""
    cell = one(kernel, machine(32, 32), *(regions or (ANON,)))
    return run(cell, np.concatenate([writes(range(pages)), events]), footprint=pages)


@pytest.mark.parametrize("kernel", ["3.1", "6.12"])
def test_all_pages_of_a_task_go_to_the_other_node(kernel: str):
    done = moved(kernel, moves(0, PAGES, 1))
    assert [done.node_of(page) for page in range(PAGES)] == [1] * PAGES
    mover = movers(done.m)[0]
    assert (mover.returned, mover.moved, mover.unset) == (0, PAGES, 0)
    assert done.metrics["pgmigrate_success"] == PAGES and done.metrics["pgmigrate_fail"] == 0
    assert done.metrics["migrated_syscall"] == PAGES
