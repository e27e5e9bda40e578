"""The yardsticks against the plain reference, against closed forms, and against what theory says of any stream."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.model import yardstick
from mmrun.model.core.events import ARG_MASK, OP_SHIFT, WRITE
from mmrun.model.description import Stream
from mmrun.model.units import PAGE
from mmrun.model.workloads import open_stream
from mmrun.model.yardstick import base, exact_lru, opt
from tests.model import yardstick_reference as reference

EXACT = sorted(reference.REFERENCE)
GENERATORS = {
    "zipf": {"size": 3000 * PAGE, "accesses": 40_000, "exponent": 0.9, "write_fraction": 0.3},
    "loop": {"size": 700 * PAGE, "accesses": 15_000, "write_fraction": 0.2},
    "scan": {"size": 4000 * PAGE, "hot": 500 * PAGE, "accesses": 40_000, "exponent": 0.8, "write_fraction": 0.5},
}
SHARES = (0.01, 0.1, 0.3, 0.7, 1.1)  # of the footprint


def generated(kind: str) -> tuple[np.ndarray, np.ndarray, int]:
    opened = open_stream(Stream(kind=kind, params=GENERATORS[kind]), np.random.default_rng(11))
    events = np.concatenate(list(opened.events))
    return events & ARG_MASK, events >> OP_SHIFT == WRITE, opened.footprint


def agrees(name: str, page, write, capacity: int, **how) -> None:
    expected, writebacks = reference.REFERENCE[name](list(page), list(write), capacity)
    result = yardstick.run(name, (np.asarray(page), np.asarray(write)), capacity, record=True, **how)
    assert (result.accesses, result.misses) == (len(page), sum(expected))
    assert result.miss_bits is not None and result.miss_bits.tolist() == expected
    assert result.writebacks == writebacks


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("kind", GENERATORS)
def test_generated_streams_miss_where_the_reference_misses(name, kind):
    page, write, footprint = generated(kind)
    for share in SHARES:
        agrees(name, page, write, max(1, int(share * footprint)))


@pytest.mark.parametrize("kind", GENERATORS)
def test_random_draws_what_its_generator_draws(kind):
    page, write, footprint = generated(kind)
    for share in SHARES:
        capacity = max(1, int(share * footprint))
        seed = int(np.random.default_rng(5).integers(1, np.iinfo(np.int64).max))
        expected, writebacks = reference.random(page.tolist(), write.tolist(), capacity, seed)
        result = yardstick.run("random", (page, write), capacity, np.random.default_rng(5), record=True)
        assert result.miss_bits is not None and result.miss_bits.tolist() == expected
        assert result.writebacks == writebacks


def test_random_is_uniform():
    page = np.random.default_rng(1).integers(0, 1000, 200_000)
    ratio = yardstick.run("random", page, 250, np.random.default_rng(2)).miss_ratio
    assert ratio == pytest.approx(0.75, abs=0.005)  # of uniform pages, a quarter is resident, whichever they are


# A loop of n pages over k < n frames defeats recency; OPT keeps k - 1 pages for n - 1 accesses each time.
@pytest.mark.parametrize(("pages", "frames"), [(11, 10), (100, 30), (50, 2)])
def test_a_loop_has_closed_forms(pages, frames):
    rounds = 7
    page = np.arange(pages + rounds * (pages - 1)) % pages
    assert yardstick.run("exact-lru", page, frames).misses == len(page)
    assert yardstick.run("clock", page, frames).misses == len(page)
    assert yardstick.run("opt", page, frames).misses == pages + rounds * (pages - frames)


@pytest.fixture
def short_logs(monkeypatch):
    """Logs so short that every stream makes them compact many times."""
    for module in (base, exact_lru, opt):
        monkeypatch.setattr(module, "CHUNK", 16)
    for module in (exact_lru, opt):
        monkeypatch.setattr(module, "MIN_LOG", 48)


@pytest.mark.parametrize("name", EXACT)
def test_compacting_the_log_changes_nothing(name, short_logs):
    rng = np.random.default_rng(4)
    for capacity in (1, 2, 5, 20, 60):
        page = np.minimum(rng.integers(0, 50, 3000), rng.integers(0, 50, 3000))
        agrees(name, page, rng.random(3000) < 0.3, capacity)


@pytest.mark.parametrize("name", yardstick.NAMES)
def test_how_a_stream_is_cut_and_typed_does_not_matter(name):
    rng = np.random.default_rng(9)
    page, write = rng.zipf(1.3, 300_000) % 5000, rng.random(300_000) < 0.1
    whole = yardstick.run(name, (page, write), 400, np.random.default_rng(0), record=True)
    page = page.astype(np.uint32)
    page.setflags(write=False)
    write.setflags(write=False)
    cuts = np.sort(rng.integers(0, len(page), 20))
    chunks = zip(np.split(page, cuts), np.split(write, cuts), strict=True)
    pieces = yardstick.run(name, chunks, 400, np.random.default_rng(0), record=True)
    assert (whole.misses, whole.writebacks) == (pieces.misses, pieces.writebacks)
    assert whole.miss_bits is not None and np.array_equal(whole.miss_bits, pieces.miss_bits)


streams = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=120)


@settings(deadline=None, max_examples=300)
@given(stream=streams, capacity=st.integers(1, 14))
def test_any_stream_agrees_with_the_reference(stream, capacity):
    page, write = zip(*stream, strict=True)
    for name in EXACT:
        agrees(name, page, write, capacity)


@settings(deadline=None, max_examples=300)
@given(stream=streams, capacity=st.integers(1, 13))
def test_what_holds_of_any_stream(stream, capacity):
    page, write = (np.array(column) for column in zip(*stream, strict=True))
    distinct = len(np.unique(page))

    def run(name: str, frames: int) -> yardstick.Result:
        return yardstick.run(name, (page, write), frames, np.random.default_rng(0), record=True)

    best = run("opt", capacity).misses
    for name in yardstick.NAMES:
        result = run(name, capacity)
        assert result.miss_bits is not None and result.miss_bits.sum() == result.misses
        assert distinct <= best <= result.misses <= len(page)
        assert result.writebacks <= min(result.misses, write.sum())
        if capacity >= distinct:
            assert (result.misses, result.writebacks) == (distinct, 0)
    for name in ("exact-lru", "opt"):  # stack algorithms: what hits in a memory hits in a larger one
        assert not np.any(run(name, capacity + 1).miss_bits & ~run(name, capacity).miss_bits)


@pytest.mark.parametrize("name", yardstick.NAMES)
def test_an_empty_stream_misses_nothing(name):
    result = yardstick.run(name, np.zeros(0, dtype=np.int64), 3, np.random.default_rng(0), record=True)
    assert (result.accesses, result.misses, result.writebacks, result.miss_ratio) == (0, 0, 0, 0.0)
    assert result.miss_bits is not None and len(result.miss_bits) == 0


def test_a_miss_ratio_curve_is_one_run_a_size():
    page = np.random.default_rng(3).integers(0, 100, 5000)
    sizes = [1, 10, 50, 100]
    curve = yardstick.miss_ratio_curve("exact-lru", page, sizes)
    assert curve.tolist() == [yardstick.run("exact-lru", page, size).miss_ratio for size in sizes]
    assert np.all(np.diff(curve) <= 0) and curve[-1] == 100 / 5000


def test_mistakes_are_told():
    page = np.array([1, 2, 3])
    with pytest.raises(ValueError, match="exact-lru, clock, random, opt"):
        yardstick.run("lru", page, 3)
    with pytest.raises(ValueError, match="random generator"):
        yardstick.run("random", page, 3)
    with pytest.raises(ValueError, match="frames, not 0"):
        yardstick.run("clock", page, 0)
    with pytest.raises(ValueError, match="-1"):
        yardstick.run("opt", page - 2, 3)
    with pytest.raises(ValueError, match=str((1 << 40) + 3)):
        yardstick.run("exact-lru", page + (1 << 40), 3)
