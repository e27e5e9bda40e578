"""Effects of a factorial: recovered where they are known, refused where the design is incomplete, printed and drawn."""

import csv
import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks import effects as simulated
from mmrun.runner.report.contrasts import all_columns, contrasts, errors, margin, pseudo_error
from mmrun.runner.report.effects import Incomplete, measure
from mmrun.runner.report.effects_sheets import effects_csv, effects_sheet
from mmrun.runner.report.observations import Runs
from mmrun.runner.report.report import Page, build_report, manifest_part, rebuild_report
from mmrun.runner.report.report_block import Effects, ReportBlock, decode, problems
from mmrun.runner.report.surprises import surprises
from mmrun.runner.report.sweep_facts import Factorial, SweepFacts, facts_from
from mmrun.runner.report.words import Words
from tests.runner.report_data import write_runs

LEVELS = {
    "lru": ["old", "new"],
    "swap": ["disk", "net"],
    "size": ["1", "2"],
    "ra": ["off", "on"],
    "huge": ["no", "yes"],
}
HALF = Factorial(list(LEVELS), list(LEVELS.values()), 16, "V", ["ABCDE"])
QUARTER = Factorial(list(LEVELS), list(LEVELS.values()), 8, "III", ["ABD", "ACE", "BCDE"])
SPEC = Effects(name="e", metrics=("elapsed_ns", "misses"))


def rows(design=HALF, n=4, noise=0.01):
    """Runs of which `lru` halves the time, `swap` doubles it unless `lru` is new, `ra` costs a tenth; size is noise."""
    rng, found = np.random.default_rng(3), []
    for levels in product((0, 1), repeat=5):
        named = dict(zip("ABCDE", levels, strict=True))
        if any(sum(named[letter] for letter in word) % 2 for word in design.words):
            continue
        lru, swap, _, ra, huge = levels
        labels = {name: LEVELS[name][level] for name, level in zip(LEVELS, levels, strict=True)}
        for replicate in range(n):
            log = -0.7 * lru + 0.7 * swap * (1 - lru) + 0.1 * ra + 0.3 * replicate + rng.normal(0, noise)
            told = {"elapsed_ns": float(np.exp(20 + log)), "misses": 1000.0 + 50 * huge + 7 * replicate}
            told |= {"oom_kill": lru * ra, "status": "ok", "outcome": "ok"}
            found.append({**labels, "replicate": replicate, "random": True, **told})
    return found


def runs(design=HALF, **how):
    axes = {name: list(labels) for name, labels in LEVELS.items()}
    return Runs(axes, rows(design, **how), SweepFacts(factorial=design))


def by_term(measured, metric="elapsed_ns"):
    of = next(of for of in measured.metrics if of.metric == metric)
    return {effect.term.factors: effect for effect in of.effects}


def test_known_effects_come_out_with_their_intervals():
    measured = measure(SPEC, runs())
    found = by_term(measured)
    assert len(found) == 15 and measured.tests == 30 and measured.replicates == 4
    for factors, log in ((("lru",), -1.05), (("swap",), 0.35), (("ra",), 0.1), (("lru", "swap"), -0.7), (("size",), 0)):
        effect = found[factors]
        assert np.log(effect.value) == pytest.approx(log, abs=0.02)
        assert effect.low < np.exp(log) < effect.high
        assert (effect.p_holm < 0.05) == bool(log)


def test_what_a_replicate_adds_to_all_runs_is_in_no_effect():
    effect = by_term(measure(SPEC, runs()), "misses")[("huge",)]
    assert effect.error < 1e-3 and effect.value == pytest.approx(1.05, abs=0.002)


def test_terms_that_share_a_contrast_are_one_and_say_so():
    measured = measure(SPEC, runs(QUARTER))
    assert len(measured.terms) == 7
    ra = next(term for term in measured.terms if term.factors == ("ra",))
    assert [(sign, factors) for sign, factors in ra.alike] == [(-1, ("lru", "swap"))]
    # in ABD an even number of factors is at its second level, so the product of A and B is the opposite of D
    effect = by_term(measured)[("ra",)]
    assert effect.contrast == pytest.approx(0.1 + 0.35, abs=0.02)
    labels = [row[0] for row in effects_sheet(replace_pairs(measured), Words({}, tuple(LEVELS))).row_labels]
    assert "ra - lru × swap" in labels
    assert not surprises(measured)


def replace_pairs(measured):
    return replace(measured, spec=replace(measured.spec, pairs="all"))


