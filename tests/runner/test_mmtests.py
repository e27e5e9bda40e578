"""Results as mmtests reads them: what its hackbench parser would find in the files, and the names of cells."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import pytest
from typer.testing import CliRunner

from mmrun.runner.cli import app
from mmrun.runner.report.mmtests import BENCHMARK, names, write
from mmrun.runner.report.observations import Runs, load_runs
from mmrun.runner.report.report_block import ReportBlock, Table
from tests.runner.report_data import AXES, rows, write_runs

MACHINE, MODE, RECLAIM = AXES


@pytest.fixture
def out(tmp_path: Path) -> Path:
    write_runs(tmp_path / "out" / "runs.parquet", rows())
    block = ReportBlock(tables=(Table(name="t", metrics=("elapsed_ns", "pgscan")),))
    (tmp_path / "out" / "manifest.json").write_text(json.dumps({"name": "demo", "report": asdict(block)}))
    return tmp_path / "out"


def report(*words: object):
    return CliRunner().invoke(app, ["report", *map(str, words)])


def parsed(logs: Path) -> dict[str, list[float]]:
    """Operation -> samples, as shellpack_src/src/hackbench/parse-results of mmtests finds them."""
    found = {}
    for path in logs.iterdir():
        head, _, rest = path.name.partition("-")
        assert head == "hackbench" and "-" not in rest, "the name is what stands between the first two dashes"
        found[f"time-{rest}"] = [float(line.split()[2]) for line in path.read_text().splitlines()]
    return found


def test_every_cell_has_its_samples_of_the_tables_metrics(out, tmp_path):
    done = report(out, "--mmtests", tmp_path / "m")
    assert done.exit_code == 0, done.output
    runs = load_runs(out / "runs.parquet")
    cells = {name: runs.by_cell()[key] for key, name in names(runs).items()}
    written = {path.name: parsed(path / "iter-0" / BENCHMARK / "logs") for path in (tmp_path / "m").iterdir()}
    assert done.stdout.split() == [str(tmp_path / "m" / name) for name in cells if name in written]
    assert set(cells) - set(written) == {"four-node_bind_1"}, "every run of it ran out of memory"
    for name, samples in written.items():
        good = [row for row in cells[name] if row["status"] == "ok" and row["outcome"] == "ok"]
        assert samples["time-elapsed_ns"] == [row["elapsed_ns"] for row in good]
        assert fmean(samples["time-pgscan"]) == fmean(row["pgscan_kswapd"] + row["pgscan_direct"] for row in good)
        assert set(samples) == {"time-elapsed_ns", "time-pgscan"}


def test_what_was_run_stands_where_the_scripts_look_for_it(out, tmp_path):
    assert report(out, "--mmtests", tmp_path / "m").exit_code == 0
    starts = {}
    for path in sorted((tmp_path / "m").iterdir()):
        start, begin, end = (path / "iter-0" / "tests-activity").read_text().splitlines()
        assert re.fullmatch(r"\d+ run-mmtests: Start", start) and end.endswith("Iteration 1 end")
        assert begin.split()[1:] == ["run-mmtests:", "begin", "hackbench-mmrun"]
        starts[int(start.split()[0])] = path.name
    assert starts[0] == "two-node_local_0", "the sweep's first cell is the baseline unless told"


def test_metrics_can_be_chosen_and_writing_again_replaces(out, tmp_path):
    assert report(out, "--mmtests", tmp_path / "m").exit_code == 0
    assert (
        report(out, "--mmtests", tmp_path / "m", "--metric", "miss_ratio", "--metric", "node1.numa_miss").exit_code == 0
    )
    found = parsed(tmp_path / "m" / "cxl_local_0" / "iter-0" / BENCHMARK / "logs")
    assert set(found) == {"time-miss_ratio", "time-node1.numa_miss"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--metric", "elapsd_ns"), "no metric `elapsd_ns`; did you mean `elapsed_ns`?"),
        (("--metric", "zswpin"), "no run has a value of zswpin"),
    ],
)
def test_what_cannot_be_written_is_said(out, tmp_path, words, told):
    done = report(out, "--mmtests", tmp_path / "m", *words)
    assert done.exit_code == 2 and told in done.output
    assert not (tmp_path / "m").exists()


def test_a_directory_with_something_else_in_it_is_left_alone(out, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "thesis.tex").write_text("")
    done = report(out, "--mmtests", tmp_path / "m")
    assert done.exit_code == 2 and "something else" in done.output
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["thesis.tex"]


def test_names_of_cells_are_distinct_and_hold_nothing_that_scripts_split_at():
    axes = {"a": ["x, y", "z"], "b": ["", "x_y"], "c": ["one"]}
    data = [{"a": a, "b": b, "c": "one", "replicate": 0} for a in axes["a"] for b in axes["b"]]
    found = list(names(Runs(axes, data)).values())
    assert len(set(found)) == 4 and all(re.fullmatch(r"[A-Za-z0-9.+=_-]+", name) for name in found)
    alike = [{"a": label, "replicate": 0} for label in ("x y", "x,y")]
    assert list(names(Runs({"a": ["x y", "x,y"]}, alike)).values()) == ["a=x_y_0", "a=x_y_1"]
    assert names(Runs({}, [{"replicate": 0}])) == {(): "all"}


def test_samples_are_written_in_full(tmp_path):
    value = 0.1 + 0.2
    data = [{"a": "x", "replicate": n, "status": "ok", "outcome": "ok", "elapsed_ns": value} for n in range(2)]
    write(Runs({"a": ["x"]}, data), ["elapsed_ns"], tmp_path / "m")
    assert parsed(tmp_path / "m" / "all" / "iter-0" / BENCHMARK / "logs") == {"time-elapsed_ns": [value, value]}
