"""Figures of a report as PDF and PNG, drawn from the same entries as tables; equal results give equal bytes.

matplotlib is imported where it is used, its state machine (pyplot) never.
"""

from itertools import product
from pathlib import Path
from typing import Any

from mmrun.runner.report import plots
from mmrun.runner.report.canvas import (
    PANEL_HEIGHT,
    Drawn,
    facets_of,
    fit_xticks,
    fitted,
    legend,
    log_ticks,
    new_canvas,
    panel_title,
    panel_width,
    save,
)
from mmrun.runner.report.captions import caption
from mmrun.runner.report.direct_labels import direct_labels, names_width
from mmrun.runner.report.figure_style import MAX_LINES, STYLE, WIDTHS, grid_shape
from mmrun.runner.report.lost_strip import ROW, lost_column, lost_strip, reasons
from mmrun.runner.report.map_figure import draw_map
from mmrun.runner.report.observations import Runs
from mmrun.runner.report.panels import Panels, make_panels
from mmrun.runner.report.plots import Panel
from mmrun.runner.report.report_block import Figure, ReportBlock, Table, as_tuple
from mmrun.runner.report.series_figure import draw_series
from mmrun.runner.report.tables import TableModel, build


def draw(figure: Figure, block: ReportBlock, runs: Runs, series: Runs | None, out: Path) -> Drawn:
    """Write `<name>.pdf` and `<name>.png` into `out`. Raises ValueError for a series figure without a stored series."""
    if figure.kind == "series":
        if series is None:
            raise ValueError(f"figure {figure.name}: no cell has a series; set `sampling` in the experiment")
        return draw_series(figure, block, runs, series, out)
    if figure.kind == "map":
        if series is None:
            raise ValueError(f"figure {figure.name}: no cell has a series; set `sampling` in the experiment")
        return draw_map(figure, block, runs, series, out)
    model = build(_as_table(figure), block, runs)
    panels, kind = make_panels(figure, block, model, runs), kind_of(figure)
    import matplotlib

    with matplotlib.rc_context(STYLE):
        canvas = _draw_runs(figure, kind, model, panels)
        files = save(canvas, out / figure.name)
    return Drawn(figure.name, model.title, caption(figure, kind, model, panels.all, panels.reasons), files)


def kind_of(figure: Figure) -> str:
    """How it is drawn: on a logarithmic axis bars have no foot, so they are points."""
    return "points" if figure.kind == "bars" and "y" in figure.log else figure.kind


def _as_table(figure: Figure) -> Table:
    axes = (*facets_of(figure), *as_tuple(figure.line), figure.x)
    return Table(
        name=figure.name, title=figure.title, rows=axes, metrics=figure.y, baseline=figure.baseline, where=figure.where,
        pool=figure.pool, statistic=figure.statistic, confidence=figure.confidence,
        show=("ratio",) if figure.baseline else ("value", "interval"),
    )  # fmt: skip


