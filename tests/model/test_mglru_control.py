"""Multi-generational LRU, formulas: the refault controller, tiers, where pages enter, bloom filters."""

import pytest

from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.description import Cgroup
from mmrun.model.mm.generations import aging as gen_age
from mmrun.model.mm.generations import control as gen_control
from mmrun.model.mm.generations import walk as gen_walk
from mmrun.model.mm.lru import gens
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.page.state import zones
from mmrun.model.units import MiB
from tests.model.cells import ZRAM, machine, machine_of, one

ONE, TWO = "6.1+mglru", "6.18+mglru"
FILE, ANON = 0, state.ANON


def built(era: str) -> Built:
    """A machine whose lruvec 0 is that of the root group."""
    return machine_of(one(era, machine(16, swap=ZRAM), cgroups={"g": Cgroup(max=4 * MiB)}))


@pytest.mark.parametrize(
    ("sp", "pv", "expected"),
    [
        ((0, 0, 1), (63, 63, 1), True),  # fewer than 64 refaults prove nothing
        ((0, 0, 1), (64, 64, 1), False),  # 64 * 64 * 1 > 1 * 64 * 1
        ((63, 4096, 1), (64, 4096, 1), False),  # 64 * 4160 > 64 * 4096: the margin of 64 pages goes to the set point
        ((64, 4096, 1), (64, 4096, 1), True),  # 64 * 4160 = 266240 <= 65 * 4096 = 266240: equal is enough
        ((100, 1000, 2), (120, 900, 3), True),  # 120 * 1064 * 2 = 255360 <= 101 * 900 * 3 = 272700
        ((100, 1000, 60), (120, 900, 140), True),
        ((100, 1000, 140), (120, 900, 60), False),  # 120 * 1064 * 140 > 101 * 900 * 60
    ],
)
def test_positive_compares_refaults_per_page_weighed_by_gain(sp, pv, expected):
    assert bool(gen_control.positive(*sp, *pv)) is expected


def test_counts_of_an_ended_generation_carry_over_by_half():
    at = built(TWO)
    m, g = at.memory.m, at.memory.table("lrugens")[0]
    for refaulted, total, expected in ((5, 101, (2, 50)), (5, 0, (3, 25)), (0, 0, (1, 12)), (0, 1, (0, 6))):
        g.refaulted[1, 2], g.evicted[1, 2], g.protected[1, 2] = refaulted, total // 2, total - total // 2
        gen_control.carry_over(m, 0, 1)
        assert (int(g.avg_refaulted[1, 2]), int(g.avg_total[1, 2])) == expected
        assert not g.refaulted.any() and not g.evicted.any() and not g.protected.any()


def test_the_tier_limit_stops_at_the_first_tier_that_refaults_more():
    for era, gains in ((ONE, (1, 2)), (TWO, (2, 3))):
        at = built(era)
        m, g = at.memory.m, at.memory.table("lrugens")[0]
        g.avg_refaulted[1, 0], g.avg_total[1, 0] = 99, 936  # 100 refaults in 1000 pages
        assert gen_control.tier_limit(m, 0, 1) == 3, "nothing refaulted"
        threshold = 100 * 600 * gains[1] // (1000 * gains[0])
        g.avg_total[1, 2], g.avg_refaulted[1, 2] = 600, threshold
        assert gen_control.tier_limit(m, 0, 1) == 3
        g.avg_refaulted[1, 2] = threshold + 1
        assert gen_control.tier_limit(m, 0, 1) == 1


