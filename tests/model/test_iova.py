"""Addresses for devices: who gets which, and when they can be given out again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmrun.model.build import Built
from mmrun.model.core.state import turn
from mmrun.model.dma.iova.check import bits_of, cached_of, ranges_of, verify
from mmrun.model.dma.iova.rcache import trim_depot
from mmrun.model.dma.iova.state import BINS, GLOBAL, SINGLE, fq_rings, iova_count, iova_depots, iova_domains
from mmrun.model.dma.iova.tree import reserve_range
from mmrun.model.units import MS
from tests.model.bare_iovas import TOP, alloc, domains, expire, free, unmap

RECORDED = json.loads((Path(__file__).parent.parent / "fidelity/data/iova_lazy.json").read_text())


def told(built: Built) -> dict[str, int]:
    count = iova_count(built.memory.m)
    return {name: int(count[name]) for name in count.dtype.names}


def lawful(built: Built) -> None:
    verify(built, np.zeros(1))


def lazily(built: Built, times: int, pages: int, hold: bool = False) -> list[int]:
    """Map and unmap so often, one after the other or all at once, until the timer has gone off."""
    found = []
    for _ in range(times):
        found.append(alloc(built, pages))
        if not hold:
            unmap(built, found[-1], pages)
    for iova in found if hold else ():
        unmap(built, iova, pages)
    return found


def test_small_magazines_and_a_small_ring():
    """Vector A: magazines of 4, a ring of 8 of which one stays empty, one CPU."""
    built = domains("6.12", "magazines", params={"entries": 4})
    built.memory.table("fq_rings")[0]["slots"] = 8
    up, down = list(range(1, 9)), list(range(7, 0, -1))
    assert [TOP + 1 - iova for iova in lazily(built, 32, 1)] == up + down + up[1:] + down + up[1:4]
    assert (told(built)["fq_flush_full"], told(built)["iova_tree_allocs"], told(built)["iova_cache_hits"]) == (4, 8, 24)
    lawful(built)


def test_real_constants_lazily():
    """Vector B: 600 times 12 KiB, which takes 16 KiB."""
    built = domains("6.12")
    found = lazily(built, 600, 3)
    expire(built)
    assert {i: f"{found[i]:x}" for i in (0, 1, 254, 255, 256, 257, 382, 383, 384, 510, 511, 512, 599)} == {
        0: "ffffc", 1: "ffff8", 254: "ffc04", 255: "ffc00", 256: "ffc04", 257: "ffe04", 382: "ffff8", 383: "ffffc",
        384: "ffc08", 510: "ffe00", 511: "ffdfc", 512: "ffff4", 599: "ffe98",
    }  # fmt: skip
    count = told(built)
    assert (count["fq_flush_full"], count["fq_flush_timer"]) == (2, 1)
    assert (count["iova_tree_allocs"], count["iova_cache_hits"]) == (256, 344)
    lawful(built)


def test_strictly_many_at_a_time():
    """Vector C: 300 held, all freed in order, 300 again."""
    built = domains("6.12")
    first = [alloc(built, 3) for _ in range(300)]
    for iova in first:
        free(built, iova, 3)
    again = [alloc(built, 3) for _ in range(300)]
    assert (first[0], first[299]) == (0xFFFFC, 0xFFB50)
    assert [f"{again[i]:x}" for i in (0, 1, 45, 46, 47, 172, 173, 174, 299)] == [
        "ffb50", "ffb54", "ffc04", "ffe04", "ffe08", "ffffc", "ffc08", "ffc0c", "ffe00",
    ]  # fmt: skip
    assert told(built)["iova_tree_allocs"] == 300
    lawful(built)


def test_mixed_sizes_strictly():
    """Vector D: what is free above the start of searches is not looked at."""
    built = domains("6.12")
    first = [alloc(built, pages) for pages in (1, 3, 33, 17, 64)]
    assert first == [0xFFFFF, 0xFFFF8, 0xFFFC0, 0xFFFA0, 0xFFF40]
    for place in (1, 3, 2):
        free(built, first[place], (1, 3, 33, 17, 64)[place])
    assert [alloc(built, pages) for pages in (4, 20, 33, 1)] == [0xFFFF8, 0xFFFA0, 0xFFFC0, 0xFFF9F]
    assert told(built)["iova_cache_hits"] == 2
    lawful(built)


@pytest.mark.parametrize("kernel, after", [("5.15", [0xFFF02, 0xFFF03]), ("6.12", [0xFFF81, 0xFFF82])])
def test_magazines_of_128_and_127(kernel: str, after: list[int]):
    """Vector E: a lazy run of single pages, its allocations 255 to 258."""
    assert lazily(domains(kernel), 259, 1)[255:] == [0xFFF00, 0xFFF01, *after]


def test_first_fit_of_arm():
    """Section 3.2's vectors: a bit a page, aligned to the size rounded up."""
    built = domains("3.6", "first-fit", params={"window": 0x1000})
    found = [alloc(built, pages) - 0x1000 for pages in (3, 1, 4, 5, 8)]
    assert found == [0, 3, 4, 8, 16]
    free(built, 0x1000, 3)
    assert alloc(built, 2) == 0x1000
    lawful(built)
    assert bits_of(built, 0).sum() == iova_domains(built.memory.m)[0].bits == 2 + 1 + 4 + 5 + 8


