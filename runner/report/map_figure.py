"""Figures of physical memory over time: parts by address up, time along, colour for use and migratetype.

A part in which pages are free is as light as they are many, in the tint of its migratetype; what is in use is dark, one
colour for pages that can be moved and one for those that cannot. One run a panel: the first replicate.
"""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from mmrun.model.mm.page.memory_map import unpacked
from mmrun.model.mm.page.settings import MAP_PARTS
from mmrun.model.units import PAGE
from mmrun.runner.report.canvas import Drawn, facets_of, fitted, new_canvas, panel_title, panel_width, save
from mmrun.runner.report.figure_style import STYLE, WIDTHS, grid_shape
from mmrun.runner.report.observations import Runs
from mmrun.runner.report.report_block import Figure, ReportBlock
from mmrun.runner.report.series_figure import without_series
from mmrun.runner.report.words import Words, scale_for

COLUMNS = tuple(f"map.{part}.state" for part in range(MAP_PARTS))
"""Columns of a series that a map may have."""
MOVABLE_USE, UNMOVABLE_USE = "#0072B2", "#D55E00"
TINTS = {  # of free pages, by migratetype in its order: light, and apart from each other
    "unmovable": "#FFE3CC", "movable": "#FFFFFF", "reclaimable": "#D5F2E3", "highatomic": "#F6DCE9", "cma": "#DAD6F2",
    "isolate": "#E8D3DC",
}  # fmt: skip


def draw_map(figure: Figure, block: ReportBlock, cells: Runs, series: Runs, out: Path) -> Drawn:
    """Write the figure; `cells` are all runs. Raises ValueError where no series has a map."""
    runs = series.where(figure.where)
    if not any(COLUMNS[0] in row and len(parts_of(row)) for row in runs.rows):
        raise ValueError(f"figure {figure.name}: no series has a map; set `sampling.memory_map` in the experiment")
    words = Words(block.labels, tuple(series.axes))
    import matplotlib

    with matplotlib.rc_context(STYLE):
        canvas, notes = _draw(figure, cells.where(figure.where), runs, words)
        files = save(canvas, out / figure.name)
    axes = [words.axis(axis) for axis in facets_of(figure)]
    title = figure.title.rstrip(".") or f"Use of memory by address over time{' by ' * bool(axes)}{', '.join(axes)}"
    return Drawn(figure.name, title, notes, files)


def parts_of(row: dict[str, Any]) -> np.ndarray:
    """The packed numbers of a run's map, (parts, samples); parts that this machine does not have are left out."""
    found = [np.asarray(row[name]) for name in COLUMNS if name in row]
    whole = [column.astype(np.int64) for column in found if np.isfinite(column).all()]
    return np.array(whole).reshape(len(whole), -1)


def colours(states: np.ndarray) -> np.ndarray:
    """Red, green and blue of every part at every sample: the mean of its pages' colours."""
    from matplotlib.colors import to_rgb

    part = unpacked(states)
    tints = np.array([to_rgb(tint) for tint in TINTS.values()])
    pages = np.maximum(part.free + part.movable + part.unmovable, 1)[..., None]
    mixed = part.free[..., None] * tints[np.minimum(part.migratetype, len(tints) - 1)]
    mixed = mixed + part.movable[..., None] * np.array(to_rgb(MOVABLE_USE))
    return (mixed + part.unmovable[..., None] * np.array(to_rgb(UNMOVABLE_USE))) / pages


def _draw(figure: Figure, cells: Runs, runs: Runs, words: Words) -> tuple[Any, list[str]]:
    from matplotlib.patches import Patch

    facets = facets_of(figure)
    grid = [[key[0] for key in Runs(runs.axes, [*cells.rows, *runs.rows]).keys((axis,))] for axis in facets]
    grid += [[""]] * (2 - len(facets))
    shape = grid_shape(grid, WIDTHS[figure.width])
    canvas, axs = new_canvas(figure.width, shape)
    rows = [row for row in runs.rows if len(parts_of(row))]
    ends = [float(np.asarray(row["time_ns"])[-1]) for row in rows]
    scale, seen, notes = scale_for("time_ns", ends), set[int](), list[str]()
    panels, room = [(across, down) for down in grid[1] for across in grid[0]], panel_width(figure.width, shape[1])
    several, places = 0, set()
    for i, key in enumerate(panels):
        chosen, place = dict(zip(facets, key, strict=False)), divmod(i, shape[1])
        places.add(place)
        own = [row for row in runs.where(dict(chosen)).rows if len(parts_of(row))]
        title = [words.choice({axis: label}) for axis, label in chosen.items()]
        lost = [] if own else [*without_series(figure, cells, chosen, [""])[0]]
        axs[place].set_title("\n".join([*([panel_title(title, room)] if title else []), *lost]))
        several = max(several, len(own))
        if own:
            seen |= _panel(axs[place], own[0], scale.factor)
    for place in product(range(shape[0]), range(shape[1])):
        axs[place].set_visible(place in places)
    canvas.supxlabel(f"simulated time ({scale.unit})", fontsize=8)
    canvas.supylabel(fitted("physical address (MiB)", canvas.get_figheight() - 0.45), fontsize=8)
    patches = [Patch(color=MOVABLE_USE, label="in use, movable"), Patch(color=UNMOVABLE_USE, label="in use, unmovable")]
    patches += [
        Patch(facecolor=tint, edgecolor="#757575", linewidth=0.4, label=f"free, {name}")
        for mt, (name, tint) in enumerate(TINTS.items())
        if mt in seen
    ]
    canvas.legend(handles=patches, loc="outside upper center", ncols=2 if figure.width == "column" else 4)
    notes.append("Each field: the mean colour of the pages of a part of memory, free ones in the tint of its type.")
    notes += [f"The first of {several} replicates."] if several > 1 else []
    return canvas, notes


def _panel(ax: Any, row: dict[str, Any], factor: float) -> set[int]:
    """One run's map; the migratetypes that are in it."""
    states = parts_of(row)
    at = np.asarray(row["time_ns"], dtype=float) / factor
    first = unpacked(states[:, 0])
    mib = PAGE / (1 << 20)
    up = np.concatenate([[0], np.cumsum(first.free + first.movable + first.unmovable) * mib])
    before = at[0] - (at[1] - at[0] if len(at) > 1 else at[0] or 1.0)
    along = np.concatenate([[max(0.0, before)], at])
    ax.pcolormesh(along, up, colours(states), rasterized=True, shading="flat")
    ax.grid(visible=False)
    ax.set_ylim(0, up[-1])
    return set(np.unique(unpacked(states).migratetype).tolist())
