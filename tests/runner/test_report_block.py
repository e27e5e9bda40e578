"""The report block: mistakes are found all at once, each at its place, with a usable sentence; JSON keeps it whole."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from mmrun.runner.report.report_block import Figure, ReportBlock, Table, decode, label_text, problems
from tests.runner.report_data import AXES

MACHINE, MODE, RECLAIM = AXES


def found(*items: Table | Figure) -> dict[tuple[str | int, ...], str]:
    """Mistakes of a block of these tables and figures by place."""
    tables = tuple(item for item in items if isinstance(item, Table))
    figures = tuple(item for item in items if isinstance(item, Figure))
    return dict(problems(ReportBlock(tables=tables, figures=figures), AXES))


def test_a_sound_block():
    table = Table(name="a", columns=RECLAIM, metrics="misses", baseline={MODE: "local", RECLAIM: 0})
    bars = Figure(name="a", x=MODE, line=RECLAIM, facets=MACHINE, y="elapsed_ns")
    series = Figure(name="s", kind="series", y="pgscan_kswapd", line=MODE, where={MACHINE: "cxl", RECLAIM: 1})
    assert found(table, bars, series) == {}
    assert problems(ReportBlock(), AXES) == []


CASES: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    ({"rows": ("machin",)}, ("rows", 0), "'machin' is no axis of the sweep; did you mean 'machine'?"),
    ({"metrics": ("mises",)}, ("metrics", 0), "did you mean 'misses'?"),
    ({"metrics": ()}, ("metrics",), "at least one metric"),
    ({"where": {MODE: "locl"}}, ("where", MODE), "did you mean 'local'?"),
    ({"baseline": {RECLAIM: 2}}, ("baseline", RECLAIM), "'2' is no label of vm.zone_reclaim_mode; there are: 0, 1"),
    ({"baseline": {MODE: ("local", "bind")}}, ("baseline", MODE), "one label per axis"),
    ({"baseline": {MODE: "local"}, "where": {MODE: ("bind",)}}, ("baseline", MODE), "leaves out the baseline"),
    ({"name": "a/b"}, ("name",), "file name"),
    ({"confidence": 95.0}, ("confidence",), "between 0.5 and 1"),
    ({"rows": MACHINE, "columns": MACHINE}, ("columns", 0), "already is in `rows`"),
    ({"rows": MACHINE, "columns": MODE}, ("rows",), "vm.zone_reclaim_mode is swept but not shown"),
    ({"show": ("ratio",)}, ("show",), "name one"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "place", "words"), CASES)
def test_mistakes_in_a_table(change: dict[str, Any], place: tuple[str | int, ...], words: str):
    messages = found(Table(**{"name": "t", "metrics": "misses", **change}))
    assert words in messages["tables", 0, *place]


FIGURES: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    ({"x": ""}, ("x",), "need an axis along x"),
    ({"line": ""}, ("facets",), "tasks.db.mempolicy.mode is swept but not shown"),
    ({"y": "elapsed"}, ("y",), "is no metric"),
    ({"kind": "heatmap", "line": "", "where": {MODE: "local"}}, ("line",), "heat map"),
    ({"rate": True}, ("rate",), "kind series"),
    ({"facets": (MACHINE, RECLAIM, MODE)}, ("facets",), "at most two"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "place", "words"), FIGURES)
def test_mistakes_in_a_figure(change: dict[str, Any], place: tuple[str | int, ...], words: str):
    sound: dict[str, Any] = {"name": "f", "x": MACHINE, "line": MODE, "facets": RECLAIM, "y": "misses"}
    assert words in found(Figure(**sound | change))["figures", 0, *place]


def test_all_mistakes_at_once_and_names_once():
    messages = found(Table(name="t", rows="x", metrics="y"), Table(name="t", metrics="misses"))
    assert {("tables", 0, "rows", 0), ("tables", 0, "metrics", 0), ("tables", 1, "name")} <= messages.keys()


def test_axis_names_alone_are_enough():
    table = Table(name="t", metrics="misses", where={MODE: "anything"})
    assert problems(ReportBlock(tables=(table,)), list(AXES)) == []


def test_through_json_and_back():
    table = Table(
        name="a", rows=(MACHINE, MODE), metrics="misses", baseline={RECLAIM: 0}, where={MODE: ("local", "bind")}
    )
    figure = Figure(name="b", x=MODE, y="misses", log=("y",))
    block = ReportBlock(tables=(table,), figures=(figure,), labels={"local": "Local"})
    again = decode(json.loads(json.dumps(asdict(block))))
    assert again == block and problems(again, AXES) == problems(block, AXES)


@pytest.mark.parametrize(
    ("label", "text"),
    [(True, "true"), ("True", "true"), (0, "0"), (0.0, "0"), (1e6, "1000000"), (0.1, "0.1"), (None, "")],
)
def test_labels_compare_as_text(label: Any, text: str):
    assert label_text(label) == text
