"""A machine that dies: of a deadlock, of a livelock, when, and in which words; and one that only takes its time."""

from dataclasses import replace

import numpy as np
import pytest

from mmrun.model import engine, results
from mmrun.model.block.state import disks
from mmrun.model.build import Built
from mmrun.model.core.accounting import ALLOC, ASIDE, FAULT, SWAP, begins
from mmrun.model.core.codes import RUNNABLE
from mmrun.model.core.events import COMPUTE, OP_SHIFT
from mmrun.model.core.sleep import FOREVER, io_wait, sleep_until, wait
from mmrun.model.description import Disk, Region, Sampling, SwapTarget
from mmrun.model.hung_task.hung_task import signs_of_life
from mmrun.model.hung_task.report import death, joined
from mmrun.model.hung_task.state import life as life_of
from mmrun.model.hung_task.wait_graph import sleepers
from mmrun.model.mm.page.flags import ANON, LOCKED, SWAPCACHE
from mmrun.model.mm.page.state import frames, page_waits
from mmrun.model.mm.reclaim.state import pfmemalloc_wait
from mmrun.model.mm.writeback.page_wait import PAGE_WAIT_TABLE_SIZE
from mmrun.model.units import GiB, MiB
from tests.model.actors import life
from tests.model.cells import given, machine, machine_of, one, run, writes
from tests.model.cells import with_swap as swap_on

S = 10**9
PAGE = 1_000


@life
def throttled(m, number):
    """A task that waits for the reserves."""
    begins(m, FAULT | ALLOC)
    wait(m, pfmemalloc_wait(m)[0], FOREVER)
    return 0


@life
def wants_room(m, number):
    """kswapd that waits for room in a disk's queue."""
    io_wait(m, disks(m)[0].room, FOREVER)
    return 0


@life
def wants_page(m, number):
    """A task that waits for a page to be read."""
    begins(m, FAULT | SWAP)
    io_wait(m, page_waits(m)[PAGE % PAGE_WAIT_TABLE_SIZE], FOREVER)
    return 0


@life
def wants_another(m, number):
    """A task that waits for another page to be read."""
    begins(m, FAULT | SWAP)
    io_wait(m, page_waits(m)[(PAGE + 1) % PAGE_WAIT_TABLE_SIZE], FOREVER)
    return 0


@life
def goes_round(m, number):
    """A task that reclaims, and never finds anything."""
    begins(m, FAULT | ALLOC)
    while m.broken == 0:
        sleep_until(m, m.now + 50_000_000)
    return 0


@life
def sleeps_long(m, number):
    """A task that sleeps as long as it likes, then goes round."""
    begins(m, FAULT | ASIDE)
    sleep_until(m, m.now + 1_000 * S)
    return 0


@life
def receives(m, number):
    """A task that waits for what another machine sends."""
    begins(m, FAULT | ASIDE)
    wait(m, page_waits(m)[0], FOREVER)
    return 0


def host(*lives, kswapd=None, duration: int | None = None, **cell) -> Built:
    """A machine of which tasks, and kswapd, do something else."""
    tasks = {"t": given(count=len(lives))}
    base = one("6.18", machine(64, **swap_on("partition", 64 * MiB)), duration=duration, **cell)
    built = machine_of(replace(base, tasks=tasks))
    rows = built.memory.table("actors")
    built.memory.table("tasks")["state"] = RUNNABLE
    for who, does in enumerate(lives):
        rows[who].entry = does.address
    if kswapd is not None:
        rows[len(lives)].entry = kswapd.address
    return built


def ended(built: Built) -> int:
    """Why the engine stopped for good."""
    for _ in range(1_000_000):
        why = engine.run(built.memory.m)
        if why == engine.WANT_EVENTS:
            raise AssertionError("no task has events")
        if why not in (engine.BREATH, engine.PASS_OVER):
            return why
    raise AssertionError("it never ends")


@pytest.mark.parametrize("duration", [None, 500 * S])
def test_two_actors_that_wait_for_each_other(duration):
    built = host(throttled, kswapd=wants_room, duration=duration)
    table = built.memory.table("zones")
    table["nr_free"], table["wmark_min"] = [118, *[0] * (len(table) - 1)], [256, *[0] * (len(table) - 1)]
    assert ended(built) == engine.DIED
    found = results.metrics(built)
    assert (found["died"], found["died_ns"], found["outcome"]) == (1, 0, "died")
    task, daemon = sleepers(built)
    assert (task.name, daemon.name) == ("t", "kswapd0") and task.wait.enders == (1,) and task.wait.memory
    told = death(built)
    assert told[0] == "The machine died at 0.000 s: everybody waits for what nobody is left to do."
    assert told[1] == (
        "t is in direct reclaim, waiting for half of the reserves of node 0 to be free since 0.000 s "
        "(118 pages are free, min is 256)."
    )
    assert told[2].startswith("kswapd0 is at work, waiting for room in the queue of d since 0.000 s (0 of ")
    assert told[2].endswith("none is about to end).") and told[3].startswith("Of memory 118 pages are free (min 256")


