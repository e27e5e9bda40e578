"""Pages from their first touch to their list: batches, charges, limits, out of memory."""

import itertools

import numpy as np
import pytest

from mmrun.model.block.state import block_state
from mmrun.model.core.codes import DONE, KILLED
from mmrun.model.description import Cgroup, Region
from mmrun.model.machine.state import cpus
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.swap.state import swaps
from mmrun.model.units import PAGE, MiB
from tests.model.cells import (
    ANON,
    ERAS,
    FILE,
    ZRAM,
    given,
    machine,
    on_list,
    one,
    reads,
    run,
    sampled,
    with_swap,
    writes,
)

BATCH = {"3.1": 14, "3.15": 14, "4.19": 15, "5.8": 15, "5.15": 15, "6.18": 31}
TABLE = {
    "3.1": 0,
    "3.15": 0,
    "4.19": 1,
    "5.8": 1,
    "5.15": 1,
    "6.18": 1,
}  # charged page-table pages: kernel memory is accounted since 4.5
SMALL = machine(16)


@pytest.mark.parametrize("era", ERAS)
def test_new_pages_join_their_list_a_batch_at_a_time(era):
    done = run(one(era, SMALL), writes(range(40)))
    whole = 40 // BATCH[era] * BATCH[era]
    fresh = "nr_active_anon" if era in ("3.1", "3.15", "4.19", "5.8") else "nr_inactive_anon"
    assert done.metrics[fresh] == whole
    assert sum(done.metrics[name] for name in ("nr_active_anon", "nr_inactive_anon")) == whole
    assert int(cpus(done.m)[0].n) == 40 - whole


@pytest.mark.parametrize("era", ERAS)
def test_a_first_touch_is_a_minor_fault_and_no_miss(era):
    found = run(one(era, SMALL), writes([0, 1, 2, 0, 1, 2])).metrics
    assert (found["pgfault"], found["minor_faults"], found["pgmajfault"], found["misses"]) == (3, 3, 0, 0)
    assert found["first_touches"] == 3
    assert found["accesses"] == 6 and found["outcome"] == "ok"
    assert found["hit_ns"] == 3 * 90


@pytest.mark.parametrize(
    ("era", "pages", "usage"),
    [("6.18", 10, 64), ("6.18", 63, 64), ("6.18", 64, 128), ("6.18", 191, 192), ("6.18", 192, 193), ("6.18", 254, 255),
     ("3.1", 10, 32), ("3.1", 32, 32), ("3.1", 33, 64)],
)  # fmt: skip
def test_charges_come_in_batches_while_the_limit_has_room(era, pages, usage):
    done = run(
        one(era, machine(16, swap=ZRAM), cgroups={"g": Cgroup(max=250 * PAGE if usage == 193 else MiB)}),
        writes(range(pages)),
    )
    assert done.metrics["cgroup.g.usage_pages"] == (usage if usage != 255 else 256)
    assert done.metrics["cgroup.g.failcnt"] == 0 and done.metrics["pgscan_direct"] == 0
    assert int(cpus(done.m)[0].stock.sum()) == int(done.built.memory.table("memcgs")[1].usage) - pages - TABLE[era]


@pytest.mark.parametrize("era", ERAS)
def test_the_limit_holds_and_reclaim_begins_on_it(era):
    cell = one(era, machine(16, swap=ZRAM), cgroups={"g": Cgroup(max=MiB)}, sampling=sampled())
    at = run(cell, writes(range(256 - TABLE[era])), probe=lambda built: int(built.memory.table("memcgs")[1].usage))
    assert at.metrics["pgscan_direct"] == at.metrics["cgroup.g.failcnt"] == 0
    over = run(cell, writes(range(700)), probe=lambda built: int(built.memory.table("memcgs")[1].usage))
    assert max(over.seen) == 256
    assert over.metrics["cgroup.g.failcnt"] > 0 and over.metrics["pgsteal_direct"] >= 700 - 256
    assert over.metrics["pswpout"] == over.metrics["pgsteal_anon"] == over.metrics["nr_swap_used"]
    assert over.metrics["pgscan_kswapd"] == 0, "the machine itself has memory enough"
    assert over.metrics["stall_memcg_ns"] > 0 == over.metrics["stall_alloc_ns"]


