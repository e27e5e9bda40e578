"""Pages that move: what a system call returns, what moves with a page, who waits for it."""

import numpy as np
import pytest

from mmrun.model.description import Cell, Region
from mmrun.model.mm.driver.events import pin
from mmrun.model.mm.migrate.events import moves
from mmrun.model.mm.migrate.state import movers
from tests.model.cells import ANON, Run, given, machine, one, run, writes

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


@pytest.mark.parametrize(("kernel", "allocations"), [("6.12", 2), ("5.15", 10)])
def test_pinned_pages_stay_and_are_counted_once(kernel: str, allocations: int):
    """As recorded (kernel2/mig.jsonl, vmsplice): every fourth page is pinned; it costs a second frame in 6.12."""
    held = pin(range(0, PAGES, 4))
    cell = one(kernel, machine(32, 32), ANON)
    done = run(cell, np.concatenate([writes(range(PAGES)), held, moves(0, PAGES, 1)]), footprint=PAGES)
    pinned = PAGES // 4
    assert [done.node_of(page) for page in range(PAGES)] == [0, 1, 1, 1] * pinned
    mover = movers(done.m)[0]
    assert (mover.returned, mover.moved, mover.unset) == (pinned, 0, PAGES)
    assert done.metrics["pgmigrate_success"] == PAGES - pinned
    assert done.metrics["pgmigrate_fail"] == done.metrics["migrate_failed_syscall"] == pinned
    assert done.metrics["node1.numa_hit"] == PAGES - pinned + allocations * pinned


def test_holes_part_the_range_and_are_told():
    done = run(
        one("6.12", machine(32, 32), ANON),
        np.concatenate([writes([page for page in range(PAGES) if page % 4]), moves(0, PAGES, 1)]),
        footprint=PAGES,
    )
    mover = movers(done.m)[0]
    assert (mover.returned, mover.moved, mover.absent, mover.unset) == (0, PAGES * 3 // 4, PAGES // 4, 0)


@pytest.mark.parametrize("everybodys", [False, True])
def test_pages_that_several_map_move_only_if_asked_for(everybodys: bool):
    shared = Region(file="f", kind="file")
    cell = Cell(
        kernel="6.12", machine=machine(32, 32), tasks={"a": given(shared), "t": given(shared, start=10_000_000)}
    )
    touch = writes(range(PAGES))
    done = run(cell, {"a": touch, "t": np.concatenate([touch, moves(0, PAGES, 1, everybodys=everybodys)])})
    mover = movers(done.m)[1]
    nodes = {done.node_of(page, task) for page in range(PAGES) for task in (0, 1)}
    if everybodys:
        assert (mover.returned, mover.moved, mover.refused) == (0, PAGES, 0) and nodes == {1}
    else:
        assert (mover.returned, mover.moved, mover.refused) == (0, 0, PAGES) and nodes == {0}
