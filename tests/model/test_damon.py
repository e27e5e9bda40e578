"""DAMON: every rule of its regions, quotas, priorities and watermarks in integers; bounded work; pages paged out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.model import registry
from mmrun.model.build import Built
from mmrun.model.core.events import compute
from mmrun.model.description import Cell, Sampling, Variant
from mmrun.model.mm.damon import damon, damos
from mmrun.model.mm.idle.state import damon as damon_of
from mmrun.model.mm.idle.state import idle_count
from mmrun.model.mm.lru import lists
from mmrun.model.mm.page.flags import ACTIVE, LRU, QUEUED
from mmrun.model.mm.reclaim import reclaim_pages
from mmrun.model.units import MS, PAGE, MiB, S
from tests.model.cells import ZRAM, machine, machine_of, mapped_frame, on_list, one, reads, run

FEW = settings(max_examples=40, deadline=None, derandomize=True)


def watched(size: int = 16, cold_after: int = S, **params: Any) -> Cell:
    policy = {"idle": Variant(variant="damon", params=params)}
    return one("6.18", machine(size, swap=ZRAM), policy=policy, sampling=Sampling(cold_after=cold_after))


@pytest.fixture(scope="module")
def context() -> Built:
    """A context whose regions the tests lay down themselves."""
    return machine_of(watched())


def lay(built: Built, rows: list[tuple[int, ...]], **fields: int) -> Any:
    """Regions (size, nr_accesses, last, age) one after the other; the context record."""
    d, table, at = damon_of(built.memory.m), built.memory.table("damon_regions"), 0
    settled = {
        "nr": len(rows), "pages": sum(row[0] for row in rows), "min_regions": 10, "max_regions": 1000, "samples": 20,
        "sample_ns": 5 * MS, "last_nr": 0, "rng": 12345, "from_page": -1, "by_task": 0,
    }  # fmt: skip
    for name, value in (settled | fields).items():
        setattr(d, name, value)
    for i, (size, accesses, last, age) in enumerate(rows):
        table[i].start, table[i].end, table[i].target = at, at + size, 0
        table[i].nr_accesses, table[i].last, table[i].age = accesses, last, age
        at += size
    return d


def seen(built: Built) -> list[tuple[int, int, int, int]]:
    table = built.memory.table("damon_regions")[: int(damon_of(built.memory.m).nr)]
    return [(int(r.end - r.start), int(r.nr_accesses), int(r.last), int(r.age)) for r in table]


def test_a_region_ages_while_it_behaves_as_before(context: Built):
    """Counts may differ by the threshold, but not between none and some."""
    lay(context, [(10, 5, 5, 3), (10, 15, 16, 3), (10, 25, 27, 3), (10, 0, 1, 3), (10, 1, 0, 3), (10, 0, 0, 3)])
    damon.merge_pass(context.memory.m, 1, 1)
    assert [age for *_, age in seen(context)] == [4, 4, 0, 0, 0, 4]


def test_neighbours_merge_to_weighted_means_up_to_a_size(context: Built):
    lay(context, [(10, 4, 4, 9), (30, 6, 6, 1), (50, 7, 7, 0), (20, 20, 20, 5)])
    damon.merge_pass(context.memory.m, 2, 1000)
    # (4*10 + 6*30) / 40 = 5, age (10*10 + 2*30) / 40 = 4; then (5*40 + 7*50) / 90 = 6, age (4*40 + 1*50) / 90 = 2
    assert seen(context) == [(90, 6, 4, 2), (20, 20, 20, 6)]
    lay(context, [(10, 4, 4, 9), (30, 4, 4, 9), (50, 4, 4, 9)])
    damon.merge_pass(context.memory.m, 2, 40)
    assert [size for size, *_ in seen(context)] == [40, 50]


@pytest.mark.parametrize(
    ("most", "bound", "left"),
    # Counts 0, 8, 16 .. 72. Passes at thresholds 0, 1, 2, 4 merge nothing, one at 8 would; the last pass is the one
    # after which half of the next threshold has reached `most`, or after which there are few enough regions.
    [(1, 5, 10), (2, 5, 10), (4, 5, 10), (5, 5, 5), (8, 5, 5), (5, 10, 10), (64, 1, 1)],
)
def test_the_threshold_doubles_until_half_of_it_reaches_the_most(context: Built, most: int, bound: int, left: int):
    lay(context, [(10, 8 * i, 8 * i, 0) for i in range(10)], max_regions=bound)
    damon.merge(context.memory.m, 0, 10_000, most)
    assert int(damon_of(context.memory.m).nr) == left


def test_the_size_limit_keeps_the_least_number_of_regions(context: Built):
    lay(context, [(100, 0, 0, 0)] * 10, min_regions=10)
    assert damon.size_limit(context.memory.m) == 100
    damon.merge(context.memory.m, 0, damon.size_limit(context.memory.m), 20)
    assert int(damon_of(context.memory.m).nr) == 10


@pytest.mark.parametrize(
    ("nr", "last", "bound", "wanted"),
    [
        (500, 0, 1000, 2),
        (501, 0, 1000, 0),
        (332, 332, 1000, 3),
        (333, 333, 1000, 2),
        (332, 331, 1000, 2),
        (6, 6, 10, 0),
    ],
)
def test_regions_split_in_two_or_three_or_not(nr: int, last: int, bound: int, wanted: int):
    assert damon.parts(nr, last, bound) == wanted


def test_cuts_lie_at_tenths():
    assert [damon.left_part(25, tenths) for tenths in range(1, 10)] == [2, 5, 7, 10, 12, 15, 17, 20, 22]


@FEW
@given(
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=40), bound=st.integers(2, 60), seed=st.integers(1, 10**9)
)
def test_splitting_and_merging_lose_no_page_and_keep_the_bound(sizes: list[int], bound: int, seed: int):
    built = machine_of(watched(max_regions=60))
    sizes = sizes[:bound]
    d = lay(built, [(size, 3, 3, 7) for size in sizes], max_regions=bound, rng=seed)
    for _ in range(4):
        damon.split(built.memory.m)
        table = built.memory.table("damon_regions")[: int(d.nr)]
        assert int(d.nr) <= max(bound, len(sizes))
        assert table[0].start == 0 and (table.end[:-1] == table.start[1:]).all() and table[-1].end == sum(sizes)
        assert (table.end > table.start).all() and (table.age == 7).all() and (table.last == 3).all()


def test_regions_of_two_pages_stay_whole(context: Built):
    d = lay(context, [(2, 1, 1, 1), (1, 1, 1, 1)])
    damon.split(context.memory.m)
    assert int(d.nr) == 2


def test_first_regions_are_equal_and_the_last_takes_the_rest(context: Built):
    d = lay(context, [])
    damon.add_target(context.memory.m, 0, 100, 100 + 1007, 10)
    assert [size for size, *_ in seen(context)] == [100] * 9 + [107] and int(d.nr) == 10


@pytest.mark.parametrize(
    ("start", "end", "pieces", "wanted"),
    [
        (0, 100, 10, [10] * 10), (5, 59, 5, [10] * 4 + [14]), (4, 6, 1, [2]), (0, 3, 2, [1, 2]), (5, 6, 2, [1]),
        (0, 25, 12, [2] * 11 + [3]),
    ],
)  # fmt: skip
def test_a_region_is_split_evenly(context: Built, start: int, end: int, pieces: int, wanted: list[int]):
    """damon_test_split_evenly of mm/damon/tests/vaddr-kunit.h; what cannot be split stays whole."""
    d = lay(context, [])
    damon.evenly_split(context.memory.m, 0, start, end, pieces)
    assert [size for size, *_ in seen(context)] == wanted
    table = context.memory.table("damon_regions")
    assert int(table[0].start) == start and int(table[int(d.nr) - 1].end) == end


@pytest.mark.parametrize(
    ("pages", "least", "regions"), [(25, 10, 12), (1007, 10, 10), (7, 10, 7), (1, 10, 1), (0, 10, 0)]
)
def test_how_many_regions_a_target_starts_with(context: Built, pages: int, least: int, regions: int):
    d = lay(context, [])
    damon.add_target(context.memory.m, 0, 50, 50 + pages, least)
    assert int(d.nr) == regions and sum(size for size, *_ in seen(context)) == pages


def test_what_aggregation_split_and_merge_do_in_the_kernel_s_own_tests(context: Built):
    """mm/damon/tests/core-kunit.h: aggregate, split_at, merge_two, merge_regions_of, split_regions_of, feed_loop."""
    m, table = context.memory.m, context.memory.table("damon_regions")
    d = lay(context, [(9, count, 0, 0) for count in (42, 95, 84, 10, 20, 30, 0, 1, 2)])
    damon.reset(m)
    assert [(accesses, last) for _, accesses, last, _ in seen(context)] == [
        (0, count) for count in (42, 95, 84, 10, 20, 30, 0, 1, 2)
    ]
    lay(context, [(100, 42, 15, 10)])
    damon.insert_after(m, 0, 25)
    assert seen(context) == [(25, 42, 15, 10), (75, 42, 15, 10)]
    assert damon.weighted(10, 20, 100, 200) == 16 and damon.weighted(9, 21, 100, 200) == 17
    starts, ends = [0, 100, 114, 122, 130, 156, 170, 184, 230], [100, 112, 122, 130, 156, 170, 184, 230, 10170]
    lay(context, [(1, count, 0, 0) for count in (0, 0, 10, 10, 20, 30, 1, 2, 5)])
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        table[i].start, table[i].end = start, end
    damon.merge_pass(m, 9, 9999)
    merged = [(int(table[i].start), int(table[i].end)) for i in range(int(d.nr))]
    assert merged == [(0, 112), (114, 130), (130, 156), (156, 170), (170, 230), (230, 10170)]
    for size, last, most in ((22, 0, 2), (220, 1, 4)):
        lay(context, [(size, 0, 0, 0)], last_nr=last)
        damon.split(m)
        assert int(d.nr) <= most and sum(each for each, *_ in seen(context)) == size
    for pages, least, limit in ((10, 10, 1), (10, 15, 1), (7592, 1, 7592)):
        lay(context, [(pages, 0, 0, 0)], min_regions=least)
        assert int(damon.size_limit(m)) == limit
    assert (
        damon.next_input(900_000, 200)
        > damon.next_input(900_000, 2_000)
        > 900_000
        > damon.next_input(900_000, 250_000_000)
    )
    assert {int(damon.rand(m, 0, 10)) for _ in range(1000)} == set(range(10))


@pytest.mark.parametrize(
    ("last", "score", "following"),
    [
        (100_000, 10_000, 100_000), (100_000, 0, 200_000), (100_000, 5_000, 150_000), (100_000, 15_000, 50_000),
        (100_000, 20_000, 10_000), (100_000, 99_999, 10_000), (15_000, 15_000, 10_000), (10_000, 9_000, 11_000),
        (12_345, 3_333, 20_575),
    ],
)  # fmt: skip
def test_quota_goals_feed_back(last: int, score: int, following: int):
    assert damon.next_input(last, score) == following


@pytest.mark.parametrize(
    ("score", "factor"), [(10_000, 10_000), (0, 20_000), (5_000, 15_000), (15_000, 7_500), (20_000, 5_000)]
)
def test_intervals_at_most_double_or_halve(score: int, factor: int):
    assert damon.interval_factor(score) == factor


def test_tuning_aims_at_a_share_of_the_possible_events(context: Built):
    """100 pages, 20 samples: 4 % of 2000 events are 80; 40 seen is half of it, so intervals grow by half."""
    d = lay(context, [(60, 0, 0, 30), (40, 1, 1, 12)])
    assert damon.access_score(context.memory.m, 400) == 5_000
    damon.tune_intervals(context.memory.m, 400, 5 * MS, 10 * S)
    assert int(d.sample_ns) == 7_500_000 and [age for *_, age in seen(context)] == [20, 8]


@pytest.mark.parametrize(
    ("sample", "counts", "tuned"),
    # 100 pages, 20 samples, a share of 4 %: 80 events are on target, none doubles, 160 and more halve, within bounds.
    [
        (5 * MS, 0, 10 * MS), (7 * S, 0, 10 * S), (10 * S, 0, 10 * S), (20 * MS, 1, 20 * MS), (20 * MS, 2, 10 * MS),
        (20 * MS, 20, 10 * MS), (8 * MS, 20, 5 * MS), (5 * MS, 20, 5 * MS),
    ],
)  # fmt: skip
def test_intervals_stay_between_five_milliseconds_and_ten_seconds(context: Built, sample: int, counts: int, tuned: int):
    d = lay(context, [(80, counts, counts, 0), (20, 0, 0, 0)], sample_ns=sample)
    damon.tune_intervals(context.memory.m, 400, 5 * MS, 10 * S)
    assert int(d.sample_ns) == tuned


def test_defaults_are_those_of_the_kernels_modules():
    """Of damo and the modules; DAMON_RECLAIM's for the scheme."""
    found = {name: param.default for name, param in registry.variant_info("idle", "damon").params.items()}
    assert found == {
        "by_task": False, "sample_us": 5_000, "aggr_us": 100_000, "min_regions": 10, "max_regions": 1_000,
        "tune_bp": 0, "pageout": False, "min_age_ms": 120_000, "quota_ms": 10, "quota_mib": 128, "reset_ms": 1_000,
        "wmark_high": 500, "wmark_mid": 400, "wmark_low": 200, "wmark_ms": 5_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ms", "limit", "charged", "ns", "esz"),
    [
        (0, 128 * MiB, 0, 0, 128 * MiB), (10, 0, 0, 0, 40 * MiB), (10, 128 * MiB, 0, 0, 40 * MiB),
        (10, 8 * MiB, 0, 0, 8 * MiB), (10, 128 * MiB, 6_000_000, 3_000_000, 20_000_000), (0, 0, 1, 1, 0),
        (3, 0, 1_000, 7, 428_571_426),
    ],
)  # fmt: skip
def test_the_tightest_limit_is_the_effective_quota(ms: int, limit: int, charged: int, ns: int, esz: int):
    assert damos.effective_quota(ms, limit, charged, ns) == esz


