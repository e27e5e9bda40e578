"""Figures: every kind is drawn, legible and the same to the byte in another process; lost cells are in the picture."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmrun.runner.report import figures
from mmrun.runner.report.canvas import fitted, panel_title
from mmrun.runner.report.figure_style import COLOURS, HATCHES, MARKERS, STYLE, colour, dash, hatch, marker
from mmrun.runner.report.observations import Runs, load_runs, load_series
from mmrun.runner.report.panels import numeric
from mmrun.runner.report.report_block import Figure, ReportBlock
from mmrun.runner.report.series_figure import derived, resample
from tests.runner.report_data import AXES, REPLICATES, rows, run, write_runs, write_series

MACHINE, MODE, RECLAIM = AXES
ROOT = Path(__file__).parents[2]
LOCAL = {MODE: "local"}
FIGURES = {
    f.name: f
    for f in (
        Figure(name="bars", x=MACHINE, line=MODE, facets=RECLAIM, y="elapsed_ns"),
        Figure(name="ratios", x=MODE, facets=(MACHINE, RECLAIM), y="misses", baseline=LOCAL, width="page", log=("y",)),
        Figure(name="lines", kind="lines", x=RECLAIM, line=MODE, y="elapsed_ns", where={MACHINE: "four-node"}),
        Figure(name="dots", kind="dots", x=MODE, line=MACHINE, facets=RECLAIM, y="elapsed_ns"),
        Figure(name="heat", kind="heatmap", x=MODE, line=MACHINE, facets=RECLAIM, y="elapsed_ns", baseline=LOCAL),
        Figure(name="series", kind="series", y="pgscan_kswapd", line=MODE, facets=MACHINE, where={RECLAIM: 0}),
        Figure(name="rate", kind="series", y="pgscan_kswapd", rate=True, line=MODE, where={RECLAIM: 0, MACHINE: "cxl"}),
    )
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("figures")
    write_runs(out / "runs.parquet", rows())
    write_series(out / "series.parquet")
    return out


def draw(results: Path, name: str) -> figures.Drawn:
    """Draw one of FIGURES from the stored results."""
    runs = load_runs(results / "runs.parquet")
    series = load_series(results / "series.parquet", {"time_ns", "pgscan_kswapd"})
    return figures.draw(FIGURES[name], ReportBlock(), runs, series, results / "figures")


@pytest.fixture(scope="module")
def drawn(results: Path) -> dict[str, tuple[figures.Drawn, Any]]:
    """Every figure as drawn, with its canvas."""
    made, canvases, save = {}, [], figures.save
    with pytest.MonkeyPatch.context() as patch:
        for module in ("mmrun.runner.report.figures", "mmrun.runner.report.series_figure"):
            patch.setattr(f"{module}.save", lambda canvas, stem: (canvases.append(canvas), save(canvas, stem))[1])
        for name in FIGURES:
            made[name] = (draw(results, name), canvases.pop())
    return made


def words_of(canvas: Any) -> list[Any]:
    """Every visible text but tick labels, which exist beyond the limits of an axis too."""
    from matplotlib.text import Text

    ticks = [t for ax in canvas.axes for axis in (ax.xaxis, ax.yaxis) for t in axis.get_ticklabels(which="both")]
    found = [text for text in canvas.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in found if not any(text is tick for tick in ticks)]


@pytest.mark.parametrize("name", FIGURES)
def test_every_kind_is_legible_at_its_printed_size(drawn: dict[str, tuple[figures.Drawn, Any]], name: str):
    (pdf, png), canvas = drawn[name][0].files, drawn[name][1]
    assert pdf.read_bytes().startswith(b"%PDF") and b"CreationDate" not in pdf.read_bytes()
    assert png.read_bytes().startswith(b"\x89PNG")
    assert canvas.get_size_inches()[0] == (7.0 if name == "ratios" else 3.4)
    canvas.draw_without_rendering()
    texts, box = words_of(canvas), canvas.bbox
    for text in texts:
        extent = text.get_window_extent()
        assert text.get_fontsize() >= 7
        assert extent.x0 >= box.x0 - 1 and extent.x1 <= box.x1 + 1, text.get_text()
        assert extent.y0 >= box.y0 - 1 and extent.y1 <= box.y1 + 1, text.get_text()
    titles = [ax.title.get_window_extent() for ax in canvas.axes if ax.title.get_text()]
    assert not any(a.overlaps(b) for i, a in enumerate(titles) for b in titles[:i])


def test_bars_stand_as_high_as_the_means_and_lost_cells_say_so(drawn: dict[str, tuple[figures.Drawn, Any]]):
    figure, canvas = drawn["bars"]
    heights = [patch.get_height() for patch in canvas.axes[0].containers[0]]
    runs = [[run(str(m), "local", 0, i)["elapsed_ns"] for i in range(REPLICATES)] for m in AXES[MACHINE]]
    assert heights == pytest.approx([np.mean(values) / 1e9 for values in runs])
    strips = [ax.child_axes[0] for ax in canvas.axes]
    assert [text.get_text() for text in strips[0].get_yticklabels()] == ["OOM", "not swept"]
    assert [len(strip.patches) for strip in strips] == [1, 2]  # `bind` on `cxl`, and a cell that always dies
    caption = " ".join(figure.notes)
    assert "Lower is better" in caption and "n = 5 to 6" in caption and "1 of 6 failed" in caption
    assert "Of 96 runs 1 failed, 7 ran out of memory" in caption and "Bars: mean of n" in caption


def test_nothing_is_told_by_colour_alone(drawn: dict[str, tuple[figures.Drawn, Any]]):
    bars = drawn["bars"][1].axes[0].containers[:3]
    assert len({bar.patches[0].get_hatch() for bar in bars}) == 3
    lines = [line for line in drawn["lines"][1].axes[0].lines if line.get_label() in AXES[MODE]]
    assert len({line.get_marker() for line in lines}) == 3
    numbers = [text.get_text() for text in drawn["heat"][1].axes[0].texts]
    assert {"1.00", "1.25", "0.899", "not swept"} == set(numbers)


def test_styles_stay_apart_for_many_lines():
    for pair in ((colour, hatch), (colour, marker)):
        assert len({(pair[0](i), pair[1](i)) for i in range(24)}) == 24
    assert len({str(dash(i)) for i in range(6)}) == 6
    assert len(set(HATCHES)) == len(set(MARKERS)) == 8 and len(set(COLOURS)) == 6
    assert min(v for k, v in STYLE.items() if k.endswith("size") and "marker" not in k) >= 7


def test_bytes_are_the_same_in_another_process(results: Path, drawn: dict[str, tuple[figures.Drawn, Any]]):
    """Whatever its hash seed; and pyplot, which keeps state and picks windows, stays out."""
    names = ["bars", "heat", "series"]
    files = [path for name in names for path in drawn[name][0].files]
    before = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.runner.test_report_figures import draw\n"
        "for path in sys.argv[5:]: Path(path).unlink()\n"
        "for name in sys.argv[2:5]: draw(Path(sys.argv[1]), name)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(results), *names, *map(str, files)]
    subprocess.run(command, check=True, cwd=ROOT, env=environment, timeout=300)
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in files] == before


def test_a_derived_metric_is_computed_sample_by_sample():
    row = {
        "nr_dirty": [1, 5],
        "nr_unstable": [0, 1],
        "nr_writeback": [2, 3],
        "nr_dirty_threshold": [0, 10],
        "time_ns": [0, 9],
    }
    found = derived("dirty_share_ratio", {name: np.array(values) for name, values in row.items()})
    assert np.isnan(found[0]) and found[1] == 0.9


def test_curves_are_laid_on_one_grid():
    rows = [
        {"time_ns": np.array([0, 10, 20]) * 10**9, "n": np.array([0, 100, 200])},
        {"time_ns": np.array([5, 15, 30]) * 10**9, "n": np.array([0, 300, 750])},
    ]
    at, curves = resample(rows, "time_ns", "n")
    assert (at[0], at[-1]) == (5e9, 20e9) and curves.shape == (2, len(at))
    assert curves[:, 0] == pytest.approx([50, 0]) and curves[:, -1] == pytest.approx([200, 450])
    _, rates = resample(rows, "time_ns", "n", rate=True)
    assert rates == pytest.approx(np.broadcast_to([[10], [30]], rates.shape))


@pytest.mark.parametrize(
    ("labels", "numbers"),
    [
        (["0", "1.5"], [0, 1.5]), (["1GiB", "512MiB"], [2.0**30, 2.0**29]), (["100ns", "1us"], [100, 1000]),
        (["10%", "25%"], [0.1, 0.25]), (["local", "1"], None),
    ],
)  # fmt: skip
def test_labels_as_numbers(labels: list[str], numbers: list[float] | None):
    assert numeric(labels) == numbers


def test_long_words_are_broken_where_names_join():
    lines = fitted("zone_reclaim_mode = 0", 0.9).split("\n")
    assert lines == ["zone_", "reclaim_", "mode\N{NO-BREAK SPACE}= 0"] and max(map(len, lines)) * 0.068 <= 0.9
    assert fitted("kernel = 6.18+mglru", 0.9) == "kernel\N{NO-BREAK SPACE}=\n6.18+mglru"


def test_a_title_breaks_between_its_axes():
    assert panel_title(["kernel = 6.18", "find = no"], 3) == "kernel = 6.18, find = no"
    lines = panel_title(["kernel = 6.18", "find = no"], 1.3).split("\n")
    assert [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines] == ["kernel = 6.18", "find = no"]


def test_a_line_looks_alike_in_every_panel_and_is_in_the_legend(results: Path, monkeypatch: pytest.MonkeyPatch):
    series, canvases = load_series(results / "series.parquet", {"time_ns", "pgscan_kswapd"}), []
    first = AXES[MACHINE][0]
    rest = [row for row in series.rows if (row[MACHINE], row[MODE]) != (first, "local")]
    monkeypatch.setattr("mmrun.runner.report.series_figure.save", lambda canvas, stem: canvases.append(canvas) or [])
    figures.draw(FIGURES["series"], ReportBlock(), Runs(series.axes, []), Runs(series.axes, rest), results / "figures")
    colours = [{line.get_label(): line.get_color() for line in ax.lines} for ax in canvases[0].axes if ax.lines]
    assert len(colours) == 3 and len(set(colours[0].values())) == 3
    assert colours[0] == colours[1] == colours[2]
    assert [text.get_text() for text in canvases[0].legends[0].get_texts()] == list(AXES[MODE])
    assert len(canvases[0].axes[0].lines[0].get_xdata()) == 0 < len(canvases[0].axes[1].lines[0].get_xdata())


def test_a_series_figure_without_series_is_refused(results: Path):
    with pytest.raises(ValueError, match="no cell has a series"):
        figures.draw(FIGURES["series"], ReportBlock(), Runs({}, []), None, results)
