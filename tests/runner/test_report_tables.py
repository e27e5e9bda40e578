"""Tables from known results: golden files in three formats, lost runs in sight, LaTeX that compiles.

`MMRUN_UPDATE_GOLDEN=1 pytest tests/runner/test_report_tables.py` rewrites the golden files; read the difference.
"""

import csv
import io
import math
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.runner.report.observations import Runs, load_runs
from mmrun.runner.report.report_block import ReportBlock, Table
from mmrun.runner.report.sheets import lay_out
from mmrun.runner.report.sweep_facts import Absence, SweepFacts
from mmrun.runner.report.table_latex import document, escape, to_latex
from mmrun.runner.report.table_text import to_csv, to_markdown
from mmrun.runner.report.tables import TableModel, build
from tests.runner.report_data import AXES, rows, run, write_runs

MACHINE, MODE, RECLAIM = AXES
GOLDEN = Path(__file__).parent / "golden_report"
LABELS = {"cxl": "2-socket + CXL", MODE: "placement", "bind": "bind_100%"}
TABLES = {
    "placement": Table(
        name="placement", title="Placement against local", rows=(MACHINE, MODE), columns=RECLAIM,
        metrics=("elapsed_ns", "scan_efficiency_ratio"), baseline={MODE: "local"},
    ),
    "cells": Table(name="cells", metrics=("elapsed_ns", "misses", "numa_miss_ratio", "oom_kill")),
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return load_runs(write_runs(tmp_path_factory.mktemp("report") / "runs.parquet", rows()))


@pytest.fixture(scope="module")
def models(runs: Runs) -> dict[str, TableModel]:
    return {name: build(table, ReportBlock(labels=LABELS), runs) for name, table in TABLES.items()}


def lines_of(model: TableModel) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(model))))


def small(data: list[dict[str, Any]]) -> Runs:
    """Runs of a sweep over two machines only."""
    return Runs({MACHINE: ["two-node", "four-node"]}, data)


