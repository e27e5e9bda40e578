"""Figures as a reader sees them: places without a value are named, styles differ, nothing lies on what is measured."""

from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from mmrun.runner.report import figures
from mmrun.runner.report.canvas import Drawn, fit_xticks
from mmrun.runner.report.captions import MARKS
from mmrun.runner.report.direct_labels import spread
from mmrun.runner.report.figure_style import COLOURS, GREYS, MARKERS, MAX_LINES, STROKES, looks
from mmrun.runner.report.report_block import Figure
from mmrun.runner.report.series_figure import without_series
from mmrun.runner.report.sweep_facts import EXCLUDED, NOT_SWEPT, NOT_THERE, Absence, SweepFacts
from tests.runner.figure_data import ABSENCES, AXES, BLOCK, FACTS, FIGURES, OOM, YARDSTICKS, runs

ERAS = [label for label in AXES["lru"] if label not in YARDSTICKS]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Drawn, Any]]:
    """Every figure of the made-up sweep, with its canvas after layout."""
    out, made, canvases = tmp_path_factory.mktemp("marks"), {}, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mmrun.runner.report.figures.save", lambda canvas, stem: canvases.append(canvas) or [])
        for name, figure in FIGURES.items():
            made[name] = (figures.draw(figure, BLOCK, runs(), None, out), canvases.pop())
            made[name][1].draw_without_rendering()
    return made


def panels(canvas: Any) -> list[Any]:
    """The panels themselves, without strips and colour bars."""
    return [ax for ax in canvas.axes if ax.get_visible() and ax.get_title()] or canvas.axes[:1]


def marks(ax: Any) -> np.ndarray:
    """Pixels of every marker in the axes."""
    lines = [line for line in ax.lines if line.get_marker() not in ("None", "", None) and len(line.get_xdata())]
    points = [line.get_transform().transform(np.column_stack(line.get_data())) for line in lines]
    found = np.concatenate(points) if points else np.empty((0, 2))
    return found[np.isfinite(found).all(axis=1)]


def ticks(ax: Any) -> list[Any]:
    """Labels of the ticks that are drawn; an axis keeps others beyond its limits."""
    found = []
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if low <= tick.get_loc() <= high and tick.label1.get_visible():
                found.append(tick.label1)
    return found


def linear(colour: str) -> np.ndarray:
    """Linear red, green and blue of `#rrggbb`."""
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("colour", [*COLOURS, *GREYS])
def test_every_colour_has_contrast_on_paper(colour: str):
    assert 1.05 / (linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05) >= 3


def test_yardsticks_have_colours_and_markers_of_their_own():
    found = dict(zip(AXES["lru"], looks(AXES["lru"], YARDSTICKS), strict=True))
    eras, yardsticks = [found[era] for era in ERAS], [found[name] for name in YARDSTICKS]
    assert not {look.colour for look in eras} & {look.colour for look in yardsticks}
    assert not {look.marker for look in eras} & {look.marker for look in yardsticks}
    assert all(look.yardstick and look.dash != "-" and look.width < 1 for look in yardsticks)
    assert not set(MARKERS) & set(STROKES) and not set(COLOURS) & set(GREYS)
    for a, b in combinations(found.values(), 2):
        assert ((a.colour, a.marker) != (b.colour, b.marker) and a.dash != b.dash) or a.yardstick != b.yardstick
    assert [look.width for look in eras] == sorted({look.width for look in eras}, reverse=True)


def test_a_line_keeps_its_look_in_all_figures_of_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    canvases: list[Any] = []
    monkeypatch.setattr("mmrun.runner.report.figures.save", lambda canvas, stem: canvases.append(canvas) or [])
    common = {"kind": "lines", "x": "memory", "y": "misses", "line": "lru"}
    pair = [Figure(name="a", where={"lru": ("3.1", "4.19"), "backing": "read"}, **common),
            Figure(name="b", where={"lru": ("4.19", "6.18"), "backing": "read"}, **common)]  # fmt: skip
    for figure in pair:
        figures.draw(figure, type(BLOCK)(figures=tuple(pair)), runs(), None, tmp_path)
    colours = [{line.get_label(): line.get_color() for line in canvas.axes[0].lines} for canvas in canvases]
    assert colours[0]["4.19"] == colours[1]["4.19"] and colours[0]["3.1"] != colours[1]["6.18"]


@pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if "y" in figure.log])
def test_no_bar_stands_on_a_logarithmic_axis(drawn: dict[str, tuple[Drawn, Any]], name: str):
    for ax in panels(drawn[name][1]):
        assert "log" in (ax.get_xscale(), ax.get_yscale())
        assert not ax.containers


@pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if figure.kind != "heatmap"])
def test_a_panel_has_few_lines_or_names_them_where_they_end(drawn: dict[str, tuple[Drawn, Any]], name: str):
    canvas = drawn[name][1]
    for ax in panels(canvas):
        labels = [label for label in ax.get_legend_handles_labels()[1] if "= 1" not in label]
        named = [text.get_text() for text in ax.texts]
        assert len(labels) <= MAX_LINES or (set(named) <= set(labels) and len(named) >= len(labels) - 1)
        assert bool(canvas.legends) == (1 < len(labels) <= MAX_LINES)


@pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if figure.kind != "heatmap"])
def test_no_word_lies_on_a_mark_nor_on_another(drawn: dict[str, tuple[Drawn, Any]], name: str):
    canvas = drawn[name][1]
    texts = [canvas._suptitle, canvas._supxlabel, canvas._supylabel]
    for ax in panels(canvas):
        strips = ax.child_axes
        texts += [ax.title, *ax.texts, *(text for part in (ax, *strips) for text in ticks(part))]
    shown = [text for text in texts if text is not None and text.get_visible() and text.get_text()]
    boxes = [Text.get_window_extent(text) for text in shown]
    for ax in (part for panel in panels(canvas) for part in (panel, *panel.child_axes)):
        for x, y in marks(ax):
            assert not any(box.x0 < x < box.x1 and box.y0 < y < box.y1 for box in boxes)
    for a, b in combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        assert across <= 1 or min(a.y1, b.y1) - max(a.y0, b.y0) <= 2


@pytest.mark.parametrize("name", ["distance", "nine", "column", "bars", "points", "narrow", "dots", "ratios"])
def test_what_has_no_value_stands_in_the_strip_and_nowhere_else(drawn: dict[str, tuple[Drawn, Any]], name: str):
    for ax in panels(drawn[name][1]):
        (strip,) = ax.child_axes
        inside, beside = ax.get_window_extent(), strip.get_window_extent()
        assert not inside.overlaps(beside)
        for x, y in marks(strip):
            assert beside.x0 - 8 <= x <= beside.x1 + 8 and beside.y0 <= y <= beside.y1


def test_lost_and_absent_cells_are_named_in_place(drawn: dict[str, tuple[Drawn, Any]]):
    caption, canvas = " ".join(drawn["points"][0].notes), drawn["points"][1]
    strips = [ax.child_axes[0] for ax in panels(canvas)]
    assert [text.get_text() for text in strips[0].get_yticklabels()] == ["failed", "OOM", "n/a", "excluded"]
    found = [
        {(round(line.get_xdata()[0]), int(line.get_ydata()[0])) for line in strip.lines if line.get_marker() != "None"}
        for strip in strips
    ]
    assert found == [{(0, 1), (1, 1), (3, 3)}, {(0, 2), (1, 2), (2, 2), (2, 0), (3, 2), (3, 3)}, {(0, 1), (3, 3)}]
    assert "kernel 3.1 has no `mmap`" in caption and "n/a: does not exist there" in caption
    assert "excluded: left out of the sweep" in caption
    lost = sum(place[1] in FIGURES["points"].where["lru"] for place in OOM)
    assert f"{6 * (lost - 1) + 1} ran out of memory" in caption and "6 failed" in caption


def test_every_word_of_a_lost_place_is_in_a_heat_map(drawn: dict[str, tuple[Drawn, Any]]):
    texts = [[text.get_text() for text in ax.texts] for ax in panels(drawn["heat"][1])]
    assert texts[0].count("OOM") == 3 and texts[1].count("n/a") == 4 and "failed" in texts[1]
    assert "excluded" in texts[0] and "modes" in texts[2]
    assert sum(text.endswith("*") for text in texts[2]) == 4 + 4 + 3 + 3  # single runs of random cells