@pytest.mark.parametrize(
    ("accesses", "age_s", "weights", "hot"),
    # log2 of the age, negative when never accessed: 0 s 50, 1 s 51, 127 s 60, hottest 100; times 99/100.
    [
        (0, 0, (0, 1), 49), (0, 1, (0, 1), 47), (0, 127, (0, 1), 38), (0, 1 << 40, (0, 1), 0), (20, 0, (0, 1), 49),
        (20, 127, (0, 1), 59), (20, 1 << 40, (0, 1), 99), (20, 0, (1, 0), 99), (10, 0, (1, 0), 49), (10, 0, (1, 1), 49),
        (5, 5, (0, 0), 0),
    ],
)  # fmt: skip
def test_priority_is_hotness_from_frequency_and_age(accesses: int, age_s: int, weights: tuple[int, int], hot: int):
    assert damos.hot_score(accesses, 20, age_s, *weights) == hot
    assert damos.cold_score(accesses, 20, age_s, *weights) == 99 - hot


def test_the_least_priority_fits_the_quota():
    histogram = np.zeros(100, dtype=np.int64)
    histogram[[99, 70, 40, 3]] = 10, 20, 30, 40
    found = [damos.min_score(histogram, 99, esz) for esz in (1, 10, 11, 30, 31, 60, 61, 100, 101)]
    assert found == [99, 99, 70, 70, 40, 40, 3, 3, 0]