def against_two_node(data: list[dict[str, Any]], **options: Any) -> TableModel:
    table = Table(name="t", metrics=("elapsed_ns",), baseline={MACHINE: "two-node"}, **options)
    return build(table, ReportBlock(), small(data))


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("form", ["csv", "md", "tex"])
def test_golden(models: dict[str, TableModel], name: str, form: str):
    model = models[name]
    made = {"csv": to_csv, "md": lambda m: to_markdown(lay_out(m)), "tex": lambda m: to_latex(lay_out(m))}[form](model)
    path = GOLDEN / f"{name}.{form}"
    if os.environ.get("MMRUN_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    expected = path.read_text(encoding="utf-8")
    if form != "csv":
        assert made == expected
        return
    for got, want in zip(csv.reader(io.StringIO(made)), csv.reader(io.StringIO(expected)), strict=True):
        for a, b in zip(got, want, strict=True):  # the last digits are numpy's business
            assert a == b or float(a) == pytest.approx(float(b), rel=1e-9)


def test_the_numbers_are_those_of_the_data(models: dict[str, TableModel]):
    found = {(r[MACHINE], r[MODE], r[RECLAIM], r["metric"]): r for r in lines_of(models["placement"])}
    plain = found["cxl", "local", "0", "elapsed_ns"]
    mean = sum(run("cxl", "local", 0, i)["elapsed_ns"] for i in range(6)) / 6
    assert float(plain["value"]) == pytest.approx(mean) and plain["ratio_interval"] == "baseline"
    inter = found["cxl", "interleave", "0", "elapsed_ns"]
    assert float(inter["ratio"]) == pytest.approx(1.25, rel=0.01)
    assert float(inter["ratio_low"]) < 1.25 < float(inter["ratio_high"])
    assert (inter["n"], inter["pairs"], inter["unit"], inter["better"]) == ("6", "6", "ns", "lower")
    assert (float(inter["ratio_low"]) > 1) == (float(inter["p"]) < 0.05) and inter["ratio_interval"] == "t"
    assert float(inter["p"]) <= float(inter["p_holm"]) <= 9 * float(inter["p"]) and inter["test"] == "t"
    assert found["cxl", "interleave", "0", "scan_efficiency_ratio"]["ratio_interval"] == "exact"


def test_lost_runs_are_in_sight(models: dict[str, TableModel]):
    found = {(r[MACHINE], r[MODE], r[RECLAIM], r["metric"]): r for r in lines_of(models["placement"])}
    failed = found["two-node", "interleave", "0", "elapsed_ns"]
    assert (failed["n"], failed["ok"], failed["failed"], failed["pairs"]) == ("5", "5", "1", "5")
    dead = found["four-node", "bind", "1", "elapsed_ns"]
    assert (dead["n"], dead["oom"], dead["value"], dead["ratio"]) == ("0", "6", "", "")
    text = to_markdown(lay_out(models["placement"]))
    assert "| OOM |" in text and "1 of 6 failed" in text and "1 of 6 ran out of memory" in text
    assert "Of 96 runs 1 failed, 7 ran out of memory" in text
    kills = {(r[MACHINE], r[MODE], r[RECLAIM]): r for r in lines_of(models["cells"]) if r["metric"] == "oom_kill"}
    assert kills["four-node", "bind", "1"]["value"] == "1", "counting kills makes sense for runs they ended"


def test_method_is_stated(models: dict[str, TableModel]):
    text = to_markdown(lay_out(models["placement"]))
    for words in (
        "n = 5 to 6",
        "95 % interval (Student's t)",
        "paired t-test",
        "Holm-corrected over the 9 tests",
        "paired by replicate",
    ):
        assert words in text
    assert "elapsed time (s)" in text and "placement" in text and "2-socket + CXL" in text


def test_cells_that_the_sweep_leaves_out_are_dashes_and_no_line_of_csv(models: dict[str, TableModel]):
    assert not [r for r in lines_of(models["placement"]) if (r[MACHINE], r[MODE]) == ("cxl", "bind")]
    table = Table(name="t", rows=MACHINE, columns=MODE, metrics="misses")
    data = [run("two-node", "local", 0, 0), run("four-node", "bind", 0, 0)]
    model = build(table, ReportBlock(), Runs({MACHINE: ["two-node", "four-node"], MODE: ["local", "bind"]}, data))
    shown = [[cell.number or cell.text for cell in row] for row in lay_out(model).body]
    assert shown[0][2:] == ["–", "–"] and shown[1][:2] == ["–", "–"]
    assert float(shown[0][0]) > 0 and shown[1][3] == "n = 1"


def test_missing_runs_and_stale_results():
    data = [run("two-node", "local", 0, i) for i in range(5)]
    data += [{MACHINE: "four-node", "replicate": i, "status": "missing"} for i in range(5)]
    data[0]["stale"] = "model code changed"
    model = against_two_node(data)
    text = to_markdown(lay_out(model))
    assert "| not run |" in text and "Of 10 runs 1 of an older model, policy or configuration, 5 not run yet" in text
    assert "1 of 5 of an older model, policy or configuration" in text, "and the row is marked"
    for row in data:
        row["stale"] = "model code changed"
    assert "| stale |" in to_markdown(lay_out(against_two_node(data)))


def test_a_baseline_of_zero_and_a_lost_baseline_are_said():
    zero = [run("two-node", "local", 0, i) | {"elapsed_ns": 0} for i in range(5)]
    other = [run("four-node", "local", 0, i) for i in range(5)]
    assert "base 0" in to_markdown(lay_out(against_two_node(zero + other)))
    lost = [row | {"status": "failed"} for row in zero]
    assert "| base failed |" in to_markdown(lay_out(against_two_node(lost + other)))
    assert "| no base |" in to_markdown(lay_out(against_two_node(other)))


def test_other_tests_and_few_replicates():
    data = [run(machine, "local", 0, i) for machine in ("two-node", "four-node") for i in range(6)]
    flips = to_markdown(lay_out(against_two_node(data, test="sign-flip")))
    assert "exact sign-flip test" in flips and "95 % interval (sign flips)" in flips
    median = to_markdown(lay_out(against_two_node(data, statistic="median")))
    assert "sign test on log ratios" in median and "Median of n = 6" in median
    few = to_markdown(lay_out(against_two_node([row for row in data if row["replicate"] < 2])))
    assert "No test: that takes 4 pairs" in few and "smallest to largest" in few and "| no test |" in few


LOST = {"failed": {"status": "failed"}, "OOM": {"outcome": "oom"}, "stale": {"stale": "model code changed"},
        "not run": {"status": "missing"}, "undef.": {"elapsed_ns": math.inf}}  # fmt: skip


@pytest.mark.parametrize("show", ["value", "interval", "ratio", "excess", "p"])
@pytest.mark.parametrize("word", LOST)
def test_a_lost_cell_is_named_in_every_kind_of_column(word: str, show: str):
    good = [run("two-node", "local", 0, i) for i in range(5)]
    gone = [run("four-node", "local", 0, i) | LOST[word] for i in range(5)]
    sheet = lay_out(against_two_node(good + gone, show=(show,)))
    assert sheet.body[1][0].text == word and all(not shown.number for shown in sheet.body[1])
    assert ("5 of 10 values" if word == "undef." else "Of 10 runs 5 ") in " ".join(sheet.notes), "captions count them"
    base = [run("two-node", "local", 0, i) | LOST[word] for i in range(5)]
    other = [run("four-node", "local", 0, i) for i in range(5)]
    if show not in ("value", "interval"):
        assert lay_out(against_two_node(base + other, show=(show,))).body[1][0].text == f"base {word}"


def test_runs_that_the_oom_killer_ended_count_if_asked():
    data = [run(machine, "local", 0, i) for machine in ("two-node", "four-node") for i in range(5)]
    for row in data[5:8]:
        row["outcome"] = "oom"
    left, counted = against_two_node(data), against_two_node(data, count_oom=True)
    assert [entry.estimate.n for entry in left.entries.values()] == [5, 2]
    assert [entry.estimate.n for entry in counted.entries.values()] == [5, 5]
    assert "3 ran out of memory: not in the numbers" in to_markdown(lay_out(left))
    text = to_markdown(lay_out(counted))
    assert "3 of 10 runs ran out of memory: counted with what they had reached" in text
    assert "3 of 5 ran out of memory" in text, "and the row is marked"


def test_modes_stand_in_place_of_a_mean():
    data = [run(machine, "local", 0, i) for machine in ("two-node", "four-node") for i in range(8)]
    for row in data[14:]:
        row["elapsed_ns"] = int(row["elapsed_ns"] * 12)
    model = against_two_node(data, show=("value", "interval", "ratio", "p"))
    row = [shown.number or shown.text for shown in lay_out(model).body[1]]
    assert row[0].startswith("6 × ") and ", 2 × " in row[0] and row[1] == "", "said once, not again as an interval"
    assert row[2].startswith("6 × 2.") and row[4] == "modes"
    assert "no mean tells of both" in to_markdown(lay_out(model))
    line = next(line for line in lines_of(model) if line["machine"] == "four-node")
    assert line["value"] == "" and line["flags"] == "modes" and line["modes"].startswith("6x")
    excess = lay_out(against_two_node(data, show=("excess",))).body[1][0]
    assert re.fullmatch(r"6 × \d+(\.\d)?, 2 × \d+", excess.text)


def test_single_runs_are_marked_and_runs_without_randomness_say_so():
    random = [run("two-node", "local", 0, 0) | {"random": True}]
    fixed = [run("four-node", "local", 0, 0) | {"random": False}]
    table = Table(name="t", metrics=("elapsed_ns",))
    text = to_markdown(lay_out(build(table, ReportBlock(), small(random + fixed))))
    assert "| n = 1 |" in text and "| not random |" in text and "another seed gives another number" in text
    assert "<sup>a</sup> n = 1: a single run of a cell that draws random numbers" in text
    alone = to_markdown(lay_out(build(table, ReportBlock(), small(fixed))))
    assert "One run a cell: none draws random numbers" in alone and "n = 1" not in alone
    all_single = to_markdown(lay_out(build(table, ReportBlock(), small(random))))
    assert "n = 1: a single run" in all_single and "<sup>" not in all_single, "said once where it holds for all"


def test_the_one_run_of_a_cell_without_randomness_pairs_with_every_replicate():
    fixed = [run("two-node", "local", 0, 0) | {"random": False}]
    others = [run("four-node", "local", 0, i) | {"random": True} for i in range(5)]
    ratio = against_two_node(fixed + others).entries[("four-node",), (), "elapsed_ns"].ratio
    assert ratio is not None and ratio.n == 5 and ratio.how == "skewed t" and ratio.p is None, "one side's noise alone"
    assert ratio.replicates == tuple(row["elapsed_ns"] / fixed[0]["elapsed_ns"] for row in others)
    turned = build(
        Table(name="t", metrics=("elapsed_ns",), baseline={MACHINE: "four-node"}), ReportBlock(), small(fixed + others)
    )
    back = turned.entries[("two-node",), (), "elapsed_ns"].ratio
    assert back is not None and back.n == 5 and back.value == pytest.approx(1 / ratio.value)
    assert "5 of" not in to_markdown(lay_out(turned)), "no pair is lost"


def test_where_cells_have_different_numbers_of_replicates_each_row_says_how_many():
    data = [run(machine, "local", 0, i) for machine, n in (("two-node", 10), ("four-node", 23)) for i in range(n)]
    sheet = lay_out(build(Table(name="t", metrics=("elapsed_ns",)), ReportBlock(), small(data)))
    assert sheet.columns[-1].heads[-1] == "n" and [row[-1].number for row in sheet.body] == ["10", "23"]
    assert "n = 10 to 23" in sheet.notes[0]


def test_a_table_of_a_median_with_a_test_of_means_is_refused():
    from mmrun.runner.report.report_block import problems

    block = ReportBlock(tables=(Table(name="t", metrics="misses", statistic="median", test="sign-flip"),))
    assert "leave `test` out" in dict(problems(block, {MACHINE: ["a"]}))["tables", 0, "test"]


def test_two_cells_on_one_place_are_refused(runs: Runs):
    with pytest.raises(ValueError, match="several cells fall on"):
        build(Table(name="t", rows=MACHINE, metrics="misses"), ReportBlock(), runs)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(12)))
