"""A handful of the recorded replays: the model counts what the kernel counted, within stated bands.

`python -m tests.fidelity` compares all of them and writes docs/validation.md.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmrun.model.api import simulate
from tests.fidelity.cases import (
    DISKS,
    anonymous_pages,
    cell,
    first_touches,
    kernel_memory,
    limit,
    modelled,
    trace_pages,
)
from tests.fidelity.compare import Result, agreement, counts, jaccard, replay, summaries
from tests.fidelity.headline import in_range
from tests.fidelity.recorded import Case, cases, curves, recorded_misses
from tests.fidelity.report import case_table, summary_table
from tests.fidelity.unknowns import LIMIT, PHASE, TLB

BANDS = {"misses": 0.005, "steals": 0.005, "scans": 0.01, "activations": 0.03, "deactivations": 0.03}
QUICK = ("zram-zipf10-90-s60", "filemmap-shift-75-s60", "fileread-zipf10-90-s60", "mixed25-zipf10-50-s60")


def named(name: str) -> Case:
    return next(case for case in cases() if case.name == name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traces")


@pytest.mark.parametrize("name", QUICK)
def test_counts_match_the_kernel(name: str, folder: Path) -> None:
    result = replay(named(name), folder)
    assert result.killed == 0
    errors = {quantity: result.error(quantity) for quantity in BANDS}
    assert not {q: e for q, e in errors.items() if e is not None and abs(e) > BANDS[q]}
    assert errors["misses"] is not None
    assert errors["scans"] is not None


# Replays with readahead: share of the count by which scans and steals may be off.
READ_AHEAD = {
    "fileread-loop-50-s60-default-ra": 0.0,
    "filemmap-loop-50-s60-default-ra-fa": 0.0,
    "fileread-zipf10-50-s60-default-ra": 0.001,
    "filemmap-shift-50-s60-default-ra-fa": 0.003,
}


@pytest.mark.parametrize("name", READ_AHEAD)
def test_large_folios_count_as_the_kernel_counts_them(name: str, folder: Path) -> None:
    """Single pages are off by 1.1 % in scans of `zipf10`, and by as much if runs beside folios are counted rightly."""
    result = replay(named(name), folder)
    for quantity in ("scans", "steals"):
        error = result.error(quantity)
        assert error is not None and abs(error) <= READ_AHEAD[name]


@pytest.mark.parametrize(("name", "share"), [("zram-zipf10-50-s60", 0.97), ("fileread-shift-50-s60", 0.97)])
def test_the_same_accesses_miss(name: str, share: float, folder: Path) -> None:
    case = named(name)
    misses = simulate(cell(case, folder), record_misses=True).misses
    assert misses is not None
    pages = trace_pages(case.trace)[0]
    counted = misses & ~(first_touches(pages) & (pages < anonymous_pages(case)))
    recorded = recorded_misses(case, pages.size)
    assert recorded is not None
    assert jaccard(recorded, counted) > share
    shifted = np.roll(counted, 1)
    assert jaccard(recorded, shifted) < 0.7, "agreement must be of accesses, not of numbers"


@pytest.mark.parametrize("trace", ["zipf10", "shift"])
def test_no_swapping_allowed_kills_as_it_did(trace: str, folder: Path) -> None:
    case = named(f"mixed-{trace}-50-s0")
    outcome = simulate(cell(case, folder))
    assert case.killed == len(case.repeats) == 3
    assert outcome.metrics["outcome"] == "oom"
    assert outcome.metrics["pswpout"] == 0


def test_lagging_statistics_change_deactivation_as_they_did(folder: Path) -> None:
    """The sampler's 20 reads of memory.stat are all the folds in this replay: 60 deactivations instead of 2,190."""
    lagging, folded = named("zram-zipf10-90-s60-lazyflush"), named("zram-zipf10-90-s60")
    simulated = counts(lagging, simulate(cell(lagging, folder)))
    assert simulated["deactivations"] == pytest.approx(lagging.value("deactivations") or 0, abs=30)
    assert simulated["refault activations"] == pytest.approx(lagging.value("refault activations") or 0, rel=0.03)
    assert (folded.value("deactivations") or 0) > 20 * simulated["deactivations"]


def test_list_sizes_follow_the_recorded_curve(folder: Path) -> None:
    case = named("filemmap-shift-75-s60")
    series, kernel = simulate(cell(case, folder)).series, curves()[case.name]
    simulated = np.interp(kernel["at"], series["access"], series["nr_active_file"])[2:-1]
    assert np.abs(simulated - kernel["mc_active_file"][2:-1]).max() < 0.02 * case.limit_pages


def test_kernel_memory_is_what_was_charged() -> None:
    """Page tables and radix-tree nodes, on top of about 6 pages that a fresh group starts with; a guest's, of 4."""
    for case in cases():
        charged = case.kernel_pages()
        if case.backend in ("zram", "filemmap", "fileread", "mixed") and charged is not None and not case.variant:
            least, most = (1, 4) if case.guest else (3, 10)
            assert least <= charged - kernel_memory(case) <= most, case.name
            assert limit(case) // 4096 <= case.limit_pages


@pytest.mark.parametrize("backend", ["brd", "fileread"])
def test_6_1_counts_are_the_guests(backend: str, folder: Path) -> None:
    """Every count of reclaim to a thousandth, 15 pages a batch and refaults that cost what 6.1 lets them cost."""
    case = named(f"6.1-{backend}-shift-75-s60")
    found = counts(case, simulate(cell(case, folder)))
    for quantity in ("misses", "scans", "steals", "activations", "deactivations", "refault activations"):
        assert found[quantity] == pytest.approx(case.value(quantity), rel=1e-3), quantity