def test_a_region_is_cut_to_what_the_quota_leaves():
    assert damos.room(0, 0, 50) == 50 and damos.room(100 * PAGE, 60 * PAGE, 40) == 40
    assert damos.room(100 * PAGE, 60 * PAGE, 41) == 40 and damos.room(100 * PAGE + 5, 100 * PAGE, 1) == 0


def test_watermarks_switch_with_hysteresis():
    """DAMON_RECLAIM's 500, 400, 200 per mille free, going down and up again."""
    state, states = 0, []
    for free in (600, 500, 401, 400, 399, 300, 200, 199, 300, 400, 450, 500, 501, 450):
        state = damos.watermark_state(free, 500, 400, 200, state)
        states.append(state)
    assert states == [0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("by_task", [False, True])
@pytest.mark.parametrize("size", [16, 64])
@pytest.mark.parametrize("bound", [20, 100])
def test_work_is_bounded_whatever_the_memory(by_task: bool, size: int, bound: int):
    """At most `max_regions` samples a sampling interval, each of a known cost."""
    rng = np.random.default_rng(3)
    parts = [np.concatenate([reads(rng.integers(0, 3000, 50)), compute(50 * MS)]) for _ in range(60)]
    done = run(watched(size, by_task=by_task, max_regions=bound), np.concatenate(parts), check=False)
    samplings = done.metrics["elapsed_ns"] // (5 * MS)
    assert 0 < done.metrics["damon_samples"] <= bound * samplings
    assert done.metrics["idle_scan_ns"] <= samplings * bound * 800 + samplings // 20 * bound * 5 * 2


def test_pageout_takes_cold_pages_and_leaves_hot_ones():
    """The first pass only marks pages idle that no sample has; a minimal age later they go, the hot ones stay."""
    cold, hot = range(310, 2170), range(310)
    loop = np.concatenate([np.concatenate([reads(hot), compute(20 * MS)]) for _ in range(400)])
    params = {"pageout": True, "min_age_ms": 1000, "wmark_high": 1000, "wmark_mid": 1000, "wmark_low": 0}
    done = run(watched(by_task=True, **params), np.concatenate([reads(hot), reads(cold), loop]))
    assert done.metrics["pgsteal_proactive"] > len(cold) // 2
    assert done.metrics["damos_sz_applied"] == done.metrics["pgsteal_proactive"] * PAGE
    assert done.metrics["pswpin"] < len(hot) and done.metrics["proactive_ns"] > 0


def test_a_quota_cuts_regions_and_goes_on_where_it_stopped():
    """One MiB a second: no window takes more, and the windows together take everything that is cold."""
    params = {"pageout": True, "by_task": True, "min_age_ms": 500, "quota_ms": 0, "quota_mib": 1}
    marks = {"wmark_high": 1000, "wmark_mid": 1000, "wmark_low": 0}
    cell = replace(watched(**params, **marks), sampling=Sampling(cold_after=S, every=S))
    done = run(
        cell,
        np.concatenate([reads(range(2170)), compute(30 * S)]),
        probe=lambda built: int(idle_count(built.memory.m).damos_sz_tried),
    )
    steps = np.diff([0, *done.seen])
    assert steps.max() <= 2 * MiB and (steps[1:9] >= MiB).all(), "a sample's second may see parts of two windows"
    assert done.metrics["pgsteal_proactive"] == 2170 and done.metrics["damos_qt_exceeds"] >= 8


def test_a_page_that_cannot_go_returns_inactive():
    """An active page that something holds goes back to the list where reclaim looks first."""
    done = run(watched(), np.concatenate([reads(range(93)), compute(S)]))
    m, page = done.m, done.built.memory.table("frames")
    pfn = mapped_frame(done.built, 5)
    assert pfn is not None and page["state"][pfn] & (LRU | ACTIVE) == LRU
    lists.unlink(m, 0, 0, pfn)
    page["state"][pfn] |= ACTIVE | QUEUED
    lists.push_head(m, 0, 1, pfn)
    reclaim_pages.begin_pick(m)
    assert reclaim_pages.pick(m, pfn) == 0 and page["state"][pfn] & ACTIVE, "a page under I/O is not isolated"
    page["state"][pfn] &= ~QUEUED
    reclaim_pages.pick(m, pfn)
    page["state"][pfn] |= QUEUED
    assert reclaim_pages.reclaim_picked(m) == 0
    page["state"][pfn] &= ~QUEUED
    assert page["state"][pfn] & (LRU | ACTIVE) == LRU and on_list(done.built, 0, 0)[0] == pfn


def test_schemes_rest_while_memory_is_plenty():
    cell = watched(pageout=True, min_age_ms=100)
    done = run(cell, np.concatenate([reads(range(310)), compute(3 * S)]))
    assert done.metrics["damos_nr_tried"] == 0 and done.metrics["damon_samples"] == 0


def test_the_random_stream_is_the_cells_not_the_variants():
    first = damon_of(machine_of(watched()).memory.m).rng
    other = damon_of(machine_of(watched(max_regions=50)).memory.m).rng
    assert first == other != damon_of(machine_of(replace(watched(), seed="other")).memory.m).rng