def test_the_order_of_rows_in_the_file_changes_nothing(order: list[int]):
    data = [run(machine, "local", 0, i) for machine in ("two-node", "four-node") for i in range(6)]
    assert to_csv(against_two_node([data[i] for i in order])) == to_csv(against_two_node(data))


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30))
def test_escaped_text_has_no_live_character(text: str):
    bare = re.sub(r"\\[a-zA-Z]+(\{\})?|\\[&%$#_{}]|\$[^$]*\$", "", escape(text))
    assert not set(bare) & set("\\&%$#_{}~^<>|")


def check_structure(tex: str) -> None:
    """Every row of every tabular has as many cells as there are column types; environments and braces match."""
    for kind, spec, body in re.findall(
        r"\\begin\{(tabular|longtable)\}\{@\{\}(.*?)@\{\}\}\n(.*?)\\end\{\1\}", tex, re.S
    ):
        columns = len(re.sub(r"S\[[^\]]*\]", "S", re.sub(r"\\textsuperscript\{[^}]*\}", "", spec)))
        lines = [line for line in body.splitlines() if line.endswith(r" \\")]
        assert lines, kind
        for line in lines:
            spans = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", line)]
            assert len(re.split(r"(?<!\\)&", line)) + sum(spans) - len(spans) == columns, line
    assert len(re.findall(r"(?<!\\)\{", tex)) == len(re.findall(r"(?<!\\)\}", tex))
    assert sorted(re.findall(r"\\begin\{(\w+\*?)\}", tex)) == sorted(re.findall(r"\\end\{(\w+\*?)\}", tex))