def _draw_runs(figure: Figure, kind: str, model: TableModel, panels: Panels) -> Any:
    first = panels.all[0]
    shape = grid_shape(panels.grid, WIDTHS[figure.width])
    words = [] if kind == "heatmap" else reasons(panels.all)
    tall = max(PANEL_HEIGHT, {"dots": 0.17 * len(first.xs), "heatmap": 0.28 * len(first.lines)}.get(kind, 0) + 0.5)
    canvas, axs = new_canvas(figure.width, shape, tall + ROW * len(words) * (kind != "dots"))
    rows, columns = shape
    facets, norm = facets_of(figure), _norm(figure, panels.all) if kind == "heatmap" else None
    places = [(i % rows, i // rows) if len(facets) == 2 else divmod(i, columns) for i in range(len(panels.panels))]
    image, room = None, panel_width(figure.width, columns, 1.6 if norm else 0.7)
    for (key, panel), place in zip(panels.panels, places, strict=True):
        ax = axs[place]
        _scale(ax, figure, kind, panels.numbers)
        if kind == "heatmap":
            image = plots.heatmap(ax, panel, norm, "PuOr_r" if figure.baseline else "cividis", short)
        else:
            getattr(plots, kind)(ax, panel)
        if key:
            parts = [model.words.choice({axis: label}) for axis, label in zip(facets, key, strict=True)]
            ax.set_title(panel_title(parts, room))
    for place in product(range(rows), range(columns)):
        axs[place].set_visible(place in places)
    if kind == "lines" and "y" not in figure.log and not figure.baseline:
        axs[0, 0].set_ylim(bottom=min(0, axs[0, 0].get_ylim()[0]))
    if "y" in figure.log and kind != "heatmap":
        log_ticks(axs[0, 0].xaxis if kind == "dots" else axs[0, 0].yaxis)
    feet = {place: axs[place] for place in places}
    if words:
        for place, panel in zip(places, panels.all, strict=True):
            if kind == "dots":
                lost_column(axs[place], panel, words)
            else:
                feet[place] = lost_strip(axs[place], panel, words, kind, labelled=place[1] == 0)
    _label_axes(figure, kind, model, canvas, axs, feet, panels, tall)
    if image is not None:
        _colorbar(canvas, image, axs, fitted(panels.ylabel, canvas.get_figheight() - 0.45), bool(figure.baseline))
    elif kind == "lines" and len(first.lines) > MAX_LINES:
        for place, panel in zip(places, panels.all, strict=True):
            direct_labels(axs[place], panel, tall - 0.55)
    else:
        own = dict(zip(first.lines, map(plots.swatch, first.looks), strict=True)) if kind == "bars" else {}
        legend(canvas, axs[0, 0], model.words.axis(figure.line) if figure.line else "", WIDTHS[figure.width], own)
    return canvas


def _scale(ax: Any, figure: Figure, kind: str, numbers: bool) -> None:
    """Logarithmic axes, before anything is drawn on them."""
    if "y" in figure.log and kind != "heatmap":
        (ax.set_xscale if kind == "dots" else ax.set_yscale)("log")
    if "x" in figure.log and numbers:
        ax.set_xscale("log")


def _label_axes(
    figure: Figure, kind: str, model: TableModel, canvas: Any, axs: Any, feet: Any, panels: Panels, tall: float
) -> None:
    xlabel, ylabel = model.words.axis(figure.x), panels.ylabel
    if kind == "dots":
        xlabel, ylabel = ylabel, xlabel
    elif kind == "heatmap":
        ylabel = model.words.axis(figure.line)
    canvas.supxlabel(fitted(xlabel, WIDTHS[figure.width] - 0.7), fontsize=8)
    canvas.supylabel(fitted(ylabel, canvas.get_figheight() - 0.45), fontsize=8)
    if kind == "dots":
        return
    panel, inches = panels.all[0], panel_width(figure.width, axs.shape[1]) - 0.15
    inches -= names_width(panel.lines) if kind == "lines" and len(panel.lines) > MAX_LINES else 0
    for place, foot in feet.items():
        below = (place[0] + 1, place[1])
        foot.xaxis.minorticks_off()
        fit_xticks(foot, panel.at, panel.xs, inches, shown=below not in feet)


def _colorbar(canvas: Any, image: Any, axs: Any, label: str, ratio: bool) -> None:
    bar = canvas.colorbar(image, ax=axs, label=label, pad=0.02)
    bar.outline.set_linewidth(0.4)
    if ratio:
        reach = image.norm.vmax
        ticks = [reach**power for power in (-1, -0.5, 0, 0.5, 1)]
        bar.set_ticks(ticks, labels=[short(tick) for tick in ticks])
        bar.minorticks_off()


def _norm(figure: Figure, panels: list[Panel]) -> Any:
    """The shades' range over all panels; ratios lie symmetrically about 1 on a logarithmic scale."""
    import math

    from matplotlib.colors import LogNorm, Normalize

    values = [p.value for panel in panels for p in panel.points.values() if p.value is not None] or [1.0]
    positive = [value for value in values if value > 0]
    if figure.baseline and positive:
        reach = max(1.01, *(max(value, 1 / value) for value in positive))
        return LogNorm(1 / reach, reach, clip=True)
    if "y" in figure.log and positive:
        return LogNorm(min(positive), max(positive) * (1 if min(positive) < max(positive) else math.e), clip=True)
    return Normalize(min(values), max(values) if max(values) > min(values) else min(values) + 1)


def short(value: float) -> str:
    """Three digits, whatever the size."""
    text = f"{value:#.3g}"
    return f"{value:.2g}" if "e" in text else text.rstrip(".")
