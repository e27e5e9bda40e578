"""khugepaged: how far it goes each time, what it collapses, who waits for it, what it does without memory."""

import numpy as np
import pytest

from mmrun.model import check as conservation
from mmrun.model.description import Cell, Cgroup, Machine, Node, Region, Sampling, Sysctl
from mmrun.model.mm.driver import events as ask
from mmrun.model.mm.khugepaged.events import madvise_collapse, madvise_huge, madvise_pageout
from mmrun.model.mm.khugepaged.settings import SCAN_RESULTS
from mmrun.model.mm.tlb.settings import Tlb
from mmrun.model.units import MS, PAGE, MiB, S
from tests.model.cells import ZRAM, Run, given, machine, one, reads, run, writes

HUGE = 512
SMALL = Region(advice="nohugepage")
FAST = Sysctl(transparent_hugepage="madvise", khugepaged_scan_sleep_millisecs=200)


def ran(
    events: list[np.ndarray], *regions: Region, kernel: str = "6.12", vm: Sysctl = FAST, footprint: int = 0, **more
) -> Run:
    host = more.pop("host", None) or machine(128, swap=ZRAM)
    cell = one(kernel, host, *(regions or (SMALL,)), vm=vm, **more)
    return run(cell, np.concatenate(events), footprint=footprint)


def pages(first: int, count: int) -> np.ndarray:
    """Pages of so many ranges from range `first` on."""
    return first * HUGE + np.arange(count * HUGE)


def collapsed(done: Run) -> list[int]:
    """The ranges that are one entry."""
    return np.flatnonzero(done.built.memory.table("huge_marks")).tolist()


@pytest.mark.parametrize(("rounds", "expected"), [(1, 8), (2, 16), (3, 20)])
def test_eight_ranges_at_a_time(rounds, expected):
    done = ran([writes(pages(0, 20)), madvise_huge(0), ask.sleep_until((rounds - 1) * 200 * MS + 150 * MS)])
    assert collapsed(done) == list(range(expected))
    assert done.metrics["khugepaged_pages_collapsed"] == done.metrics["nr_anon_transparent_hugepages"] == expected
    assert done.metrics["khugepaged_full_scans"] == (rounds == 3)


def test_an_address_space_and_what_it_passes_over_count_as_a_page_each():
    """1 + 1 + 512 pages are more than 513: one range a round, none more."""
    vm = Sysctl(transparent_hugepage="madvise", khugepaged_scan_sleep_millisecs=200, khugepaged_pages_to_scan=513)
    regions = (Region(size=2 * MiB), SMALL)
    done = ran([writes(pages(0, 4)), madvise_huge(HUGE), ask.sleep_until(350 * MS)], *regions, vm=vm)
    assert collapsed(done) == [1, 2]


def test_what_is_not_there_any_more_is_passed_over_and_the_next_address_space_has_its_turn():
    tasks = {"a": given(SMALL, stays=False), "b": given(SMALL, start=300 * MS)}
    cell = Cell(kernel="6.12", machine=machine(128, cpus=2), tasks=tasks, vm=FAST)
    streams = {
        "a": np.concatenate([writes(pages(0, 2)), madvise_huge(0), ask.sleep_until(10 * MS)]),
        "b": np.concatenate([writes(pages(0, 1)), madvise_huge(0), ask.sleep_until(S)]),
    }
    done = run(cell, streams)
    assert done.metrics["khugepaged_pages_collapsed"] == 3
    assert done.built.memory.table("mm_slots")["entered"].tolist() == [0, 1]


def test_without_a_huge_page_it_sleeps_once_and_gives_up_then():
    """All memory but single pages is taken: a failure, a minute, a failure, the end of the round."""
    vm = Sysctl(transparent_hugepage="madvise", khugepaged_scan_sleep_millisecs=10**6, khugepaged_defrag=False)
    numbers = np.arange(4000)
    hold = [ask.alloc_buffers(numbers, order=2, effort="none")]
    fails = {}
    for until in (30 * S, 100 * S):
        done = ran([writes(pages(0, 3)), *hold, madvise_huge(0), ask.sleep_until(until)], host=machine(32), vm=vm)
        fails[until] = (done.metrics["thp_collapse_alloc_failed"], done.metrics["thp_collapse_alloc"])
    assert fails == {30 * S: (1, 0), 100 * S: (2, 0)}
    assert done.metrics["khugepaged_alloc_huge_page_fail"] == 2


def test_faults_wait_for_the_mmap_lock_and_say_so():
    """The task goes on touching fresh memory while its first pages are collapsed."""
    events = [writes(pages(0, 4)), madvise_huge(0), writes(pages(4, 1)[: HUGE - 1]), ask.sleep_until(S)]
    vm = Sysctl(transparent_hugepage="madvise", khugepaged_scan_sleep_millisecs=10**6)
    done = ran(events, host=Machine(nodes=(Node(cpus=2, memory=128 * MiB),)), vm=vm)
    assert 0 < done.metrics["stall_mmap_ns"] <= 4 * 250_000
    assert done.metrics["stall_mmap_ns"] == done.metrics["task.t.stall_mmap_ns"]


@pytest.mark.parametrize(("kernel", "huge"), [("6.0", []), ("6.1", [0])])
def test_a_task_may_have_its_memory_collapsed_whatever_the_limits(kernel, huge):
    vm = Sysctl(transparent_hugepage="madvise", max_ptes_none=0)
    done = ran(
        [writes(np.arange(5)), madvise_collapse(3)], Region(size=2 * MiB, advice="nohugepage"), kernel=kernel, vm=vm
    )
    assert collapsed(done) == huge
    assert done.metrics["first_touches"] == 5