def test_a_bit_of_arms_map_can_be_several_pages():
    built = domains("3.6", "first-fit", params={"window": 16, "window_pages": 64, "order": 2})
    assert [alloc(built, pages) for pages in (1, 5, 16)] == [16, 24, 32]
    assert [alloc(built, pages) for pages in (32, 16, 1)] == [48, 0, 20]


def test_a_burst_of_1024_unmaps_is_five_invalidations():
    built = domains("6.12")
    lazily(built, 1024, 1, hold=True)
    expire(built)
    assert (told(built)["fq_flush_full"], told(built)["fq_flush_timer"]) == (4, 1)
    assert iova_domains(built.memory.m)[0].finished == 5
    lawful(built)


def recorded_machine() -> Built:
    """The recorded guest's domain: windows of its bridges are reserved; 1,024 pages were mapped and unmapped before."""
    built = domains("6.12")
    for window in RECORDED["windows"]:
        reserve_range(built.memory.m, 0, *window)
    lazily(built, 1024, 1, hold=True)
    expire(built)
    return built


def test_recorded_addresses_and_invalidations():
    """6.12, lazy: the first run's addresses one by one, and of each run how often its unmaps invalidated."""
    built = recorded_machine()
    for number, run in enumerate(RECORDED["runs"]):
        before = int(iova_domains(built.memory.m)[0].finished)
        found = lazily(built, run["n"], run["pages"], run["hold"])
        expire(built)
        assert int(iova_domains(built.memory.m)[0].finished) - before == run["invalidations"]
        if number == 0:
            assert [f"{iova:x}" for iova in found[: len(run["addresses"])]] == run["addresses"]
    lawful(built)


def test_nothing_is_given_out_before_its_flush():
    built = domains("6.12", cpus=2)
    m = built.memory.m
    first = alloc(built, 1)
    unmap(built, first, 1)
    turn(m).cpu = 1
    assert first not in [alloc(built, 1) for _ in range(64)]
    turn(m).cpu = 0
    expire(built)
    assert alloc(built, 1) == first


def test_a_flush_by_one_cpu_serves_all():
    """Entries that another CPU's flush has covered leave without one."""
    built = domains("6.12", cpus=2)
    m = built.memory.m
    for cpu in (0, 1):
        turn(m).cpu = cpu
        for iova in [alloc(built, 1) for _ in range(255)]:
            unmap(built, iova, 1)
    assert told(built)["fq_flush_full"] == 0
    unmap(built, alloc(built, 1), 1)
    turn(m).cpu = 0
    unmap(built, alloc(built, 1), 1)
    assert told(built)["fq_flush_full"] == 1
    assert iova_domains(m)[0].pending == 2
    lawful(built)


def test_one_queue_for_all_domains_in_2011():
    """250 of all together; a flush is one of each domain that has any; one timer."""
    built = domains("3.6", count=2)
    m = built.memory.m
    assert iova_domains(m)[0].queue == iova_domains(m)[1].queue == GLOBAL
    for i in range(251):
        unmap(built, alloc(built, 1, i % 2), 1, i % 2)
    assert told(built)["fq_flush_full"] == 1
    assert [int(iova_domains(m)[d].finished) for d in (0, 1)] == [1, 1]
    assert [int(iova_domains(m)[d].pending) for d in (0, 1)] == [1, 0]
    expire(built)
    assert [int(iova_domains(m)[d].finished) for d in (0, 1)] == [2, 1]
    assert len(ranges_of(built, 0)) == len(ranges_of(built, 1)) == 1  # what is reserved
    lawful(built)


def test_a_single_queue_flushes_once_in_32767():
    built = domains("6.12")
    m = built.memory.m
    iova_domains(m)[0].queue = SINGLE
    built.memory.table("fq_rings")["slots"][1] = 1024
    assert fq_rings(m)[1].slots == 1024
    lazily(built, 1024, 1)
    assert told(built)["fq_flush_full"] == 1
    assert iova_domains(m)[0].due >= 1000 * MS
    lawful(built)