@pytest.mark.parametrize("era", ERAS)
def test_a_full_group_without_swap_ends_its_task_only(era):
    cell = one(era, machine(16), cgroups={"g": Cgroup(max=MiB)})
    done = run(cell, writes(range(400)))
    assert done.metrics["outcome"] == "oom"
    assert done.metrics["oom_kill"] == done.metrics["cgroup.g.oom_kill"] == 1
    assert done.metrics["accesses"] == 256 - TABLE[era]
    assert int(done.built.memory.table("tasks")[0].state) == KILLED
    assert done.metrics["cgroup.g.usage_pages"] == TABLE[era] + int(cpus(done.m)[0].stock.sum())


@pytest.mark.parametrize("era", ERAS)
def test_out_of_memory_takes_the_task_that_asks_and_the_others_go_on(era):
    cell = one(era, SMALL)
    cell = type(cell)(kernel=era, machine=SMALL, tasks={"hog": given(), "quiet": given(think=20_000)})
    quiet = np.tile(writes(range(50)), 40)
    done = run(cell, {"hog": writes(range(5000)), "quiet": quiet})
    assert done.metrics["outcome"] == "oom" and done.metrics["oom_kill"] == 1
    assert [int(task.state) for task in done.built.memory.table("tasks")[:2]] == [KILLED, DONE]
    assert done.metrics["task.quiet.misses"] == 0
    assert int(done.built.memory.table("task_count")[1].accesses) == len(quiet)
    kernel = int((done.built.memory.table("frames")["state"] & state.KERNEL != 0).sum())
    assert done.metrics["nr_free_pages"] == 4096 - 50 - kernel, "all the hog had came back"


@pytest.mark.parametrize("era", ERAS)
def test_every_page_is_allocated_once_and_freed_once(era):
    done = run(one(era, machine(16, swap=ZRAM), cgroups={"g": Cgroup(max=MiB)}), writes(np.tile(np.arange(600), 3)))
    states = done.built.memory.table("frames")["state"]
    used = int((states & (state.LRU | state.BATCHED | state.KERNEL) != 0).sum())
    assert done.metrics["pgalloc"] - done.metrics["pgfree"] + done.metrics["page_cgroup_pages"] == used
    assert done.metrics["nr_free_pages"] == 4096 - used


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("write", [False, True])
def test_a_page_comes_back_from_swap_with_one_major_fault(era, write):
    cell = one(era, machine(16, **with_swap("partition", 4 * MiB)), cgroups={"g": Cgroup(max=MiB)})
    touch = writes if write else reads
    done = run(cell, np.concatenate([touch(range(700)), touch([0])]))
    assert done.metrics["pgmajfault"] == done.metrics["misses"] == 1
    assert done.metrics["pswpin"] == 1 + done.metrics["swap_ra"]
    before = run(cell, touch(range(700)))
    assert done.metrics["elapsed_ns"] - before.metrics["elapsed_ns"] >= 94_000