@pytest.mark.parametrize("backend", ["brd", "filemmap", "fileread"])
def test_generations_count_as_in_the_guest(backend: str, folder: Path) -> None:
    """Reclaim of 6.1 with lru_gen on, to two thousandths; what faults add to the batches of a busy CPU is not known."""
    case = named(f"6.1+mglru-{backend}-shift-75-s60")
    found = counts(case, simulate(cell(case, folder)))
    for quantity in ("misses", "scans", "steals"):
        assert found[quantity] == pytest.approx(case.value(quantity), rel=2e-3), quantity


@pytest.mark.parametrize("backend", ["zram", "brd"])
def test_6_12_counts_are_the_guests_on_zram_and_on_a_ram_disk(backend: str, folder: Path) -> None:
    """A monitor that folds the statistics every 256 accesses: without it, misses are 72 % too many."""
    case = named(f"6.12-{backend}-shift-50-s60")
    found = counts(case, simulate(cell(case, folder)))
    for quantity in ("misses", "swap-outs", "scans", "steals", "activations", "deactivations", "refault activations"):
        assert found[quantity] == pytest.approx(case.value(quantity), rel=5e-3), quantity


def test_the_programs_own_page_is_swapped_out_where_it_was(folder: Path) -> None:
    """A page touched once, at the start, in a group full of file pages: in 11 of 23 replays it did not stay."""
    files = [case for case in cases() if case.kernel.startswith("6.1") and case.backend in ("filemmap", "fileread")]
    files = [case for case in files if case.guest]
    recorded = {case.name: case.repeats[0]["pswpout"] for case in files}
    assert (len(recorded), sum(value or 0 for value in recorded.values())) == (23, 11)
    assert {case.name: simulate(cell(case, folder)).metrics["pswpout"] for case in files} == recorded


def test_every_recording_runs() -> None:
    waiting = {case.kernel for case in cases() if not modelled(case)}
    assert not waiting
    assert {case.kernel for case in cases()} == {"6.18", "6.12", "6.1", "6.1+mglru"}
    assert len([case for case in cases() if case.guest]) == 41


def test_swap_on_a_disk_counts_as_the_kernel_does_on_some_disk(folder: Path) -> None:
    """Every count lies between those of disks that a host may have had, and they do not differ by much."""
    result = replay(named("diskswap-shift-75-s60"), folder)
    assert result.simulated == len(DISKS)
    assert all(in_range([result], lambda r: r.runs))
    for quantity in ("misses", "swap-outs", "scans", "steals"):
        low, high = result.range(quantity) or (0, 0)
        assert low < high < 1.08 * low, quantity


def test_noise_of_other_processes_is_left_out() -> None:
    """Of two places that count the same thing the smaller is right; a repeat without tracepoints has no activations."""
    case = named("zram-zipf10-25-s60")
    noisy = replace(case, repeats=tuple({**repeat, "pgactivate": 1e9, "pgscan_anon": 1e9} for repeat in case.repeats))
    assert noisy.value("activations") == case.value("activations")
    assert noisy.value("scans") == pytest.approx(case.value("scans"), rel=1e-3)
    silent = replace(case, repeats=tuple({**repeat, "tr_reclaims": None} for repeat in case.repeats))
    assert silent.value("activations") is None


def test_errors_and_spread_are_relative() -> None:
    case = named("zram-zipf10-25-s60")
    run = {quantity: 1.1 * (case.value(quantity) or 0) for quantity in BANDS} | {
        "swap-outs": 0,
        "refault activations": 0,
    }
    results = [Result(case, (run,), 0, {}, None)]
    found = {summary.quantity: summary for summary in summaries(results, lambda case: True)}
    assert found["misses"].median == found["misses"].worst == pytest.approx(0.1)
    low, high = sorted(case.values("misses"))
    assert case.spread("misses") == pytest.approx((high - low) / ((high + low) / 2))
    assert "10.00" in summary_table(results, lambda case: True)
    assert case.name in case_table(results)


def test_agreement_ignores_first_touches_of_anonymous_pages(folder: Path) -> None:
    case = named("zram-real_sqlite-50-s60")
    pages = trace_pages(case.trace)[0]
    recorded = recorded_misses(case, pages.size)
    assert recorded is not None
    found = agreement(case, recorded | first_touches(pages), {})
    assert found is not None
    assert found.jaccard == found.itself == found.phased == found.nearby == 1
    none = np.zeros_like(recorded)
    worse = agreement(case, recorded, {LIMIT.name: [recorded, none], PHASE.name: [none]})
    assert worse is not None
    assert (worse.itself, worse.phased, worse.nearby) == (0, 0, 1)


def test_stale_accessed_bits_move_a_guests_counts_towards_the_recorded_ones(folder: Path) -> None:
    """Synchronous swap-ins and nothing else to run: the guest's TLB was hardly ever emptied."""
    result = replay(named("6.1+mglru-brd-real_gcc-25-s60"), folder)
    assert (result.error("misses") or 0) < -0.2, "too few without a TLB"
    assert abs(result.with_trials(TLB.name).error("misses") or 1) < 0.15
    counted = [run["misses"] for run in result.at(TLB.name)]
    assert counted[-1] > 1.3 * counted[0], "the staler, the more pages in use are taken"
