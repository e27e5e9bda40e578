"""Figures of the validation report: errors of every case, curves along replays, the spread of lagging statistics.

Drawn at the width of a page (7 in) in the type and colours of reports: the model blue, what was recorded vermilion.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmrun.runner.report.figure_style import COLOURS, STYLE, WIDTHS
from tests.fidelity.compare import Result
from tests.fidelity.curves import PANELS, pair
from tests.fidelity.recorded import QUANTITIES

MODEL, RECORDED = COLOURS[0], COLOURS[1]
# Beginning of the backend's name -> words, marker, colour.
BACKENDS = {
    "zram": ("anonymous, zram", "o", COLOURS[0]),
    "filemmap": ("mapped file", "s", COLOURS[1]),
    "fileread": ("read() of a file", "^", COLOURS[2]),
    "mixed": ("both kinds", "D", COLOURS[4]),
}
SHOWN = {
    "zram-shift-50-s60": "zram\nshift, 50 %",
    "zram-zipf10-25-s60": "zram\nzipf 1.0, 25 %",
    "filemmap-shift-50-s60": "mapped file\nshift, 50 %",
    "fileread-zipf10-50-s60": "read()\nzipf 1.0, 50 %",
    "mixed-shift-50-s60": "half anon\nshift, 50 %",
    "mixed25-zipf10-50-s200": "quarter anon\nzipf 1.0, 50 %",
    "filemmap-shift-50-s60-default-ra-fa": "mapped file,\nreadahead\nshift, 50 %",
    "diskswap-shift-75-s60": "swap on disk\nshift, 75 %",
}
LAGGING = ("misses", "scans", "deactivations")


def write_figures(results: Sequence[Result], folder: Path) -> dict[str, str]:
    """Write every figure as PNG; returns title -> file name."""
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    host = [result for result in results if not result.case.guest]
    plain = [result for result in host if not result.case.variant and not result.case.on_disk]
    with matplotlib.rc_context(STYLE):
        return {
            "errors": _save(errors(plain), folder / "validation-errors.png"),
            "curves": _save(
                along_replays([r for name in SHOWN for r in host if r.case.name == name]),
                folder / "validation-curves.png",
            ),
            "lag": _save(
                lag([r for r in results if r.case.variant == "lazyflush" and r.runs]), folder / "validation-lag.png"
            ),
        }


def _save(figure: Any, path: Path) -> str:
    figure.savefig(path, metadata={"Software": None})
    return path.name


def _canvas(rows: int, columns: int, height: float, **shared: Any) -> tuple[Any, Any]:
    """A figure as wide as a page and its (rows, columns) array of panels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTHS["page"], height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


def _legend(figure: Any, handles: Sequence[Any]) -> None:
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def _key(label: str, **style: Any) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **style)


def errors(results: Sequence[Result]) -> Any:
    """Relative error of every case and quantity over the size of the cgroup."""
    figure, axes = _canvas(2, 4, 3.6, sharex=True, sharey=True)
    for axis, quantity in zip(axes.flat, QUANTITIES, strict=False):
        for backend, (_, marker, colour) in BACKENDS.items():
            shown = [r for r in results if r.case.backend.startswith(backend) and r.error(quantity) is not None]
            found = [100 * (r.error(quantity) or 0) for r in shown]
            style = {"color": colour, "markersize": 3, "markeredgewidth": 0.3, "markeredgecolor": "white"}
            axis.plot([r.case.limit_pages for r in shown], found, marker, **style)
        axis.set(title=quantity, xscale="log", ylim=(-40, 40))
        axis.set_yscale("symlog", linthresh=0.5, linscale=0.6)
        axis.axhline(0, color="#555555", linewidth=0.6, zorder=0.9)
        axis.set_yticks([-20, -5, -1, 0, 1, 5, 20], ["−20", "−5", "−1", "0", "1", "5", "20"])
        axis.minorticks_off()
    for axis in axes.flat[len(QUANTITIES) :]:
        axis.set_visible(False)
    axes[0, 3].tick_params(labelbottom=True)
    figure.supxlabel("limit of the cgroup (pages)", fontsize=8)
    figure.supylabel("error of the model (%; linear within ±0.5)", fontsize=8)
    keys = [_key(words, color=colour, marker=marker, linestyle="none") for words, marker, colour in BACKENDS.values()]
    _legend(figure, keys)
    return figure