def test_replicates_in_two_modes_are_dots_without_a_mean(drawn: dict[str, tuple[Drawn, Any]]):
    figure, canvas = drawn["points"]
    small = [line for line in panels(canvas)[2].lines if line.get_markersize() < 2]
    assert sorted(np.concatenate([line.get_ydata() for line in small])) == pytest.approx([7.4] * 5 + [98], rel=0.03)
    (mglru,) = [line for line in panels(canvas)[2].lines if line.get_label() == "6.18+mglru"]
    assert np.isnan(mglru.get_ydata()[1]) and np.isfinite(mglru.get_ydata()[[0, 2, 3]]).all()
    assert "Small circles: every replicate" in " ".join(figure.notes)


def test_single_runs_of_random_cells_are_open_and_the_caption_says_so(drawn: dict[str, tuple[Drawn, Any]]):
    figure, canvas = drawn["points"]
    opened = [line for line in panels(canvas)[2].lines if line.get_markerfacecolor() == "white"]
    assert {line.get_markeredgecolor() for line in opened} == {COLOURS[0], COLOURS[2], GREYS[0]}
    assert not any(line.get_markerfacecolor() == "white" for line in panels(canvas)[0].lines)
    caption = " ".join(figure.notes)
    assert "Open markers: n = 1, a single run of a cell that draws random numbers" in caption
    assert "nothing in the cell is random, one run is all there is" in caption
    white = [p for p in panels(drawn["bars"][1])[2].patches if p.get_facecolor()[:3] == (1, 1, 1)]
    assert len(white) >= len(opened) and "White bars: n = 1" in " ".join(drawn["bars"][0].notes)


def test_captions_say_what_marks_and_intervals_are(drawn: dict[str, tuple[Drawn, Any]]):
    for name, (figure, _) in drawn.items():
        caption = " ".join(figure.notes)
        assert "Lower is better." in caption and "6 replicates" in caption
        assert caption.count(MARKS[figures.kind_of(FIGURES[name])] + ": ") == 1
        if FIGURES[name].kind != "heatmap":
            assert "Error bars: 95 %" in caption
    assert "ratio to OPT, all else equal: geometric mean of the ratios paired by replicate" in " ".join(
        drawn["distance"][0].notes
    )


def test_the_baseline_is_a_line_at_1_and_no_marker(drawn: dict[str, tuple[Drawn, Any]]):
    canvas = drawn["distance"][1]
    assert canvas._supylabel.get_text() == "fills relative to OPT"
    assert "OPT (= 1)" in [text.get_text() for text in canvas.legends[0].get_texts()]
    for ax in panels(canvas):
        values = np.concatenate([np.atleast_1d(line.get_ydata()) for line in ax.lines if line.get_marker() != "None"])
        assert not np.any(values == 1)