def test_zram_takes_a_frame_for_every_three_pages_and_gives_it_back():
    cell = one("6.18", machine(16, swap=ZRAM), cgroups={"g": Cgroup(max=MiB)}, sampling=sampled())

    def pool(built):
        area = swaps(built.memory.m)[0]
        return int(area.pool_frames), -(-int(area.stored) // 3), int(area.stored), int(area.used)

    back = run(cell, writes([*range(900), *range(60)]), probe=pool)
    for frames, expected, stored, used in back.seen:
        assert frames == expected and stored == used
    stored = [seen[2] for seen in back.seen]
    assert max(stored) >= 900 - 255
    assert any(after < before for before, after in itertools.pairwise(stored)), "swapping in frees slots"


def test_a_killed_task_leaves_no_swap_and_no_pool_behind():
    host = machine(16, **with_swap("zram", MiB))
    done = run(one("6.18", host, cgroups={"g": Cgroup(max=MiB)}), writes(range(1000)))
    assert done.metrics["outcome"] == "oom"
    assert done.metrics["nr_swap_used"] == 0
    assert int(swaps(done.m)[0].pool_frames) == int(swaps(done.m)[0].stored) == 0


# 3.15 writes half of a group without file pages at once, and 5.8, where pages start active and sizes are seen a batch
# late, much of it; when that fills swap, nothing scans what is being written to a disk.
@pytest.mark.parametrize(
    ("era", "kind"),
    [
        (era, kind)
        for era in ERAS
        for kind in ("zram", "partition")
        if era != "3.15" and (era, kind) != ("5.8", "partition")
    ],
)
def test_a_group_may_fill_swap_to_the_last_slot(era, kind):
    cell = one(era, machine(16, **with_swap(kind, MiB)), cgroups={"g": Cgroup(max=MiB)}, sampling=sampled())
    done = run(cell, writes(range(900)), probe=lambda built: int(swaps(built.memory.m)[0].used))
    assert done.metrics["outcome"] == "oom" and max(done.seen) == 256
    # What was being written when the task was killed keeps its slot until the write ends.
    in_flight = done.built.memory.table("io")["what"][: int(block_state(done.m).nr_io)]
    assert done.metrics["nr_swap_used"] <= done.built.memory.table("requests")["pages"][in_flight].sum()
    # Without a free slot anonymous pages are not scanned, so what one plug wrote may still be cached in memory.
    cached = 0 if kind == "zram" else 128
    fit = 256 - TABLE[era] + 256
    assert fit - cached <= done.metrics["accesses"] <= fit


def test_swap_areas_fill_by_priority_and_equal_ones_in_turn():
    from mmrun.model.description import SwapTarget

    areas = {"low": SwapTarget(kind="zram", size=MiB, priority=1), "a": SwapTarget(kind="zram", size=MiB, priority=5),
             "b": SwapTarget(kind="zram", size=MiB, priority=5)}  # fmt: skip
    cell = one("6.18", machine(16, swap=areas), cgroups={"g": Cgroup(max=MiB)}, sampling=sampled())
    done = run(cell, writes(range(900)), probe=lambda built: [int(area.used) for area in swaps(built.memory.m)[:3]])
    for low, first, second in done.seen:
        assert abs(first - second) <= 1
        assert low == 0 or first == second == 256
    assert done.seen[-1][0] > 0


@pytest.mark.parametrize("era", ERAS)
def test_reading_a_page_twice_activates_it_when_a_batch_is_full(era):
    batch = BATCH[era]
    once, again = reads(range(2 * batch)), reads(range(batch))
    cell = one(era, SMALL, Region(kind="file", access="read", readahead=0))
    assert run(cell, once).metrics["pgactivate"] == 0
    found = run(cell, np.concatenate([once, again[:-1]])).metrics
    assert found["pgactivate"] == 0 and found["nr_inactive_file"] == 2 * batch
    found = run(cell, np.concatenate([once, again])).metrics
    assert found["pgactivate"] == found["nr_active_file"] == batch
    assert found["nr_inactive_file"] == batch


@pytest.mark.parametrize("era", ERAS)
def test_reading_the_same_page_on_end_counts_as_one_use(era):
    cell = one(era, SMALL, Region(kind="file", access="read", readahead=0))
    batch = BATCH[era]
    done = run(cell, reads(np.repeat(np.arange(2 * batch), 5)))
    assert done.metrics["pgactivate"] == 0 and done.metrics["misses"] == 2 * batch


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("region", [ANON, FILE], ids=["anon", "file"])
def test_touches_through_a_mapping_move_nothing_without_reclaim(era, region):
    done = run(one(era, SMALL, region), reads(np.tile(np.arange(62), 10)))
    assert done.metrics["pgactivate"] == done.metrics["pgdeactivate"] == done.metrics["pgrefill"] == 0
    if region is ANON:
        frames = done.built.memory.table("frames")
        listed = [pfn for lru in range(4) for pfn in on_list(done.built, 0, lru)]
        assert [int(owner) for owner in frames["owner"][listed]] == sorted(range(len(listed)), reverse=True)
        assert not (frames["state"][listed] & state.REFERENCED).any()


def test_a_mixed_address_space_lies_end_to_end():
    regions = (Region(kind="anon", size=8 * PAGE), Region(kind="file", access="read", readahead=0))
    done = run(one("6.18", SMALL, *regions), reads([0, 7, 8, 9]))
    assert done.metrics["pgfault"] == 2 and done.metrics["misses"] == 2


def test_second_chance_protects_a_hot_set_from_a_scan():
    """64 hot pages touched every 8 pages of a scan stay; without reference bits each would go 4000 / 190 times."""
    hot = np.arange(64)
    parts = [np.concatenate([hot, np.arange(64 + i, 64 + i + 8)]) for i in range(0, 4000, 8)]
    cell = one("6.18", machine(64, swap=ZRAM), cgroups={"g": Cgroup(max=MiB)})
    done = run(cell, writes(np.concatenate(parts)), check=False)
    assert done.metrics["misses"] * 8 < 64 * 4000 // 190
    assert done.metrics["pgactivate"] > 0