def along_replays(results: Sequence[Result]) -> Any:
    """Counters along replays, a row for each: recorded samples as dots, the model as lines."""
    figure, axes = _canvas(len(results), len(PANELS), 0.4 + 0.9 * len(results))
    for axis, label in zip(axes[0], PANELS, strict=True):
        axis.set_title(label)
    for row, result in zip(axes, results, strict=True):
        beside = {"rotation": 0, "ha": "right", "va": "center", "multialignment": "left", "fontsize": 7}
        row[0].set_ylabel(SHOWN[result.case.name], **beside)
        for axis, panel in zip(row, PANELS, strict=True):
            _curve(axis, result, panel)
            axis.locator_params(nbins=4)
            axis.set_ylim(bottom=0)
    figure.supxlabel("accesses (thousands)", fontsize=8)
    figure.supylabel("thousand pages", fontsize=8)
    dots = _key("recorded, Linux 6.18", color=RECORDED, marker="o", markersize=2.5, linestyle="none")
    _legend(figure, [dots, _key("the model", color=MODEL, linewidth=1)])
    return figure


def _curve(axis: Any, result: Result, panel: str) -> None:
    at, dots, _ = pair(result, panel)
    series, simulated = result.series, PANELS[panel][1]
    line = sum(series[name] for name in {simulated.format(kind) for kind in result.case.kinds})
    axis.plot(series["access"] / 1e3, line / 1e3, "-", color=MODEL, linewidth=1)
    axis.plot(at / 1e3, dots / 1e3, "o", color=RECORDED, markersize=2.2, markeredgewidth=0)


def lag(results: Sequence[Result]) -> Any:
    """Lagging statistics: the range of the simulated runs, the nearest of them and the recorded count."""
    shown = [result for result in results if not result.case.small and result.case.trace != "loop"]
    figure, axes = _canvas(1, len(LAGGING), 0.8 + 0.17 * len(shown), sharey=True)
    rows = np.arange(len(shown))
    for axis, quantity in zip(axes[0], LAGGING, strict=True):
        for row, result in zip(rows, shown, strict=True):
            recorded, spread = result.case.value(quantity), result.range(quantity)
            if not recorded or spread is None:
                axis.text(0.02, row, "none recorded", transform=axis.get_yaxis_transform(), va="center", fontsize=7)
                continue
            axis.hlines(row, *(value / recorded for value in spread), color=MODEL, linewidth=4, alpha=0.35)
            axis.plot((result.value(quantity) or 0) / recorded, row, "|", color=MODEL, markersize=8)
        axis.axvline(1, color=RECORDED, linewidth=0.9, linestyle=(0, (3, 1.5)), zorder=0.9)
        axis.set_title(quantity)
        axis.locator_params(axis="x", nbins=4)
        axis.grid(False, axis="y")
    axes[0, 0].set_yticks(rows, [f"{result.case.trace} {result.case.percent} %" for result in shown])
    axes[0, 0].set_ylim(len(shown) - 0.5, -0.5)
    figure.supxlabel("simulated / recorded", fontsize=8)
    keys = [_key("range of the simulated runs", color=MODEL, linewidth=4, alpha=0.35),
            _key("nearest run", color=MODEL, marker="|", markersize=8, linestyle="none"),
            _key("recorded", color=RECORDED, linewidth=0.9, linestyle=(0, (3, 1.5)))]  # fmt: skip
    _legend(figure, keys)
    return figure
