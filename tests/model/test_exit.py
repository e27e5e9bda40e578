"""Tasks have an end: what they mapped is given back, but for the last one's and for those that stay."""

from dataclasses import replace

import numpy as np
import pytest

from mmrun.model import check
from mmrun.model.description import Cell, Cgroup, SwapTarget
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.units import MiB, S
from tests.model.cells import ANON, FILE, Run, machine, mapped_frame, reads, run, writes
from tests.model.cells import given as task

PAGES = 1000


def after(kernel: str, first_stays: bool = False, pages: int = PAGES, **more: int) -> Run:
    """A task that writes anonymous memory and ends, and one that begins a second later."""
    host = machine(16, cpus=2, swap={"s": SwapTarget(kind="zram", size=64 * MiB)})
    tasks = {"first": task(cgroup="g", stays=first_stays), "last": task(start=S, stays=False)}
    cell = Cell(kernel=kernel, machine=host, tasks=tasks, cgroups={"g": Cgroup(**more)})
    return run(cell, {"first": writes(np.arange(pages)), "last": writes(np.arange(300))})


def group_pages(done: Run) -> int:
    """Pages charged to the first task's group, those that CPUs have pre-charged left out."""
    return int(memcgs(done.m)[1].usage) - int(done.built.memory.table("cpus")["stock"].sum())


@pytest.mark.parametrize("kernel", ["3.1", "5.15", "6.18", "6.18+mglru"])
def test_a_task_that_has_ended_gives_its_memory_back(kernel: str):
    gone, kept = after(kernel), after(kernel, first_stays=True)
    assert mapped_frame(gone.built, 7) is None and mapped_frame(kept.built, 7) is not None
    assert gone.metrics["nr_free_pages"] == kept.metrics["nr_free_pages"] + PAGES
    assert mapped_frame(gone.built, 7, task=1) is not None, "the last one's is there to be seen"
    assert group_pages(kept) - group_pages(gone) == PAGES


def test_also_what_it_has_on_swap():
    gone, kept = after("6.18", max=2 * MiB), after("6.18", first_stays=True, max=2 * MiB)
    assert kept.metrics["nr_swap_used"] >= PAGES - 512 and gone.metrics["nr_swap_used"] == 0
    check.verify(gone.built)


def test_pages_of_files_stay_in_the_cache_unmapped():
    tasks = {"first": task(FILE, stays=False), "last": task(start=S)}
    cell = Cell(kernel="6.18", machine=machine(16, cpus=2), tasks=tasks)
    done = run(cell, {"first": reads(np.arange(200)), "last": reads(np.arange(10))})
    assert mapped_frame(done.built, 7) is None
    assert done.metrics["nr_inactive_file"] + done.metrics["nr_active_file"] >= 200


def test_who_stays_may_be_killed_for_its_memory():
    tasks = {"idle": task(ANON, stays=True), "last": task(ANON, start=S)}
    cell = Cell(kernel="6.18", machine=machine(16, cpus=2), tasks=tasks)
    streams = {"idle": writes(np.arange(2500)), "last": writes(np.arange(2000))}
    done = run(cell, streams)
    assert done.metrics["oom_kill"] == 1 and mapped_frame(done.built, 7) is None
    ended = replace(cell, tasks=cell.tasks | {"idle": replace(tasks["idle"], stays=False)})
    assert run(ended, streams).metrics["oom_kill"] == 0