def test_apertures_flush_where_searches_begin_anew():
    """AMD, 2011: 128 MiB are given out before anything is flushed; what is freed ahead of the search is, at once."""
    built = domains("3.6", "bitmap")
    m = built.memory.m
    assert alloc(built, 1) == 1
    unmap(built, 1, 1)
    found = [alloc(built, 8) for _ in range(4095)]
    assert found == [2 + 8 * i for i in range(4095)]
    ahead = found[-1]
    for iova in found[:-1]:
        unmap(built, iova, 8)
    assert told(built)["fq_flush_full"] == 0
    assert alloc(built, 8) == 1  # the last page of an aperture is never given out
    assert told(built)["fq_flush_full"] == 1
    unmap(built, ahead, 8)
    assert told(built)["fq_flush_full"] == 2
    assert iova_domains(m)[0].opened == 1 << 15
    lawful(built)


def test_apertures_are_opened_up_to_4_gib():
    built = domains("3.6", "bitmap")
    found = [alloc(built, 1 << 14) for _ in range(40)]
    assert 0 not in found[:32] and found[32:] == [0] * 8  # each aperture has room for one, its last page left out
    assert iova_domains(built.memory.m)[0].opened == 1 << 20
    assert alloc(built, 1 << 14, limit=0xFFFF) == 0
    lawful(built)


@pytest.mark.parametrize("kernel, last", [("3.6", 0x3F), ("4.4", 0x3F), ("5.10", 0x3F), ("5.15", 0x20)])
def test_ranges_were_rounded_up_to_5_10(kernel: str, last: int):
    """By Intel's driver; aligned to their size rounded up they are all the same."""
    built = domains(kernel)
    assert [alloc(built, 33), alloc(built, 1)] == [0xFFFC0, 0xFFFBF]
    assert ranges_of(built, 0)[0] == (0xFFFC0, 0xFFFC0 + last)
    free(built, 0xFFFC0, 33)
    lawful(built)


def test_searches_of_2011_begin_at_the_last_only_below_4_gib():
    """A device of 64 bits that is given addresses above 4 GiB goes past all that is there, each time."""
    built = domains("3.6")
    for limit, steps in ((TOP, 0), (1 << 34, 100)):
        for _ in range(100):
            before = told(built)["iova_walk_steps"]
            alloc(built, 1, limit=limit)
        assert told(built)["iova_walk_steps"] - before == pytest.approx(steps, abs=2)


def test_a_depot_gives_back_what_is_more_than_a_magazine_a_cpu():
    """Since 6.7, one each 100 ms; before, what 32 cannot hold goes back at once."""
    built = domains("6.12")
    m = built.memory.m
    for iova in [alloc(built, 1) for _ in range(127 * 40)]:
        free(built, iova, 1)
    assert iova_depots(m)[0].n == 38 and len(ranges_of(built, 0)) == 127 * 40 + 1
    assert iova_domains(m)[0].work_due[0] > 0
    for trimmed in range(1, 38):
        trim_depot(m, 0, 0)
        assert iova_depots(m)[0].n == 38 - trimmed and told(built)["iova_depot_trimmed"] == trimmed
    trim_depot(m, 0, 0)
    assert iova_depots(m)[0].n == 1 and iova_domains(m)[0].work_due[0] == 0
    lawful(built)
    built = domains("5.15")
    for iova in [alloc(built, 1) for _ in range(128 * 40)]:
        free(built, iova, 1)
    assert iova_depots(built.memory.m)[0].n == 32
    assert len(cached_of(built, 0)) == 128 * 34 and told(built)["iova_tree_frees"] == 128 * 6
    lawful(built)


def test_for_want_of_addresses_all_cpus_give_back_what_they_keep():
    """And a device that tries below 4 GiB first leaves them alone there."""
    built = domains("6.12", cpus=2)
    limit = 0xFFF
    found = [alloc(built, 32, limit=limit) for _ in range(127)]
    assert 0 not in found
    for iova in found:
        free(built, iova, 32)
    turn(built.memory.m).cpu = 1
    assert alloc(built, 64, limit=limit, hook="try_iova") == 0
    assert told(built)["iova_cache_flushes"] == 0
    assert alloc(built, 64, limit=limit) > 0
    assert told(built)["iova_cache_flushes"] == 1 and cached_of(built, 0) == []
    lawful(built)


