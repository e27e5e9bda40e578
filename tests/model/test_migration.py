"""Pages that move: what a system call returns, what moves with a page, who waits for it."""

from dataclasses import replace

import numpy as np
import pytest

from mmrun.model.description import Cell, Cgroup, Disk, Mempolicy, Region, Sysctl, Variant
from mmrun.model.mm.driver.events import pin
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.migrate.events import binds, migrations, moves
from mmrun.model.mm.migrate.state import EINVAL, EIO, ENODEV, movers
from mmrun.model.mm.page.flags import ACTIVE, DIRTY, REFERENCED, WORKINGSET
from mmrun.model.mm.page.flags import ANON as ANON_FLAG
from mmrun.model.mm.task.state import PTE_YOUNG
from mmrun.model.units import PAGE
from tests.model.cells import ANON, OWN_CPUS, Run, given, machine, mapped_frame, one, reads, run, writes

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


HUGE = Sysctl(transparent_hugepage="always")


def huge(kernel: str, room: int, events: np.ndarray) -> Run:
    """A task with two huge pages on node 0, and `room` MiB on node 1."""
    cell = replace(one(kernel, machine(64, room), ANON), vm=HUGE)
    return run(cell, np.concatenate([writes(range(1024)), events]), footprint=1024)


@pytest.mark.parametrize("kernel", ["5.15", "6.12"])
def test_huge_pages_move_whole_and_stay_mapped_as_such(kernel: str):
    done = huge(kernel, 64, moves(0, 1024, 1))
    assert {done.node_of(page) for page in range(1024)} == {1}
    assert (done.metrics["thp_migration_success"], done.metrics["pgmigrate_success"]) == (2, 1024)
    assert done.metrics["nr_anon_transparent_hugepages"] == 2 and done.metrics["thp_split_pmd"] == 0
    assert done.metrics["migrate_flushes"] <= 2


def test_to_4_13_they_are_split():
    done = huge("4.13", 64, moves(0, 1024, 1))
    assert {done.node_of(page) for page in range(1024)} == {1}
    assert done.metrics["thp_migration_success"] == 0 and done.metrics["thp_split_page"] == 2


def test_mbind_moves_what_is_elsewhere():
    done = moved("6.12", binds(0, PAGES, 0b10))
    assert [done.node_of(page) for page in range(PAGES)] == [1] * PAGES
    assert movers(done.m)[0].returned == 0 and done.metrics["migrated_mempolicy_mbind"] == PAGES
    done = moved("6.12", binds(0, PAGES, 0b11, interleave=True))
    assert [done.node_of(page) for page in range(PAGES)] == [page % 2 for page in range(PAGES)]


@pytest.mark.parametrize(("strict", "answer"), [(False, 0), (True, -EIO)])
def test_mbind_tells_of_pages_that_stay_only_if_strict(strict: bool, answer: int):
    done = moved("6.12", np.concatenate([pin(range(4)), binds(0, PAGES, 0b10, strict=strict)]))
    assert [done.node_of(page) for page in range(PAGES)] == [0] * 4 + [1] * (PAGES - 4)
    assert movers(done.m)[0].returned == answer