@pytest.mark.parametrize(
    ("change", "word", "meaning"),
    [
        ({"status": "failed", "error": "x"}, "failed", "6 failed"),
        ({"outcome": "oom"}, "OOM", "6 ran out of memory"),
        ({"stale": "config: ..."}, "stale", "6 of an older model or config"),
        ({"status": "missing"}, "not run", "6 not run yet"),
        ({"misses": None}, "undef.", "6 of 24 values are not defined in their run (undef.)"),
    ],
)
@pytest.mark.parametrize("kind", ["bars", "lines", "dots", "heatmap"])
def test_whatever_became_of_a_cell_is_named(
    change: dict[str, Any], word: str, meaning: str, kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    canvases: list[Any] = []
    monkeypatch.setattr("mmrun.runner.report.figures.save", lambda canvas, stem: canvases.append(canvas) or [])
    found = runs().where({"backing": "mmap", "memory": ["25%", "50%"], "lru": ["4.19", "6.18"]})
    rows = [row | change if (row["lru"], row["memory"]) == ("6.18", "50%") else row for row in found.rows]
    figure = Figure(name="f", kind=kind, x="memory", y="misses", line="lru", where={"backing": "mmap"})
    drawn = figures.draw(figure, BLOCK, replace(found, rows=rows), None, tmp_path)
    shown = {text.get_text() for text in canvases[0].findobj(Text)}
    assert word in shown and meaning in " ".join(drawn.notes)


def test_a_ratio_to_a_lost_baseline_says_so(tmp_path: Path):
    found = runs().where({"backing": "anon", "lru": ["3.1", "4.19"]})
    figure = Figure(name="f", x="memory", y="misses", line="lru", baseline={"lru": "3.1"}, where={"backing": "anon"})
    drawn = figures.draw(figure, BLOCK, found, None, tmp_path)
    assert "base OOM: the baseline ran out of memory" in " ".join(drawn.notes)


def test_why_a_place_is_absent():
    both = SweepFacts((Absence({"kernel": ["3.1"]}, {"disk": ["hdd"]}), *ABSENCES))
    place = {"kernel": "3.1", "disk": "ssd", "lru": "opt", "backing": "read", "memory": "25%"}
    assert both.why_absent(place) == (EXCLUDED, "")
    assert both.why_absent({**place, "disk": "hdd"}) == (NOT_SWEPT, "")
    word, why = FACTS.why_absent({"lru": "3.1", "backing": "mmap", "memory": "25%"})
    assert word == NOT_THERE and "3.1 has no" in why


def test_names_at_line_ends_keep_their_distance():
    heights = spread([0.1, 0.1, 0.11, 0.5, 0.98, 0.99], 0.1)
    assert all(b - a >= 0.1 - 1e-9 for a, b in pairwise(heights))
    assert heights[3] == 0.5 and min(heights) >= 0 and max(heights) <= 1


def test_labels_along_x_do_not_touch_wherever_their_places_are():
    from matplotlib.figure import Figure as Canvas

    for at, labels, turned in (
        ([5, 20, 60, 120, 240], ["5s", "20s", "60s", "120s", "240s"], True),
        ([0, 1, 2], ["hdd", "usb", "nfs"], False),
        (list(range(40)), [f"label {i}" for i in range(40)], True),
    ):
        canvas = Canvas(figsize=(1.6, 2), dpi=100, layout="constrained")
        ax = canvas.subplots()
        ax.plot(at, at)
        fit_xticks(ax, at, labels, 1.3)
        canvas.draw_without_rendering()
        boxes = [text.get_window_extent() for text in ax.get_xticklabels() if text.get_text()]
        assert (
            not any(a.overlaps(b) for a, b in pairwise(boxes))
            and bool(ax.get_xticklabels()[0].get_rotation()) == turned
        )
        assert ax.get_xticklabels()[0].get_text() == labels[0]


def test_the_strip_has_the_scale_of_its_panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    canvases: list[Any] = []
    monkeypatch.setattr("mmrun.runner.report.figures.save", lambda canvas, stem: canvases.append(canvas) or [])
    figure = Figure(name="log", kind="lines", x="memory", y="misses", line="lru", log=("x",), where={"backing": "anon"})
    figures.draw(figure, BLOCK, runs(), None, tmp_path)
    canvases[0].draw_without_rendering()
    (ax,) = canvases[0].axes
    (strip,) = ax.child_axes
    assert strip.get_xscale() == "log" and strip.get_xlim() == ax.get_xlim()
    for x in (0.25, 0.9):
        assert strip.transData.transform((x, 1))[0] == pytest.approx(ax.transData.transform((x, 1))[0])


def test_a_series_names_the_lines_it_lacks():
    figure = Figure(name="s", kind="series", y="misses", line="lru", where={"memory": "90%"})
    found, why = without_series(figure, runs(), {"backing": "mmap"}, ["3.1", "random", "4.19"])
    assert found == {"n/a": ["3.1"], "excluded": ["random"], "not sampled": ["4.19"]}
    assert why == ["kernel 3.1 has no `mmap` of such files"]
    figure = replace(figure, where={"memory": "25%"})
    assert without_series(figure, runs().where(figure.where), {"backing": "anon"}, ["3.1"])[0] == {"OOM": ["3.1"]}


def test_values_that_a_logarithmic_axis_cannot_show_are_named(tmp_path: Path):
    found = runs()
    rows = [{**row, "misses": 0} if row["lru"] == "opt" else row for row in found.rows]
    drawn = figures.draw(FIGURES["points"], BLOCK, replace(found, rows=rows), None, tmp_path)
    assert "≤ 0: beyond what a logarithmic axis can show" in " ".join(drawn.notes)


def test_colours_stay_apart_without_red_or_green_cones():
    """Machado's matrices for full protanopia and deuteranopia; distances in CIE L*a*b*."""
    red = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    green = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    for matrix in (np.eye(3), np.array(red), np.array(green)):
        xyz = [to_xyz @ np.clip(matrix @ linear(colour), 0, 1) / [0.9505, 1, 1.089] for colour in COLOURS]
        bent = [np.where(v > 0.008856, np.cbrt(v), 7.787 * v + 16 / 116) for v in xyz]
        lab = [np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)]) for x, y, z in bent]
        assert min(np.linalg.norm(a - b) for a, b in combinations(lab, 2)) > 15