def test_differences_and_zeros():
    spec = Effects(name="e", metrics=("oom_kill",), scale="difference")
    found = by_term(measure(spec, runs()), "oom_kill")
    assert found[("lru",)].value == 0.5 and found[("lru", "ra")].value == 1.0 and found[("swap",)].value == 0
    assert found[("lru",)].p_holm == 0 and found[("swap",)].p_holm == 1
    with pytest.raises(Incomplete) as error:
        measure(Effects(name="e", metrics=("oom_kill",)), runs())
    assert "no ratio of oom_kill, which is 0: scale: difference" in error.value.lines[0]


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        ({"status": "failed", "error": "frame 12 is on two lists"}, "failed (frame 12 is on two lists)"),
        ({"outcome": "oom"}, "oom"),
        ({"status": "stale", "stale": "another model"}, "stale (another model)"),
        ({"elapsed_ns": None}, "undefined (no elapsed_ns)"),
    ],
)
def test_an_incomplete_design_has_no_effects(spoil, line):
    data = runs()
    data.rows[5] = {k: v for k, v in {**data.rows[5], **spoil}.items() if v is not None}
    with pytest.raises(Incomplete) as error:
        measure(SPEC, data)
    assert str(error.value) == "1 runs have no number, so there are no effects"
    assert error.value.lines == [
        f"lru=old, swap=disk, size=1, ra=on, huge=yes, replicate 1: {line}"
    ]  # fmt: skip
    assert measure(replace(SPEC, count_oom=True), data) if line == "oom" else True


def test_a_missing_replicate_or_combination_is_named():
    data = runs()
    del data.rows[0]
    with pytest.raises(Incomplete) as error:
        measure(SPEC, data)
    assert error.value.lines == ["lru=old, swap=disk, size=1, ra=off, huge=no, replicate 0: missing"]
    with pytest.raises(Incomplete, match="15 of the 16 runs"):
        measure(
            SPEC,
            replace(
                runs(),
                rows=[
                    row
                    for row in rows()
                    if row["lru"] == "new" or row["huge"] == "no" or row["size"] == "2" or row["swap"] == "net"
                ],
            ),
        )
    with pytest.raises(Incomplete, match="no `factorial`"):
        measure(SPEC, replace(runs(), facts=SweepFacts()))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_replicates_have_lenths_error(n):
    measured = measure(SPEC, runs(n=n))
    found = by_term(measured)
    assert found[("lru",)].value == pytest.approx(0.35, abs=0.01) and found[("lru",)].p_holm < 0.001
    assert found[("size",)].p_holm == 1
    error = pseudo_error(measured.metrics[0].means)
    assert {effect.error for effect in found.values()} == {error} and found[("size",)].freedom == 5
    assert np.log(found[("ra",)].high / found[("ra",)].low) == pytest.approx(2 * 2.5706 * error, rel=1e-4)
    assert [each.effect.term.factors for each in surprises(measured)] == [("lru", "swap")]


def test_cells_without_randomness_stand_for_every_replicate():
    data = runs()
    for key in {tuple(row[name] for name in LEVELS) for row in data.rows if row["lru"] == "new"}:
        own = [row for row in data.rows if tuple(row[name] for name in LEVELS) == key]
        own[0]["random"] = False
        for row in own[1:]:
            data.rows.remove(row)
    assert measure(SPEC, data).replicates == 4


def test_surprises():
    (found,) = surprises(measure(SPEC, runs()))
    assert found.effect.term.factors == ("lru", "swap") and found.kind == "help each other" and found.turns == ()
    assert found.alone == pytest.approx((np.exp(-0.7), np.exp(0.7)), rel=0.02)
    assert (found.expected, found.together) == pytest.approx((1.0, np.exp(-0.7)), rel=0.03)


def test_a_factor_that_turns_round_is_named():
    data = runs()
    for row in data.rows:
        row["elapsed_ns"] *= 0.95 if (row["ra"], row["huge"]) == ("on", "yes") else 1.0
        row["elapsed_ns"] *= 0.95 if (row["ra"], row["huge"]) == ("off", "no") else 1.0
    found = {each.effect.term.factors: each for each in surprises(measure(SPEC, data))}
    assert found[("ra", "huge")].turns == ("huge",)  # readahead costs time either way


def test_errors_are_the_larger_of_ones_own_and_the_others():
    signs = np.array([2 * (np.arange(8) >> i & 1) - 1 for i in range(3)])
    columns = all_columns(signs)
    assert (columns @ columns.T == 8 * np.eye(7)).all() and (columns.sum(axis=1) == 0).all()
    values = np.random.default_rng(1).normal(0, 1, (8, 5)) + 10 * signs[0][:, None] * np.array([1, -1, 0, 1, -1])
    found = contrasts(columns, values)
    own = np.var(found, axis=-1, ddof=1)
    made = errors(found, found)
    assert made.error[0] == pytest.approx(np.sqrt(own[0] / 5)) and made.freedom[0] == 4
    least = int(np.argmin(own))
    others = (own.sum() - own[least]) / 6
    assert made.error[least] == pytest.approx(np.sqrt(others / 5)) and made.freedom[least] == 24


