"""The yardsticks on shipped traces against the plain reference, and on traces and generators against libCacheSim."""

import numpy as np
import pytest

from benchmarks import peer
from mmrun.model import yardstick
from mmrun.model.trace import open_trace
from mmrun.runner.config.library import config_dir
from tests.model.test_yardstick import GENERATORS, SHARES, generated
from tests.model.yardstick_reference import REFERENCE

TRACES = sorted((config_dir() / "traces").glob("*.mmt"))


def name_of(path) -> str:
    return path.stem


def sizes(footprint: int) -> list[int]:
    return [max(1, int(share * footprint)) for share in SHARES]


def agree_with_the_reference(name: str, page: np.ndarray, write: np.ndarray) -> None:
    for capacity in sizes(len(np.unique(page))):
        expected, writebacks = REFERENCE[name](page.tolist(), write.tolist(), capacity)
        result = yardstick.run(name, (page, write), capacity)
        assert (result.misses, result.writebacks) == (sum(expected), writebacks)


def test_there_are_traces_to_compare_on():
    assert len(TRACES) >= 4


@pytest.mark.parametrize("path", TRACES, ids=name_of)
@pytest.mark.parametrize("name", REFERENCE)
def test_a_whole_trace_against_the_reference(name, path):
    trace = open_trace(path)
    agree_with_the_reference(name, trace.page, trace.write)


@pytest.mark.oracle
@pytest.mark.parametrize("path", TRACES, ids=name_of)
@pytest.mark.parametrize("name", peer.POLICIES)
def test_a_whole_trace_against_libcachesim(name, path, tmp_path):
    page = open_trace(path).page
    peer.write_trace(tmp_path / "trace", page)
    for capacity in sizes(len(np.unique(page))):
        ours = yardstick.run(name, page, capacity).misses
        assert ours == peer.misses(name, tmp_path / "trace", len(page), capacity)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize("name", peer.POLICIES)
def test_a_generator_against_libcachesim(name, kind, tmp_path):
    page, _, footprint = generated(kind)
    peer.write_trace(tmp_path / "trace", page)
    for capacity in sizes(footprint):
        ours = yardstick.run(name, page, capacity).misses
        assert ours == peer.misses(name, tmp_path / "trace", len(page), capacity)
        assert ours == peer.misses_by_request(name, tmp_path / "trace", capacity)


@pytest.mark.oracle
def test_libcachesim_is_told_of_every_next_access():
    page = np.array([4, 7, 4, 4, 9, 7])
    assert peer.next_accesses(page).tolist() == [2, 5, 3, 9, 10, 11]
