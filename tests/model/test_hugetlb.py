"""Pools of huge pages: what is promised, surplus, in use; where they come from, what they cost."""

import numpy as np
import pytest

from mmrun.model.core.events import OP_SHIFT
from mmrun.model.description import Cell, Cgroup, Machine, Mempolicy, Node, Region, Sysctl
from mmrun.model.mm.hugetlb.events import set_nr_hugepages, set_nr_overcommit_hugepages
from mmrun.model.mm.hugetlb.pool import free_page, reserve, set_max, unreserve
from mmrun.model.mm.hugetlb.report import vmemmap_freed
from mmrun.model.mm.hugetlb.state import MIB2, pools
from mmrun.model.mm.tlb.settings import Tlb
from mmrun.model.registry import resolve
from mmrun.model.units import MiB
from tests.model.cells import Run, given, machine_of, one, reads, run, writes
from tests.model.cells import machine as machine_with

HUGE = Region(hugetlb="2MiB")


def hugepages(pages: int, first: int = 0) -> np.ndarray:
    """A word of each of so many huge pages."""
    return first * 512 + np.arange(pages) * 512


def ran(events, *regions: Region, vm: Sysctl | None = None, kernel: str = "6.18", mib=(64,), **more) -> Run:
    host = more.pop("host", None) or machine_with(*mib)
    cell = one(kernel, host, *(regions or (HUGE,)), vm=vm or Sysctl(), **more)
    return run(cell, np.concatenate(events) if isinstance(events, list) else events)


def meminfo(done: Run) -> tuple[int, ...]:
    return tuple(done.metrics[f"HugePages_{name}"] for name in ("Total", "Free", "Rsvd", "Surp"))


def test_promises_and_surplus_by_the_book():
    """free 10, resv 6, overcommit 2: 4 more are promised, then 2 with two surplus pages, then none."""
    built = machine_of(one("6.12", machine_with(64), vm=Sysctl(nr_hugepages=10, nr_overcommit_hugepages=2)))
    m, pool = built.memory.m, pools(built.memory.m)[MIB2]
    assert reserve(m, MIB2, 6, 0) == 1
    seen = []
    for delta in (4, 2, 1):
        answer = reserve(m, MIB2, delta, 0)
        seen.append((answer, int(pool.free), int(pool.resv), int(pool.surplus)))
    assert seen == [(1, 10, 10, 0), (1, 12, 12, 2), (0, 12, 12, 2)]
    unreserve(m, MIB2, 5)  # two surplus pages go back with what they stood for
    assert (pool.nr, pool.free, pool.resv, pool.surplus) == (10, 10, 7, 0)


def test_a_pool_smaller_than_its_use_has_surplus_pages_that_go_with_it():
    built = machine_of(one("6.12", machine_with(64), vm=Sysctl(nr_hugepages=6)))
    m, pool = built.memory.m, pools(built.memory.m)[MIB2]
    from mmrun.model.mm.hugetlb.pool import dequeue

    used = [dequeue(m, MIB2, 0, 1) for _ in range(4)]
    set_max(m, MIB2, 1)
    assert (pool.nr, pool.free, pool.surplus) == (4, 0, 3)
    set_max(m, MIB2, 3)
    assert (pool.nr, pool.surplus) == (4, 1)
    for pfn in used:
        free_page(m, MIB2, pfn)
    assert (pool.nr, pool.free, pool.surplus) == (3, 3, 0)


def test_a_mapping_is_promised_whole_and_takes_its_pages_one_by_one():
    done = ran(writes(hugepages(3)), Region(hugetlb="2MiB", size=10 * MiB), vm=Sysctl(nr_hugepages=8))
    assert meminfo(done) == (8, 5, 2, 0)
    assert (done.metrics["first_touches"], done.metrics["pgfault"]) == (3, 3)
    assert done.metrics["fault_ns"] == 3 * 177_000
    assert done.metrics["hugetlb_vmemmap"] == 8 * 7


def test_a_load_maps_for_loads_and_the_first_store_of_each_page_faults_again():
    done = ran([reads(np.arange(1024)), writes(np.arange(1024))], vm=Sysctl(nr_hugepages=2))
    assert (done.metrics["first_touches"], done.metrics["pgfault"]) == (2, 4)