def test_tiers_follow_accesses_through_files():
    def states(era: str, accesses: int) -> tuple[int, int]:
        at = built(era)
        frame, m = at.memory.table("frames")[9], at.memory.m
        frame.state = 0
        for _ in range(accesses):
            gens.count_access(m, 9)
        refs = gens.file_refs(m, int(frame.state))
        return refs, gens.tier_from(m, refs, int(frame.state) & state.WORKINGSET)

    assert [states(ONE, n) for n in range(7)] == [(0, 0), (0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (4, 3)]
    assert [states(TWO, n) for n in range(7)] == [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (4, 3), (4, 3)]


ACTIVE, WORKING, SWAPPED = state.ACTIVE, state.WORKINGSET, state.ANON | state.SWAPCACHE
WRITTEN = state.RECLAIM | state.DIRTY
ENTRIES = [  # state bits, being reclaimed, generations below the youngest in 6.18, in 6.1 with 4, 3 and 2 generations
    (ANON | ACTIVE, False, 1, (0, 0, 0)),
    (ANON | ACTIVE | WORKING, False, 0, (0, 0, 0)),
    (ANON, False, 1, (1, 1, 1)),
    (FILE, False, 3, (2, 2, 1)),
    (FILE | WORKING, False, 2, (2, 2, 1)),
    (SWAPPED, False, 3, (2, 2, 1)),
    (FILE | WRITTEN, False, 1, (1, 1, 1)),
    (FILE, True, 3, (3, 2, 1)),
]


@pytest.mark.parametrize(("bits", "reclaiming", "two", "one"), ENTRIES)
def test_where_a_page_enters(bits: int, reclaiming: bool, two: int, one: tuple[int, ...]):
    for era, wanted in ((TWO, (two, two, two)), (ONE, one)):
        at = built(era)
        m, g = at.memory.m, at.memory.table("lrugens")[0]
        for oldest, below in zip((4, 5, 6), wanted, strict=True):
            g.max_seq, g.min_seq[:] = 7, oldest
            expected = max(7 - below, oldest)
            assert gens.entry_seq(m, 0, bits, reclaiming) == expected, (era, oldest)


def test_a_filter_that_was_never_filled_names_every_table_and_a_reset_one_only_what_was_added():
    at = built(TWO)
    m = at.memory.m
    assert gen_walk.in_filter(m, 0, 3, 11)
    gen_walk.reset_filter(m, 0, 4)
    assert not any(gen_walk.in_filter(m, 0, 4, table) for table in range(200))
    for table in range(0, 200, 2):
        gen_walk.add_to_filter(m, 0, 4, table)
    assert all(gen_walk.in_filter(m, 0, 4, table) for table in range(0, 200, 2))
    false = sum(bool(gen_walk.in_filter(m, 0, 4, table)) for table in range(1, 20_001, 2))
    assert false < 10, "two keys in 2^15 bits with 100 tables: about one in 27,000"
    assert gen_walk.in_filter(m, 0, 5, 11) and gen_walk.in_filter(m, 0, 6, 2), "filters take turns by sequence number"


def test_an_aged_lruvec_moves_its_oldest_pages_on_and_has_at_most_four_generations():
    at = built(TWO)
    m, g, frames = at.memory.m, at.memory.table("lrugens")[0], at.memory.table("frames")
    for pfn, bits in ((20, FILE), (21, FILE), (22, FILE | state.REFERENCED), (23, ANON)):
        frames[pfn].state, frames[pfn].zone = bits, 0
        gens.gen_add(m, 0, pfn, False)
    assert (int(g.max_seq), list(g.min_seq)) == (3, [0, 0])
    assert [int(g.pages[gen].sum()) for gen in range(4)] == [3, 0, 1, 0], "file pages at 0, the anonymous one at 2"
    assert list(zones(m)[0].nr_lru) == [0, 1, 3, 0]
    gen_age.inc_max_seq(m, 0, 60)
    assert (int(g.max_seq), list(g.min_seq)) == (4, [1, 1])
    assert [int(g.pages[gen].sum()) for gen in range(4)] == [0, 3, 1, 0]
    assert list(zones(m)[0].nr_lru) == [1, 0, 3, 0], "what was the second youngest generation is inactive now"
    assert list(g.avg_total[1]) == [1, 0, 0, 0], "three protected pages of tier 0, carried over by half"
    assert not frames[22].state & state.REFERENCED
    tail, order = int(g.lists[1, 1, int(zones(m)[0].kind)].tail), []
    while tail != NONE:
        order.append(tail)
        tail = int(frames[tail].prev)
    assert order == [22, 21, 20], "the oldest moved first, and each behind the one before"
    assert gen_age.try_to_inc_min_seq(m, 0, 60) == 1 and list(g.min_seq) == [2, 1]
    assert gen_age.nr_gens(m, 0, 0) == 3


def test_a_kind_that_cannot_be_evicted_keeps_its_pages_and_they_turn_young():
    at = built(TWO)
    m, g, frames = at.memory.m, at.memory.table("lrugens")[0], at.memory.table("frames")
    frames[23].state, frames[23].zone = ANON, 0
    gens.gen_add(m, 0, 23, False)
    ages = []
    for _ in range(4):
        gen_age.inc_max_seq(m, 0, 0)
        ages.append((int(g.max_seq) - gens.gen_of(int(frames[23].state))) % 4)
    assert ages == [2, 3, 0, 1]
    assert list(zones(m)[0].nr_lru) == [0, 1, 0, 0]


def test_one_sighting_promotes_in_6_1_and_two_in_6_18():
    for era, sightings in ((ONE, 1), (TWO, 2)):
        at = built(era)
        m, g, frames = at.memory.m, at.memory.table("lrugens")[0], at.memory.table("frames")
        frames[20].state, frames[20].zone = FILE, 0
        gens.gen_add(m, 0, 20, False)
        entered = gens.gen_of(int(frames[20].state))
        for seen in range(1, sightings + 1):
            assert gens.gen_of(int(frames[20].state)) == entered
            gens.update_gen(m, 0, 20, 3)
            assert bool(frames[20].state & state.REFERENCED) == (seen < sightings)
        assert gens.gen_of(int(frames[20].state)) == 3 == int(g.max_seq)
        assert int(g.lists[entered, 1, int(zones(m)[0].kind)].n) == 1, "it stands where it was until eviction sorts it"
        assert bool(frames[20].state & state.WORKINGSET) == (era == TWO)