def test_lenths_pseudo_error_of_his_first_example():
    # Lenth, Technometrics 31, 1989: the yields of Box and Meyer's example I, 15 contrasts
    published = np.array([-0.8, -5.5, -3.5, 2.0, 0.5, 0.5, 0.25, 0.75, 2.25, 0.0, -1.0, 0.0, -0.25, 0.5, -0.75])
    sizes = np.sort(np.abs(published))
    first = 1.5 * np.median(sizes)
    assert pseudo_error(published) == pytest.approx(1.5 * np.median(sizes[sizes < 2.5 * first]))
    assert margin(published, 0.95) == pytest.approx(2.5706 * pseudo_error(published), rel=1e-4)  # t of 15 / 3 = 5


def test_intervals_hold_and_families_hold_at_five_percent():
    rng = np.random.default_rng(5)
    for noise in simulated.NOISES[:4]:
        found = simulated.figures(noise, 5, 100, rng)
        assert found["larger"][0] > 94 and found["larger"][1] > 90 and found["larger"][2] < 11
    lines = simulated.alone(200, rng)
    assert all(float(cell) > 92 for cell in lines[2].split(" | ")[1:4])  # up to a quarter of contrasts being effects
    differs = simulated.figures(simulated.NOISES[2], 5, 100, rng)
    assert differs["all"][1] < 70 < differs["larger"][1] and differs["larger"][3] > differs["own"][3] + 10


def test_the_page_has_the_tables_of_the_simulation():
    from benchmarks.statistics import PAGE

    page = PAGE.read_text(encoding="utf-8")
    assert all(f"| {noise.name} |" in page for noise in simulated.NOISES)


def test_mistakes_in_the_block():
    block = ReportBlock(effects=(replace(SPEC, metrics=("elapsed_n",), where={"lru": "old"}),))
    found = problems(block, LEVELS | {"kernel": ["3.1", "6.18"]}, factors=LEVELS)
    assert [(path, message.split(";")[0]) for path, message in found] == [
        (("effects", 0, "metrics", 0), "'elapsed_n' is no metric"),
        (("effects", 0, "where", "lru"), "lru is a factor: its effect needs both levels"),
        (("effects", 0, "where"), "axis kernel is swept but not shown: place it, or fix it to one label with `where`"),
    ]
    (alone,) = problems(ReportBlock(effects=(SPEC,)), LEVELS)
    assert "write sweep: {factorial: {...}}" in alone[1]


class Plan:
    """What a manifest is made of."""

    name, facts = "demo", SweepFacts(factorial=HALF)
    report = ReportBlock(effects=(replace(SPEC, metrics="elapsed_ns", pairs="all"),), labels={"lru": "page lists"})

    class experiment:
        description = ""


def test_the_report_has_tables_figures_and_is_rebuilt_from_the_manifest(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tests.runner.report_data.AXES", LEVELS)
    write_runs(tmp_path / "runs.parquet", rows())
    files = {path: path.read_bytes() for path in build_report(tmp_path, Page("demo", "", Plan.report, Plan.facts))}
    assert {path.name for path in files} == {
        *(f"e{part}.{suffix}" for part in ("", "-surprises") for suffix in ("csv", "md", "tex")),
        *(f"e-{part}.{suffix}" for part in ("half-normal", "pairs") for suffix in ("pdf", "png")), "report.md",
    }  # fmt: skip
    page = (tmp_path / "report.md").read_text()
    for words in ("page lists × swap", "resolution V, words ABCDE", "help each other", "16 of 32 combinations"):
        assert words in page
    manifest = json.loads(json.dumps({"name": "demo", **manifest_part(Plan())}, sort_keys=True))
    assert facts_from(manifest["facts"]) == Plan.facts and decode(manifest["report"]) == Plan.report
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert {path: path.read_bytes() for path in rebuild_report(tmp_path)} == files


def test_an_incomplete_design_is_said_in_the_report(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tests.runner.report_data.AXES", LEVELS)
    write_runs(
        tmp_path / "runs.parquet", [{**row, "status": "failed"} if i == 3 else row for i, row in enumerate(rows())]
    )
    build_report(tmp_path, Page("demo", "", Plan.report, Plan.facts))
    page = (tmp_path / "report.md").read_text()
    assert "Not computed: 1 runs have no number" in page and "replicate 3: failed" in page and "e-pairs" not in page


def test_the_csv_reads_back():
    lines = list(csv.DictReader(effects_csv(measure(SPEC, runs())).splitlines()))
    assert len(lines) == 30 and lines[5]["term"] == "AB" and lines[0]["resolution"] == "V"
    assert float(lines[5]["effect"]) == pytest.approx(np.exp(-0.7), rel=0.02)
