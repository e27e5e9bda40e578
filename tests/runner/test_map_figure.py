"""Figures of memory by address: colours are the pages', machines may differ in size, what is asked for is checked."""

from pathlib import Path

import numpy as np
import pytest

from mmrun.model.mm.page.memory_map import Part, packed
from mmrun.runner.report.figures import draw
from mmrun.runner.report.map_figure import MOVABLE_USE, TINTS, UNMOVABLE_USE, colours, parts_of
from mmrun.runner.report.observations import Runs
from mmrun.runner.report.report_block import Figure, ReportBlock, problems

AXES = {"size": ["small", "large"]}


def row(size: str, parts: int) -> dict[str, object]:
    """A run of five samples in which movable pages take what was free; parts beyond are not there."""
    used = np.arange(5) * 100
    state = packed(Part(np.full(5, 1), 512 - used, used, np.zeros(5, dtype=np.int64)))
    gaps = {f"map.{part}.state": np.full(5, np.nan) for part in range(parts, 4)}
    columns = {f"map.{part}.state": state.astype(float) for part in range(parts)}
    return {"size": size, "replicate": 0, "status": "ok", "time_ns": np.arange(1, 6) * 1_000_000, **columns, **gaps}


def test_parts_that_a_machine_has_not_are_left_out():
    assert [parts_of(row("small", parts)).shape for parts in (2, 4)] == [(2, 5), (4, 5)]


def test_a_colour_is_the_mean_of_the_pages():
    def rgb(code: str) -> list[float]:
        return [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]

    def one(*pages: int) -> Part:
        return Part(np.array([[0]]), *(np.array([[count]]) for count in pages))

    assert colours(packed(one(512, 0, 0)))[0, 0] == pytest.approx(rgb(TINTS["unmovable"]))
    assert colours(packed(one(0, 512, 0)))[0, 0] == pytest.approx(rgb(MOVABLE_USE))
    half = [(a + b) / 2 for a, b in zip(rgb(MOVABLE_USE), rgb(UNMOVABLE_USE), strict=True)]
    assert colours(packed(one(0, 256, 256)))[0, 0] == pytest.approx(half)


def test_it_is_drawn(tmp_path: Path):
    runs = Runs(AXES, [row("small", 2), row("large", 4)])
    figure = Figure(name="memory", kind="map", y="memory_map", facets="size")
    drawn = draw(figure, ReportBlock(), runs, runs, tmp_path)
    assert [file.suffix for file in drawn.files] == [".pdf", ".png"] and all(
        file.stat().st_size for file in drawn.files
    )
    with pytest.raises(ValueError, match="no series has a map"):
        draw(figure, ReportBlock(), runs, Runs(AXES, [{"size": "small", "time_ns": np.arange(3)}]), tmp_path)


@pytest.mark.parametrize(
    ("more", "path"),
    [({"y": "misses"}, ("y",)), ({"x": "size"}, ("x",)), ({"line": "size"}, ("line",)), ({"facets": ()}, ("facets",))],
)
def test_what_a_map_cannot_have_is_refused(more, path):
    fields = {"name": "m", "kind": "map", "y": "memory_map", "facets": "size", **more}
    found = problems(ReportBlock(figures=(Figure(**fields),)), AXES)
    assert ("figures", 0, *path) in [place for place, _ in found]
    assert not problems(ReportBlock(figures=(Figure(name="m", kind="map", y="memory_map", facets="size"),)), AXES)
