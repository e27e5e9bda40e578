"""Generators: bounds, lengths, determinism, and for each kind the property it is named for."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.model.core.events import ARG_MASK, EXIT, FREE, FSYNC, OP_SHIFT, REGISTER
from mmrun.model.description import Stream
from mmrun.model.trace import write_trace
from mmrun.model.units import KiB, MiB
from mmrun.model.workloads import _common, kinds, make_params, open_stream, params_type

REQUESTS = (
    "cable", "camera", "codec", "dma", "driver", "gpu", "hog", "iscsid", "legacy", "mover", "netrr", "netstream",
    "packets", "pinner",
)  # fmt: skip
SYNTHETIC = [kind for kind in kinds() if kind not in ("build", "trace", *REQUESTS)]
EXTRA = {
    "scan": {"hot": 100 * KiB, "scan_fraction": 0.3, "burst": 7},
    "phases": {"working_set": 100 * KiB, "phase": 900, "overlap": 0.5, "exponent": 0.7},
    "writer": {"read_fraction": 0.25, "writes_per_page": 3},
    "zipf": {"exponent": 0.9},
    "metadata": {"pattern": "zipf", "transaction_fraction": 0.3},
}


def run(kind: str, seed: int = 1, **params) -> tuple[np.ndarray, np.ndarray, int]:
    """(pages, writes, footprint) of a stream."""
    opened = open_stream(Stream(kind=kind, params=params), np.random.default_rng(seed))
    chunks = list(opened.events)
    assert all(chunk.dtype == np.int64 and 0 < chunk.size <= 65_536 for chunk in chunks)
    events = np.concatenate(chunks)
    assert not np.any(events >> OP_SHIFT > 1)
    return events & ARG_MASK, events >> OP_SHIFT == 1, opened.footprint


def typical(kind: str, accesses: int = 5_000, size: int = 1000 * KiB, **more) -> dict:
    footprint = {"objects": -(-size // 4096)} if kind == "metadata" else {"size": size}
    return {**footprint, "accesses": accesses, **EXTRA.get(kind, {}), **more}


def test_metadata_walks_the_tree_and_marks_removals_and_mounts():
    params = {"objects": 40, "accesses": 4000, "unlink_fraction": 0.25, "mount_every": 100, "mount_hold": 7}
    opened = open_stream(Stream(kind="metadata", params=params), np.random.default_rng(1))
    found = np.concatenate(list(opened.events))
    mounts = found >> OP_SHIFT == REGISTER
    assert mounts.sum() == 40 and mounts[99::100].all() and (found[mounts] & ARG_MASK == 7).all()
    assert ((found & ARG_MASK)[~mounts] == (np.arange(4000) % 40)[~mounts]).all()
    assert 0.2 < (found >> OP_SHIFT == FREE).mean() < 0.3


def test_the_kinds_are_the_files():
    assert kinds() == [
        "build", "cable", "camera", "codec", "dma", "driver", "gpu", "hog", "iscsid", "legacy", "loop", "metadata",
        "mover", "netrr", "netstream", "packets", "phases", "pinner", "scan", "trace", "uniform", "walk", "writer",
        "zipf",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", kinds())
def test_every_parameter_is_documented(kind):
    from mmrun.runner.config.fields import docs

    assert all(docs(params_type(kind)).get(field.name) for field in fields(params_type(kind)))


@pytest.mark.parametrize("kind", SYNTHETIC)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), accesses=st.integers(1, 3000), size=st.integers(120 * KiB, 4 * MiB))
def test_streams_have_their_length_and_stay_in_their_footprint(kind, seed, accesses, size):
    pages, writes, footprint = run(kind, seed, **typical(kind, accesses, size))
    assert pages.size == writes.size == accesses
    assert footprint == -(-size // 4096)
    assert pages.min() >= 0 and pages.max() < footprint


@pytest.mark.parametrize("kind", SYNTHETIC)
def test_seed_decides_the_stream_and_chunking_does_not(kind, monkeypatch):
    first = run(kind, 7, **typical(kind))
    monkeypatch.setattr(_common, "CHUNK", 613)
    again = run(kind, 7, **typical(kind))
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])


@pytest.mark.parametrize("kind", SYNTHETIC)
def test_a_shorter_stream_is_a_prefix(kind):
    long, short = run(kind, 3, **typical(kind, 150_000)), run(kind, 3, **typical(kind, 70_001))
    assert np.array_equal(long[0][:70_001], short[0]) and np.array_equal(long[1][:70_001], short[1])


@pytest.mark.parametrize("kind", [kind for kind in SYNTHETIC if kind != "loop"])
def test_another_seed_gives_another_stream(kind):
    first, second = run(kind, 1, **typical(kind)), run(kind, 2, **typical(kind))
    assert not (np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1]))


@pytest.mark.parametrize("kind", ["zipf", "uniform", "loop", "walk", "phases"])
@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_write_fraction_is_met_and_does_not_move_the_pages(kind, fraction):
    pages, writes, _ = run(kind, **typical(kind, 100_000, write_fraction=fraction))
    assert abs(writes.mean() - fraction) <= 5 * np.sqrt(fraction * (1 - fraction) / writes.size)
    assert np.array_equal(pages, run(kind, **typical(kind, 100_000))[0])


@settings(max_examples=80, deadline=None)
@given(
    exponent=st.one_of(st.floats(0.01, 3.0), st.sampled_from([1e-9, 1.0, 10.0])),
    n=st.one_of(st.integers(1, 40), st.integers(1, 5_000)),
    block=st.sampled_from([1, 7, 1 << 20]),
)
def test_the_alias_table_holds_exactly_the_distribution(exponent, n, block):
    weights = np.arange(1, n + 1) ** -exponent
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_common, "BLOCK", block)
        keep, alias = _common.zipf_table(n, exponent)
    share = keep.astype(float) + np.bincount(alias, 1.0 - keep.astype(float), minlength=n)
    assert np.allclose(share / n, weights / weights.sum(), rtol=1e-5, atol=1e-7 / n)


@pytest.mark.parametrize("exponent", [0.0, 0.8, 1.2])
def test_zipf_frequencies_pass_a_chi_square_test(exponent):
    from scipy.stats import chisquare

    n, count = 200, 400_000
    pages, _, _ = run("zipf", size=n * 4096, accesses=count, exponent=exponent, permute=False)
    expected = np.arange(1, n + 1) ** -exponent
    assert chisquare(np.bincount(pages, minlength=n), count * expected / expected.sum()).pvalue > 1e-4


def test_zipf_permutes_popularity_over_the_address_space():
    n = 500
    plain = np.bincount(run("zipf", size=n * 4096, accesses=100_000, permute=False)[0], minlength=n)
    mixed = np.bincount(run("zipf", size=n * 4096, accesses=100_000)[0], minlength=n)
    assert plain.argmax() == 0 and mixed.argmax() != 0
    assert abs(np.sort(plain)[-1] - np.sort(mixed)[-1]) < 0.05 * plain.max()


def test_uniform_frequencies_pass_a_chi_square_test():
    from scipy.stats import chisquare

    pages, _, n = run("uniform", size=1 * MiB, accesses=200_000)
    assert chisquare(np.bincount(pages, minlength=n)).pvalue > 1e-4


def test_loop_goes_round_in_order():
    pages, _, n = run("loop", size=400 * KiB, accesses=150_000)
    assert np.array_equal(pages, np.arange(150_000) % n)


def test_walk_is_one_cycle_through_all_pages():
    pages, _, n = run("walk", size=400 * KiB, accesses=1_000)
    assert sorted(pages[:n]) == list(range(n))
    assert np.array_equal(pages, np.resize(pages[:n], 1_000))
    assert not np.array_equal(np.diff(pages[:n]), np.ones(n - 1))


def test_scan_reads_on_in_bursts_and_leaves_the_rest_to_the_hot_set():
    hot, n = 50, 500
    pages, writes, _ = run(
        "scan", size=n * 4096, hot=hot * 4096, accesses=200_000, scan_fraction=0.25, burst=16, write_fraction=0.5
    )
    scanned = pages >= hot
    assert np.array_equal(pages[scanned], hot + np.arange(scanned.sum()) % (n - hot))
    assert abs(scanned.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 * 16 / pages.size)
    assert np.all(scanned.reshape(-1, 16) == scanned.reshape(-1, 16)[:, :1])
    assert not writes[scanned].any() and abs(writes[~scanned].mean() - 0.5) < 0.01


def test_phases_may_sweep_over_their_working_set():
    pages, _, _ = run("phases", size=12 * 4096, working_set=4 * 4096, accesses=18, phase=9, sweep=True)
    assert pages.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 4, 5, 6, 7, 4, 5, 6, 7, 4]


def test_phases_move_the_working_set_by_what_overlap_leaves():
    width, n, phase = 100, 1000, 4_000
    pages, _, _ = run("phases", size=n * 4096, working_set=width * 4096, accesses=12 * phase, phase=phase, overlap=0.25)
    for number, part in enumerate(pages.reshape(12, phase)):
        assert set(part.tolist()) == {(number * 75 + offset) % n for offset in range(width)}


def test_writer_writes_every_page_in_turn_and_reads_only_what_is_written():
    pages, writes, n = run("writer", size=100 * 4096, accesses=3_000, writes_per_page=4, read_fraction=0.4)
    written = pages[writes]
    assert np.array_equal(written, np.arange(written.size) // 4 % n)
    assert abs(writes.mean() - 0.6) < 0.05
    known: set[int] = set()
    for page, write in zip(pages.tolist(), writes.tolist(), strict=True):
        assert write or page in known
        known.add(page)


def test_writer_syncs_the_page_it_wrote_last():
    stream = Stream(kind="writer", params={"size": 50 * 4096, "accesses": 100_000, "fsync_every": 30})
    events = np.concatenate(list(open_stream(stream, np.random.default_rng(1)).events))
    synced = np.flatnonzero(events >> OP_SHIFT == FSYNC)
    assert synced.size == 100_000 // 30 and synced[0] == 30 and (np.diff(synced) == 31).all()
    assert np.array_equal(events[synced] & ARG_MASK, events[synced - 1] & ARG_MASK)


@pytest.mark.parametrize(
    ("kind", "params", "says"),
    [
        ("zipf", {"size": 0, "accesses": 1}, "size is 0B .1B to 2TiB"),
        ("zipf", {"size": 1, "accesses": 0}, "accesses is 0 .1 to 10,000"),
        ("zipf", {"size": 1, "accesses": 1, "exponent": -1.0}, "exponent is -1 .0 to 10; 0 is uniform"),
        ("loop", {"size": 1, "accesses": 1, "write_fraction": 1.5}, "write_fraction is 1.5 .0 to 1"),
        ("loop", {"size": 1}, "accesses"),
        ("loop", {"size": 1, "accesses": 1, "burst": 3}, "no parameter 'burst'"),
        ("scan", {"size": 4096, "hot": 4096, "accesses": 1}, "size does not exceed hot"),
        ("phases", {"size": 4096, "working_set": 8192, "accesses": 1, "phase": 1}, "working_set exceeds size"),
        ("writer", {"size": 1, "accesses": 1, "writes_per_page": 0}, "writes_per_page"),
        ("writer", {"size": 1, "accesses": 1, "fsync_every": -1}, "fsync_every"),
        ("trace", {"path": "x", "repeat": 0}, "repeat"),
        ("zpif", {}, "did you mean 'zipf'"),
        ("_common", {}, "unknown workload"),
    ],
)
def test_impossible_parameters_are_refused_in_a_sentence(kind, params, says):
    with pytest.raises(ValueError, match=says):
        make_params(kind, params)


def test_a_trace_is_played_as_recorded(tmp_path):
    rng = np.random.default_rng(5)
    page, write, task = rng.integers(0, 90, 100_000), rng.random(100_000) < 0.4, rng.integers(0, 3, 100_000)
    write_trace(tmp_path / "t.mmt", [(page, write, task)], {}, npages=100)
    path = str(tmp_path / "t.mmt")
    assert all(np.array_equal(a, b) for a, b in zip(run("trace", path=path), (page, write, 100), strict=True))
    twice = run("trace", path=path, repeat=2)
    assert np.array_equal(twice[0], np.concatenate((page, page)))
    some = run("trace", path=path, tasks=[0, 2])
    assert np.array_equal(some[0], page[task != 1]) and np.array_equal(some[1], write[task != 1])
    with pytest.raises(ValueError, match="holds tasks 0 to 2, not 3"):
        run("trace", path=path, tasks=[3])


def test_a_build_runs_one_compiler_after_the_other():
    small = {"heap": 512 * KiB, "tools": 128 * KiB, "headers": 256 * KiB, "included": 64 * KiB}
    once = {"source": 16 * KiB, "object": 32 * KiB}
    opened = open_stream(Stream(kind="build", params={"jobs": 3, **small, **once}), np.random.default_rng(1))
    jobs = list(opened.events)
    assert opened.footprint == 128 + 32 + 64 + 3 * 4 + 3 * 8
    starts = np.cumsum([0, 128, 32, 64, 12, 24])
    for number, events in enumerate(jobs):
        ops, pages = events >> OP_SHIFT, events & ARG_MASK
        assert ops[-1] == EXIT and (ops[:-1] <= 1).all(), "every compilation ends with its process"
        region = np.searchsorted(starts, pages[:-1], side="right") - 1
        heap = pages[:-1][region == 0]
        assert 32 <= len(np.unique(heap)) <= 128 and heap.max() == len(np.unique(heap)) - 1, "grown page by page"
        assert len(heap) == 7 * len(np.unique(heap)) and (ops[:-1][region == 1] == 0).all()
        assert (region == 2).sum() == 16 and (ops[:-1][region == 2] == 0).all()
        assert np.array_equal(pages[:-1][region == 3], starts[3] + number * 4 + np.arange(4)), "its source, once"
        assert np.array_equal(pages[:-1][region == 4], starts[4] + number * 8 + np.arange(8)), "its object, once"
        assert (ops[:-1][region == 4] == 1).all()
    assert len(jobs) == 3
