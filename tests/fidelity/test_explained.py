"""A reason must be able to fail: it holds for all counts of a case at one value of its unknown, or for none."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mmrun.model.description import Cell
from tests.fidelity.cases import cell
from tests.fidelity.compare import Result, Trial, replay
from tests.fidelity.explained import UNEXPLAINED, judge, verdicts
from tests.fidelity.headline import in_range, moved, within_spread
from tests.fidelity.recorded import QUANTITIES, Case, cases
from tests.fidelity.report import explained_table, unexplained_table, verdict_numbers
from tests.fidelity.spread import BATCH, allowed, countable, known_spread, others, within
from tests.fidelity.unknowns import DISK, HOST_TLB, LIMIT, PHASE, TLB, UNKNOWNS, Lasted, open_in


def named(name: str) -> Case:
    return next(case for case in cases() if case.name == name)


CASE = named("zram-zipf10-25-s60")


def exact(case: Case = CASE) -> dict[str, float]:
    """What was recorded."""
    return {quantity: case.value(quantity) or 0 for quantity in QUANTITIES}


def judged(run: Mapping[str, float], *trials: Mapping[str, float], case: Case = CASE) -> Result:
    tried = tuple(Trial(LIMIT.name, f"{i:+d} pages", dict(trial)) for i, trial in enumerate(trials))
    return Result(case, (dict(run),), 0, {}, None, tried)


def test_a_case_that_counts_as_recorded_is_not_off() -> None:
    assert judge(judged(exact())) is None
    assert verdicts([judged(exact()), judged(exact() | {"misses": 1.0})])[0].off[0].quantity == "misses"


def test_one_value_must_bring_in_all_counts() -> None:
    """Each of two counts comes out at some value, but not both at the same: that explains nothing."""
    far = exact() | {"misses": 1.5 * exact()["misses"], "activations": 0.5 * exact()["activations"]}
    one, other = exact() | {"misses": far["misses"]}, exact() | {"activations": far["activations"]}
    verdict = judge(judged(far, one, other))
    assert verdict is not None
    assert {each.quantity for each in verdict.off} == {"misses", "activations"}
    assert verdict.explained is None and verdict.suspected == UNEXPLAINED
    assert verdict.best is not None and verdict.hits(verdict.best) == len(countable(CASE)) - 1
    both = judge(judged(far, one, other, exact()))
    assert both is not None and both.explained is not None and both.explained.value == "+2 pages"


def test_a_killed_run_explains_nothing() -> None:
    far = exact() | {"misses": 1.0}
    result = replace(judged(far), trials=(Trial(LIMIT.name, "+1 page", None),))
    verdict = judge(result)
    assert verdict is not None and verdict.explained is None


def test_a_suspicion_is_not_an_explanation() -> None:
    case = named("fileread-zipf08-75-s60")
    verdict = judge(judged(exact(case) | {"misses": 1.0}, case=case))
    assert verdict is not None
    assert "swap area" in verdict.suspected and verdict.explained is None
    assert "swap area" in unexplained_table([verdict]) and case.name not in explained_table([verdict])
    numbers = verdict_numbers([judged(exact(case) | {"misses": 1.0}, case=case)])
    assert (numbers["off"], numbers["known"], numbers["open"]) == ("1", "0", "1")


def test_what_comes_by_the_batch_is_known_to_a_batch() -> None:
    small = named("zram-real_sqlite-90-s60")
    swapped = exact(small)["swap-outs"]
    assert known_spread(small, "swap-outs") * swapped < BATCH
    assert within(small, "swap-outs", {"swap-outs": swapped + BATCH})
    assert not within(small, "swap-outs", {"swap-outs": swapped + BATCH + 1})
    assert allowed(CASE, "misses")[0] == known_spread(CASE, "misses") * exact()["misses"]


def test_other_processes_can_only_add_to_what_was_recorded() -> None:
    """Of file pages 129 refault activations were counted during a loop, which has none; of anonymous ones none."""
    assert (others("file"), others("anon")) == (129, 0)
    case = named("filemmap-real_sqlite-25-s60")
    few, many = allowed(case, "refault activations")
    assert few == 129 > many > 0


def test_no_tlb_stands_between_read_and_a_page() -> None:
    for case in cases():
        names = [unknown.name for unknown in open_in(case)]
        assert len(names) == len(set(names)) and names
        if case.backend == "fileread":
            assert TLB.name not in names
        assert (DISK.name in names) == case.on_disk
        assert not (case.on_disk and {TLB.name, LIMIT.name} & set(names))
    assert HOST_TLB in open_in(named("zram-real_gcc-25-s60")) and HOST_TLB not in open_in(CASE)
    assert PHASE not in open_in(named("zram-zipf10-90-s60-lazyflush"))


@pytest.mark.parametrize("unknown", UNKNOWNS, ids=lambda unknown: unknown.name)
def test_every_value_of_an_unknown_is_a_cell_of_its_own(unknown: object, tmp_path: Path) -> None:
    case = next(case for case in cases() if unknown in open_in(case))
    base = cell(case, tmp_path)
    found: list[Cell] = [value for _, value in unknown.cells(base, Lasted(1e9, 2.0))]  # type: ignore[attr-defined]
    assert all(a != b for i, a in enumerate(found) for b in found[:i])
    assert unknown is DISK or base not in found


def test_the_models_own_sensitivity_is_of_limits_and_phases(tmp_path: Path) -> None:
    result = replay(named("zram-real_gcc-50-s60"), tmp_path)
    assert len(result.at(LIMIT.name)) == 6 and len(result.at(PHASE.name)) == 3
    assert result.agreement is not None
    assert 0.9 < result.agreement.itself < 1 and result.agreement.phased <= 1
    assert (result.sensitivity("misses", LIMIT.name) or 0) > 0.01
    assert sum(in_range([result], moved)) >= sum(within_spread([result]))
    assert len(moved(result)) == 10
