"""Replays of 6.14 and 6.17: counts of the larger cases, agings, and which runs of a shifting set are trapped."""

from pathlib import Path

import pytest

from mmrun.model.api import simulate
from tests.fidelity.generations import BANDS, QUANTITIES, Replay, cell, counts, replay, replays

LARGE = ("anon-loop-22118", "filemmap-shift-21503", "fileread-shift-21503", "fileread-phz-16384", "mixread-mix-12288")
CHANCE = (
    "6.14+mglru-anon-loop-22118"  # like the kernel to the page for 138,000 accesses of 221,184; then a page decides
)


def named(name: str) -> Replay:
    return next(case for case in replays() if case.name == name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("replays")


@pytest.mark.parametrize("kernel", ["6.14", "6.17", "6.14+mglru", "6.17+mglru"])
@pytest.mark.parametrize("name", LARGE)
def test_larger_cases_count_as_the_kernel_did(kernel: str, name: str, folder: Path) -> None:
    result = replay(named(f"{kernel}-{name}"), folder)
    off = {q: e for q in BANDS if (e := result.error(q)) is not None and abs(e) > BANDS[q]}
    if result.case.name == CHANCE:
        assert all(result.within(quantity) for quantity in (*off, "agings"))
        return
    assert not off
    if "mglru" in kernel:
        assert result.found["agings"] in result.case.values("agings")


@pytest.mark.parametrize("kernel", ["6.14+mglru", "6.17+mglru"])
def test_which_runs_of_a_shifting_set_are_trapped(kernel: str, folder: Path) -> None:
    """6.14 falls in every time; in 6.17 it hangs on the limit and on three anonymous pages of the program."""
    cases = [c for c in replays() if c.era == kernel and c.trace.startswith("ph5") and c.tick_us]
    recorded = {case.name: (case.value("misses") or 0) > 40_000 for case in cases}
    simulated = {case.name: counts(case, simulate(cell(case, folder)))["misses"] > 40_000 for case in cases}
    assert simulated == recorded
    assert set(recorded.values()) == ({True} if kernel == "6.14+mglru" else {True, False})


def test_switches_during_a_walk_decide_what_the_next_ones_look_at(folder: Path) -> None:
    """Recorded: 100,469 misses where something woke every 500 us, 142,099 where nothing did on purpose."""
    case = named("6.14+mglru-anon-loop-22118")
    often, never = (counts(case, simulate(cell(case, folder, 0, us)))["misses"] for us in (500, 50_000))
    assert never > 1.2 * often


def test_small_groups_of_readers_count_to_the_page(folder: Path) -> None:
    """Scans and steals of a shifting set that is read, trapped or not, are the kernel's own numbers."""
    for name in ("6.14+mglru-fileread-ph5_8-2058", "6.17+mglru-fileread-ph5_0-2053", "6.17+mglru-fileread-ph5_8-2062"):
        case = named(name)
        found = counts(case, simulate(cell(case, folder)))
        for quantity in ("scans", "steals", "agings"):
            assert found[quantity] in case.values(quantity), (name, quantity)


def test_walks_look_at_what_the_kernels_looked_at(folder: Path) -> None:
    """Page-table words found young along a loop: of two walks in a row, later ones that filters and entries leave."""
    case = named("6.14+mglru-anon-loop-22118")
    series = simulate(cell(case, folder)).series["lru_gen_leaf_young"]
    recorded = [int(n) for n in case.repeats[0]["young"].split()]
    assert series[:5].tolist() == recorded[1:6]


def test_a_loop_on_6_17_counts_to_the_page(folder: Path) -> None:
    """Twenty agings, 150,000 evictions: what is isolated while it waits to be activated is unmapped in vain, too."""
    case = named("6.17+mglru-anon-loop-22118")
    outcome = simulate(cell(case, folder))
    found = counts(case, outcome)
    assert all(found[quantity] in case.values(quantity) for quantity in QUANTITIES)
    assert outcome.metrics["minor_faults"] == pytest.approx(int(case.repeats[0]["minflt"]), abs=2)


def test_every_replay_is_read() -> None:
    cases = replays()
    assert len({case.name for case in cases}) == len(cases) == 88
    assert sum(len(case.repeats) for case in cases) == 123
    assert {case.era for case in cases} == {"6.14", "6.17", "6.14+mglru", "6.17+mglru"}