def fragments(models: dict[str, TableModel]) -> list[str]:
    """The golden tables, and one longer than a page."""
    data = [run("two-node", "local", 0, i) | {"cell": f"c{c}"} for c in range(60) for i in range(2)]
    long = Runs({"cell": [f"c{c}" for c in range(60)]}, data)
    page = build(Table(name="long", metrics=("elapsed_ns", "misses")), ReportBlock(), long)
    return [to_latex(lay_out(model)) for model in (*models.values(), page)]


def test_latex_structure(models: dict[str, TableModel]):
    made = fragments(models)
    for tex in made:
        check_structure(tex)
    assert r"\begin{longtable}" in made[-1] and r"\begin{table*}" in made[0] and "S[table-format=" in made[0]


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles(models: dict[str, TableModel], tmp_path: Path):
    if any(subprocess.run(["kpsewhich", f"{p}.sty"], capture_output=True).returncode for p in ("siunitx", "booktabs")):
        pytest.skip("siunitx or booktabs is not installed")
    (tmp_path / "t.tex").write_text(document(fragments(models)), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120)
    assert result.returncode == 0, result.stdout[-2000:]
    assert (tmp_path / "t.pdf").stat().st_size > 10_000
    assert "Overfull" not in result.stdout


def pooled(**options: Any) -> TableModel:
    """Machines pooled, `bind` against `local`: bind costs 4 times on the one machine, 9 times on the other."""
    data = []
    for machine, factor in (("two-node", 4), ("four-node", 9)):
        base = run(machine, "local", 0, 0)
        data += [base, run(machine, "bind", 0, 0) | {"elapsed_ns": base["elapsed_ns"] * factor}]
    table = Table(
        name="t",
        columns=MODE,
        pool=MACHINE,
        metrics="elapsed_ns",
        baseline={MODE: "local"},
        show=("excess",),
        **options,
    )
    return build(table, ReportBlock(), Runs({MACHINE: ["two-node", "four-node"], MODE: ["local", "bind"]}, data))


