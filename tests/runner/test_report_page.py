"""The whole report from stored results: files, page, default block, errors, and the command."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mmrun.runner.commands.report import command
from mmrun.runner.report.report import (
    Page,
    ReportError,
    build_report,
    default_block,
    manifest_part,
    rebuild_report,
    write_report,
)
from mmrun.runner.report.report_block import Figure, ReportBlock, Table
from tests.runner.report_data import AXES, rows, run, write_runs, write_series

MACHINE, MODE, RECLAIM = AXES
BLOCK = ReportBlock(
    tables=(Table(name="ratio", metrics="elapsed_ns", columns=RECLAIM, baseline={MODE: "local"}),),
    figures=(
        Figure(name="bars", x=MACHINE, line=MODE, facets=RECLAIM, y="elapsed_ns"),
        Figure(name="time", kind="series", y="pgscan_kswapd", line=MODE, where={MACHINE: "cxl", RECLAIM: 0}),
    ),
)


class Plan:
    """What `write_report` needs of a plan."""

    name = "demo"
    report = BLOCK

    class experiment:
        description = "What placement costs."


@pytest.fixture
def out(tmp_path: Path) -> Path:
    write_runs(tmp_path / "runs.parquet", rows())
    write_series(tmp_path / "series.parquet")
    return tmp_path


def write_manifest(out: Path, block: ReportBlock) -> None:
    (out / "manifest.json").write_text(json.dumps({"name": "demo", "report": asdict(block)}))


def test_everything_is_written_linked_and_said(out: Path):
    files = write_report(out, Plan())
    names = {str(path.relative_to(out)) for path in files}
    tables = {f"tables/ratio.{suffix}" for suffix in ("csv", "md", "tex")}
    assert names == {*tables, *(f"figures/{f}.{s}" for f in ("bars", "time") for s in ("pdf", "png")), "report.md"}
    assert all(path.stat().st_size for path in files)
    page = (out / "report.md").read_text()
    for link in names - {"report.md", "tables/ratio.md"}:
        assert f"({link})" in page
    for words in (
        "# demo",
        "What placement costs.",
        "88 finished, 7 ran out of memory, 1 failed",
        "frame 12 is on two lists",
    ):
        assert words in page


def test_the_manifest_rebuilds_the_same_bytes(out: Path):
    written = {path: path.read_bytes() for path in write_report(out, Plan())}
    manifest = {"name": Plan.name, **manifest_part(Plan())}
    (out / "manifest.json").write_text(json.dumps(manifest))
    assert {path: path.read_bytes() for path in rebuild_report(out)} == written


def test_an_empty_block_gets_a_table_and_a_figure_over_all_axes(out: Path):
    write_manifest(out, ReportBlock())
    names = {path.name for path in rebuild_report(out)}
    assert {"summary.csv", "summary.md", "summary.tex", "summary.pdf", "summary.png", "report.md"} == names
    text = (out / "tables" / "summary.csv").read_text()
    assert all(axis in text.splitlines()[0] for axis in AXES)
    assert {"elapsed_ns", "miss_ratio", "pgscan"} <= {line.split(",")[3] for line in text.splitlines()[1:]}
    assert "pswpout" not in text, "not recorded"


def test_default_block_of_one_cell(tmp_path: Path):
    from mmrun.runner.report.observations import load_runs

    runs = load_runs(write_runs(tmp_path / "runs.parquet", [run("cxl", "local", 0, 0)]))
    block = default_block(ReportBlock(labels={"a": "b"}), runs)
    assert block.tables[0].metrics == ("elapsed_ns",) and not block.figures and block.labels == {"a": "b"}
    build_report(tmp_path, Page("one", "", ReportBlock()))
    assert "n = 1" in (tmp_path / "report.md").read_text()


def test_a_sweep_in_which_everything_failed(tmp_path: Path):
    failed = [
        {**{a: v[0] for a, v in AXES.items()}, "replicate": i, "status": "failed", "error": "x|y"} for i in range(50)
    ]
    write_runs(tmp_path / "runs.parquet", failed)
    write_manifest(tmp_path, ReportBlock())
    rebuild_report(tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert "50 failed" in page and "x\\|y" in page and "10 more in runs.parquet" in page


def test_a_figure_that_cannot_be_drawn_does_not_take_the_rest_along(out: Path):
    (out / "series.parquet").unlink()
    names = {path.name for path in write_report(out, Plan())}
    assert "bars.pdf" in names and "time.pdf" not in names
    assert "Not drawn: figure time: no cell has a series" in (out / "report.md").read_text()


def test_errors_name_the_file_and_what_to_do(out: Path):
    with pytest.raises(ReportError, match=r"no manifest\.json"):
        rebuild_report(out)
    (out / "manifest.json").write_text("{")
    with pytest.raises(ReportError, match="damaged"):
        rebuild_report(out)
    (out / "manifest.json").write_text(json.dumps({"report": {"figures": [{"name": "f", "y": "misses", "new": 1}]}}))
    with pytest.raises(ReportError, match="its report block is damaged"):
        rebuild_report(out)
    write_manifest(out, ReportBlock(tables=(Table(name="t", metrics="mises"),)))
    with pytest.raises(
        ReportError, match=r"report\.tables\.0\.metrics\.0: 'mises' is no metric; did you mean 'misses'"
    ):
        rebuild_report(out)
    (out / "runs.parquet").unlink()
    with pytest.raises(ReportError, match="run the sweep first"):
        rebuild_report(out)


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(command)
    return app


def test_the_command_prints_files_and_nothing_else(out: Path, app: typer.Typer):
    write_manifest(out, ReportBlock(tables=BLOCK.tables))
    result = CliRunner().invoke(app, [str(out)])
    assert result.exit_code == 0 and str(out / "tables" / "ratio.tex") in result.stdout.splitlines()
    as_json = CliRunner().invoke(app, [str(out), "--json"])
    assert json.loads(as_json.stdout)["files"] == result.stdout.split()


def test_the_command_exits_2_without_results(tmp_path: Path, app: typer.Typer):
    result = CliRunner().invoke(app, [str(tmp_path)])
    assert result.exit_code == 2 and "no results of a sweep" in result.stderr and not result.stdout