@pytest.mark.parametrize(
    ("region", "pool", "over", "killed"),
    [
        (Region(hugetlb="2MiB", size=10 * MiB), 4, 0, "hugetlb_enomem"),
        (Region(hugetlb="2MiB", size=10 * MiB), 4, 1, ""),
        (Region(hugetlb="2MiB", size=10 * MiB, noreserve=True), 4, 0, "hugetlb_sigbus"),
        (Region(hugetlb="2MiB", size=10 * MiB, noreserve=True), 4, 1, ""),
    ],
)
def test_what_is_not_there_is_refused_when_mapped_or_fatal_when_touched(region, pool, over, killed):
    vm = Sysctl(nr_hugepages=pool, nr_overcommit_hugepages=over)
    done = ran(writes(hugepages(5)), region, vm=vm)
    for name in ("hugetlb_enomem", "hugetlb_sigbus"):
        assert done.metrics[name] == (name == killed)
    assert done.metrics["accesses"] == {"hugetlb_enomem": 0, "hugetlb_sigbus": 4, "": 5}[killed]
    assert done.metrics["htlb_buddy_alloc_success"] == (not killed)
    assert done.metrics["oom_kill"] == 0
    assert meminfo(done) == ((pool, pool, 0, 0) if killed else (5, 0, 0, 1))


def test_what_a_process_leaves_goes_back_to_pool_and_buddy():
    """`a` ends with two pages of its own and a surplus one; `b` is there to see it."""
    vm = Sysctl(nr_hugepages=2, nr_overcommit_hugepages=4)
    tasks = {"a": given(Region(hugetlb="2MiB"), stays=False), "b": given(start=10**9)}
    cell = Cell(kernel="6.18", machine=machine_with(64, cpus=2), tasks=tasks, vm=vm)
    done = run(cell, {"a": writes(hugepages(3)), "b": writes([0])})
    assert meminfo(done) == (2, 2, 0, 0)


def test_the_pool_grows_while_the_machine_runs_as_far_as_memory_is_in_one_piece():
    """Every other page of most of memory is held, so that few blocks of 2 MiB are whole, and nothing can be moved."""
    events = [set_nr_hugepages(12), writes(hugepages(12)), set_nr_hugepages(40), set_nr_hugepages(2)]
    done = ran(events, mib=(64,))
    got = done.metrics["htlb_buddy_alloc_success"]
    assert 12 < got < 32 and done.metrics["htlb_buddy_alloc_fail"] == 1
    assert meminfo(done) == (12, 0, 0, 10)
    assert (events[0] >> OP_SHIFT)[0] == 204


def test_nodes_take_turns_and_a_policy_is_served_from_its_nodes():
    host = Machine(nodes=(Node(memory=64 * MiB, hugepages=3), Node(memory=64 * MiB)))
    policy = Mempolicy(mode="bind", nodes=(1,))
    done = ran(writes(hugepages(2)), host=host, vm=Sysctl(nr_hugepages=7), mempolicy=policy)
    assert meminfo(done) == (7, 5, 0, 0)
    assert pools(done.m)[MIB2].nr_node[:2].tolist() == [5, 2]
    assert [done.node_of(0), done.node_of(512)] == [1, 1]


def test_overcommit_can_be_allowed_on_the_way():
    done = ran([set_nr_overcommit_hugepages(3), writes(hugepages(3))])
    assert meminfo(done) == (3, 0, 0, 3)


@pytest.mark.parametrize("charged", [False, True])
def test_groups_pay_only_where_they_are_told_to(charged):
    group = {"cgroups": {"g": Cgroup(max=5 * MiB)}, "memory_hugetlb_accounting": charged}
    done = ran(writes(hugepages(3)), vm=Sysctl(nr_hugepages=4), **group)
    assert done.metrics["accesses"] == (2 if charged else 3)
    assert done.metrics["hugetlb_sigbus"] == 0