def test_pooled_cells_count_like_replicates_and_stay_paired():
    model = pooled()
    ratio = model.entries[((), ("bind",), "elapsed_ns")].ratio
    assert model.rows == [()] and ratio is not None and ratio.n == 2
    assert ratio.value == pytest.approx(6), "geometric mean of 4 and 9, whatever the machines' own times"


def test_pooled_cells_count_once_however_many_replicates_they_have():
    """`bind` draws random numbers, `local` does not: its one run is the pair of every replicate."""
    data = []
    for machine, factors in (("two-node", (3, 4, 5)), ("four-node", (8, 9, 10))):
        base = run(machine, "local", 0, 0) | {"random": False}
        data += [base, *({**base, **run(machine, "bind", 0, i), "elapsed_ns": base["elapsed_ns"] * f, "random": True}
                         for i, f in enumerate(factors))]  # fmt: skip
    data[2] |= {"status": "failed"}
    table = Table(
        name="t", columns=MODE, pool=MACHINE, metrics="elapsed_ns", baseline={MODE: "local"}, show=("excess",)
    )
    model = build(table, ReportBlock(), Runs({MACHINE: ["two-node", "four-node"], MODE: ["local", "bind"]}, data))
    ratio = model.entries[((), ("bind",), "elapsed_ns")].ratio
    assert ratio is not None and ratio.n == 2 and ratio.value == pytest.approx(6), "means of 3 and 5, of 8, 9 and 10"
    text = to_markdown(lay_out(model))
    assert "n = 2 cells" in text and "pairs" not in text
    assert "500<sup>a</sup>" in text and "1 of 6 failed" in text


def test_excess_is_percent_above_the_baseline_beside_its_own_value():
    sheet = lay_out(pooled())
    assert [shown.number for shown in sheet.body[0]] == [sheet.body[0][0].number, "500"]
    assert float(sheet.body[0][0].number) > 1, "the baseline's own mean"
    assert [column.heads[0] for column in sheet.columns][1].endswith("% above local (mempolicy mode of db)")
    text = to_markdown(sheet)
    assert (
        "percent above it" in text and "the mean of each cell's replicates counts once" in text and "[low" not in text
    )


def test_what_a_sweep_left_out_is_named_in_its_place():
    data = [run("two-node", "local", 0, 0), run("two-node", "bind", 0, 0), run("four-node", "local", 0, 0)]
    table = Table(name="t", rows=MACHINE, columns=MODE, metrics="elapsed_ns", show=("value", "interval"))
    axes = {MACHINE: ["two-node", "four-node"], MODE: ["local", "bind"]}
    absence = Absence({MACHINE: ["four-node"], MODE: ["bind"]}, why="no such node")
    for facts, word, note in (
        (SweepFacts((absence,)), "n/a", "n/a: does not exist there (no such node)."),
        (SweepFacts((replace(absence, why=""),)), "excluded", "excluded: left out of the sweep"),
        (SweepFacts(), "–", ""),
    ):
        text = to_markdown(lay_out(build(table, ReportBlock(), Runs(axes, data, facts))))
        (row,) = [line for line in text.splitlines() if line.startswith("| four-node")]
        assert row.count(f"| {word} |") == 1 and note in text


def test_excess_without_a_baseline_is_refused():
    from mmrun.runner.report.report_block import problems

    block = ReportBlock(tables=(Table(name="t", metrics="misses", rows=MODE, pool=MACHINE, show=("excess",)),))
    found = dict(problems(block, {MACHINE: ["a", "b"], MODE: ["x", "y"]}))
    assert "compare with a baseline" in found["tables", 0, "show"]
    assert ("tables", 0, "rows") not in found, "a pooled axis need not be shown"