def test_migrate_pages_keeps_places_among_nodes():
    """From nodes 0 and 1 to 1 and 2: what is on 1 goes to 2 first, then what is on 0 to 1."""
    cell = one("6.12", machine(32, 32, 32), ANON, mempolicy=Mempolicy(mode="interleave", nodes=(0, 1)))
    done = run(cell, np.concatenate([writes(range(PAGES)), migrations(0b011, 0b110)]), footprint=PAGES)
    assert [done.node_of(page) for page in range(PAGES)] == [1, 2] * (PAGES // 2)
    assert movers(done.m)[0].returned == 0


def test_calls_about_nodes_that_are_not_there():
    assert movers(moved("6.12", moves(0, PAGES, 5)).m)[0].returned == -ENODEV
    assert movers(moved("6.12", migrations(1, 0b1000)).m)[0].returned == -ENODEV
    assert movers(moved("6.12", binds(0, PAGES, 0b1000)).m)[0].returned == -EINVAL


def touched_while_moved(kernel: str, **policy: Variant) -> Run:
    """Task `a` uses pages that `b`, on another CPU, moves to and fro between nodes."""
    host = machine(32, 32, cpus=2)
    tasks = {"a": given(ANON), "b": given(ANON, start=100_000)}
    use = np.concatenate([writes(range(PAGES)), *[reads(range(PAGES)) for _ in range(300)]])
    move = np.concatenate([moves(0, PAGES, 1 - i % 2, whose=0) for i in range(6)])
    cell = Cell(kernel=kernel, machine=host, tasks=tasks, policy={**OWN_CPUS, **policy})
    return run(cell, {"a": use, "b": move}, footprint=PAGES)


def test_who_touches_a_page_on_its_way_waits_and_goes_on():
    done = touched_while_moved("6.12")
    assert done.metrics["migrate_waits"] > 0 and done.metrics["task.a.stall_migration_ns"] > 0
    assert done.metrics["pgmigrate_success"] == 6 * PAGES and done.metrics["pgmigrate_fail"] == 0
    assert done.metrics["task.a.accesses"] == 301 * PAGES


def test_to_4_20_who_waits_makes_the_migration_fail():
    """The same steps one by one: since 5.0 every page moves at its first try, before the waiter's reference is met."""
    one_by_one = {"migration": Variant(variant="one-by-one")}
    new, old = touched_while_moved("5.0", **one_by_one), touched_while_moved("4.20", **one_by_one)
    assert new.metrics["migrate_waits"] > 0 and old.metrics["migrate_waits"] > 0
    tries = {name: run.metrics["migrate_flushes"] for name, run in (("new", new), ("old", old))}
    assert tries["new"] == 6 * PAGES < tries["old"]
    assert old.metrics["pgmigrate_success"] == 6 * PAGES  # at another try


@pytest.mark.parametrize(("kernel", "young"), [("6.0", False), ("6.1", True)])
def test_a_page_stays_young_since_6_1(kernel: str, young: bool):
    done = moved(kernel, moves(0, PAGES, 1))
    words = done.built.memory.table("pte")[:PAGES]
    assert ((words & PTE_YOUNG) != 0).all() == young


def test_flags_charge_and_owner_move_with_a_page():
    """Pages of a file that is written and of anonymous memory in a group, active and referenced ones among them."""
    file = Region(kind="file", file="f", disk="d", size=PAGES * PAGE)
    own = Region(size=PAGES * PAGE)
    tasks = {"t": replace(given(own, file), cgroup="g")}
    cell = Cell(kernel="6.12", machine=machine(32, 32, disks={"d": Disk()}), tasks=tasks, cgroups={"g": Cgroup()})
    touch = np.concatenate([writes(range(2 * PAGES)), reads(range(2 * PAGES))])
    before = run(cell, touch, footprint=2 * PAGES)
    after = run(cell, np.concatenate([touch, moves(0, 2 * PAGES, 1)]), footprint=2 * PAGES)
    kept = DIRTY | ACTIVE | REFERENCED | WORKINGSET | ANON_FLAG
    for page in range(2 * PAGES):
        old, new = (each.built.memory.table("frames")[mapped_frame(each.built, page)] for each in (before, after))
        anon = page < PAGES
        assert new.node == 1 and old.node == 0
        assert (new.owner, new.slot, new.memcg, new.kind) == (old.owner, old.slot, old.memcg, old.kind)
        assert (new.state & kept & ~DIRTY if anon else new.state & kept) == old.state & kept
    assert after.metrics["node1.nr_dirty"] == before.metrics["node0.nr_dirty"] == PAGES
    assert memcgs(after.m)[1].usage == memcgs(before.m)[1].usage
