"""A TLB of finite reach: hits and misses to the access, against sets kept in plain Python; time; who unmaps flushes."""

from collections import OrderedDict

import numpy as np
import pytest

from mmrun.model.description import Cgroup
from mmrun.model.mm.task.state import PTE_YOUNG
from mmrun.model.mm.tlb.cores import CORES
from mmrun.model.mm.tlb.settings import Tlb, TlbArray
from mmrun.model.units import KiB
from tests.model.cells import ZRAM, Run, one, reads, run, writes
from tests.model.cells import machine as machine_with

SMALL = Tlb(l1=(TlbArray(entries=4, ways=2, holds=("4KiB",)),), l2=(TlbArray(entries=24, ways=3, holds=("4KiB",)),))


class Reference:
    """Both levels as ordered dictionaries a set: the definition of least recently used."""

    def __init__(self, *levels: tuple[int, int]) -> None:
        self.levels = [([OrderedDict() for _ in range(entries // ways)], ways) for entries, ways in levels]

    def found(self, page: int) -> int:
        for number, (sets, ways) in enumerate(self.levels):
            own = sets[page % len(sets)]
            hit = page in own
            own[page] = None
            own.move_to_end(page)
            if len(own) > ways:
                own.popitem(last=False)
            if hit:
                return number
        return len(self.levels)


def loop(pages: int, rounds: int) -> np.ndarray:
    """Every page is written once, then all are read in turn."""
    return np.concatenate([writes(np.arange(pages)), *[reads(np.arange(pages))] * rounds])


def ran(tlb: Tlb | None, events: np.ndarray, kernel: str = "6.18", **more) -> Run:
    return run(one(kernel, machine_with(32, tlb=tlb, **more.pop("host", {})), **more), events)


def test_the_table_of_reaches():
    """L2 reach of 4 KiB and 2 MiB pages; Zen 2's ways leave 8 of its 2048 entries out."""
    reach = {}
    for name, core in CORES.items():
        held = {size: array.entries for array in core.l2 for size in array.holds}
        reach[name] = (held["4KiB"] * 4 // 1024, held["2MiB"] * 2 // 1024)
    assert reach == {
        "haswell": (4, 2), "skylake": (6, 3), "ice-lake": (8, 2), "zen2": (8, 4), "zen3": (8, 4), "zen4": (12, 6),
        "a72": (4, 2), "n1": (5, 2), "v1": (8, 4), "n2": (5, 2),
    }  # fmt: skip


@pytest.mark.parametrize("core", ["haswell", "n1"])
def test_a_loop_at_the_reach_walks_once_a_page_and_beyond_it_for_every_page_of_full_sets(core):
    entries, ways = CORES[core].l2[0].entries, CORES[core].l2[0].ways
    first = ran(Tlb(core=core), loop(entries, 2)).metrics
    assert (first["dtlb_store_misses"], first["dtlb_load_misses"]) == (entries, 0)
    assert first["dtlb_l2_hits"] == 2 * entries  # the first level is far smaller
    beyond = ran(Tlb(core=core), loop(entries + 3, 2)).metrics
    assert beyond["dtlb_load_misses"] == 2 * 3 * (ways + 1)  # three sets have a page too many, and lose all of theirs


def test_every_access_is_found_where_least_recently_used_sets_have_it():
    rng = np.random.default_rng(7)
    pages = np.minimum(rng.geometric(0.06, 3000) - 1, 99)
    events = np.concatenate([writes(np.arange(100)), reads(pages)])
    done = ran(SMALL, events).metrics
    reference = Reference((4, 2), (24, 3))
    for page in range(100):
        reference.found(page)
    where = np.bincount([reference.found(int(page)) for page in pages], minlength=3)
    assert (done["dtlb_l2_hits"], done["dtlb_load_misses"]) == (where[1], where[2])
    costs = machine_with(32).costs
    walked = (100 + where[2]) * costs.page_walk + where[1] * costs.dtlb_l2_hit
    assert done["walk_ns"] == walked == done["task.t.walk_ns"]


def test_nothing_else_changes_but_the_time():
    """Where memory is plenty: the same accesses, faults and frames with and without a TLB, and the walks on top."""
    events = loop(300, 3)
    plain, translated = ran(None, events).metrics, ran(Tlb(core="skylake"), events).metrics
    assert plain["dtlb_load_misses"] == plain["walk_ns"] == 0
    assert translated["elapsed_ns"] == plain["elapsed_ns"] + translated["walk_ns"] > plain["elapsed_ns"]
    own = ("dtlb_load_misses", "dtlb_store_misses", "dtlb_l2_hits", "walk_ns")
    differing = {name for name in plain if plain[name] != translated[name]}
    assert all(name.endswith("_ns") or name in own for name in differing)


def test_tables_that_do_not_fit_the_cache_and_guests_make_walks_dear():
    events = loop(2048, 1)  # four leaf tables of 4 KiB
    walks = {}
    for cache, guest in ((16 * KiB, False), (12 * KiB, False), (16 * KiB, True)):
        small = Tlb(l1=(TlbArray(entries=4),), l2=(), cache=cache, guest=guest)
        walks[cache, guest] = ran(small, events).metrics["walk_ns"]
    assert walks[16 * KiB, False] == 4096 * 10
    assert walks[12 * KiB, False] == 1536 * 10 + (4096 - 1536) * 67  # from the fourth table on
    assert walks[16 * KiB, True] == 4096 * 60


def test_what_is_cached_marks_nothing_until_it_is_walked_for_again():
    """Accessed bits that the kernel clears come back for what the TLB does not hold, and only for that."""
    events = np.concatenate([writes(np.arange(24)), np.concatenate([reads(np.arange(24))] * 2)])

    def cleared(built) -> int:
        words = built.memory.table("pte")
        marked = int(((words[:24] & PTE_YOUNG) != 0).sum())
        words[:24] &= ~PTE_YOUNG
        return marked

    from tests.model.cells import sampled

    seen = {}
    for ways in (3, 1):
        tlb = Tlb(l1=(TlbArray(entries=2),), l2=(TlbArray(entries=8 * ways, ways=ways, holds=("4KiB",)),))
        cell = one("6.18", machine_with(16, tlb=tlb), sampling=sampled(24))
        seen[ways] = run(cell, events, probe=cleared).seen[:3]
    assert seen[3] == [24, 0, 0]
    assert seen[1] == [24, 24, 24]


@pytest.mark.parametrize("kernel", ["3.1", "4.19", "6.18", "6.18+mglru"])
def test_what_reclaim_unmaps_is_flushed(kernel):
    """Under a limit, on zram, checked at every pass: no translation of what is not mapped stays."""
    rng = np.random.default_rng(3)
    events = np.concatenate([writes(np.arange(600)), writes(rng.integers(0, 600, 1500))])
    cell = {"cgroups": {"g": Cgroup(max=400 * 4096)}, "host": {"swap": ZRAM}}
    done = ran(Tlb(core="zen4"), events, kernel, **cell).metrics
    assert done["pgmajfault"] > 100
    assert bool(done["tlb_flushes"]) == (kernel != "3.1")  # one page at a time to 4.2


@pytest.mark.parametrize(("kernel", "kept"), [("4.13", False), ("4.14", True)])
def test_without_pcids_a_cpu_forgets_whom_it_turns_from(kernel, kept):
    from mmrun.model.description import Cell
    from tests.model.cells import given

    events = loop(16, 200)
    cell = Cell(
        kernel=kernel,
        machine=machine_with(32, tlb=Tlb(core="a72")),
        tasks={"a": given(think=9000), "b": given(think=9000)},
    )
    done = run(cell, {"a": events, "b": events}).metrics
    assert (done["dtlb_load_misses"] == 0) == kept


@pytest.mark.parametrize("core", sorted(CORES))
def test_every_core_runs(core):
    assert ran(Tlb(core=core, guest=True), loop(64, 1)).metrics["walk_ns"] > 0


def test_huge_pages_take_one_entry_for_512(monkeypatch):
    """4 MiB of two huge pages: two walks, where small pages of a first level alone take one each."""
    from mmrun.model.mm.tlb.state import HUGE
    from tests.model import cells

    def with_huge(*args):
        built = made(*args)
        built.memory.table("page_sizes")[:2] = HUGE
        return built

    made, events = cells.build, loop(1024, 1)
    small = ran(Tlb(core="haswell"), events).metrics
    monkeypatch.setattr(cells, "build", with_huge)
    huge = ran(Tlb(core="haswell"), events).metrics
    assert small["dtlb_store_misses"] == huge["dtlb_store_misses"] == 1024  # each first touch is tried again
    assert small["dtlb_l2_hits"] == 1024 and huge["dtlb_l2_hits"] == 0
    assert huge["dtlb_load_misses"] == 0


def test_what_is_no_tlb_is_refused():
    from mmrun.model.registry import resolve

    for tlb, words in (
        (Tlb(), "first level"),
        (Tlb(l1=(TlbArray(entries=4, ways=8),)), "8 ways of 4 entries"),
        (Tlb(l1=(TlbArray(entries=4, holds=("4KiB",)), TlbArray(entries=4, holds=("4KiB",)))), "one page size"),
        (Tlb(core="zen4", l2=(TlbArray(entries=4, holds=("1GiB", "1GiB-as-2MiB")),)), "each page size once"),
    ):
        with pytest.raises(ValueError, match=words):
            resolve(one("6.18", machine_with(16, tlb=tlb)))