def test_a_livelock_is_found_after_two_minutes():
    built = host(throttled, goes_round)
    assert ended(built) == engine.DIED
    found = results.metrics(built)
    assert found["died"] == 1 and found["died_ns"] <= 2 * S and 120 * S <= built.memory.m.now <= 123 * S
    assert found["elapsed_ns"] == built.memory.m.now
    told = " ".join(death(built))
    assert "since then no task got anywhere, and nothing was read, written or reclaimed." in told
    assert "t.0 is in direct reclaim, waiting for half" in told
    assert "t.1 is in direct reclaim, going round in search of a free page." in told


def test_a_page_is_named_with_where_it_lies():
    built = host(wants_page, wants_page)
    page = frames(built.memory.m)[PAGE]
    page.state, page.slot = ANON | SWAPCACHE | LOCKED, 5
    assert ended(built) == engine.DIED
    assert death(built)[1] == (
        "t.0-1 are reading a page from swap, waiting for page 1000 to be read in the swap area s since 0.000 s "
        "(none is about to end)."
    )


def test_tasks_that_wait_for_a_page_each_are_told_together():
    built = host(wants_page, wants_another, wants_another)
    for page in frames(built.memory.m)[PAGE : PAGE + 2]:
        page.state, page.slot = ANON | SWAPCACHE | LOCKED, 5
    assert ended(built) == engine.DIED
    told = [each for each in death(built) if each.startswith("t.")]
    assert told == [
        "t.0-2 are reading a page from swap, waiting for pages to be read in the swap area s since 0.000 s "
        "(none is about to end)."
    ]


def test_who_sleeps_by_choice_keeps_a_machine_alive():
    built = host(goes_round, sleeps_long, duration=900 * S)
    assert ended(built) == engine.TIME_UP and results.metrics(built)["died"] == 0 and death(built) == []


def test_who_waits_for_another_machine_is_no_sign_of_life():
    assert ended(host(goes_round, receives, duration=900 * S)) == engine.DIED
    alone = host(receives, kswapd=goes_round, duration=900 * S)
    assert ended(alone) == engine.TIME_UP, "a machine that idles"


def test_a_machine_waits_for_who_is_known_to_come():
    built = host(goes_round)
    life_of(built.memory.m).hope = 300 * S
    assert ended(built) == engine.DIED and 419 * S <= built.memory.m.now <= 423 * S


def test_a_livelock_is_no_matter_before_the_end_of_the_run():
    built = host(goes_round, duration=100 * S)
    assert ended(built) == engine.TIME_UP and "died_ns" not in results.metrics(built)


def test_computing_is_life():
    events = np.array([COMPUTE << OP_SHIFT | 400 * S] * 3)
    assert run(one("6.18", machine(64)), events).metrics["died"] == 0


def test_a_disk_that_stands_still_is_not_the_end():
    """What it was given before is sure to end, three hundred seconds later."""
    disk = Disk(kind="hdd", size=GiB, stall_from=0, stall_until=300 * S)
    host_ = machine(16, disks={"d": disk}, swap={"s": SwapTarget(kind="partition", size=64 * MiB, disk="d")})
    found = run(one("6.18", host_, Region()), writes(np.arange(6_000) % 5_000)).metrics
    assert found["died"] == 0 and found["elapsed_ns"] > 300 * S


def test_signs_change_with_every_kind_of_progress():
    built = host(goes_round, goes_round)
    m, seen = built.memory.m, set()
    seen.add(signs_of_life(m))
    for table, field in (("tasks", "pos"), ("task_count", "think_ns"), ("disks", "reads"), ("disks", "writes")):
        built.memory.table(table)[field][0] += 1
        seen.add(signs_of_life(m))
    for record, field in (("progress", "accesses"), ("progress", "tasks_left"), ("reclaim_count", "pgsteal_direct")):
        built.memory.table(record)[field][0] += 1
        seen.add(signs_of_life(m))
    assert len(seen) == 8
    built.memory.table("disks")["writes"][0] += 1
    built.memory.table("disks")["write_errors"][0] += 1
    assert signs_of_life(m) in seen, "a write that failed is none"


def test_names_in_a_row():
    assert joined(["a.0", "a.1", "a.2", "b"]) == "a.0-2 and b"
    assert joined(["a.0", "a.2"]) == "a.0 and a.2"
    assert joined(list("abcdef")) == "a, b, c and 3 more"


def test_samples_and_counters_go_on_to_the_end():
    built = host(throttled, kswapd=wants_room, sampling=Sampling(every=S))
    assert ended(built) == engine.DIED and results.metrics(built)["stall_alloc_ns"] == 0
