"""The validation figures at the width of a page: legible type, a key for every mark, nothing cut off."""

from typing import Any

import matplotlib
import pytest
from matplotlib.text import Text

from mmrun.runner.report.figure_style import STYLE
from tests.fidelity import figures
from tests.fidelity.compare import Result
from tests.fidelity.curves import PANELS
from tests.fidelity.recorded import QUANTITIES, cases, curves


def result(case: Any) -> Result:
    """As if the model had counted a hundredth more, less, or what was recorded."""
    known = {name: case.value(name) or 0.0 for name in QUANTITIES}
    runs = tuple({name: value * by for name, value in known.items()} for by in (0.99, 1.0, 1.01))
    return Result(case=case, runs=runs, killed=0, series={}, agreement=None)


def sampled(case: Any) -> Result:
    """As if the model had gone through the recorded samples."""
    kernel = curves()[case.name]
    series = {"access": kernel["at"]}
    for recorded, simulated in PANELS.values():
        series |= {simulated.format(kind): kernel[recorded.format(kind)] for kind in case.kinds}
    return Result(case=case, runs=(), killed=0, series=series, agreement=None)


def drawn(name: str) -> Any:
    """One of the three figures, laid out."""
    with matplotlib.rc_context(STYLE):
        if name == "curves":
            canvas = figures.along_replays([sampled(case) for case in cases() if case.name in figures.SHOWN])
        elif name == "lag":
            canvas = figures.lag([result(case) for case in cases() if case.variant == "lazyflush"])
        else:
            canvas = figures.errors([result(case) for case in cases() if not case.guest and not case.variant])
        canvas.draw_without_rendering()
    return canvas


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("curves", {"recorded, Linux 6.18", "the model"}),
        ("lag", {"range of the simulated runs", "nearest run", "recorded"}),
        ("errors", {words for words, _, _ in figures.BACKENDS.values()}),
    ],
)
def test_a_figure_is_legible_at_seven_inches_and_keyed(name: str, keys: set[str]):
    canvas = drawn(name)
    width, height = canvas.get_size_inches()
    assert width == 7 and height < 9
    assert {text.get_text() for text in canvas.legends[0].get_texts()} == keys
    texts = [text for text in canvas.findobj(Text) if text.get_visible() and text.get_text().strip()]
    assert min(text.get_fontsize() for text in texts) >= 7
    panels = [ax for ax in canvas.axes if ax.get_visible()]
    assert min(ax.get_window_extent().width / canvas.dpi for ax in panels) > 0.8
    titles = [ax.title.get_window_extent() for ax in panels if ax.get_title()]
    assert len(titles) >= 3 and not any(a.overlaps(b) for i, a in enumerate(titles) for b in titles[:i])
    for text in (*(ax.title for ax in panels), *(ax.yaxis.label for ax in panels), canvas._supxlabel):
        box = text.get_window_extent()
        assert not text.get_text() or (box.x0 >= -1 and box.x1 <= canvas.bbox.x1 + 1 and box.y0 >= -1)
    assert all(ax.lines for ax in panels)