def test_small_pages_beside_a_pool_are_reclaimed_and_the_pool_is_not():
    from tests.model.cells import ZRAM

    regions = (Region(hugetlb="2MiB", size=16 * MiB), Region())
    host = machine_with(32, swap=ZRAM)
    events = [writes(hugepages(8)), writes(4096 + np.arange(6000))]
    done = ran(events, *regions, host=host, vm=Sysctl(nr_hugepages=8))
    assert done.metrics["pswpout"] > 0 and meminfo(done) == (8, 0, 0, 0)


def test_translations_of_huge_pages_reach_farther():
    """A loop over 3 MiB, one word a page of 4 KiB: beyond a first level of 64 entries, not beyond two of 2 MiB."""
    loop = np.concatenate([writes(np.arange(768))] * 3)
    walks = {}
    for region in (Region(), HUGE):
        done = ran(loop, region, host=machine_with(64, tlb=Tlb(core="skylake")), vm=Sysctl(nr_hugepages=2))
        walks[region.hugetlb] = (done.metrics["dtlb_l2_hits"], done.metrics["dtlb_store_misses"])
    assert walks == {None: (1536, 768), "2MiB": (0, 2)}


def test_gigantic_pages_are_taken_at_boot_and_take_one_translation():
    host = Machine(nodes=(Node(memory=2560 * MiB, gigantic_pages=1),), tlb=Tlb(core="haswell"))
    done = ran(writes(np.arange(0, 1 << 18, 4096)), Region(hugetlb="1GiB"), host=host)
    assert done.metrics["HugePages_Total_1G"] == 1 and done.metrics["HugePages_Free_1G"] == 0
    assert done.metrics["first_touches"] == 1 and done.metrics["fault_ns"] == 61_000_000 // 512 * 512
    assert done.metrics["dtlb_store_misses"] == 1
    assert vmemmap_freed(done.m) == 4095


@pytest.mark.parametrize(
    ("regions", "more", "words"),
    [
        ((Region(kind="file", hugetlb="2MiB"),), {}, "anonymous"),
        ((Region(size=MiB), HUGE), {}, "multiple of 2MiB"),
        ((Region(hugetlb="2MiB", size=3 * MiB),), {}, "whole huge pages"),
        ((Region(noreserve=True),), {}, "only mappings of huge pages"),
    ],
)
def test_what_cannot_be_mapped_is_refused(regions, more, words):
    with pytest.raises(ValueError, match=words):
        resolve(one("6.18", machine_with(64), *regions, **more))


def test_more_than_memory_is_refused():
    with pytest.raises(ValueError, match="room for"):
        machine_of(one("6.18", machine_with(64), vm=Sysctl(nr_hugepages=33)))


def test_any_sequence_of_promises_uses_and_sizes_keeps_the_books():
    rng = np.random.default_rng(5)
    built = machine_of(one("6.12", machine_with(64, 64), vm=Sysctl(nr_hugepages=8, nr_overcommit_hugepages=6)))
    from mmrun.model.mm.hugetlb.pool import dequeue, fresh_surplus

    m, pool, used, promised = built.memory.m, pools(built.memory.m)[MIB2], [], 0
    for _ in range(400):
        kind, n = int(rng.integers(6)), int(rng.integers(1, 5))
        if kind == 0:
            promised += n * reserve(m, MIB2, n, 0)
        elif kind == 1 and promised:
            n = min(n, promised)
            unreserve(m, MIB2, n)
            promised -= n
        elif kind == 2:
            pfn = dequeue(m, MIB2, 0, 3) if pool.free > pool.resv else fresh_surplus(m, MIB2, 0, 3)
            used += [pfn] if pfn < 1 << 30 else []
        elif kind == 3 and used:
            free_page(m, MIB2, used.pop(int(rng.integers(len(used)))))
        else:
            set_max(m, MIB2, int(rng.integers(0, 20)))
        assert pool.resv == promised <= pool.free and pool.nr - pool.free == len(used)
        assert 0 <= pool.surplus == pool.surplus_node.sum() and pool.nr == pool.nr_node.sum()
        assert (pool.surplus_node <= pool.nr_node).all()
        assert sum(int(each["n"]) for each in pool.lists[:2]) == pool.free