@pytest.mark.parametrize(("kernel", "why"), [("5.4", "succeed"), ("6.12", "succeed")])
def test_swapped_pages_are_read_back_and_are_nobodys_misses(kernel, why):
    done = ran([writes(pages(0, 1)), madvise_pageout(0, 60), madvise_huge(0), ask.sleep_until(S)], kernel=kernel)
    assert collapsed(done) == [0] and done.metrics[f"khugepaged_{why}"] == 1
    assert (done.metrics["pswpin"], done.metrics["pgmajfault"]) == (60, 60)
    assert (done.metrics["misses"], done.metrics["major_faults"]) == (0, 0)


@pytest.mark.parametrize("kernel", ["3.15", "4.7", "4.8", "6.12"])
def test_a_full_group_lets_nothing_be_collapsed_that_it_cannot_pay(kernel):
    """The huge page is charged before the small ones go: 512 pages more than a group of 1000 has room for."""
    events = [writes(pages(0, 2)), madvise_huge(0), ask.sleep_until(S)]
    done = ran(events, kernel=kernel, cgroups={"g": Cgroup(max=1000 * PAGE)})
    assert done.metrics["pswpout"] > 0 and done.metrics["outcome"] == "ok"
    assert done.metrics["thp_collapse_alloc"] >= done.metrics["khugepaged_pages_collapsed"] == len(collapsed(done))


@pytest.mark.parametrize(("kernel", "node"), [("3.13", 0), ("3.14", 1)])
def test_the_huge_page_is_where_most_of_the_pages_are(kernel, node):
    """The first page is on node 0, all others on node 1."""
    from mmrun.model.description import Mempolicy

    host = Machine(nodes=(Node(memory=64 * MiB), Node(memory=64 * MiB)))
    policy = Mempolicy(mode="interleave", nodes=(0, 1))
    events = [writes(np.arange(1)), writes(np.arange(1, HUGE, 2)), madvise_huge(0), ask.sleep_until(S)]
    done = ran(events, host=host, mempolicy=policy, kernel=kernel)
    assert collapsed(done) == [0]
    assert done.node_of(0) == node


def test_one_translation_is_left_of_512():
    loop = np.concatenate([reads(np.arange(HUGE))] * 2)
    events = [writes(pages(0, 1)), loop, madvise_huge(0), ask.sleep_until(S), loop]
    done = ran(events, host=machine(128, tlb=Tlb(core="haswell"))).metrics
    assert done["dtlb_store_misses"] == HUGE and done["dtlb_l2_hits"] == 2 * HUGE
    assert done["dtlb_load_misses"] == 1


def test_a_range_of_strangers_is_left_alone():
    """What may not be huge, holes at the ends of a mapping, a pinned page."""
    events = [writes(np.arange(5 * HUGE)), ask.pin([HUGE + 7]), madvise_huge(0), ask.sleep_until(S)]
    regions = (Region(advice="nohugepage", size=4 * MiB + 40 * PAGE), Region())
    done = ran(events, *regions)
    assert collapsed(done) == [0] and done.metrics["khugepaged_page_count"] >= 1


def test_the_result_of_every_scan_has_a_name():
    done = ran([writes(pages(0, 1)), madvise_huge(0), ask.sleep_until(S)], footprint=3 * HUGE)
    results = {name: done.metrics[name] for name in SCAN_RESULTS if name in done.metrics}
    assert results == {"khugepaged_succeed": 1, "khugepaged_pmd_mapped": 4, "khugepaged_pmd_null": 10}


@pytest.mark.parametrize("kernel", ["2.6.38", "4.4", "4.13", "5.15", "6.12", "6.18", "6.18+mglru"])
@pytest.mark.parametrize("seed", [1, 2])
def test_any_mix_of_use_advice_and_shortage_keeps_every_law(kernel, seed):
    """Checked every 200 accesses: writes, reads, holes, pages out, collapses, changing advice, a group that is full."""
    rng = np.random.default_rng(seed)
    parts = [writes(np.arange(3 * HUGE))]
    for _ in range(80):
        first = int(rng.integers(0, 11 * HUGE))
        count = int(rng.integers(1, 300))
        at = first + np.arange(count)
        what = int(rng.integers(0, 8))
        parts.append(
            [writes(at), reads(at), ask.dontneed(at), madvise_pageout(first, count), madvise_collapse(first),
             madvise_huge(0), madvise_huge(0, against=True), ask.sleep_until(int(rng.integers(1, 40)) * 50 * MS)][what]
        )  # fmt: skip
    vm = Sysctl(transparent_hugepage="madvise", khugepaged_scan_sleep_millisecs=30, zero_page=True)
    region = Region(advice="hugepage", size=24 * MiB)
    cell = one(
        kernel, machine(64, cpus=2, swap=ZRAM), region, vm=vm, cgroups={"g": Cgroup(max=14 * MiB)},
        sampling=Sampling(accesses=200),
    )  # fmt: skip
    done = run(cell, np.concatenate(parts), footprint=12 * HUGE, probe=lambda built: conservation.verify(built))
    assert len(done.seen) > 10 and done.metrics["outcome"] == "ok"