def test_a_size_that_failed_below_4_gib_is_not_searched_for_again():
    built = domains("6.12", "tree")
    for _ in range(4094):  # page 0 is no address, and where interrupts are written to is reserved
        assert alloc(built, 256)
    steps = told(built)["iova_walk_steps"]
    assert [alloc(built, 256) for _ in range(3)] == [0] * 3
    first = told(built)["iova_walk_steps"] - steps
    assert first > 0 and alloc(built, 256) == 0
    assert told(built)["iova_walk_steps"] - steps == first
    taken = ranges_of(built, 0)[7][0]
    free(built, taken, 256)
    assert alloc(built, 256) == taken


CASES = [
    ("2.6.32", "tree-2011", {}), ("3.6", "bitmap", {}), ("3.6", "first-fit", {"window_pages": 2048, "order": 1}),
    ("4.4", "tree-2011", {}), ("4.9", "magazines", {"entries": 4, "depot": 2}), ("4.19", "magazines", {"entries": 8}),
    ("5.15", "magazines", {"entries": 4, "depot": 1}), ("6.12", "magazines", {"entries": 4}), ("6.12", "tree", {}),
]  # fmt: skip


@pytest.mark.parametrize("kernel, variant, params", CASES)
def test_no_address_has_two_holders(kernel: str, variant: str, params: dict[str, Any]):
    """Random sequences on three CPUs and two domains: live ranges never overlap, unflushed ones are not given out."""
    random = np.random.default_rng(len(variant) + len(kernel))
    built = domains(kernel, variant, count=2, cpus=3, params=params)
    m = built.memory.m
    rings = built.memory.table("fq_rings")
    rings["slots"] = 256 if iova_domains(m)[0].queue == GLOBAL else 16
    taken: list[dict[int, int]] = [{}, {}]  # pages that somebody has, or a unit may still translate, by domain
    live: list[tuple[int, int, int]] = []
    waiting: list[list[tuple[int, int]]] = [[], []]  # unmapped, by the flush after which they are free
    for step in range(600):
        turn(m).cpu, domain = int(random.integers(3)), int(random.integers(2))
        if random.random() < (0.7 if step < 300 else 0.35) or not live:
            pages = int(random.choice([1, 1, 1, 2, 3, 7, 16, 20, 33, 70]))
            began = int(iova_domains(m)[domain].finished)
            iova = alloc(built, pages, domain, limit=int(random.choice([TOP, 0x21FFF, 1 << 30])))
            if began < iova_domains(m)[domain].finished:
                _flushed(built, domain, taken, waiting)
            for page in range(iova, iova + pages) if iova else ():
                assert page not in taken[domain] and page > 0
                taken[domain][page] = 1
            live += [(domain, iova, pages)] if iova else []
        else:
            domain, iova, pages = live.pop(int(random.integers(len(live))))
            if random.random() < 0.5:
                free(built, iova, pages, domain)
                _gone(taken[domain], iova, pages)
            else:
                waiting[domain].append((iova, pages))
                unmap(built, iova, pages, domain)
        for d in (0, 1):
            if not iova_domains(m)[d].stale:
                _flushed(built, d, taken, waiting)
        if step % 100 == 99:
            lawful(built)
            assert sum(int(iova_domains(m)[d].live) for d in (0, 1)) == len(live) + int(
                iova_domains(m)["pending"].sum()
            )
    for domain, iova, pages in live:
        free(built, iova, pages, domain)
    for d in (0, 1):
        expire(built, d)
    lawful(built)
    assert iova_domains(m)["live"].sum() == 0 and iova_domains(m)["live_pages"].sum() == 0


def _gone(taken: dict[int, int], iova: int, pages: int) -> None:
    for page in range(iova, iova + pages):
        del taken[page]


def _flushed(built: Built, domain: int, taken: list[dict[int, int]], waiting: list[list[tuple[int, int]]]) -> None:
    """What a flush has covered can be given out again; the last may have come after it."""
    later = waiting[domain][-1:] if iova_domains(built.memory.m)[domain].stale else []
    for iova, pages in waiting[domain][: len(waiting[domain]) - len(later)]:
        _gone(taken[domain], iova, pages)
    waiting[domain] = later


def test_every_bin_has_its_sizes():
    built = domains("6.12")
    for pages in (1, 2, 3, 5, 9, 17, 32):
        free(built, alloc(built, pages), pages)
    assert sorted(size for _, size in cached_of(built, 0)) == [0, 1, 2, 3, 4, 5]
    free(built, alloc(built, 33), 33)
    assert len(cached_of(built, 0)) == BINS
